use golang::glob;
use serde::{Deserialize, Serialize};

use crate::Identity;

/// What a branch demands of every change, and which lanes lead around parts of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BranchPolicy {
    /// Globs of branch names; `*` does not cross a slash, `**` does.
    pub branches: Vec<String>,
    /// What is demanded.
    #[serde(default)]
    pub require: Require,
    /// Tried in order; the first that fits decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<Lane>,
}

/// What a branch demands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Require {
    /// Every new commit carries a signature of a registered key.
    pub signed: bool,
    /// No merge commits.
    pub linear: bool,
    /// The branch only moves forward. Deleting a branch that has a policy is never allowed.
    #[serde(alias = "no_force_push")]
    pub no_force_push: bool,
    /// Globs of status contexts (`*` stands for anything, also slashes): at least one status fits each, and all that fit are green.
    pub statuses: Vec<String>,
    /// The owners of every changed file have approved.
    pub codeowners: bool,
    /// How many people besides the author have approved.
    pub approvals: u32,
    /// Only approvals of the present head count.
    #[serde(alias = "dismiss_stale")]
    pub dismiss_stale: bool,
}

/// A way for some to write some paths. It fits a change only if *all* changed paths lie inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lane {
    /// `bot:LOGIN` (who may write nowhere else on this branch), `user:LOGIN`, `LOGIN`, `team:NAME`.
    pub who: Vec<String>,
    /// Globs of paths.
    pub paths: Vec<String>,
    /// Which demands do not apply here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waive: Vec<Waive>,
    /// What alone may differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
}

/// A demand that a lane may lift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Waive {
    /// Signatures.
    Signed,
    /// No merge commits.
    Linear,
    /// Statuses.
    Statuses,
    /// Reviews by code owners.
    Codeowners,
    /// The number of approvals.
    Approvals,
}

/// What alone a change may alter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ShapeText", into = "ShapeText")]
pub enum Shape {
    /// Only these scalars, in documents of these kinds, and only in lines that hold them.
    OnlyYamlPaths {
        /// Such as `spec.ref.tag`.
        paths: Vec<String>,
        /// Such as `OCIRepository`; empty means any.
        kinds: Vec<String>,
    },
    /// Only the tag or digest behind an image's name: in `image:` values, and in `newTag` and `digest` of a kustomization's
    /// `images`.
    ImageTagOrDigest,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ShapeText {
    #[serde(skip_serializing_if = "Option::is_none")]
    only: Option<String>,
    #[serde(alias = "onlyYamlPath", skip_serializing_if = "Texts::is_empty")]
    only_yaml_paths: Texts,
    #[serde(alias = "kind", skip_serializing_if = "Texts::is_empty")]
    kinds: Texts,
}

/// One text or a list of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Default for Texts {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Texts {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Many(all) if all.is_empty())
    }

    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(all) => all,
        }
    }
}

impl TryFrom<ShapeText> for Shape {
    type Error = String;

    fn try_from(text: ShapeText) -> Result<Self, String> {
        match (text.only.as_deref(), text.only_yaml_paths.into_vec(), text.kinds.into_vec()) {
            (Some("imageTagOrDigest"), paths, kinds) if paths.is_empty() && kinds.is_empty() => Ok(Self::ImageTagOrDigest),
            (Some(other), _, _) => Err(format!("shape.only is {other:?}, with nothing beside it only imageTagOrDigest is known")),
            (None, paths, _) if paths.is_empty() => Err("shape needs only or onlyYamlPaths".to_owned()),
            (None, paths, kinds) => Ok(Self::OnlyYamlPaths { paths, kinds }),
        }
    }
}

impl From<Shape> for ShapeText {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::ImageTagOrDigest => Self { only: Some("imageTagOrDigest".to_owned()), ..Self::default() },
            Shape::OnlyYamlPaths { paths, kinds } => Self { only: None, only_yaml_paths: Texts::Many(paths), kinds: Texts::Many(kinds) },
        }
    }
}

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The text is no YAML.
    #[error(transparent)]
    Yaml(#[from] yaml::YamlError),
    /// A field is unknown or has a wrong value.
    #[error("branch policy {number}: {text}")]
    Field {
        /// Which policy of the text, from 1.
        number: usize,
        /// Which field and why.
        text: String,
    },
}

/// Reads policies from YAML or JSON: one, several documents, or a list. Unknown fields are refused by name.
pub fn parse_policies(text: &str) -> Result<Vec<BranchPolicy>, PolicyError> {
    let mut values = Vec::new();
    for document in yaml::read_all(text, yaml::Dialect::Kyaml)? {
        match document {
            serde_json::Value::Null => {}
            serde_json::Value::Array(list) => values.extend(list),
            other => values.push(other),
        }
    }
    let mut policies = Vec::new();
    for (index, value) in values.into_iter().enumerate() {
        let wrong = |text: String| PolicyError::Field { number: index + 1, text };
        let policy: BranchPolicy = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        if policy.branches.is_empty() {
            return Err(wrong("branches is empty".to_owned()));
        }
        for lane in &policy.lanes {
            if lane.who.is_empty() || lane.paths.is_empty() {
                return Err(wrong("a lane needs who and paths".to_owned()));
            }
            let prefixes = ["bot:", "user:", "team:"];
            let odd = |who: &&String| who.is_empty() || (who.contains(':') && !prefixes.iter().any(|prefix| who.starts_with(prefix)));
            if let Some(who) = lane.who.iter().find(odd) {
                return Err(wrong(format!("who: {who:?} is neither bot:, user: nor team:")));
            }
        }
        policies.push(policy);
    }
    Ok(policies)
}

/// Returns the first policy that covers this branch.
pub fn policy_for<'a>(policies: &'a [BranchPolicy], branch: &str) -> Option<&'a BranchPolicy> {
    policies.iter().find(|policy| policy.branches.iter().any(|pattern| glob(pattern, branch)))
}

impl Lane {
    /// Tells whether this lane is for this identity.
    pub(crate) fn names(&self, who: &Identity) -> bool {
        self.who.iter().any(|entry| match entry.split_once(':') {
            Some(("team", team)) => who.in_team(team),
            Some(("bot" | "user", login)) => login == who.login,
            _ => *entry == who.login,
        })
    }

    /// Tells whether this identity is a bot that this lane holds.
    pub(crate) fn confines(&self, who: &Identity) -> bool {
        self.who.iter().any(|entry| entry.strip_prefix("bot:") == Some(who.login.as_str()))
    }

    /// Tells whether a path lies inside.
    pub(crate) fn covers(&self, path: &str) -> bool {
        self.paths.iter().any(|pattern| glob(pattern, path))
    }
}
