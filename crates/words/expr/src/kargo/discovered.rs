//! The functions of a Warehouse's `freightCreationCriteria`: the same names, over what has been discovered.

use serde_json::{Value as Json, json};

use super::kinds::{ARTIFACT, CHART, DISCOVERED_COMMIT, DISCOVERED_IMAGE, record};
use super::urls::{normalize_git, normalize_image};
use super::{Called, one, text};
use crate::types::{Function, Type};
use crate::{Refusal, Value};

const TEXT: fn() -> Type = || Type::Text;

/// The functions over what has been discovered.
pub const DISCOVERED: &[Function] = &[
    Function { name: "commitFrom", overloads: &[(&[TEXT], || Type::Struct(&DISCOVERED_COMMIT))] },
    Function { name: "imageFrom", overloads: &[(&[TEXT], || Type::Struct(&DISCOVERED_IMAGE))] },
    Function { name: "chartFrom", overloads: &[(&[TEXT, TEXT], || Type::Struct(&CHART)), (&[TEXT], || Type::Struct(&CHART))] },
    Function { name: "artifactFrom", overloads: &[(&[TEXT], || Type::Struct(&ARTIFACT))] },
];

/// A Warehouse's `status.discoveredArtifacts`.
#[derive(Clone, Copy)]
pub struct Discovered<'a>(pub &'a Json);

impl Discovered<'_> {
    /// Calls a function; `None` when there is none of that name.
    pub fn call(&self, name: &str, arguments: &[Value]) -> Option<Called> {
        Some(match name {
            "commitFrom" => one(arguments, "first argument").map(|repository| {
                let repository = normalize_git(repository);
                let found = self.newest("git", "commits", &|of| normalize_git(of["repoURL"].as_str().unwrap_or_default()) == repository);
                found.map_or(Value::Nil, |(_, commit)| record(&DISCOVERED_COMMIT, commit))
            }),
            "imageFrom" => one(arguments, "first argument").map(|repository| {
                let repository = normalize_image(repository);
                let found =
                    self.newest("images", "references", &|of| normalize_image(of["repoURL"].as_str().unwrap_or_default()) == repository);
                found.map_or(Value::Nil, |(_, image)| record(&DISCOVERED_IMAGE, image))
            }),
            "chartFrom" => self.chart(arguments),
            "artifactFrom" => one(arguments, "first argument").map(|name| {
                // The last subscription of a name counts.
                let results = self.0["results"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
                let found =
                    results.rev().filter(|of| of["subscriptionName"] == name).find_map(|of| of["artifactReferences"].as_array()?.first());
                let Some(found) = found else { return Value::Nil };
                let field = |key: &str| Value::from(found[key].as_str().unwrap_or_default());
                let metadata = if found["metadata"].is_null() { Value::map::<&str>([]) } else { Value::from_json(&found["metadata"]) };
                Value::record(&ARTIFACT, vec![field("artifactType"), field("subscriptionName"), field("version"), metadata])
            }),
            _ => return None,
        })
    }

    /// Returns the first item of the first list that has any and whose subscription fits.
    fn newest(&self, kind: &str, list: &str, fits: &dyn Fn(&Json) -> bool) -> Option<(&Json, &Json)> {
        let all = self.0[kind].as_array()?;
        all.iter().filter(|of| fits(of)).find_map(|of| Some((of, of[list].as_array()?.first()?)))
    }

    fn chart(&self, arguments: &[Value]) -> Called {
        if arguments.is_empty() || arguments.len() > 2 {
            return Err(Refusal::Failed(format!("expected 1-2 arguments, got {}", arguments.len())));
        }
        let chart_url = |url: &str| normalize_image(url.to_lowercase().trim_start_matches("oci://"));
        let repository = chart_url(text(arguments, 0, "first argument")?);
        let name = if arguments.len() == 2 { text(arguments, 1, "second argument")? } else { "" };
        let fits =
            |of: &Json| chart_url(of["repoURL"].as_str().unwrap_or_default()) == repository && (name.is_empty() || of["name"] == name);
        let found = self.newest("charts", "versions", &fits);
        Ok(found
            .map_or(Value::Nil, |(of, version)| record(&CHART, &json!({"repoURL": repository, "name": of["name"], "version": version}))))
    }
}
