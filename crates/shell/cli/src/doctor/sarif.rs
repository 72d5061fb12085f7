//! Findings as SARIF 2.1.0, which forges and editors read. Read first: [`report`].

use std::collections::BTreeMap;

use doctor::{Edit, Finding, Severity};
use serde_json::{Value, json};

/// Returns a log with one run.
pub(super) fn report(findings: &[Finding]) -> Value {
    let texts = doctor::rule_texts();
    let index: BTreeMap<&str, usize> = texts.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    let rules: Vec<Value> = texts.iter().map(|(id, upstream)| json!({"id": id, "shortDescription": {"text": upstream}})).collect();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, index.get(finding.rule).copied())).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "supercargo doctor", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding, rule: Option<usize>) -> Value {
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": match finding.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "message": {"text": format!("{}. Upstream: {} Supercargo: {}", finding.message, finding.upstream, finding.ours)},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&finding.path)},
            "region": {"startLine": finding.line, "startColumn": finding.column},
        }}],
    });
    if let Some(fix) = finding.fix.as_ref().filter(|fix| !fix.edits.is_empty()) {
        let mut files: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for edit in &fix.edits {
            files.entry(&edit.path).or_default().push(replacement(edit));
        }
        let changes: Vec<Value> = files
            .iter()
            .map(|(path, replacements)| json!({"artifactLocation": {"uri": uri(path)}, "replacements": replacements}))
            .collect();
        result["fixes"] = json!([{"description": {"text": fix.description}, "artifactChanges": changes}]);
    }
    result
}

fn replacement(edit: &Edit) -> Value {
    json!({
        "deletedRegion": {"byteOffset": edit.start, "byteLength": edit.end - edit.start},
        "insertedContent": {"text": edit.replacement},
    })
}

/// A path as a relative URI.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Tree;

    #[test]
    fn a_log_has_what_readers_need() {
        let mut tree = Tree::default();
        tree.put("kargo/a b.yaml", "apiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nspec: {subscriptions: [{image: {repoURL: r, semverConstraint: 1.x}}]}\n");
        let log = report(&doctor::examine(&tree));
        let (run, result) = (&log["runs"][0], &log["runs"][0]["results"][0]);
        let rule = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("fits");
        assert_eq!((&log["version"], &run["tool"]["driver"]["rules"][rule]["id"]), (&json!("2.1.0"), &json!("kargo/semver-constraint")));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "kargo/a%20b.yaml");
        assert_eq!(place["region"], json!({"startLine": 3, "startColumn": 45}));
        let replaced = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
        assert_eq!(replaced["insertedContent"]["text"], "constraint");
        assert_eq!(replaced["deletedRegion"]["byteLength"], 16);
    }
}
