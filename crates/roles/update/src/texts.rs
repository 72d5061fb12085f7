//! Titles and bodies of pull requests. Read first: [`title`], [`body`].

use crate::branch::Plan;

/// Below this all branches of the bot are.
pub(crate) const PREFIX: &str = "renovate/";

/// Returns the message of an update's commit. With the semantic prefix it is in lower case.
pub(crate) fn message(topic: &str, version: Option<&str>, semantic: bool) -> String {
    let plain = format!("Update {topic}{}", version.map_or_else(String::new, |version| format!(" to {version}")));
    if semantic { format!("chore(deps): {plain}").to_lowercase() } else { plain }
}

/// Returns the message for one dependency.
pub(crate) fn title(dependency: &str, version: &str, semantic: bool) -> String {
    message(&format!("{dependency} Docker tag"), Some(version), semantic)
}

/// Tells whether more than half of these messages have a semantic prefix.
pub(crate) fn semantic(messages: &[String]) -> bool {
    let newest = &messages[..messages.len().min(20)];
    newest.iter().filter(|message| has_prefix(message)).count() * 2 > newest.len()
}

/// `type: text` or `type(scope): text`.
fn has_prefix(message: &str) -> bool {
    let Some((prefix, text)) = message.lines().next().unwrap_or_default().split_once(": ") else { return false };
    let prefix = prefix.strip_suffix('!').unwrap_or(prefix);
    let kind = match prefix.split_once('(') {
        Some((kind, scope)) if scope.ends_with(')') && scope.len() > 1 => kind,
        Some(_) => return false,
        None => prefix,
    };
    !text.trim().is_empty() && !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Returns the body of an update's pull request.
pub(crate) fn body(plan: &Plan) -> String {
    let mut text = String::from("This pull request brings in a new version.\n\n| Package | Update | Change | Where |\n|---|---|---|---|\n");
    for update in &plan.updates {
        let (from, to) = (&update.from, &update.to);
        let place = format!("{}:{}", update.dependency.file, update.dependency.line);
        text.push_str(&format!("| {} | {} | `{from}` -> `{to}` | `{place}` |\n", update.dependency.name, update.kind.word()));
    }
    let merging = if plan.automerge { "it merges itself when its checks are green" } else { "a person decides" };
    text.push_str(&format!("\nMerging: {merging}. Close it to be left alone with this version.\n"));
    if !plan.reviewers.is_empty() {
        text.push_str(&format!("\nA review is wanted from: {}.\n", plan.reviewers.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_follow_the_history() {
        let messages = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(semantic(&messages(&["fix: a", "chore(deps): b", "Merge"])));
        assert!(semantic(&messages(&["feat(x)!: a\n\nbody"])));
        assert!(!semantic(&messages(&["fix: a", "Add b"])) && !semantic(&[]) && !semantic(&messages(&["Promote: x", "a(: b", "fix:x"])));
        assert_eq!(title("registry.internal/MyApp", "v1.5.0", true), "chore(deps): update registry.internal/myapp docker tag to v1.5.0");
        assert_eq!(title("nginx", "v2", false), "Update nginx Docker tag to v2");
    }
}
