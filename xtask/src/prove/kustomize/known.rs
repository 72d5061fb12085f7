//! Differences that stay, by name: what upstream does there is a mistake of its own, or depends on what we do not keep.
//! Read first: [`name`].

use super::overlays::Grown;

/// Upstream writes a mapping that lost its last entry behind the comment of its key, `data: # note {}`, and cannot read
/// that again. We drop comments when we read.
const COMMENT: &str = "a comment that upstream cannot read again";
/// go-yaml v3 writes an empty text without a type as `''` inside `{…}` and as nothing elsewhere, so that a replacement's
/// empty value is a text there and null here. We do not keep which mappings were written as `{…}`.
const EMPTY: &str = "an empty value that a replacement puts into a flow";
/// For the same reason: go-yaml v3 writes a folded text that a patch puts into `{…}` in quotes, where it keeps its line feeds.
const FOLDED: &str = "a folded text that a patch puts into a flow";

/// Inside kubectl upstream does not know its own version, and stamps what `buildMetadata: [managedByLabel]` asks for with this.
const STAMP: &str = "the version that kubectl does not know";

/// Returns the name of the row that a difference falls under. `agree` builds another tree with both programs.
pub fn name(
    tree: &Grown,
    wanted: &Result<String, String>,
    told: &Result<String, String>,
    agree: impl FnOnce(&Grown) -> anyhow::Result<bool>,
) -> anyhow::Result<Option<&'static str>> {
    Ok(match (wanted, told) {
        (Err(reason), Ok(_)) if reason.contains("yaml: ") => agree(&without_comments(tree))?.then_some(COMMENT),
        (Ok(wanted), Ok(told)) if wanted.replace("kustomize-(devel)", "kustomize-v5.8.1") == *told => Some(STAMP),
        (Ok(wanted), Ok(told)) if empty_source(tree) && only_empty(wanted, told) => Some(EMPTY),
        (Ok(wanted), Ok(told)) if only_blank(wanted, told) => agree(&without_folds(tree))?.then_some(FOLDED),
        _ => None,
    })
}

/// The tree without the comments that `text.rs` writes behind values and keys.
fn without_comments(tree: &Grown) -> Grown {
    changed(tree, |text| text.lines().map(|line| format!("{}\n", line.strip_suffix(" # note").unwrap_or(line))).collect())
}

/// The tree with blocks of lines as they are in place of folded ones, in files and in texts inside them.
fn without_folds(tree: &Grown) -> Grown {
    let headers = ["", "-", "+"].iter().flat_map(|chomp| ["\n", "\\n"].map(|feed| format!("{chomp}{feed}")));
    let headers: Vec<String> = headers.collect();
    changed(tree, |text| headers.iter().fold(text.to_owned(), |text, header| text.replace(&format!(" >{header}"), &format!(" |{header}"))))
}

fn changed(tree: &Grown, change: impl Fn(&str) -> String) -> Grown {
    let files = tree.files.iter().map(|(path, text)| (path.clone(), change(text))).collect();
    Grown { files, folder: tree.folder.clone(), flags: tree.flags.clone() }
}

fn empty_source(tree: &Grown) -> bool {
    let empty = |text: &str| {
        text.split("sourceValue").skip(1).any(|rest| rest.trim_start_matches(['"', '\'', ':', ' ']).starts_with(['\n', ',', '}']))
    };
    tree.files.values().any(|text| empty(text))
}

/// Tells whether all lines are equal but for empty texts that are null here.
fn only_empty(wanted: &str, told: &str) -> bool {
    let same =
        |(wanted, told): (&str, &str)| wanted == told || wanted.strip_suffix("\"\"") == told.strip_suffix("null") && told.ends_with("null");
    wanted.lines().count() == told.lines().count() && wanted.lines().zip(told.lines()).all(same)
}

/// Tells whether all lines are equal but for blank ones.
fn only_blank(wanted: &str, told: &str) -> bool {
    let said = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect::<Vec<_>>();
    said(wanted) == said(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Grown {
        Grown { files: [("k.yaml".to_owned(), text.to_owned())].into(), ..Grown::default() }
    }

    #[test]
    fn rows_need_their_cause() {
        let name = |text: &str, wanted: Result<&str, &str>, told: &str, agree: bool| {
            let wanted = wanted.map(str::to_owned).map_err(str::to_owned);
            name(&tree(text), &wanted, &Ok(told.to_owned()), |_| Ok(agree)).expect("nothing fails")
        };
        assert_eq!(name("a: # note\n", Err("yaml: line 5"), "", true), Some(COMMENT));
        assert_eq!(name("a: # note\n", Err("yaml: line 5"), "", false), None);
        assert_eq!(name("sourceValue: ''\n", Ok("a: \"\"\n"), "a: null\n", false), Some(EMPTY));
        assert_eq!(name("{sourceValue: \"\", x: y}", Ok("a: \"\"\nb: 1\n"), "a: null\nb: 2\n", false), None);
        assert_eq!(name("a: >\n b\n", Ok("a:\n\nb: c\n"), "a:\nb: c\n", true), Some(FOLDED));
        assert_eq!(name("a: >\n b\n", Ok("a:\n\nb: c\n"), "a:\nb: d\n", true), None);
        assert_eq!(name("", Ok("by: kustomize-(devel)\n"), "by: kustomize-v5.8.1\n", false), Some(STAMP));
        assert_eq!(name("", Ok("by: kustomize-(devel)\n"), "by: kustomize-v5.8.2\n", false), None);
        assert_eq!(name("sourceValue: x\n", Ok("a: \"\"\n"), "a: null\n", false), None);
    }

    #[test]
    fn folds_go_and_nothing_else_does() {
        assert_eq!(
            without_folds(&tree("a: >-\n  b\nc: \"d: >\\n  e\"\nf: x > y\n")).files["k.yaml"],
            "a: |-\n  b\nc: \"d: |\\n  e\"\nf: x > y\n"
        );
    }

    #[test]
    fn comments_go_and_nothing_else_does() {
        assert_eq!(without_comments(&tree("a: # note\n  b: c # note\n  d: '# note x'\n")).files["k.yaml"], "a:\n  b: c\n  d: '# note x'\n");
    }
}
