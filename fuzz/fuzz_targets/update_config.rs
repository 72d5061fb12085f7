//! No configuration and no rule makes the role panic or run for long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use update::branch_name::{Naming, branch_name};
use update::package_rules::PackageRules;
use update::{Answer, Observed, Question, decide};

const MANIFEST: &str = "apiVersion: v1\nkind: Pod\nspec:\n  image: registry.internal/a:1.0.0\n";

fuzz_target!(|text: &str| {
    let mut tree = model::Tree::default();
    tree.put("renovate.json", text);
    tree.put("x.yaml", MANIFEST);
    let now = model::Timestamp::UNIX_EPOCH;
    let tags = vec!["1.0.1".to_owned(), "2.0.0".to_owned(), "x".to_owned()];
    let mut seen = Observed {
        repository: String::new(),
        name: "o/r".to_owned(),
        now,
        failure: None,
        identity: "bot".to_owned(),
        author: "bot".to_owned(),
        base: Some(("main".to_owned(), "c0".to_owned(), tree)),
        branches: Default::default(),
        answers: Default::default(),
    };
    seen.answers.insert(Question::Tags { repository: "registry.internal/a".to_owned() }, Answer::Tags(Ok(tags)));
    seen.answers.insert(Question::History { branch: "main".to_owned() }, Answer::History(Vec::new()));
    let _ = decide(&seen);
    if let Ok(Value::Array(rules)) = serde_json::from_str::<Value>(text) {
        if let Ok(rules) = PackageRules::parse(&rules) {
            let mut settings = Map::new();
            settings.insert("packageName".to_owned(), json!("a/b"));
            rules.apply(&mut settings, now);
        }
    }
    let naming = Naming { topic: text.to_owned(), group: Some(text.to_owned()), ..Naming::default() };
    let _ = branch_name(&naming, json!({"depName": text, "newMajor": 1}).as_object().expect("a map"));
});
