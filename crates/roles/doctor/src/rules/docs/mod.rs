//! What runbooks say. One rule each; this file lists them.

mod flux_source;
mod kargo_pause;
mod kargo_verify_freight;

/// The rules of this folder.
pub(super) const RULES: &[&super::Rule] = &[&flux_source::RULE, &kargo_pause::RULE, &kargo_verify_freight::RULE];

/// Longest text that is searched, in bytes.
const LENGTH: usize = 1 << 20;

/// The command lines in Markdown and text files that start with one of these: path, place, command.
fn commands<'a>(repository: &'a crate::repository::Repository<'_>, starts: &[&str]) -> Vec<(&'a str, usize, String)> {
    let mut found = Vec::new();
    for (path, file) in repository.tree.iter() {
        if !(path.ends_with(".md") || path.ends_with(".txt") || path.ends_with(".sh")) || file.bytes.len() > LENGTH {
            continue;
        }
        let Ok(text) = std::str::from_utf8(&file.bytes) else { continue };
        for start in starts {
            for (at, _) in text.match_indices(start) {
                let line = text[at..].lines().next().unwrap_or_default().split(['`', '#']).next().unwrap_or_default();
                let own = text[..at].ends_with("supercargo ");
                if !own {
                    found.push((path, at, line.trim_end().to_owned()));
                }
            }
        }
    }
    found
}
