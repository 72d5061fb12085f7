//! `supercargo doctor PATH`: what is wrong in a deployment repository, what upstream tools and Supercargo do with it, and how to
//! mend it. Read first: [`run`]; the rules are in the crate `doctor`.

mod cluster;
mod mend;
mod read;
mod sarif;
mod show;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::bail;
use doctor::{Audience, Finding, Severity};
use model::Tree;

use crate::clusters::Target;
use crate::{chain, parse};

/// Most rounds of fixing: two fixes of the same text take two.
const ROUNDS: usize = 5;

#[derive(clap::Parser)]
#[command(
    name = "supercargo doctor",
    about = "Names what is wrong in a deployment repository, and mends it",
    after_help = "Exit code: 0 without errors, 1 with errors, 2 when the repository cannot be read or the command line is wrong."
)]
struct Arguments {
    /// The repository's folder.
    path: Option<PathBuf>,
    /// Applies the fixes that are known to the byte.
    #[arg(long)]
    fix: bool,
    /// How findings are written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Whose tools read the repository. Without it a file policy/main.json says that Supercargo does.
    #[arg(long = "for", value_enum)]
    readers: Option<Readers>,
    /// Examines the objects of a cluster in place of a folder: of this context, or of all.
    #[arg(long, num_args = 0..=1, value_name = "CONTEXT")]
    cluster: Option<Option<String>>,
    #[command(flatten)]
    target: Target,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Lines for people, as compilers write them.
    Text,
    /// One JSON value.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Readers {
    /// Kargo, Flux, Renovate, Gitea and the others, all or some.
    Upstream,
    /// Supercargo in every role.
    Supercargo,
}

