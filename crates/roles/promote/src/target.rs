//! Where a Stage's promotion ends up: the pointer that it edits, and what delivers from there.

use api::{name, namespace, text};
use serde_json::{Map, Value, json};

use crate::steps;

/// What a Promotion's steps edit: where a Stage's target is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Clone URL.
    pub repository: String,
    /// Path of the pointer file inside the repository.
    pub path: String,
}

/// Returns what a Stage's promotion template edits first; `None` when it edits nothing, or that depends on more than the
/// Stage's own variables.
pub fn target(stage: &Value) -> Option<Target> {
    let template = &stage["spec"]["promotionTemplate"]["spec"];
    let steps = template["steps"].as_array()?;
    let clone = steps.iter().find(|step| step["uses"] == "git-clone")?;
    let update = steps.iter().find(|step| step["uses"] == "yaml-update")?;
    let mut known = Known { stage: api::name(stage), project: api::namespace(stage), vars: Map::new() };
    let vars = [&stage["spec"]["vars"], &template["vars"]].into_iter().filter_map(Value::as_array).flatten();
    for var in vars {
        if let Ok(value) = expr::template(text(var, &["value"]), &expr::Known::default(), &known, expr::Want::Kept) {
            known.vars.insert(text(var, &["name"]).to_owned(), value);
        }
    }
    let read = |value: &Value| {
        let value = expr::template(value.as_str()?, &expr::Known::default(), &known, expr::Want::Text);
        value.ok()?.as_str().map(str::to_owned)
    };
    let path = steps::normal(&read(&update["config"]["path"])?).ok()?;
    let checkouts = clone["config"]["checkout"].as_array()?;
    let inside = checkouts.iter().find_map(|checkout| {
        let root = steps::normal(&read(&checkout["path"])?).ok()?;
        path.strip_prefix(&format!("{root}/")).map(str::to_owned)
    })?;
    Some(Target { repository: read(&clone["config"]["repoURL"])?, path: inside })
}

/// What is known of a Promotion before there is one.
struct Known<'a> {
    stage: &'a str,
    project: &'a str,
    vars: Map<String, Value>,
}

impl expr::Scope for Known<'_> {
    fn name(&self, name: &str) -> Option<expr::Value> {
        let value = match name {
            "vars" => Value::Object(self.vars.clone()),
            "ctx" => json!({"stage": self.stage, "project": self.project}),
            _ => return None,
        };
        Some(expr::Value::from_json(&value))
    }

    fn call(&self, _name: &str, _arguments: &[expr::Value]) -> Option<Result<expr::Value, expr::Refusal>> {
        None
    }
}

/// What delivers what a Stage promotes, in one cluster.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The source that the pointer is.
    pub source: &'a Value,
    /// A Kustomization that applies it.
    pub kustomization: &'a Value,
}

/// Finds what delivers a pointer's artifacts among a cluster's Kustomizations, GitRepositories and OCIRepositories; `None` where
/// no Kustomization of the cluster syncs the pointer's folder. `images` are the Freight's repositories.
pub fn deliveries<'a>(
    target: &Target,
    images: &[String],
    kustomizations: &'a [Value],
    repositories: &[Value],
    sources: &'a [Value],
) -> Option<Vec<Delivery<'a>>> {
    let syncs = |kustomization: &&Value| {
        let repository = repositories.iter().find(|repository| is_source(kustomization, repository));
        let same = repository.is_some_and(|repository| plain(text(repository, &["spec", "url"])) == plain(&target.repository));
        let folder = text(kustomization, &["spec", "path"]).trim_start_matches("./").trim_matches('/').to_owned();
        same && target.path.starts_with(&format!("{folder}/"))
    };
    let root = kustomizations.iter().find(syncs)?;
    let images: Vec<String> = images.iter().map(|image| format!("oci://{image}")).collect();
    let pointers = sources.iter().filter(|source| {
        api::label(source, SYNCED_BY) == Some(name(root)) && images.iter().any(|image| text(source, &["spec", "url"]) == image)
    });
    let all = pointers.flat_map(|source| {
        let consumers = kustomizations.iter().filter(move |kustomization| is_source(kustomization, source));
        consumers.map(move |kustomization| Delivery { source, kustomization })
    });
    Some(all.collect())
}

/// Which Kustomization has applied an object.
const SYNCED_BY: &str = "kustomize.toolkit.fluxcd.io/name";

fn plain(url: &str) -> &str {
    url.trim_end_matches('/').trim_end_matches(".git")
}

fn is_source(kustomization: &Value, source: &Value) -> bool {
    let wanted = &kustomization["spec"]["sourceRef"];
    let place = wanted["namespace"].as_str().unwrap_or(namespace(kustomization));
    wanted["kind"] == source["kind"] && wanted["name"] == name(source) && place == namespace(source)
}

/// Returns the image repositories of the Freight that a Stage runs.
pub fn images(stage: &Value) -> Vec<String> {
    let items = stage["status"]["freightHistory"][0]["items"].as_object();
    let images = items.into_iter().flat_map(|items| items.values()).filter_map(|item| item["images"].as_array()).flatten();
    images.filter_map(|image| image["repoURL"].as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> Value {
        json!({"metadata": {"name": "dev", "namespace": "p"}, "spec": {"promotionTemplate": {"spec": {"steps": [
            {"uses": "git-clone", "config": {"repoURL": "https://gitea.internal/org/deployment", "checkout": [{"branch": "main", "path": "./out"}]}},
            {"uses": "yaml-update", "config": {"path": "./out/clusters/dev/myapp.yaml"}},
        ]}}}})
    }

    #[test]
    fn the_target_is_what_the_steps_edit() {
        let found = target(&stage()).expect("a target");
        let expected = Target { repository: "https://gitea.internal/org/deployment".into(), path: "clusters/dev/myapp.yaml".into() };
        assert_eq!(found, expected);
        let mut stage = stage();
        stage["spec"]["vars"] = json!([{"name": "host", "value": "gitea.internal"}]);
        let template = &mut stage["spec"]["promotionTemplate"]["spec"];
        template["vars"] = json!([{"name": "repository", "value": "https://${{ vars.host }}/org/deployment"}]);
        template["steps"][0]["config"]["repoURL"] = json!("${{ vars.repository }}");
        template["steps"][1]["config"]["path"] = json!("./out/clusters/${{ ctx.stage }}/myapp.yaml");
        assert_eq!(target(&stage), Some(expected));
        stage["spec"]["promotionTemplate"]["spec"]["steps"][0]["config"]["repoURL"] = json!("${{ outputs.x }}");
        assert_eq!(target(&stage), None);
    }
}
