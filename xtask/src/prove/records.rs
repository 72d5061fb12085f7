//! What a journey leaves behind: each promotion is exactly one commit, each version one artifact and one Freight.
//! Read first: [`check`]. The process is stopped by then: the
//! repositories are read with git; for the rest it is started once more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::place::Settings;
use crate::program;
use crate::world::{ANYWHERE, World};

/// The environments in the order of promotion.
const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];
/// What the demonstration releases.
const RELEASE: &str = "1.4.3";

/// Demands that nothing is there twice and nothing is missing.
pub fn check(settings: &Settings, world: &World) -> anyhow::Result<()> {
    let deployment = world.data.join(&settings.deployment);
    let mut faults = promotions(&lines(&deployment, &["log", "--format=%s", "main"])?, builds(&deployment)?);
    faults.extend(
        repeated(lines(&deployment, &["log", "--format=%s", "main", "--", "apps/"])?)
            .map(|subject| format!("two commits to apps/ say {subject:?}")),
    );
    let tags = lines(&world.data.join(&settings.application), &["tag", "--list"])?;
    if !tags.iter().any(|tag| tag == RELEASE) {
        faults.push(format!("the application repository lost its tag {RELEASE}"));
    }
    let builds = builds(&deployment)?;
    faults.extend(served(world, builds)?);
    if !faults.is_empty() {
        bail!("the records are wrong:\n{}", faults.join("\n"));
    }
    Ok(())
}

/// Starts the world once more and asks for what only hosts know: Freight and tags. It must also stop cleanly.
fn served(world: &World, builds: u64) -> anyhow::Result<Vec<String>> {
    let mut up = world.up(&[ANYWHERE])?;
    world.ready(&mut up)?;
    let told = world.ask_cluster("management", "/apis/kargo.akuity.io/v1alpha1/freights");
    let tags = world.ask_registry("/v2/deployments/myapp/tags/list");
    let mut faults = freight(&told.with_context(|| up.story())?, builds);
    faults.extend(artifacts(&tags.with_context(|| up.story())?, builds));
    up.stop()?;
    Ok(faults)
}

fn lines(repository: &Path, arguments: &[&str]) -> anyhow::Result<Vec<String>> {
    let text = program::output("git", arguments, repository, Duration::from_secs(60))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Returns how many artifacts the history asks for: the version is the number of commits that touched `apps/`.
fn builds(repository: &Path) -> anyhow::Result<u64> {
    let count = lines(repository, &["rev-list", "--count", "main", "--", "apps/"])?;
    count.first().and_then(|count| count.parse().ok()).context("git counted no commits")
}

fn repeated(all: Vec<String>) -> impl Iterator<Item = String> {
    let mut seen = BTreeSet::new();
    all.into_iter().filter(move |one| !seen.insert(one.clone()))
}

/// Reads the promotions `ENVIRONMENT: myapp → VERSION` out of the subjects on main and says what is wrong with them.
fn promotions(subjects: &[String], builds: u64) -> Vec<String> {
    let mut by_environment: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for (environment, version) in subjects.iter().filter_map(|subject| subject.split_once(": myapp → ")) {
        *by_environment.entry(environment).or_default().entry(version).or_default() += 1;
    }
    let newest = format!("0.5.{builds}");
    let mut faults = Vec::new();
    for environment in ENVIRONMENTS {
        let versions = by_environment.get(environment).cloned().unwrap_or_default();
        if !versions.contains_key(newest.as_str()) {
            faults.push(format!("{environment} was never promoted to {newest}"));
        }
        let twice = versions.iter().filter(|(_, count)| **count > 1);
        faults.extend(twice.map(|(version, count)| format!("{environment} was promoted to {version} by {count} commits")));
    }
    faults
}

/// Every version up to the last has exactly one Freight.
fn freight(list: &Value, builds: u64) -> Vec<String> {
    let mut names: BTreeMap<String, Vec<&str>> = versions(builds).map(|version| (version, Vec::new())).collect();
    for one in list["items"].as_array().into_iter().flatten() {
        for tag in one["images"].as_array().into_iter().flatten().filter_map(|image| image["tag"].as_str()) {
            names.entry(tag.to_owned()).or_default().push(one["metadata"]["name"].as_str().unwrap_or_default());
        }
    }
    let wrong = names.into_iter().filter(|(_, names)| names.len() != 1);
    wrong.map(|(tag, names)| format!("{tag} has {} Freight: {}", names.len(), names.join(", "))).collect()
}

/// Every version up to the last is a tag, and there are no other tags but those of signatures.
fn artifacts(list: &Value, builds: u64) -> Vec<String> {
    let tags: BTreeSet<String> = list["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tag| tag.as_str().filter(|tag| !tag.ends_with(".sig")).map(str::to_owned))
        .collect();
    let wanted: BTreeSet<String> = versions(builds).collect();
    let missing = wanted.difference(&tags).map(|tag| format!("the artifact {tag} is missing"));
    missing.chain(tags.difference(&wanted).map(|tag| format!("nobody asked for the artifact {tag}"))).collect()
}

fn versions(builds: u64) -> impl Iterator<Item = String> {
    (1..=builds).map(|number| format!("0.5.{number}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subjects(text: &str) -> Vec<String> {
        text.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn every_promotion_is_there_once() {
        let good = "prod: myapp → 0.5.2, staging: myapp → 0.5.2, dev: myapp → 0.5.2, Update myapp to 1.4.3, dev: myapp → 0.5.1";
        assert_eq!(promotions(&subjects(good), 2), Vec::<String>::new());
        let twice = format!("{good}, dev: myapp → 0.5.2");
        assert_eq!(promotions(&subjects(&twice), 2), ["dev was promoted to 0.5.2 by 2 commits"]);
        let missing = "staging: myapp → 0.5.2, dev: myapp → 0.5.2";
        assert_eq!(promotions(&subjects(missing), 2), ["prod was never promoted to 0.5.2"]);
    }

    #[test]
    fn a_version_has_one_freight_and_one_artifact() {
        let one = |name: &str, tag: &str| json!({"metadata": {"name": name}, "images": [{"tag": tag}]});
        assert_eq!(freight(&json!({"items": [one("a", "0.5.1"), one("b", "0.5.2")]}), 2), Vec::<String>::new());
        assert_eq!(freight(&json!({"items": [one("a", "0.5.1"), one("b", "0.5.1")]}), 1), ["0.5.1 has 2 Freight: a, b"]);
        assert_eq!(freight(&json!({"items": []}), 1), ["0.5.1 has 0 Freight: "]);
        assert_eq!(artifacts(&json!({"tags": ["0.5.1", "0.5.2"]}), 2), Vec::<String>::new());
        assert_eq!(artifacts(&json!({"tags": ["0.5.2"]}), 1), ["the artifact 0.5.1 is missing", "nobody asked for the artifact 0.5.2"]);
    }
}