pub(crate) fn run(arguments: Vec<OsString>) -> i32 {
    let arguments: Arguments = match parse("supercargo doctor", arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match examine(&arguments) {
        Ok(errors) => i32::from(errors),
        Err(error) => {
            eprintln!("Error: {}", chain(&error));
            2
        }
    }
}

/// Examines, mends if asked, prints, and tells whether errors are left.
fn examine(arguments: &Arguments) -> anyhow::Result<bool> {
    if let Some(context) = &arguments.cluster {
        return examine_clusters(arguments, context.as_deref());
    }
    let Some(path) = &arguments.path else { bail!("name the repository's folder: supercargo doctor PATH") };
    let before = read::read(path)?;
    let audience = match arguments.readers {
        Some(Readers::Upstream) => Audience::Upstream,
        Some(Readers::Supercargo) => Audience::Supercargo,
        None => Audience::of(&before),
    };
    let (mut tree, mut findings, mut fixed) = (before.clone(), doctor::examine_for(&before, audience), Vec::new());
    if arguments.fix {
        (tree, findings, fixed) = mended(tree, findings, audience);
        mend::write(path, &before, &tree)?;
    }
    show::print(arguments.format, &tree, &findings, &fixed);
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if arguments.format == Format::Text {
        let mut line = format!("{} files: {errors} errors, {warnings} warnings", tree.len());
        if arguments.fix {
            line.push_str(&format!(", {} mended", fixed.len()));
        }
        if audience == Audience::Supercargo && arguments.readers.is_none() {
            line.push_str(
                "; read for Supercargo alone, as policy/main.json says (--for upstream also names what only other tools misread)",
            );
        }
        eprintln!("{line}");
    }
    Ok(errors > 0)
}

/// Examines the objects of clusters. They are mended in the repository that they come from.
fn examine_clusters(arguments: &Arguments, context: Option<&str>) -> anyhow::Result<bool> {
    if arguments.fix || arguments.path.is_some() {
        bail!("--cluster goes with neither a folder nor --fix: mend the repository that the cluster follows");
    }
    let audience = match arguments.readers {
        Some(Readers::Upstream) => Audience::Upstream,
        Some(Readers::Supercargo) | None => Audience::Supercargo,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let trees = runtime.block_on(cluster::read(&arguments.target, context))?;
    let mut all = Tree::default();
    let mut findings = Vec::new();
    for tree in trees {
        findings.extend(doctor::examine_cluster(&tree, audience));
        tree.iter().for_each(|(path, file)| all.put_file(path, file.clone()));
    }
    show::print(arguments.format, &all, &findings, &[]);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if arguments.format == Format::Text {
        eprintln!("{} objects: {errors} errors, {} warnings", all.len(), findings.len() - errors);
    }
    Ok(errors > 0)
}

/// Applies fixes until none is left that changes anything; returns what is found then and what was mended.
fn mended(mut tree: Tree, mut findings: Vec<Finding>, audience: Audience) -> (Tree, Vec<Finding>, Vec<Finding>) {
    let mut fixed = Vec::new();
    for _ in 0..ROUNDS {
        let next = doctor::apply_fixes(&tree, &findings);
        if next == tree {
            break;
        }
        let left = doctor::examine_for(&next, audience);
        let same = |a: &Finding, b: &Finding| a.rule == b.rule && a.path == b.path && a.message == b.message;
        let edited = findings.iter().filter(|finding| finding.fix.as_ref().is_some_and(|fix| !fix.edits.is_empty()));
        fixed.extend(edited.filter(|finding| !left.iter().any(|other| same(other, finding))).cloned());
        (tree, findings) = (next, left);
    }
    (tree, findings, fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(folder: &std::path::Path, more: &[&str]) -> i32 {
        run(std::iter::once(folder.as_os_str().to_owned()).chain(more.iter().map(OsString::from)).collect())
    }

    const WAREHOUSE: &str = "# ours\napiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nmetadata:\n  name: shop\nspec:\n  subscriptions:\n    - image:\n        repoURL: registry.acme.example/shop\n        semverConstraint: '^0.0.0' # all\n";

    #[test]
    fn the_example_is_clean_and_mistakes_in_it_are_found() {
        let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/pipeline/deployment");
        let tree = read::read(&example).expect("is there");
        let found = |tree: &Tree| doctor::examine(tree).iter().map(|finding| finding.rule).collect::<Vec<_>>();
        assert_eq!(found(&tree), Vec::<&str>::new());
        for (path, find, replace, expected) in [
            ("kargo/stages.yaml", "namespace: kargo-myapp", "namespace: kargo-my-app", "kargo/wrong-namespace"),
            ("kargo/stages.yaml", "./out/clusters/prod/myapp.yaml", "./out/clusters/staging/myapp.yaml", "kargo/path-outside-lane"),
            ("kargo/stages.yaml", "stages: [staging]", "stages: [stage]", "kargo/upstream-missing"),
            ("kargo/stages.yaml", "- name: staging-smoke", "- name: staging-smok", "kargo/analysis-template-missing"),
            ("kargo/warehouse.yaml", "'>=0.0.0 <1.0.0'", "'^0.0.0'", "kargo/constraint"),
            ("kargo/analysis.yaml", "name: staging-test-credentials", "name: staging-credentials", "secret/missing"),
            ("clusters/prod/myapp.yaml", "main$'", "main'", "verify/unanchored"),
            ("clusters/prod/myapp.yaml", "refs/heads/main$", "refs/heads/.*$", "verify/any-branch"),
            ("clusters/prod/myapp.yaml", r"gitea\.internal/org", "gitea.internal/org", "verify/dots"),
            ("clusters/prod/image-policy.yaml", r"gitea\.internal/org", "gitea.internal/org", "verify/dots"),
            ("clusters/prod/myapp.yaml", "tag: 0.5.0", "semver: 0.x", "pointer/semver-range"),
            ("clusters/prod/myapp.yaml", "  verify:", "  verified:", "pointer/verify-absent"),
            ("clusters/prod/myapp.yaml", "./overlays/prod", "./overlays/production", "pointer/path"),
            ("clusters/prod/myapp.yaml", "./overlays/prod", "./overlays/dev", "pointer/wrong-overlay"),
            ("apps/myapp/base/deployment.yaml", "myapp:1.4.2", "myapp:latest", "apps/image-latest"),
            ("apps/myapp/base/deployment.yaml", "registry.internal/myapp", "myapp", "apps/image-registry"),
            (".gitea/workflows/build-deployment-artifact.yml", "      id-token: write\n", "", "workflow/id-token"),
            (".gitea/workflows/build-deployment-artifact.yml", "    paths: ['apps/**']\n", "", "workflow/paths-missing"),
            ("renovate.json", "\"extends\"", "\"extendz\"", "renovate/unknown-option"),
            ("policy/main.json", "\"branches\"", "\"branchez\"", "policy/malformed"),
        ] {
            let mut changed = tree.clone();
            let text = std::str::from_utf8(tree.bytes(path).expect("is there")).expect("is UTF-8");
            assert!(text.contains(find), "{find} is in {path}");
            changed.put(path, text.replace(find, replace));
            assert!(found(&changed).contains(&expected), "{path}: {replace}: {:?}", found(&changed));
        }
    }

    #[test]
    fn exit_codes_and_fixes() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(call(folder.path(), &[]), 0);
        let file = folder.path().join("kargo/warehouse.yaml");
        std::fs::create_dir(folder.path().join("kargo")).expect("a folder");
        std::fs::write(&file, WAREHOUSE).expect("a file");
        for format in ["text", "json", "sarif"] {
            assert_eq!(call(folder.path(), &["--format", format]), 1);
        }
        assert_eq!(std::fs::read_to_string(&file).expect("is there"), WAREHOUSE);
        assert_eq!(call(folder.path(), &["--fix"]), 0);
        let mended = WAREHOUSE.replace("semverConstraint", "constraint").replace("^0.0.0", ">=0.0.0 <1.0.0");
        assert_eq!(std::fs::read_to_string(&file).expect("is there"), mended);
        assert_eq!(std::fs::read_dir(folder.path().join("kargo")).expect("is there").count(), 1);
        assert_eq!(call(folder.path(), &["--cluster", "prod"]), 2);
        assert_eq!(call(folder.path(), &["--format", "xml"]), 2);
        assert_eq!(call(&folder.path().join("nowhere"), &[]), 2);
        assert_eq!(run(Vec::new()), 2);
    }
}
