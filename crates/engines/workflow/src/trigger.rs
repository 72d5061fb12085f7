//! `on:`: which events start a workflow.

use golang::glob;

/// A push, as far as filters look at it.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    /// `refs/heads/main` or `refs/tags/v1`.
    pub ref_name: &'a str,
    /// Files that the push added, changed or removed.
    pub changed: &'a [String],
}

/// The events a workflow names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Triggers {
    /// Filters of `on.push`; `None` when pushes do not start it.
    pub push: Option<PushFilter>,
    /// Whether it can be started by hand.
    pub dispatch: bool,
}

/// Filters of `on.push`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushFilter {
    /// `branches`, `!` taking away again.
    pub branches: Option<Vec<String>>,
    /// `branches-ignore`.
    pub branches_ignore: Option<Vec<String>>,
    /// `tags`.
    pub tags: Option<Vec<String>>,
    /// `tags-ignore`.
    pub tags_ignore: Option<Vec<String>>,
    /// `paths`.
    pub paths: Option<Vec<String>>,
    /// `paths-ignore`.
    pub paths_ignore: Option<Vec<String>>,
}

impl PushFilter {
    pub(crate) fn passes(&self, push: &Push<'_>) -> bool {
        if let Some(branch) = push.ref_name.strip_prefix("refs/heads/") {
            let tags_only =
                self.branches.is_none() && self.branches_ignore.is_none() && (self.tags.is_some() || self.tags_ignore.is_some());
            return !tags_only && named(branch, self.branches.as_deref(), self.branches_ignore.as_deref()) && self.touches(push.changed);
        }
        let Some(tag) = push.ref_name.strip_prefix("refs/tags/") else { return false };
        let branches_only =
            self.tags.is_none() && self.tags_ignore.is_none() && (self.branches.is_some() || self.branches_ignore.is_some());
        // Path filters are not evaluated for tags.
        !branches_only && named(tag, self.tags.as_deref(), self.tags_ignore.as_deref())
    }

    fn touches(&self, changed: &[String]) -> bool {
        let wanted = self.paths.as_ref().is_none_or(|patterns| changed.iter().any(|path| ordered(patterns, path)));
        let ignored =
            self.paths_ignore.as_ref().is_some_and(|patterns| !changed.is_empty() && changed.iter().all(|path| ordered(patterns, path)));
        wanted && !ignored
    }
}

fn named(name: &str, wanted: Option<&[String]>, ignored: Option<&[String]>) -> bool {
    wanted.is_none_or(|patterns| ordered(patterns, name)) && !ignored.is_some_and(|patterns| ordered(patterns, name))
}

/// The last pattern that matches decides; `!` in front takes away.
fn ordered(patterns: &[String], name: &str) -> bool {
    patterns.iter().fold(false, |matched, pattern| match pattern.strip_prefix('!') {
        Some(pattern) => matched && !glob(pattern, name),
        None => matched || glob(pattern, name),
    })
}
