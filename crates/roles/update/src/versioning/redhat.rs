//! `redhat`: `1.2.3.GA-4.5`, as Red Hat's container catalogue numbers its builds.

use super::LONGEST;
use super::generic::{Generic, Parsed, dotted};

/// See the module.
#[derive(Debug)]
pub(crate) struct Redhat;

impl Generic for Redhat {
    fn parse<'a>(&self, text: &'a str) -> Option<Parsed<'a>> {
        if text.len() > LONGEST {
            return None;
        }
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (version, build) = plain.split_once('-').map_or((plain, None), |(version, build)| (version, Some(build)));
        let mut release = dotted(version.strip_suffix(".GA").unwrap_or(version)).filter(|numbers| numbers.len() <= 3)?;
        release.resize(3, 0);
        if let Some(build) = build {
            release.extend(dotted(build).filter(|numbers| numbers.len() <= 2)?);
        }
        release.resize(5, 0);
        Some(Parsed { release, prerelease: "", suffix: None })
    }
}
