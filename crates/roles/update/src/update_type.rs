//! How far an update goes. Read first: [`UpdateType`].

use crate::versioning::{Part, Versioning};

/// How far an update goes; later ones go further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UpdateType {
    Patch,
    Minor,
    Major,
}

impl UpdateType {
    /// Says how far it is from one version to another.
    pub(crate) fn between(scheme: &dyn Versioning, current: &str, new: &str) -> Self {
        let grows = |part| scheme.number(new, part).ok().flatten() > scheme.number(current, part).ok().flatten();
        if grows(Part::Major) {
            Self::Major
        } else if grows(Part::Minor) {
            Self::Minor
        } else {
            Self::Patch
        }
    }

    /// Returns the word that `matchUpdateTypes` uses.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}
