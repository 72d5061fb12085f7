/// Which tags of a repository keep the digest they were pushed with, for ever. `latest` and the fallback tags of the referrers
/// API (`sha256-…`) can always move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImmutableTags {
    /// Every tag that is a version: `1.4.3`, `v0.5.12`, `2.0.0-rc.1`.
    #[default]
    Versions,
    /// Every tag.
    All,
    /// No tag.
    None,
}

impl ImmutableTags {
    /// Tells whether this tag keeps its digest.
    pub(crate) fn covers(self, tag: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => tag != "latest" && !oci::is_attachment(tag),
            Self::Versions => is_version(tag) && !oci::is_attachment(tag),
        }
    }
}

/// A semantic version with all three numbers; tags write `_` where the version has `+`.
fn is_version(tag: &str) -> bool {
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let core = tag.split(['-', '_']).next().unwrap_or(tag);
    let numbers: Vec<&str> = core.split('.').collect();
    let number =
        |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    numbers.len() == 3 && numbers.iter().all(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stay_and_names_move() {
        let fallback = format!("sha256-{}", "a".repeat(64));
        for tag in ["1.4.3", "0.5.12", "v1.0.0", "1.0.0-rc.1", "1.0.0_build.5"] {
            assert!(ImmutableTags::Versions.covers(tag), "{tag}");
        }
        for tag in ["latest", "main", "1.4", "1", "01.2.3", "1.2.3.4", &fallback, &format!("{fallback}.sig")] {
            assert!(!ImmutableTags::Versions.covers(tag), "{tag}");
        }
        assert!(ImmutableTags::All.covers("main") && !ImmutableTags::All.covers(&fallback) && !ImmutableTags::None.covers("1.0.0"));
    }
}
