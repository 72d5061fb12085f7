//! Times what a large repository asks of this crate, for `cargo xtask bench`: one line a figure, its name and milliseconds.

use std::time::Instant;

use serde_json::{Map, Value, json};
use update::package_rules::PackageRules;
use update::versioning::scheme;
use update::{Answer, Observed, Outcome, Question, decide};

/// How often each is done; the middle counts.
const TIMES: usize = 9;

fn main() {
    let tags = tags(10_000);
    println!("sort {:.2}", middle(|| sort(&tags)));
    let rules: Vec<Value> = (0..726).map(rule).collect();
    let rules = PackageRules::parse(&rules).expect("the rules are well formed");
    let dependencies: Vec<Map<String, Value>> = (0..1_250).map(dependency).collect();
    println!("match {:.2}", middle(|| matching(&rules, &dependencies)));
    let start = Instant::now();
    pass();
    println!("pass {:.0}", start.elapsed().as_secs_f64() * 1_000.0);
}

fn middle(work: impl Fn()) -> f64 {
    let mut times: Vec<f64> = (0..TIMES)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[TIMES / 2]
}

/// Tags as a busy image has them: versions of several lines, with and without suffixes, dates, builds.
fn tags(count: usize) -> Vec<String> {
    let suffixes = ["", "-alpine", "-alpine3.20", "-slim", "-bookworm", "rc1", "-rc.2"];
    let tag = |at: usize| {
        // Scattered, so that nothing is sorted before.
        let at = at * 7_919 % count;
        format!("{}{}.{}.{}{}", if at.is_multiple_of(3) { "v" } else { "" }, at / 900, at / 30 % 30, at % 30, suffixes[at % suffixes.len()])
    };
    (0..count).map(tag).collect()
}

fn sort(tags: &[String]) {
    let mut all = tags.to_vec();
    let docker = scheme("docker", model::Timestamp::UNIX_EPOCH).expect("there is such a scheme");
    docker.sort(&mut all).expect("all are versions");
    assert_eq!(all.len(), tags.len());
}

/// Rules in the numbers and shapes that `config:recommended` unfolds to: most are about one source and four kinds of updates.
fn rule(at: usize) -> Value {
    let kinds = json!(["digest", "patch", "minor", "major"]);
    let source = |part: usize| format!("https://forge.example/org-{at}/project-{part}");
    match at {
        0 => json!({"matchPackageNames": ["*"], "semanticCommitType": "chore"}),
        1..400 => json!({"matchSourceUrls": [source(0)], "matchUpdateTypes": kinds, "groupName": format!("project {at}")}),
        400..450 => json!({"matchSourceUrls": (0..6).map(source).collect::<Vec<_>>(), "matchUpdateTypes": kinds, "groupName": "many"}),
        450..560 => {
            json!({"matchCurrentVersion": ">=1.0.0", "matchDatasources": ["npm"], "matchPackageNames": [format!("package-{at}")], "x": at})
        }
        560..610 => {
            json!({"matchDatasources": ["docker"], "matchPackageNames": [format!("registry.example/team-{at}/**")], "labels": [at.to_string()]})
        }
        610..660 => json!({"matchPackageNames": [format!("/^team-{at}(-[a-z]+)?$/"), format!("@scope-{at}/**")], "groupName": "scope"}),
        660..690 => {
            json!({"matchDatasources": ["docker"], "matchCurrentValue": "/^\\d{8}/", "matchPackageNames": ["calver/*"], "enabled": false})
        }
        690..715 => {
            json!({"matchFileNames": [format!("clusters/env-{at}/**")], "matchManagers": ["flux", "kustomize"], "automerge": false})
        }
        _ => {
            json!({"matchDepNames": ["registry.example/team-7*/**"], "matchUpdateTypes": ["minor", "patch"], "automerge": true, "addLabels": ["own"]})
        }
    }
}

fn dependency(at: usize) -> Map<String, Value> {
    let name = format!("registry.example/team-{}/service-{at}", at % 1_000);
    let value = json!({
        "depName": name, "packageName": name, "datasource": "docker", "manager": "kubernetes", "categories": ["kubernetes"],
        "versioning": "docker", "currentValue": format!("1.{}.0", at % 40), "currentVersion": format!("1.{}.0", at % 40),
        "packageFile": format!("apps/team-{}/service-{at}/deployment.yaml", at % 1_000),
        "sourceUrl": format!("https://forge.example/org-{}/project-0", at % 900), "repository": "org/deployment", "baseBranch": "main",
    });
    value.as_object().cloned().unwrap_or_default()
}

/// As a look-up does: once when a dependency is found, and twice for each of its two updates.
fn matching(rules: &PackageRules, dependencies: &[Map<String, Value>]) {
    let now = model::Timestamp::UNIX_EPOCH;
    let mut changed = 0;
    for dependency in dependencies {
        let mut found = dependency.clone();
        rules.apply(&mut found, now);
        for (kind, new) in [("minor", "1.50.0"), ("major", "2.0.0")] {
            let mut update = dependency.clone();
            update.insert("updateType".to_owned(), kind.into());
            update.insert("newValue".to_owned(), new.into());
            rules.apply(&mut update, now);
            rules.apply(&mut update, now);
            changed += usize::from(update.len() > dependency.len() + 2);
        }
    }
    assert!(changed >= dependencies.len(), "rules hold");
}

/// A whole pass over 1,000 manifests that name 200 images of 300 tags each, under 726 rules, every question answered at once.
fn pass() {
    let rules: Vec<Value> =
        (0..726).map(|at| json!({"matchPackageNames": [format!("registry.example/x{at}/**")], "automerge": true})).collect();
    let config = json!({"kubernetes": {"managerFilePatterns": ["/^apps//"]}, "semanticCommits": "enabled", "packageRules": rules});
    let mut tree = model::Tree::default();
    tree.put("renovate.json", config.to_string());
    for at in 0..1_000 {
        let image = format!("registry.example/x{}/app:1.{}.0", at % 200, at % 7);
        let text = format!("apiVersion: apps/v1\nkind: Deployment\nspec:\n  containers:\n    - name: app\n      image: {image}\n");
        tree.put(format!("apps/a{at}/deployment.yaml"), text);
    }
    let tags: Vec<String> = (0..300).map(|at| format!("{}.{}.{}", 1 + at / 200, at / 20, at % 20)).collect();
    let mut seen = Observed {
        repository: String::new(),
        name: "org/deployment".to_owned(),
        now: model::Timestamp::UNIX_EPOCH,
        failure: None,
        identity: "bot".to_owned(),
        author: "bot".to_owned(),
        base: Some(("main".to_owned(), "c0".to_owned(), tree)),
        branches: Default::default(),
        answers: Default::default(),
    };
    let decision = loop {
        match decide(&seen) {
            Outcome::Decided(decision) => break decision,
            Outcome::Ask(question) => {
                let answer = match question {
                    Question::Tags { .. } => Answer::Tags(Ok(tags.clone())),
                    _ => Answer::Pull(None),
                };
                seen.answers.insert(question, answer);
            }
        }
    };
    assert!(decision.actions.len() >= 400, "each image has a branch");
}
