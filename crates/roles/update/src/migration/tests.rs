use serde_json::json;

use super::*;

fn check(config: Value, expected: Value) {
    let Value::Object(map) = config else { return };
    assert_eq!(Value::Object(migrate(&map).config), expected, "{map:?}");
}

#[test]
fn old_options_become_todays() {
    for (old, new) in [
        (
            json!({"kubernetes": {"fileMatch": ["a"], "managerFilePatterns": ["b"]}}),
            json!({"kubernetes": {"managerFilePatterns": ["b", "/a/"]}}),
        ),
        (json!({"extends": "config:base"}), json!({"extends": ["config:recommended"]})),
        (json!({"extends": ["helpers:oddIsUnstable", ":x"]}), json!({"extends": [":x"]})),
        (json!({"stabilityDays": 1}), json!({"minimumReleaseAge": "1 day"})),
        (json!({"stabilityDays": 7, "minimumReleaseAge": "3 days"}), json!({"minimumReleaseAge": "3 days"})),
        (
            json!({"automerge": "minor", "minor": {"labels": ["x"]}}),
            json!({"minor": {"labels": ["x"], "automerge": true}, "major": {"automerge": false}}),
        ),
        (json!({"automerge": "none"}), json!({"automerge": false})),
        (json!({"automergePatch": true}), json!({"patch": {"automerge": true}})),
        (json!({"automergeType": "branch-push"}), json!({"automergeType": "branch"})),
        (json!({"rebaseStalePrs": true, "rebaseConflictedPrs": false}), json!({"rebaseWhen": "never"})),
        (json!({"recreateClosed": true}), json!({"recreateWhen": "always"})),
        (json!({"masterIssue": "true"}), json!({"dependencyDashboard": true})),
        (json!({"versionScheme": "semver", "gitFs": "x"}), json!({"versioning": "semver"})),
        (json!({"semanticCommits": true}), json!({"semanticCommits": "enabled"})),
        (json!({"semanticPrefix": "fix(deps):"}), json!({"semanticCommitType": "fix", "semanticCommitScope": "deps"})),
        (json!({"branchPrefix": "bot/{{parentDir}}-"}), json!({"branchPrefix": "bot/", "additionalBranchPrefix": "{{parentDir}}-"})),
        (json!({"branchTopic": "{{depNameShort}}-{{newVersionMajor}}"}), json!({"branchTopic": "{{depName}}-{{newMajor}}"})),
        (json!({"major": false}), json!({"major": {"enabled": false}})),
        (
            json!({"regexManagers": [{"fileMatch": ["x"]}]}),
            json!({"customManagers": [{"customType": "regex", "managerFilePatterns": ["/x/"]}]}),
        ),
        (json!({"baseBranch": "main"}), json!({"baseBranchPatterns": ["main"]})),
        (json!({"hostRules": [{"platform": "docker", "host": "x"}]}), json!({"hostRules": [{"hostType": "docker", "matchHost": "x"}]})),
        (json!({"docker": {"automerge": true}}), json!({"packageRules": [{"matchCategories": ["docker"], "automerge": true}]})),
        (json!({"automerge": true, "labels": ["x"]}), json!({"automerge": true, "labels": ["x"]})),
    ] {
        check(old, new);
    }
}

#[test]
fn old_conditions_become_todays() {
    for (old, new) in [
        (
            json!({"packageNames": ["a"], "paths": ["b"], "languages": ["c"]}),
            json!({"matchPackageNames": ["a"], "matchFileNames": ["b"], "matchCategories": ["c"]}),
        ),
        (json!({"matchPackagePatterns": ["^a", "*"]}), json!({"matchPackageNames": ["/^a/", "*"]})),
        (json!({"matchPackagePrefixes": ["p/"], "matchPackageNames": ["a"]}), json!({"matchPackageNames": ["a", "p/{/,}**"]})),
        (json!({"excludePackageNames": ["a"], "excludePackagePatterns": ["z$"]}), json!({"matchPackageNames": ["!a", "!/z$/"]})),
        (json!({"packagePattern": "^a"}), json!({"matchPackageNames": ["/^a/"]})),
        (json!({"managers": ["regex"]}), json!({"matchManagers": ["custom.regex"]})),
        (json!({"excludeRepositories": "o/r"}), json!({"matchRepositories": ["!o/r"]})),
    ] {
        check(json!({"packageRules": [old]}), json!({"packageRules": [new]}));
    }
    check(
        json!({"packageRules": [{"matchManagers": ["x"], "packageRules": [{"packageNames": ["a"]}, {"labels": ["b"]}]}]}),
        json!({"packageRules": [{"matchManagers": ["x"], "matchPackageNames": ["a"]}, {"matchManagers": ["x"], "labels": ["b"]}]}),
    );
}

#[test]
fn old_schedules_become_todays() {
    for (old, new) in [
        (json!(["after 10pm and before 5am"]), json!(["after 10pm", "before 5am"])),
        (json!("after 10pm and before 5am every weekday"), json!(["after 10pm every weekday", "before 5am every weekday"])),
        (json!(["after 6am and before 8am"]), json!(["after 6am and before 8am"])),
        (json!("before 5am every day"), json!("before 5am")),
        (json!("every monday"), json!("on monday")),
        (json!(["before 5am on mondays"]), json!(["before 5am on monday"])),
        (json!("on every weekday"), json!("every weekday")),
        (json!("on the last day of the month"), json!("on the first day of the month")),
    ] {
        check(json!({"schedule": old}), json!({"schedule": new}));
    }
}

#[test]
fn changes_are_told() {
    let Value::Object(config) =
        json!({"stabilityDays": 3, "packageRules": [{"kubernetes": {"fileMatch": "x"}}], "schedule": "every monday"})
    else {
        return;
    };
    let expected = [
        "schedule: an old form",
        "stabilityDays: the old name of minimumReleaseAge",
        "packageRules[0].kubernetes.fileMatch: the old name of managerFilePatterns",
    ];
    assert_eq!(migrate(&config).notes, expected);
}

#[test]
fn any_depth_ends() {
    let deep = (0..60).fold(json!({"stabilityDays": 3}), |inner, _| json!({ "major": inner }));
    let Value::Object(config) = deep else { return };
    assert!(!migrate(&config).config.is_empty());
}
