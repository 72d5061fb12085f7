//! What a Freight holds: `imageFrom`, `commitFrom`, `chartFrom`, `artifactFrom`.

use serde_json::Value as Json;

use super::kinds::{ARTIFACT, CHART, COMMIT, IMAGE, record};
use super::urls::normalize_git;
use super::{Called, Kargo, text};
use crate::{Question, Refusal, Value};

/// Kind and name of an origin.
type Origin = (String, String);

impl Kargo<'_> {
    pub(super) fn commit(&self, arguments: &[Value]) -> Called {
        let (repository, origin) = named(arguments)?;
        let repository = normalize_git(repository);
        let subscribes = |subscription: &Json| normalize_git(subscription["git"]["repoURL"].as_str().unwrap_or_default()) == repository;
        let doubt = format!("commit from repo {repository}; please update promotion steps to disambiguate");
        let origin = self.origin(origin, &subscribes, "a ", &doubt)?;
        let found = self.find(origin, "commits", &|commit| normalize_git(commit["repoURL"].as_str().unwrap_or_default()) == repository);
        Ok(found.map_or(Value::Nil, |commit| record(&COMMIT, commit)))
    }

    pub(super) fn image(&self, arguments: &[Value]) -> Called {
        let (repository, origin) = named(arguments)?;
        let subscribes = |subscription: &Json| subscription["image"]["repoURL"] == repository;
        let doubt = format!("container image from repository {repository}: please provide a Freight origin to disambiguate");
        let origin = self.origin(origin, &subscribes, "a ", &doubt)?;
        let found = self.find(origin, "images", &|image| image["repoURL"] == repository);
        Ok(found.map_or(Value::Nil, |image| record(&IMAGE, image)))
    }

    pub(super) fn chart(&self, arguments: &[Value]) -> Called {
        if arguments.is_empty() || arguments.len() > 3 {
            return Err(Refusal::Failed(format!("expected 1-3 arguments, got {}", arguments.len())));
        }
        let repository = text(arguments, 0, "first argument")?;
        let name = arguments.get(1).and_then(Value::as_text).unwrap_or_default();
        let given = match &arguments[1..] {
            [] | [Value::Text(_)] => None,
            [Value::Text(_), origin] if name.is_empty() => {
                let _ = origin;
                return Err("when using three arguments, second argument must be string, got string".into());
            }
            [origin] | [_, origin] => {
                Some(origin_of(origin, if arguments.len() == 3 { "third argument must be" } else { "second argument must be string or" })?)
            }
            _ => None,
        };
        let asked = given.is_some();
        let fits = |chart: &Json| chart["repoURL"] == repository && chart["name"].as_str().unwrap_or_default() == name;
        let doubt = format!("chart from repository {repository}: please provide a Freight origin to disambiguate");
        let origin = self.origin(given, &|subscription| fits(&subscription["chart"]), "a ", &doubt)?;
        let found = self.find(origin.clone(), "charts", &fits);
        if !asked && (origin.is_none() || (found.is_none() && self.requested.len() == 1)) {
            let named = if name.is_empty() { String::new() } else { format!("{name:?} ") };
            return Err(Refusal::Failed(format!("chart {named}from repo {repository} not found in referenced Freight")));
        }
        Ok(found.map_or(Value::Nil, |chart| record(&CHART, chart)))
    }

    pub(super) fn artifact(&self, arguments: &[Value]) -> Called {
        let (name, origin) = named(arguments)?;
        let known = ["git", "image", "chart"];
        let subscribes = |subscription: &Json| {
            // A subscription of another kind says its kind and, within, its name.
            let entries = subscription.as_object().into_iter().flatten();
            entries
                .filter(|(kind, _)| !known.contains(&kind.as_str()))
                .any(|(kind, of)| of["name"] == name || (kind == "name" && of == name))
        };
        let doubt = format!("{name:?} artifact; please update promotion steps to disambiguate");
        let origin = self.origin(origin, &subscribes, "a ", &doubt).map_err(|refusal| match refusal {
            Refusal::Failed(why) => Refusal::Failed(format!("error finding artifact from subscription {name}: {why}")),
            Refusal::Need(question) => Refusal::Need(question),
        })?;
        let Some(found) = self.find(origin, "artifacts", &|artifact| artifact["subscriptionName"] == name) else { return Ok(Value::Nil) };
        let field = |key: &str| Value::from(found[key].as_str().unwrap_or_default());
        let metadata = if found["metadata"].is_null() { Value::map::<&str>([]) } else { Value::from_json(&found["metadata"]) };
        Ok(Value::record(&ARTIFACT, vec![field("artifactType"), field("subscriptionName"), field("version"), metadata]))
    }

    /// Returns where to look: the origin that was given, or the one requested Freight whose Warehouse subscribes to it. With
    /// one requested Freight alone there is nothing to choose, and no Warehouse is asked for.
    fn origin(
        &self,
        given: Option<Origin>,
        subscribes: &dyn Fn(&Json) -> bool,
        article: &str,
        doubt: &str,
    ) -> Result<Option<Origin>, Refusal> {
        if given.is_some() {
            return Ok(given);
        }
        if let [request] = self.requested {
            return Ok(Some(pair(&request["origin"])));
        }
        let mut found = None;
        for request in self.requested {
            let origin = pair(&request["origin"]);
            let Some(warehouse) = self.ask(Question::Warehouse(origin.1.clone()))? else {
                return Err(Refusal::Failed(format!("Warehouse {:?} not found in namespace {:?}", origin.1, self.project)));
            };
            let subscriptions = warehouse["spec"]["subscriptions"].as_array();
            for _ in subscriptions.into_iter().flatten().filter(|subscription| subscribes(subscription)) {
                if found.is_some() {
                    return Err(Refusal::Failed(format!("multiple requested Freight could potentially provide {article}{doubt}")));
                }
                found = Some(origin.clone());
            }
        }
        Ok(found)
    }

    fn find(&self, origin: Option<Origin>, list: &str, fits: &dyn Fn(&Json) -> bool) -> Option<&Json> {
        let origin = origin?;
        let of_origin = self.freight.iter().filter(|freight| pair(&freight["origin"]) == origin);
        of_origin.filter_map(|freight| freight[list].as_array()).flatten().find(|item| fits(item))
    }
}

fn pair(origin: &Json) -> Origin {
    let field = |key: &str| origin[key].as_str().unwrap_or_default().to_owned();
    (field("kind"), field("name"))
}

/// Reads what to look for and, if it is there, in which origin.
fn named(arguments: &[Value]) -> Result<(&str, Option<Origin>), Refusal> {
    if arguments.is_empty() || arguments.len() > 2 {
        return Err(Refusal::Failed(format!("expected 1-2 arguments, got {}", arguments.len())));
    }
    let name = text(arguments, 0, "first argument")?;
    let origin = arguments.get(1).map(|origin| origin_of(origin, "second argument must be")).transpose()?;
    Ok((name, origin))
}

fn origin_of(value: &Value, what: &str) -> Result<Origin, Refusal> {
    match value {
        Value::Struct(record) if *record.of == super::ORIGIN => {
            let field = |name: &str| record.field(name).and_then(Value::as_text).unwrap_or_default().to_owned();
            Ok((field("Kind"), field("Name")))
        }
        other => Err(Refusal::Failed(format!("{what} FreightOrigin, got {}", other.type_name()))),
    }
}
