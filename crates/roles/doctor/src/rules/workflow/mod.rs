//! What builds and signs. One rule each; this file lists them.

mod cosign_experimental;
mod gitea_id_token;
mod id_token;
mod login_folded;
mod malformed;
mod not_reproducible;
mod overlay_missing;
mod paths_missing;
mod paths_pointers;
mod revision_form;
mod signs_moving_tag;
mod signs_tag;

/// The rules of this folder.
pub(super) const RULES: &[&super::Rule] = &[
    &cosign_experimental::RULE,
    &gitea_id_token::RULE,
    &id_token::RULE,
    &login_folded::RULE,
    &malformed::RULE,
    &not_reproducible::RULE,
    &overlay_missing::RULE,
    &paths_missing::RULE,
    &paths_pointers::RULE,
    &revision_form::RULE,
    &signs_moving_tag::RULE,
    &signs_tag::RULE,
];

/// How an image or artifact is named where it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signed {
    /// By a tag.
    Tag,
    /// By a tag that moves by custom, or by none.
    MovingTag,
}

/// Options of `cosign sign` that stand alone.
const FLAGS: [&str; 5] = ["--yes", "-y", "--recursive", "-r", "--allow-insecure-registry"];

/// What workflows sign by a tag: workflow, place, reference.
fn signed<'a>(repository: &'a crate::repository::Repository<'_>) -> Vec<(&'a crate::repository::Document, usize, String, Signed)> {
    let mut found = Vec::new();
    for script in crate::scripts::scripts(repository) {
        let text = repository.text(&script.workflow.path).unwrap_or_default();
        for words in script.calls(&["cosign", "sign"]) {
            // The word behind an option that takes one is no reference.
            let value =
                |at: usize| words[at - 1].starts_with('-') && !words[at - 1].contains('=') && !FLAGS.contains(&words[at - 1].as_str());
            let references = (2..words.len()).filter(|at| *at == 2 || !value(*at)).map(|at| words[at].trim_matches(['"', '\'']));
            let references =
                references.filter(|word| word.contains('/') && !word.starts_with('-') && !word.contains('@') && !word.contains("://"));
            for reference in references {
                let name = reference.rsplit('/').next().unwrap_or_default();
                // A name that is all variable may hold a digest.
                let kind = match name.split_once(':').map(|(_, tag)| tag) {
                    Some("latest" | "main" | "master" | "dev" | "edge" | "stable" | "nightly") => Signed::MovingTag,
                    Some(_) => Signed::Tag,
                    None if name.contains('$') => continue,
                    None => Signed::MovingTag,
                };
                let at = script.find(text, reference.split("${{").next().filter(|start| !start.is_empty()).unwrap_or(reference));
                found.push((script.workflow, at, reference.to_owned(), kind));
            }
        }
    }
    found
}
