//! The built-in checks of a commit: every manifest parses, every overlay renders. Read first: [`checks`].

use std::collections::BTreeSet;

use model::{CheckState, Tree};

/// Name of the check that every YAML file parses.
const YAML: &str = "forge/yaml";
/// Name of the check that every file can be read by what it is for.
const FILES: &str = "forge/files";
/// Name of the check that every overlay renders.
const KUSTOMIZE: &str = "forge/kustomize";
/// Most characters of a description: forges keep no more than 255.
const DESCRIPTION: usize = 250;

/// One commit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub context: String,
    /// Its state.
    pub state: CheckState,
    /// One line.
    pub description: String,
}

/// Returns what the built-in checks say about a tree: `forge/yaml`, `forge/files`, `forge/kustomize`, and one
/// `forge/kustomize (apps/<app>/overlays/<env>)` for each overlay. `malformed` is what was found in files that what they are
/// for cannot read.
pub fn checks(tree: &Tree, malformed: &[String]) -> Vec<Check> {
    let files = if malformed.is_empty() {
        Ok(format!("{} can be read", counted(tree.iter().count(), "file")))
    } else {
        Err(malformed.join("; also "))
    };
    let mut all = vec![every_file(tree), check(FILES, files)];
    let mut each = Vec::new();
    let mut failed: Option<String> = None;
    let folders = overlays(tree);
    for folder in &folders {
        let result = match kustomize::build(tree, folder) {
            Ok(objects) => Ok(format!("renders {}", counted(objects.len(), "object"))),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = &result {
            failed.get_or_insert_with(|| format!("{folder}: {why}"));
        }
        each.push(check(&format!("{KUSTOMIZE} ({folder})"), result));
    }
    let rendered = each.iter().filter(|check| check.state == CheckState::Success).count();
    let sum = format!("{rendered} of {} render", counted(folders.len(), "overlay"));
    all.push(check(KUSTOMIZE, failed.map_or_else(|| Ok(sum.clone()), |why| Err(format!("{sum}; {why}")))));
    all.extend(each);
    all
}

fn every_file(tree: &Tree) -> Check {
    let mut count = 0;
    let mut first = None;
    for (path, file) in tree.iter().filter(|(path, _)| is_yaml(path)) {
        count += 1;
        let parsed = match std::str::from_utf8(&file.bytes) {
            Ok(text) => yaml::read_all(&yaml::quote_expressions(text), yaml::Dialect::Kyaml).map(drop).map_err(|error| error.to_string()),
            Err(error) => Err(format!("line {}: invalid UTF-8", line_of(&file.bytes, error.valid_up_to()))),
        };
        if let Err(why) = parsed {
            first.get_or_insert_with(|| format!("{path}: {why}"));
        }
    }
    check(YAML, first.map_or_else(|| Ok(format!("{} parsed", counted(count, "file"))), Err))
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn is_yaml(path: &str) -> bool {
    (path.ends_with(".yaml") || path.ends_with(".yml")) && !path.split('/').any(|part| part == ".git")
}

/// Folders `apps/<app>/overlays/<env>` that hold a kustomization file.
fn overlays(tree: &Tree) -> BTreeSet<String> {
    let folder_of = |path: &str| {
        let (folder, name) = path.rsplit_once('/')?;
        let parts: Vec<&str> = folder.split('/').collect();
        let overlay = matches!(parts.as_slice(), ["apps", _, "overlays", _]) && kustomize::FILES.contains(&name);
        overlay.then(|| folder.to_owned())
    };
    tree.iter().filter_map(|(path, _)| folder_of(path)).collect()
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn check(context: &str, result: Result<String, String>) -> Check {
    let (state, text) = match result {
        Ok(text) => (CheckState::Success, text),
        Err(text) => (CheckState::Failure, text),
    };
    Check { context: context.to_owned(), state, description: one_line(&text) }
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= DESCRIPTION {
        return line;
    }
    let cut: String = line.chars().take(DESCRIPTION - 1).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn look(files: &[(&str, &str)], expected: &Expect) {
        let mut tree = Tree::default();
        files.iter().for_each(|(path, text)| tree.put(*path, *text));
        let shown: Vec<String> =
            checks(&tree, &[]).iter().map(|check| format!("{:?} {}: {}\n", check.state, check.context, check.description)).collect();
        expected.assert_eq(&shown.concat());
    }

    const BASE: (&str, &str) = ("apps/myapp/base/kustomization.yaml", "resources: [service.yaml]\n");
    const SERVICE: (&str, &str) = ("apps/myapp/base/service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: myapp}\n");
    const DEV: (&str, &str) = ("apps/myapp/overlays/dev/kustomization.yaml", "resources: [../../base]\n");

    #[test]
    fn a_good_tree_passes() {
        let deep = ("apps/myapp/overlays/dev/x/kustomization.yaml", "resources: [nothing.yaml]\n");
        look(
            &[BASE, SERVICE, DEV, deep, (".git/x.yaml", "{"), ("README.md", "{")],
            &expect![[r#"
                Success forge/yaml: 4 files parsed
                Success forge/files: 6 files can be read
                Success forge/kustomize: 1 of 1 overlay render
                Success forge/kustomize (apps/myapp/overlays/dev): renders 1 object
            "#]],
        );
        look(
            &[],
            &expect![[r#"
                Success forge/yaml: 0 files parsed
                Success forge/files: 0 files can be read
                Success forge/kustomize: 0 of 0 overlays render
            "#]],
        );
    }

    #[test]
    fn the_first_failure_is_named() {
        let bad = ("apps/myapp/overlays/prod/kustomization.yml", "resources: [../../base, gone.yaml]\n");
        look(
            &[BASE, SERVICE, DEV, bad, ("kargo/stages.yml", "a: 1\nb: {c\n")],
            &expect![[r#"
                Failure forge/yaml: kargo/stages.yml: line 2, column 4: unclosed bracket '{'
                Success forge/files: 5 files can be read
                Failure forge/kustomize: 1 of 2 overlays render; apps/myapp/overlays/prod: apps/myapp/overlays/prod/gone.yaml: no such file or directory
                Success forge/kustomize (apps/myapp/overlays/dev): renders 1 object
                Failure forge/kustomize (apps/myapp/overlays/prod): apps/myapp/overlays/prod/gone.yaml: no such file or directory
            "#]],
        );
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let told = ["renovate.json:1:2: expected a name".to_owned(), "CODEOWNERS:3:1: no owner".to_owned()];
        let all = checks(&Tree::default(), &told);
        let files = all.iter().find(|check| check.context == FILES).expect("is there");
        assert_eq!(files.state, CheckState::Failure);
        assert_eq!(files.description, "renovate.json:1:2: expected a name; also CODEOWNERS:3:1: no owner");
    }

    #[test]
    fn a_description_is_one_short_line() {
        let long = one_line(&"ä\n ".repeat(400));
        assert_eq!((long.chars().count(), long.ends_with('…'), long.contains('\n')), (DESCRIPTION, true, false));
    }
}
