use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use super::Version;
use super::version::pre_order;

/// Longest text that is a constraint, and most groups, as upstream.
const LONGEST: usize = 512;
const GROUPS: usize = 32;

/// A constraint: groups joined by `||`, of comparisons joined by commas or blanks.
#[derive(Debug, Clone)]
pub struct Constraint {
    pub(super) groups: Vec<Vec<Comparison>>,
}

/// A text that is no constraint, in upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// The text is too long.
    #[error("constraint string is too long (max 512 bytes)")]
    TooLong,
    /// It has too many alternatives.
    #[error("too many constraint groups (max 32)")]
    TooManyGroups,
    /// A group is no list of comparisons.
    #[error("improper constraint: {0:?}")]
    Improper(String),
    /// A version of it is none.
    #[error("constraint parser error")]
    Version,
}

#[derive(Debug, Clone)]
pub(super) struct Comparison {
    pub operator: Operator,
    /// The operator and the version as they are written.
    pub written: (String, String),
    pub version: Version,
    /// Whether the minor, or only the patch, was left out or a wildcard; `dirty` says that anything was.
    pub minor_dirty: bool,
    pub patch_dirty: bool,
    pub dirty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    TildeOrEqual,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// A number or a wildcard, and the version made of up to three of them.
const NUMBER: &str = r"[0-9xX*|]+";
const OPERATORS: &str = r"=>|=<|=|!=|>=|<=|>|<|~>|~|\^|";

struct Grammar {
    one: Regex,
    valid: Regex,
    range: Regex,
}

static GRAMMAR: LazyLock<Option<Grammar>> = LazyLock::new(|| {
    let identifiers = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*";
    let version = format!(r"v?({NUMBER})(?:\.({NUMBER}))?(?:\.({NUMBER}))?((?:-{identifiers})?(?:\+{identifiers})?)");
    let plain = format!(r"v?{NUMBER}(?:\.{NUMBER})?(?:\.{NUMBER})?(?:-{identifiers})?(?:\+{identifiers})?");
    let blank = r"[\t\n\x0C\r ]";
    Some(Grammar {
        one: Regex::new(&format!("({OPERATORS}){blank}*({version})")).ok()?,
        valid: Regex::new(&format!(
            "^{blank}*(?:{OPERATORS}){blank}*{plain}{blank}*(?:(?:{blank}+|,{blank}*)(?:{OPERATORS}){blank}*{plain}{blank}*)*$"
        ))
        .ok()?,
        range: Regex::new(&format!("{blank}*({plain}){blank}+-{blank}+({plain}){blank}*")).ok()?,
    })
});

impl Constraint {
    /// Parses a constraint; an empty text is refused, as upstream does.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        if text.len() > LONGEST {
            return Err(ConstraintError::TooLong);
        }
        let improper = |text: &str| ConstraintError::Improper(text.to_owned());
        let grammar = GRAMMAR.as_ref().ok_or_else(|| improper(text))?;
        let text = grammar.range.replace_all(text, ">= $1, <= $2 ");
        let groups: Vec<&str> = text.split("||").collect();
        if groups.len() > GROUPS {
            return Err(ConstraintError::TooManyGroups);
        }
        let mut parsed = Vec::new();
        for group in groups {
            if !grammar.valid.is_match(group) {
                return Err(improper(group));
            }
            let comparisons = grammar.one.captures_iter(group).map(|found| Comparison::of(&found));
            parsed.push(comparisons.collect::<Option<Vec<_>>>().ok_or(ConstraintError::Version)?);
        }
        Ok(Self { groups: parsed })
    }

    /// Tells whether a version satisfies this. A pre-release does only where the group names a pre-release itself.
    pub fn matches(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| {
            let with_pre = names_pre(group);
            group.iter().all(|comparison| comparison.check(version, with_pre).is_ok())
        })
    }

    /// Says why a version does not satisfy this, comparison by comparison; nothing when it does.
    pub fn why_not(&self, version: &Version) -> Vec<String> {
        let mut reasons = Vec::new();
        let mut told = false;
        for group in &self.groups {
            let with_pre = names_pre(group);
            let mut fits = true;
            for comparison in group {
                if !with_pre && !version.pre.is_empty() {
                    if !told {
                        reasons.push(only_releases(version));
                        told = true;
                    }
                    fits = false;
                } else if let Err(reason) = comparison.check(version, with_pre) {
                    reasons.push(reason);
                    fits = false;
                }
            }
            if fits {
                return Vec::new();
            }
        }
        reasons
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, group) in self.groups.iter().enumerate() {
            f.write_str(if at > 0 { " || " } else { "" })?;
            for (at, comparison) in group.iter().enumerate() {
                f.write_str(if at > 0 { " " } else { "" })?;
                write!(f, "{}{}", comparison.written.0, comparison.written.1)?;
            }
        }
        Ok(())
    }
}

fn names_pre(group: &[Comparison]) -> bool {
    group.iter().any(|comparison| !comparison.version.pre.is_empty())
}

fn only_releases(version: &Version) -> String {
    format!("\"{version}\" is a prerelease version and the constraint is only looking for release versions")
}

