//! Which failures count, and which successes are enough. Follows kubernetes/kubernetes `pkg/controller/job/pod_failure_policy.go`
//! and `success_policy.go`.

use api::text;
use serde_json::Value;

use super::indexes::Indexes;

/// What the policy makes of a failed Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failing {
    /// It counts, as it does without a policy.
    Counts,
    /// It does not count.
    Ignored,
    /// Its index has failed for good.
    Index,
    /// The Job has failed; why.
    Job(String),
}

/// Finds the first rule that a failed Pod matches.
pub(crate) fn failing(spec: &Value, pod: &Value) -> Failing {
    let rules = spec["podFailurePolicy"]["rules"].as_array();
    for (number, rule) in rules.into_iter().flatten().enumerate() {
        let place = format!("{}/{}", api::namespace(pod), api::name(pod));
        let action = text(rule, &["action"]);
        let why = if rule["onExitCodes"].is_object() {
            exit_code(pod, &rule["onExitCodes"]).map(|(container, code)| {
                format!("Container {container} for pod {place} failed with exit code {code} matching {action} rule at index {number}")
            })
        } else {
            condition(pod, &rule["onPodConditions"])
                .map(|kind| format!("Pod {place} has condition {kind} matching {action} rule at index {number}"))
        };
        match (why, action) {
            (Some(_), "Ignore") => return Failing::Ignored,
            (Some(_), "FailIndex") => return Failing::Index,
            (Some(_), "Count") => return Failing::Counts,
            (Some(why), "FailJob") => return Failing::Job(why),
            _ => {}
        }
    }
    Failing::Counts
}

/// The first container, among those that ran and those that prepared, whose exit code is meant.
fn exit_code<'a>(pod: &'a Value, wanted: &Value) -> Option<(&'a str, i64)> {
    let lists = ["containerStatuses", "initContainerStatuses"].map(|list| pod["status"][list].as_array());
    lists.into_iter().flatten().flatten().find_map(|container| {
        let code = container["state"]["terminated"]["exitCode"].as_i64().filter(|code| *code != 0)?;
        let name = text(container, &["name"]);
        if wanted["containerName"].as_str().is_some_and(|meant| meant != name) {
            return None;
        }
        let listed = wanted["values"].as_array().into_iter().flatten().any(|value| *value == code);
        match text(wanted, &["operator"]) {
            "In" => listed,
            "NotIn" => !listed,
            _ => false,
        }
        .then_some((name, code))
    })
}

fn condition<'a>(pod: &'a Value, wanted: &Value) -> Option<&'a str> {
    let meant = |condition: &Value| {
        let patterns = wanted.as_array().into_iter().flatten();
        // A pattern without a status means one that holds.
        let status = |pattern: &Value| pattern["status"].as_str().unwrap_or("True").to_owned();
        patterns.into_iter().any(|pattern| pattern["type"] == condition["type"] && condition["status"] == status(pattern).as_str())
    };
    let conditions = pod["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|one| meant(one)).map(|one| text(one, &["type"]))
}

/// Tells which rule of the success policy is fulfilled, if one is.
pub(crate) fn enough(spec: &Value, completions: i64, succeeded: &Indexes) -> Option<String> {
    if succeeded.total() == 0 {
        return None;
    }
    let rules = spec["successPolicy"]["rules"].as_array();
    let met = |rule: &Value| {
        let count = rule["succeededCount"].as_i64();
        let Some(wanted) = rule["succeededIndexes"].as_str() else {
            return count.is_some_and(|count| succeeded.total() >= count);
        };
        let wanted = Indexes::parse(wanted, completions);
        let shared = wanted.shared(succeeded);
        wanted.total() > 0 && (shared == wanted.total() || count.is_some_and(|count| shared >= count))
    };
    rules.into_iter().flatten().position(met).map(|number| format!("Matched rules at index {number}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_rule_that_matches_decides() {
        let spec = json!({"podFailurePolicy": {"rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
            {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [7, 9]}},
            {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "NotIn", "values": [1]}},
            {"action": "Count", "onExitCodes": {"operator": "In", "values": [1]}},
        ]}});
        let pod = |name: &str, code: i64, disrupted: &str| {
            json!({"metadata": {"name": "p", "namespace": "n"}, "status": {
                "conditions": [{"type": "DisruptionTarget", "status": disrupted}],
                "containerStatuses": [{"name": name, "state": {"terminated": {"exitCode": code}}}]}})
        };
        for (pod, found) in [
            (pod("main", 3, "True"), Failing::Ignored),
            (pod("main", 9, "False"), Failing::Index),
            (
                pod("main", 3, "False"),
                Failing::Job("Container main for pod n/p failed with exit code 3 matching FailJob rule at index 2".into()),
            ),
            (pod("side", 3, "False"), Failing::Counts),
            (pod("main", 1, "False"), Failing::Counts),
        ] {
            assert_eq!(failing(&spec, &pod), found);
        }
    }

    #[test]
    fn a_job_may_be_content_with_some() {
        let spec = json!({"successPolicy": {"rules": [{"succeededIndexes": "0,2"}, {"succeededIndexes": "1-9", "succeededCount": 2}, {"succeededCount": 4}]}});
        for (succeeded, rule) in [("", None), ("0", None), ("0,2", Some(0)), ("1,3", Some(1)), ("0,1", None), ("0,5,6", Some(1))] {
            let found = enough(&spec, 7, &Indexes::parse(succeeded, 7));
            assert_eq!(found, rule.map(|rule: i32| format!("Matched rules at index {rule}")), "{succeeded}");
        }
    }
}
