//! Patterns of CODEOWNERS in the dialects of GitHub, GitLab and Gitea. They look alike and are not.

use regex::RegexBuilder;

use super::ignore::body;
use super::{Glob, GlobError, Kind, LONGEST};

/// Whose CODEOWNERS it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forge {
    /// gitignore's rules without `!`, `[…]` and `\#`.
    GitHub,
    /// Paths as a shell would take them: a name without a slash at the start counts in every folder; `*` also takes dotfiles.
    GitLab,
    /// A regular expression of Go that covers the whole path; `!` at the start turns it round.
    Gitea,
}

/// Compiles a pattern of a CODEOWNERS file.
pub fn codeowners(pattern: &str, forge: Forge) -> Result<Glob, GlobError> {
    if pattern.len() > LONGEST {
        return Err(GlobError::new("CODEOWNERS", pattern, "it is too long"));
    }
    match forge {
        Forge::GitHub => github(pattern),
        Forge::GitLab => gitlab(pattern),
        Forge::Gitea => gitea(pattern),
    }
}

fn compiled(dialect: &'static str, pattern: &str, regex: &str) -> Result<Glob, GlobError> {
    let regex = RegexBuilder::new(regex).size_limit(4 << 20).build();
    regex.map(|regex| Glob(Kind::Regex(regex))).map_err(|_| GlobError::new(dialect, pattern, "it is too large"))
}

fn github(pattern: &str) -> Result<Glob, GlobError> {
    let refuse = |why: &str| GlobError::new("GitHub CODEOWNERS", pattern, why);
    if pattern.starts_with('!') {
        return Err(refuse("negation with ! is not supported"));
    }
    if pattern.contains('[') {
        return Err(refuse("character ranges with [ ] are not supported"));
    }
    if pattern.starts_with("\\#") {
        return Err(refuse("a # cannot be escaped"));
    }
    let folder = pattern.ends_with('/');
    let bare = pattern.strip_suffix('/').unwrap_or(pattern);
    let anchored = bare.contains('/');
    let bare = bare.strip_prefix('/').unwrap_or(bare);
    if bare.is_empty() {
        return Err(refuse("it names nothing"));
    }
    let start = if anchored { "" } else { "(?:.*/)?" };
    // `docs/*` owns the files of docs and nothing below its folders; any other name owns all below it.
    let below = match (folder, bare.ends_with("/*")) {
        (true, _) => "/.*",
        (false, true) => "",
        (false, false) => "(?:/.*)?",
    };
    let body = body(bare).ok_or_else(|| refuse("it is malformed"))?;
    compiled("GitHub CODEOWNERS", pattern, &format!("^(?s:{start}{body}{below})$"))
}

fn gitlab(pattern: &str) -> Result<Glob, GlobError> {
    let refuse = |why: &str| GlobError::new("GitLab CODEOWNERS", pattern, why);
    let pattern_of = pattern.replace("\\#", "#").replace("\\ ", " ");
    let mut normal = if pattern_of == "*" {
        "**/*".to_owned()
    } else if pattern_of.starts_with('/') {
        pattern_of
    } else {
        format!("/**/{pattern_of}")
    };
    if normal.ends_with('/') {
        normal.push_str("**/*");
    }
    let bare = normal.strip_prefix('/').unwrap_or(&normal);
    let body = body(bare).ok_or_else(|| refuse("it is malformed"))?;
    compiled("GitLab CODEOWNERS", pattern, &format!("^(?s:{body})$"))
}

fn gitea(pattern: &str) -> Result<Glob, GlobError> {
    let (negated, bare) = pattern.strip_prefix('!').map_or((false, pattern), |bare| (true, bare));
    let regex = crate::regexp(&format!("^{bare}$")).map_err(|error| GlobError::new("Gitea CODEOWNERS", pattern, error.to_string()))?;
    Ok(Glob(if negated { Kind::NotRegex(regex) } else { Kind::Regex(regex) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(forge: Forge, pattern: &str, paths: &str) {
        let glob = codeowners(pattern, forge).expect(pattern);
        for word in paths.split_whitespace() {
            let (wanted, path) = word.split_at(1);
            assert_eq!(glob.matches(path), wanted == "+", "{forge:?} {pattern} on {path}");
        }
    }

    #[test]
    fn each_forge_has_its_own_rules() {
        for (pattern, paths) in [
            ("*", "+a +a/b.js"),
            ("*.js", "+a.js +x/a.js -a.jsx"),
            ("/build/logs/", "+build/logs/a +build/logs/b/c -x/build/logs/a"),
            ("docs/*", "+docs/a.md -docs/build/a.md"),
            ("apps/", "+apps/a +x/apps/b"),
            ("/apps/github", "+apps/github +apps/github/a"),
            ("**/logs", "+logs/a +deploy/logs/b"),
        ] {
            check(Forge::GitHub, pattern, paths);
        }
        for (pattern, paths) in [
            ("*", "+a +a/b +.env"),
            ("*.md", "+a.md +x/y/a.md"),
            ("README.md", "+README.md +x/README.md"),
            ("/docs/", "+docs/a +docs/a/b -x/docs/a"),
            ("lib/", "+lib/a +x/lib/a/b"),
            ("/docs/*.md", "+docs/a.md -docs/x/a.md"),
            ("/docs/**/*.md", "+docs/a.md +docs/x/a.md"),
            (r"\#file", "+#file"),
        ] {
            check(Forge::GitLab, pattern, paths);
        }
        for (pattern, paths) in [
            (".*\\.go", "+a.go +x/a.go -a.gox"),
            ("docs/(aws|google)/[^/]*\\.md", "+docs/aws/a.md -docs/aws/x/a.md"),
            ("!.*\\.md", "+a.go -a.md"),
        ] {
            check(Forge::Gitea, pattern, paths);
        }
        for (pattern, forge) in [("!a", Forge::GitHub), ("[ab]", Forge::GitHub), ("(", Forge::Gitea), ("[a", Forge::GitLab)] {
            assert!(codeowners(pattern, forge).is_err(), "{pattern}");
        }
    }
}