impl Comparison {
    fn of(found: &regex::Captures<'_>) -> Option<Self> {
        let part = |at: usize| found.get(at).map_or("", |part| part.as_str());
        let operator = match part(1) {
            "" | "=" => Operator::TildeOrEqual,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterOrEqual,
            "<=" | "=<" => Operator::LessOrEqual,
            "~" | "~>" => Operator::Tilde,
            _ => Operator::Caret,
        };
        let wild = |text: &str| matches!(text, "" | "x" | "X" | "*");
        let (major, minor, patch) = (part(3), part(4), part(5));
        // As upstream, whose pre-release goes away with the metadata only where a part is missing.
        let tail = part(6);
        let (pre, _) = tail.split_once('+').unwrap_or((tail, ""));
        let (version, minor_dirty, patch_dirty, dirty) = if wild(major) {
            (format!("0.0.0{pre}"), false, false, true)
        } else if wild(minor) {
            (format!("{major}.0.0{pre}"), true, false, true)
        } else if wild(patch) {
            (format!("{major}.{minor}.0{pre}"), false, true, true)
        } else {
            (part(2).to_owned(), false, false, false)
        };
        let version = Version::lenient(&version)?;
        let written = (part(1).to_owned(), part(2).to_owned());
        Some(Self { operator, written, version, minor_dirty, patch_dirty, dirty })
    }

    /// Checks one version; the error says what is wrong.
    fn check(&self, version: &Version, with_pre: bool) -> Result<(), String> {
        if !version.pre.is_empty() && !with_pre {
            return Err(only_releases(version));
        }
        let written = &self.written.1;
        let fail = |why: &str| Err(format!("\"{version}\" {why} \"{written}\""));
        let holds = |fits: bool, why: &str| if fits { Ok(()) } else { fail(why) };
        match self.operator {
            Operator::TildeOrEqual if self.dirty => self.tilde(version),
            Operator::TildeOrEqual => holds(*version == self.version, "is not equal to"),
            Operator::NotEqual => holds(self.not_equal(version), "is equal to"),
            Operator::Greater => holds(self.greater(version), "is less than or equal to"),
            Operator::Less => holds(*version < self.version, "is greater than or equal to"),
            Operator::GreaterOrEqual => holds(*version >= self.version, "is less than"),
            Operator::LessOrEqual => holds(self.less_or_equal(version), "is greater than"),
            Operator::Tilde => self.tilde(version),
            Operator::Caret => self.caret(version),
        }
    }

    fn not_equal(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if !self.dirty {
            return version != wanted;
        }
        if wanted.major != version.major || (wanted.minor != version.minor && !self.minor_dirty) {
            return true;
        }
        if self.minor_dirty {
            return false;
        }
        if self.patch_dirty {
            return pre_order(&version.pre, &wanted.pre).is_ne();
        }
        // `!=*` excludes 0.0.0 alone, as upstream.
        wanted.patch != version.patch || version != wanted
    }

    fn greater(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if !self.dirty {
            return version > wanted;
        }
        if version.major != wanted.major {
            return version.major > wanted.major;
        }
        if self.minor_dirty {
            return false;
        }
        if self.patch_dirty {
            return version.minor > wanted.minor;
        }
        version > wanted
    }

    fn less_or_equal(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if !self.dirty {
            return version <= wanted;
        }
        version.major <= wanted.major && !(version.major == wanted.major && version.minor > wanted.minor && !self.minor_dirty)
    }

    fn tilde(&self, version: &Version) -> Result<(), String> {
        let (wanted, written) = (&self.version, &self.written.1);
        if version < wanted {
            return Err(format!("\"{version}\" is less than \"{written}\""));
        }
        // Upstream: all versions satisfy ~0.0.0, and so *.
        if (wanted.major, wanted.minor, wanted.patch) == (0, 0, 0) && !self.minor_dirty && !self.patch_dirty {
            return Ok(());
        }
        if version.major != wanted.major {
            return Err(format!("\"{version}\" does not have same major version as \"{written}\""));
        }
        if version.minor != wanted.minor && !self.minor_dirty {
            return Err(format!("\"{version}\" does not have same major and minor version as \"{written}\""));
        }
        Ok(())
    }

    fn caret(&self, version: &Version) -> Result<(), String> {
        let (wanted, written) = (&self.version, &self.written.1);
        let fail = |why: &str| Err(format!("\"{version}\" {why} \"{written}\""));
        if version < wanted {
            return fail("is less than");
        }
        if wanted.major > 0 || self.minor_dirty {
            return if version.major == wanted.major { Ok(()) } else { fail("does not have same major version as") };
        }
        if version.major > 0 {
            return fail("does not have same major version as");
        }
        if wanted.minor > 0 || self.patch_dirty {
            if version.minor == wanted.minor {
                return Ok(());
            }
            return Err(format!(
                "\"{version}\" does not have same minor version as \"{written}\". Expected minor versions to match when constraint major version is 0"
            ));
        }
        if version.minor > 0 {
            return fail("does not have same minor version as");
        }
        if version.patch == wanted.patch {
            return Ok(());
        }
        Err(format!(
            "\"{version}\" does not equal \"{written}\". Expect version and constraint to equal when major and minor versions are 0"
        ))
    }
}
