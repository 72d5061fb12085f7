//! Files whose meaning is plain although YAML has no reading for them.

use std::borrow::Cow;

use model::{Tree, TreeFile};

/// Returns the tree with quotes around every `${{ … }}` that makes its file unreadable; all other files are the same.
/// Upstream refuses such a file whole; `doctor` names the place.
pub fn legible(tree: &Tree) -> Cow<'_, Tree> {
    let mut mended = Cow::Borrowed(tree);
    for (path, file) in tree.iter().filter(|(path, _)| path.ends_with(".yaml") || path.ends_with(".yml")) {
        let Ok(text) = std::str::from_utf8(&file.bytes) else { continue };
        if let Cow::Owned(quoted) = yaml::quote_expressions(text) {
            mended.to_mut().put_file(path, TreeFile { bytes: quoted.into_bytes().into(), executable: file.executable });
        }
    }
    mended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_unreadable_file_is_mended() {
        let mut tree = Tree::default();
        tree.put("kargo/stages.yaml", "a: { n: ${{ outputs.pr.id }} }\n");
        tree.put("kargo/other.yaml", "a: ${{ b }}\n");
        let mended = legible(&tree);
        assert_eq!(mended.bytes("kargo/stages.yaml"), Some(b"a: { n: '${{ outputs.pr.id }}' }\n".as_slice()));
        assert_eq!(mended.get("kargo/other.yaml"), tree.get("kargo/other.yaml"));
        tree.remove("kargo/stages.yaml");
        assert!(matches!(legible(&tree), Cow::Borrowed(_)));
    }
}
