//! The whole pass over one repository. Read first: [`decide`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Code, Decision};
use serde_json::{Value, json};

use crate::branch::{Pass, Plan};
use crate::config::{Config, FILE, Semantic};
use crate::kubernetes::{self, Dependency};
use crate::lookup::{self, Found, Update};
use crate::observed::{Observed, Outcome, Question};
use crate::texts;

/// Branches below the prefix that hold no update.
const SPECIAL: [&str; 2] = ["renovate/configure", "renovate/reconfigure"];

/// Decides what a repository's updates need next.
pub fn decide(seen: &Observed) -> Outcome {
    match look(seen) {
        Ok(decision) => Outcome::Decided(Box::new(decision)),
        Err(question) => Outcome::Ask(question),
    }
}

fn look(seen: &Observed) -> Result<Decision<Value>, Question> {
    let mut start = Decision::of(json!({"repository": seen.name, "dependencies": [], "updates": []}));
    if let Some(failure) = &seen.failure {
        start = start.wait(Code::Unreachable, failure.clone(), None);
    }
    let Some(base) = &seen.base else {
        return Ok(start.wait(Code::Missing, format!("{} has no default branch", seen.name), None));
    };
    let config = match Config::read(&base.2) {
        None => return Ok(start),
        Some(Err(error)) => return Ok(start.stall(error.code, &error.why, "nothing is updated until it is changed")),
        Some(Ok(config)) => config,
    };
    if !config.enabled {
        return Ok(start.note(format!("{FILE} switches updates off")));
    }
    let found = lookup::updates(&config, &kubernetes::extract(&config, &base.2), seen)?;
    for (asked, why) in &found.failed {
        start = start.wait(Code::Unreachable, format!("{asked} cannot be looked up: {why}"), None);
    }
    let (plans, unnamed) = plans(&config, &found, seen, &base.0)?;
    for why in unnamed {
        start = start.stall(Code::Unsupported, &why, "change the template");
    }
    let mut pass = Pass { seen, base, decision: start, merging: false };
    let updates = plans.iter().map(|plan| pass.branch(plan)).collect::<Result<Vec<Value>, _>>()?;
    let wanted: BTreeSet<&str> = plans.iter().map(|plan| plan.branch.as_str()).chain(SPECIAL).collect();
    // A look-up that failed may hide an update.
    if found.failed.is_empty() && !pass.merging {
        for name in seen.branches.keys().filter(|name| name.starts_with(texts::PREFIX) && !wanted.contains(name.as_str())) {
            pass.prune(name)?;
        }
    }
    let mut reviewers: Vec<&String> = plans.iter().flat_map(|plan| &plan.reviewers).collect();
    reviewers.sort();
    reviewers.dedup();
    let mut decision = pass.decision;
    let dependencies: Vec<Value> = found.dependencies.iter().map(told).collect();
    decision.status =
        json!({"repository": seen.name, "config": config.taken, "dependencies": dependencies, "updates": updates, "reviewers": reviewers});
    Ok(decision)
}

/// Puts the updates into branches: small steps first, then by title. What has no name is told.
fn plans(config: &Config, found: &Found, seen: &Observed, base: &str) -> Result<(Vec<Plan>, Vec<String>), Question> {
    let mut branches: BTreeMap<String, Vec<Arc<Update>>> = BTreeMap::new();
    let mut unnamed = Vec::new();
    for update in &found.updates {
        match &update.branch {
            Ok(name) => branches.entry(name.clone()).or_default().push(update.clone()),
            Err(error) => unnamed.push(format!("the branch of {} has no name: {error}", update.dependency.name)),
        }
    }
    if branches.is_empty() {
        return Ok((Vec::new(), unnamed));
    }
    let semantic = match config.semantic {
        Semantic::Enabled => true,
        Semantic::Disabled => false,
        Semantic::Auto => texts::semantic(seen.history(Question::History { branch: base.to_owned() })?),
    };
    let mut plans: Vec<Plan> = branches.into_iter().map(|(branch, updates)| Plan::of(branch, updates, semantic, seen.now)).collect();
    plans.sort_by_cached_key(|plan| (plan.updates.iter().map(|update| update.kind).max(), plan.title.clone(), plan.branch.clone()));
    Ok((plans, unnamed))
}

fn told(dependency: &Dependency) -> Value {
    let Dependency { file, line, package, value, skip, .. } = dependency;
    json!({"file": file, "line": line, "package": package, "currentValue": value, "skipReason": skip})
}
