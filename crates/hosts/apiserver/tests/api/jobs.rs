//! What a Job's policies and limits must satisfy, what is filled into them, and what of them an update may change.

use serde_json::{Value, json};

use super::{World, ok};

const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";

/// A Job, or the template of one, whose spec says this besides.
fn job(spec: &Value) -> Value {
    let mut whole = json!({"template": {"spec": {"restartPolicy": "Never",
        "initContainers": [{"name": "first", "image": "i"}], "containers": [{"name": "main", "image": "i"}]}}});
    for (field, value) in spec.as_object().expect("fields") {
        whole[field] = value.clone();
    }
    json!({"metadata": {"name": "j"}, "spec": whole})
}

/// What is said behind `is invalid: `.
fn fault((code, status): (u16, Value)) -> String {
    assert_eq!((code, status["reason"].as_str()), (422, Some("Invalid")), "{status}");
    status["message"].as_str().expect("a message").split_once(" is invalid: ").expect("a fault").1.to_owned()
}

async fn refused(cases: &[(Value, &str)]) {
    let world = World::new();
    for (spec, wanted) in cases {
        assert_eq!(fault(world.post(&format!("{JOBS}?dryRun=All"), job(spec)).await), *wanted, "{spec}");
    }
}

#[tokio::test]
async fn limits_of_indexed_jobs() {
    let indexed = |more: Value| {
        let mut spec = json!({"completionMode": "Indexed", "completions": 3});
        more.as_object().expect("fields").iter().for_each(|(field, value)| spec[field] = value.clone());
        spec
    };
    refused(&[
        (json!({"completionMode": "Half"}), r#"spec.completionMode: Unsupported value: "Half": supported values: "NonIndexed", "Indexed""#),
        (json!({"completionMode": "Indexed", "parallelism": 1}), "spec.completions: Required value: when completion mode is Indexed"),
        (
            json!({"backoffLimitPerIndex": 1, "maxFailedIndexes": 1}),
            "[spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode, \
             spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode]",
        ),
        (indexed(json!({"maxFailedIndexes": 1})), "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"),
        (
            indexed(json!({"maxFailedIndexes": -1, "backoffLimitPerIndex": -2})),
            "[spec.backoffLimitPerIndex: Invalid value: -2: must be greater than or equal to 0, \
             spec.maxFailedIndexes: Invalid value: -1: must be greater than or equal to 0]",
        ),
        (
            indexed(json!({"maxFailedIndexes": 4, "backoffLimitPerIndex": 0})),
            "spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions",
        ),
        (
            indexed(json!({"parallelism": 100_001})),
            "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed",
        ),
        (
            indexed(json!({"completions": 100_001, "parallelism": 10_001, "backoffLimitPerIndex": 0})),
            "[spec.maxFailedIndexes: Required value: must be specified when completions is above 100000, \
             spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with \
             backoff limit per index]",
        ),
        (
            indexed(json!({"completions": 200_000, "maxFailedIndexes": 100_001, "backoffLimitPerIndex": 0})),
            "[spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 100000, \
             spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 10000 when completions are above 100000 and used \
             with backoff limit per index]",
        ),
    ])
    .await;
    let world = World::new();
    let mut long = job(&indexed(json!({"completions": 11})));
    long["metadata"]["name"] = json!("x".repeat(61));
    let told = fault(world.post(JOBS, long.clone()).await);
    assert_eq!(
        told,
        format!(
            "metadata.name: Invalid value: \"{0}\": will not able to create pod with invalid DNS label: {0}-10",
            long["metadata"]["name"].as_str().expect("a name")
        )
    );
    long["spec"]["completions"] = json!(10);
    ok(world.post(JOBS, long).await);
    let most = indexed(json!({"completions": 1_000_000, "parallelism": 10_000, "maxFailedIndexes": 10_000, "backoffLimitPerIndex": 1}));
    assert_eq!(ok(world.post(JOBS, job(&most)).await)["spec"]["backoffLimit"], i32::MAX);
}

#[tokio::test]
async fn pods_of_jobs_are_not_restarted_always() {
    let restart = |policy: &str| json!({"template": {"spec": {"restartPolicy": policy, "containers": [{"name": "main", "image": "i"}]}}});
    let required = r#"spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never""#;
    refused(&[
        (restart(""), required),
        (restart("Always"), required),
        (
            restart("Sometimes"),
            r#"[spec.template.spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never", spec.template.spec.restartPolicy: Unsupported value: "Sometimes": supported values: "OnFailure", "Never"]"#,
        ),
    ])
    .await;
}

#[tokio::test]
async fn managers_and_replacements() {
    let long = format!("example.org/{}", "x".repeat(60));
    refused(&[
        (json!({"managedBy": ""}), "spec.managedBy: Required value"),
        (
            json!({"managedBy": "someone"}),
            r#"spec.managedBy: Invalid value: "someone": must be a domain-prefixed path (such as "acme.io/foo")"#,
        ),
        (json!({"managedBy": long}), "spec.managedBy: Too long: may not be more than 63 bytes"),
        (
            json!({"managedBy": "example.org/a b"}),
            r#"spec.managedBy: Invalid value: "a b": Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')"#,
        ),
        (
            json!({"podReplacementPolicy": "Soon"}),
            r#"spec.podReplacementPolicy: Unsupported value: "Soon": supported values: "Failed", "TerminatingOrFailed""#,
        ),
        (
            json!({"podReplacementPolicy": "TerminatingOrFailed", "podFailurePolicy": {"rules": []}}),
            r#"spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed""#,
        ),
    ])
    .await;
    let world = World::new();
    let host = fault(world.post(JOBS, job(&json!({"managedBy": "No_Host/x"}))).await);
    assert!(host.starts_with(r#"spec.managedBy: Invalid value: "No_Host": a lowercase RFC 1123 subdomain must"#), "{host}");
}

#[tokio::test]
async fn rules_about_failures() {
    let rules = |rules: Value| json!({"podFailurePolicy": {"rules": rules}});
    let codes = |codes: Value| rules(json!([{"action": "FailJob", "onExitCodes": codes}]));
    let condition = |condition: Value| rules(json!([{"action": "Count", "onPodConditions": [condition]}]));
    let counted = json!({"action": "Count", "onExitCodes": {"operator": "NotIn", "values": [0]}});
    let mut restarted = rules(json!([counted]));
    restarted["template"] = json!({"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "main", "image": "i"}]}});
    refused(&[
        (
            restarted,
            r#"spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified"#,
        ),
        (rules(json!(vec![counted.clone(); 21])), "spec.podFailurePolicy.rules: Too many: 21: must have at most 20 items"),
        (
            rules(json!([{"onExitCodes": counted["onExitCodes"]}])),
            r#"spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]"#,
        ),
        (
            rules(json!([{"action": "Cry", "onExitCodes": counted["onExitCodes"]}])),
            r#"spec.podFailurePolicy.rules[0].action: Unsupported value: "Cry": supported values: "Count", "FailIndex", "FailJob", "Ignore""#,
        ),
        (
            rules(json!([{"action": "FailIndex", "onExitCodes": counted["onExitCodes"]}])),
            r#"spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set"#,
        ),
        (
            rules(json!([counted, {"action": "Ignore"}])),
            "spec.podFailurePolicy.rules[1]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
        ),
        (
            rules(json!([{"action": "Ignore", "onExitCodes": counted["onExitCodes"], "onPodConditions": [{"type": "X"}]}])),
            "spec.podFailurePolicy.rules[0]: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported",
        ),
        (
            codes(json!({"values": [1]})),
            r#"spec.podFailurePolicy.rules[0].onExitCodes.operator: Required value: valid values: ["In" "NotIn"]"#,
        ),
        (
            codes(json!({"operator": "Near", "values": [1]})),
            r#"spec.podFailurePolicy.rules[0].onExitCodes.operator: Unsupported value: "Near": supported values: "In", "NotIn""#,
        ),
        (
            codes(json!({"operator": "In", "values": [1], "containerName": "third"})),
            "spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: \"third\": must be one of the container or \
             initContainer names in the pod template",
        ),
        (
            codes(json!({"operator": "In", "values": []})),
            "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: []: at least one value is required",
        ),
        (
            codes(json!({"operator": "NotIn", "values": (0..256).collect::<Vec<_>>()})),
            "spec.podFailurePolicy.rules[0].onExitCodes.values: Too many: 256: must have at most 255 items",
        ),
        (
            codes(json!({"operator": "In", "values": [3, 0, 3]})),
            "[spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator, \
             spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 3, \
             spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,0,3]: must be ordered]",
        ),
        (
            condition(json!({"type": "X", "status": "Maybe"})),
            "spec.podFailurePolicy.rules[0].onPodConditions[0].status: Unsupported value: \"Maybe\": supported values: \"False\", \"True\", \
             \"Unknown\"",
        ),
        (
            rules(json!([{"action": "Count", "onPodConditions": vec![json!({"type": "X"}); 21]}])),
            "spec.podFailurePolicy.rules[0].onPodConditions: Too many: 21: must have at most 20 items",
        ),
    ])
    .await;
    let world = World::new();
    let nameless = fault(world.post(JOBS, job(&condition(json!({"type": "a b"})))).await);
    assert!(nameless.starts_with(r#"spec.podFailurePolicy.rules[0].onPodConditions[0].type: Invalid value: "a b": name part must"#));
    let named = json!({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [4], "containerName": "first"}});
    let fine = rules(json!([{"action": "Count", "onPodConditions": [{"type": "DisruptionTarget"}]}, named]));
    let made = ok(world.post(JOBS, job(&fine)).await);
    assert_eq!(made["spec"]["podFailurePolicy"]["rules"][0]["onPodConditions"][0]["status"], "True");
    assert_eq!(made["spec"]["podReplacementPolicy"], "Failed");
}

#[tokio::test]
async fn rules_about_success() {
    let rules = |rules: Value| json!({"completionMode": "Indexed", "completions": 10, "successPolicy": {"rules": rules}});
    let listed = |indexes: &str| rules(json!([{"succeededIndexes": indexes}]));
    let parsed = |indexes: &str, why: &str| {
        format!(r#"spec.successPolicy.rules[0].succeededIndexes: Invalid value: "{indexes}": error parsing succeededIndexes: {why}"#)
    };
    for (indexes, why) in [
        ("x", r#"cannot convert string to integer for index: "x""#),
        ("0,", r#"cannot convert string to integer for index: """#),
        ("1-y", r#"cannot convert string to integer for index: "y""#),
        ("0-1-2", r#"the fragment "0-1-2" violates the requirement that an index interval can have at most two parts separated by '-'"#),
        ("10", r#"too large index: "10""#),
        ("5-12", r#"too large index: "12""#),
        ("4-4", "non-increasing order, previous: 4, current: 4"),
        ("1-3,3", "non-increasing order, previous: 3, current: 3"),
    ] {
        refused(&[(listed(indexes), &parsed(indexes, why))]).await;
    }
    let long = "0,".repeat(33_000);
    let world = World::new();
    let told = fault(world.post(JOBS, job(&listed(&long))).await);
    assert!(told.starts_with("[spec.successPolicy.rules[0].succeededIndexes: Too long: may not be more than 65536 bytes, "), "{told}");
    refused(&[
        (
            json!({"successPolicy": {"rules": [{"succeededCount": 1}]}}),
            "spec.successPolicy: Invalid value: {\"Rules\":[{\"SucceededIndexes\":null,\"SucceededCount\":1}]}: requires indexed completion mode",
        ),
        (
            rules(json!([])),
            "spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified",
        ),
        (rules(json!(vec![json!({"succeededCount": 1}); 21])), "spec.successPolicy.rules: Too many: 21: must have at most 20 items"),
        (
            rules(json!([{}])),
            "spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified",
        ),
        (
            rules(json!([{"succeededCount": -1}])),
            "spec.successPolicy.rules[0].succeededCount: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            rules(json!([{"succeededCount": 11, "succeededIndexes": "0,2-4"}])),
            "[spec.successPolicy.rules[0].succeededCount: Invalid value: 11: must be less than or equal to 10 (the number of specified \
             completions), spec.successPolicy.rules[0].succeededCount: Invalid value: 11: must be less than or equal to 4 (the number of \
             indexes in the specified succeededIndexes field)]",
        ),
    ])
    .await;
    ok(world.post(JOBS, job(&rules(json!([{"succeededCount": 4, "succeededIndexes": "0,2-4"}, {"succeededIndexes": ""}])))).await);
}

#[tokio::test]
async fn policies_stay_as_they_were_made() {
    let world = World::new();
    let spec = json!({
        "completionMode": "Indexed", "completions": 2, "parallelism": 2, "backoffLimitPerIndex": 1, "managedBy": "example.org/a",
        "podFailurePolicy": {"rules": [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [1]}}]},
        "successPolicy": {"rules": [{"succeededCount": 1}]},
    });
    ok(world.post(JOBS, job(&spec)).await);
    let path = format!("{JOBS}/j");
    for (change, wanted) in [
        (json!({"backoffLimitPerIndex": 2}), "spec.backoffLimitPerIndex: Invalid value: 2: field is immutable"),
        (json!({"managedBy": "example.org/b"}), "spec.managedBy: Invalid value: \"example.org/b\": field is immutable"),
        (json!({"podFailurePolicy": null}), "spec.podFailurePolicy: Invalid value: null: field is immutable"),
        (
            json!({"podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "X"}]}]}}),
            "spec.podFailurePolicy: Invalid value: {\"Rules\":[{\"Action\":\"Ignore\",\"OnExitCodes\":null,\"OnPodConditions\":[{\"Type\":\"X\",\
             \"Status\":\"True\"}]}]}: field is immutable",
        ),
        (
            json!({"successPolicy": {"rules": [{"succeededIndexes": "0"}]}}),
            "spec.successPolicy: Invalid value: {\"Rules\":[{\"SucceededIndexes\":\"0\",\"SucceededCount\":null}]}: field is immutable",
        ),
        (json!({"completions": 3}), "spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism"),
    ] {
        assert_eq!(fault(world.merge(&path, json!({"spec": change})).await), wanted);
    }
    let grown = ok(world.merge(&path, json!({"spec": {"completions": 3, "parallelism": 3, "maxFailedIndexes": 1}})).await);
    assert_eq!((&grown["spec"]["completions"], &grown["spec"]["maxFailedIndexes"]), (&json!(3), &json!(1)));
    // A changed Job is checked twice: one sentence, two causes.
    let (_, status) = world.merge(&path, json!({"spec": {"podReplacementPolicy": "TerminatingOrFailed"}})).await;
    assert_eq!(status["details"]["causes"].as_array().map(Vec::len), Some(2), "{status}");
    assert_eq!(status["message"].as_str().map(|message| message.matches("podReplacementPolicy").count()), Some(1), "{status}");
}

#[tokio::test]
async fn the_jobs_of_a_cron_job_are_checked_alike() {
    const CRON_JOBS: &str = "/apis/batch/v1/namespaces/default/cronjobs";
    let world = World::new();
    let cron_job =
        |spec: Value| json!({"metadata": {"name": "c"}, "spec": {"schedule": "@daily", "jobTemplate": {"spec": job(&spec)["spec"]}}});
    for (spec, wanted) in [
        (
            json!({"maxFailedIndexes": 1, "completionMode": "Indexed", "completions": 1}),
            "spec.jobTemplate.spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
        ),
        (
            json!({"successPolicy": {}, "completionMode": "Indexed", "completions": 1}),
            "spec.jobTemplate.spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified",
        ),
        (
            json!({"selector": {"matchLabels": {"a": "b"}}, "manualSelector": true}),
            "[spec.jobTemplate.spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: `selector` will be auto-generated, \
             spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", \"false\"]",
        ),
    ] {
        assert_eq!(fault(world.post(CRON_JOBS, cron_job(spec)).await), wanted);
    }
    let policy = json!({"podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}});
    let made = ok(world.post(CRON_JOBS, cron_job(policy)).await);
    assert_eq!(
        made.pointer("/spec/jobTemplate/spec/podFailurePolicy/rules/0/onPodConditions/0/status"),
        Some(&json!("True")),
        "a condition without a status is one that holds"
    );
    let zoned = |schedule: &str, zone: Value| json!({"spec": {"schedule": schedule, "timeZone": zone}});
    let told = fault(world.merge(&format!("{CRON_JOBS}/c"), zoned("TZ=UTC 0 0 * * *", Value::Null)).await);
    assert!(told.ends_with("cannot use TZ or CRON_TZ in schedule, use timeZone field instead"), "{told}");
}
