//! What a journey leaves behind: each promotion is exactly one commit, each version one artifact and one Freight.
//! Read first: [`check`]. The process is stopped by then; the repositories are read with git, the rest with `status`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::place::Settings;
use crate::program;
use crate::world::World;

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
    faults.extend(freight(&world.status()?)?);
    if !faults.is_empty() {
        bail!("the records are wrong:\n{}", faults.join("\n"));
    }
    Ok(())
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

/// Says which tags have more than one Freight.
fn freight(status: &Value) -> anyhow::Result<Vec<String>> {
    let all = status["freight"].as_array().context("status tells no freight")?;
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in all {
        let images = one["images"].as_array().into_iter().flatten().filter_map(|image| image["tag"].as_str());
        for tag in one["tag"].as_str().into_iter().chain(images) {
            names.entry(tag.to_owned()).or_default().insert(one["name"].as_str().unwrap_or_default().to_owned());
        }
    }
    if names.is_empty() {
        bail!("status tells no tag of any freight");
    }
    Ok(names.into_iter().filter(|(_, names)| names.len() > 1).map(|(tag, names)| format!("{tag} has the Freight {names:?}")).collect())
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
    fn a_tag_has_one_freight() {
        let check = |freight: Value| freight_faults(&json!({"freight": freight}));
        assert_eq!(check(json!([{"name": "a", "tag": "0.5.1"}, {"name": "b", "tag": "0.5.2"}])), Vec::<String>::new());
        assert_eq!(
            check(json!([{"name": "a", "tag": "0.5.1"}, {"name": "b", "images": [{"tag": "0.5.1"}]}])),
            [r#"0.5.1 has the Freight {"a", "b"}"#]
        );
        assert!(freight(&json!({})).is_err());
    }

    fn freight_faults(status: &Value) -> Vec<String> {
        freight(status).expect("the status tells freight")
    }
}
