use super::constraint::{Comparison, Operator};
use super::{Constraint, Version};

impl Constraint {
    /// Returns the narrowest wider constraint that some of the versions satisfy, for a hint where none satisfies this; `None`
    /// when one does, or when there is no such constraint.
    ///
    /// Each comparison alone is widened in the way a person would: `^0.0.0` to `^0.0`, then `^0`, then `>=0.0.0`; where only
    /// pre-releases are there, to `-0` behind the version.
    pub fn nearest(&self, versions: &[Version]) -> Option<String> {
        if versions.iter().any(|version| self.matches(version)) {
            return None;
        }
        let rank = |candidate: &String| Self::parse(candidate).is_ok_and(|wider| versions.iter().any(|version| wider.matches(version)));
        let groups = self.groups.iter().filter(|group| group.len() == 1);
        let mut wider: Vec<Vec<String>> = groups.flat_map(|group| group.iter().map(wider)).collect();
        if wider.is_empty() {
            // Of several comparisons the first one opens the range.
            wider = self.groups.iter().filter_map(|group| group.first()).map(self::wider).collect();
        }
        let longest = wider.iter().map(Vec::len).max()?;
        // Step by step, so that no group is widened far while another one is near.
        (0..longest).find_map(|step| wider.iter().filter_map(|steps| steps.get(step)).find(|candidate| rank(candidate)).cloned())
    }
}

/// Returns ever wider constraints instead of a comparison.
fn wider(comparison: &Comparison) -> Vec<String> {
    let Version { major, minor, patch, .. } = &comparison.version;
    let mut steps = Vec::new();
    match comparison.operator {
        Operator::Caret if !comparison.dirty => steps.extend([format!("^{major}.{minor}"), format!("^{major}")]),
        Operator::Tilde | Operator::TildeOrEqual if !comparison.dirty => {
            steps.extend([format!("~{major}.{minor}.{patch}"), format!("~{major}.{minor}"), format!("^{major}")]);
        }
        Operator::Caret | Operator::Tilde | Operator::TildeOrEqual => steps.push(format!("^{major}")),
        Operator::Less => steps.push(format!("<={major}.{minor}.{patch}")),
        Operator::Greater => steps.push(format!(">={major}.{minor}.{patch}")),
        Operator::NotEqual | Operator::GreaterOrEqual | Operator::LessOrEqual => {}
    }
    let pre: Vec<String> = match comparison.operator {
        Operator::Less | Operator::LessOrEqual => vec![format!(">=0.0.0-0, <={major}.{minor}.{patch}")],
        _ => vec![format!("^{major}.{minor}.{patch}-0"), format!(">={major}.{minor}.{patch}-0")],
    };
    if !matches!(comparison.operator, Operator::Less | Operator::LessOrEqual) {
        steps.push(format!(">={major}.{minor}.{patch}"));
    }
    steps.extend(pre);
    steps.extend(["*".to_owned(), ">=0.0.0-0".to_owned()]);
    steps
}
