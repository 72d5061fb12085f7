use serde_json::json;

use super::*;

fn score(content: &Value) -> Vec<String> {
    let told = |family: &Family| format!("{} {} of {}", family.name, family.passed, family.passed + family.failed.len());
    renovate::score(content).iter().map(told).collect()
}

#[test]
fn right_answers_pass_and_wrong_ones_do_not() {
    let version = |stable: bool| {
        json!({"op": "one", "scheme": "docker", "version": "1.4.2", "isValid": true, "isVersion": true, "isStable": stable,
            "isSingleVersion": true, "major": 1, "minor": 4, "patch": 2})
    };
    let pair = |cmp: i8| json!({"op": "pair", "scheme": "npm", "a": "1.0.0", "b": "2.0.0", "cmp": cmp, "gt": false, "equals": false, "compatible": true, "matches": false});
    let schedule = |open: bool, valid: bool| json!({"schedule": ["before 5am"], "timezone": null, "at": "2026-06-01T04:00:00Z", "result": {"ok": open}, "valid": valid});
    let content = json!({
        "branch-name": {"cases": [
            {"input": {"depName": "a/b", "newMajor": 1}, "depNameSanitized": "a-b", "branchName": {"ok": "renovate/a-b-1.x"}},
            {"input": {"depName": "a/b", "newMajor": 1}, "depNameSanitized": "a-b", "branchName": {"ok": "renovate/a-b-2.x"}},
        ]},
        "match": {"cases": [{"pattern": "a*", "input": "ab", "match": {"ok": true}}, {"patterns": ["!a*"], "input": "ab", "match": {"ok": true}}]},
        "migration": {"cases": [
            {"config": {"stabilityDays": 3}, "result": {"ok": {"isMigrated": true, "migratedConfig": {"minimumReleaseAge": "3 days"}}}},
            {"config": {"labels": []}, "result": {"ok": {"isMigrated": true, "migratedConfig": {"labels": []}}}},
        ]},
        "never-heard-of": {"cases": [{}, {}]},
        "package-rules": {"cases": [
            {"packageRules": [{"automerge": true}], "dep": {"depName": "a"}, "set": {"ok": {"automerge": true}}},
            {"packageRules": [{"matchDepNames": ["b"], "automerge": true}], "dep": {"depName": "a"}, "set": {"ok": {"automerge": true}}},
        ]},
        "schedule": {"cases": [schedule(true, true), schedule(false, true), schedule(true, false)]},
        "template": {"cases": [
            {"template": "{{depName}}", "fields": {"depName": "a"}, "result": {"ok": "a"}},
            {"template": "{{depName}}", "fields": {"depName": "a"}, "result": {"error": true}},
        ]},
        "versioning-docker": {"cases": [version(true), version(false), pair(-1), pair(1)]},
    });
    let expected = [
        "branch-name 1 of 2",
        "match 1 of 2",
        "migration 1 of 2",
        "never-heard-of 0 of 2",
        "package-rules 1 of 2",
        "schedule 1 of 3",
        "template 1 of 2",
        "versioning-docker 2 of 4",
    ];
    assert_eq!(score(&content), expected);
}

#[test]
fn a_score_below_the_floor_fails() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), json!({"match": {"cases": [{"pattern": "a", "input": "a", "match": {"ok": true}}]}}).to_string())
        .expect("is written");
    assert!(run(renovate::score, file.path(), Some(1), false).is_ok());
    assert!(run(renovate::score, file.path(), Some(2), true).is_err());
}
