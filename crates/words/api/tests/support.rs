//! What `unsupported` tells, and what it must not tell. The fields that work are listed in `supported.txt`.

use api::unsupported;
use serde_json::{Map, Value, json};

/// Every field that works is in a definition, and nobody is told otherwise.
#[test]
fn what_works_is_not_told() {
    let (mut version, mut kind, mut lines) = ("", "", 0);
    for line in include_str!("supported.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some((path, value)) = line.trim().split_once(' ') else { panic!("{line}") };
        if !line.starts_with(' ') {
            (version, kind) = (path, value);
            continue;
        }
        let value: Value = serde_json::from_str(value).expect(line);
        assert!(is_defined(version, kind, path), "{kind}: {path} is in no definition");
        let mut object = with(path, value);
        object["apiVersion"] = json!(version);
        object["kind"] = json!(kind);
        // The object has this one field only, so what it lacks is told rightly.
        let told: Vec<_> = unsupported(&object).into_iter().filter(|found| !found.message.contains("is needed")).collect();
        assert!(told.is_empty(), "{kind}: {told:?}");
        lines += 1;
    }
    assert!(lines > 150, "{lines}");
}

/// Returns an object with one field.
fn with(path: &str, value: Value) -> Value {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    let inner = rest.map_or(value.clone(), |rest| with(rest, value));
    let (name, inner) = match (head.strip_suffix("[]"), head.strip_suffix("{}")) {
        (Some(name), _) => (name, json!([inner])),
        (_, Some(name)) => (name, json!({"key": inner})),
        _ => (head, inner),
    };
    Value::Object(Map::from_iter([(name.to_owned(), inner)]))
}

fn is_defined(version: &str, kind: &str, path: &str) -> bool {
    let (group, version) = version.split_once('/').expect("a group and a version");
    let mut definitions = api::definitions().iter().map(|definition| &definition["spec"]);
    let Some(spec) = definitions.find(|spec| spec["group"] == group && spec["names"]["kind"] == kind) else { return false };
    let mut versions = spec["versions"].as_array().into_iter().flatten();
    let Some(version) = versions.find(|found| found["name"] == version) else { return false };
    let mut node = &version["schema"]["openAPIV3Schema"];
    for part in path.split('.') {
        let (name, inner) = match (part.strip_suffix("[]"), part.strip_suffix("{}")) {
            (Some(name), _) => (name, Some("items")),
            (_, Some(name)) => (name, Some("additionalProperties")),
            _ => (part, None),
        };
        if node["x-kubernetes-preserve-unknown-fields"] == true {
            return true;
        }
        node = &node["properties"][name];
        node = inner.map_or(node, |inner| &node[inner]);
    }
    node.is_object()
}

/// Checks what is told of an object, each as `FIELD: MESSAGE`.
fn check(version: &str, kind: &str, spec: Value, told: &[&str]) {
    let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": spec});
    let found: Vec<String> = unsupported(&object).into_iter().map(|found| format!("{}: {}", found.field, found.message)).collect();
    assert_eq!(found, told, "{object:#}");
}

#[test]
fn fields_are_told_once_at_the_top() {
    check(
        "source.toolkit.fluxcd.io/v1",
        "GitRepository",
        json!({"url": "https://x", "secretRef": {"name": "a"}, "ref": {"tag": "v1"}}),
        &["spec.ref.tag: spec.ref.tag is not supported yet: remove it", "spec.secretRef: spec.secretRef is not supported yet: remove it"],
    );
}

#[test]
fn places_in_lists_and_maps_are_named() {
    check(
        "kargo.akuity.io/v1alpha1",
        "Promotion",
        json!({"steps": [{"uses": "git-clone", "config": {"any": {"thing": 1}}}, {"task": {"name": "t"}}]}),
        &["spec.steps[1].task: spec.steps[1].task is not supported yet: remove it"],
    );
    check(
        "argoproj.io/v1alpha1",
        "AnalysisTemplate",
        json!({"metrics": [{"name": "a", "provider": {"prometheus": {"query": "up"}}}]}),
        &["spec.metrics[0].provider.prometheus: spec.metrics[0].provider.prometheus is not supported yet: remove it"],
    );
}

#[test]
fn values_are_told_with_those_that_work() {
    check(
        "source.toolkit.fluxcd.io/v1",
        "OCIRepository",
        json!({"provider": "aws", "verify": {"provider": "notation"}}),
        &[
            "spec.verify.provider: spec.verify.provider: notation is not supported yet, only cosign",
            "spec.provider: spec.provider: aws is not supported yet, only generic",
        ],
    );
    check(
        "source.toolkit.fluxcd.io/v1",
        "GitRepository",
        json!({"verify": {"mode": "Tag"}}),
        &["spec.verify.mode: spec.verify.mode: Tag is not supported yet, only head, HEAD"],
    );
}

#[test]
fn what_changes_nothing_is_not_told() {
    let spec = json!({
        "provider": "generic", "secretRef": null, "ignore": "", "recurseSubmodules": false, "include": [], "serviceAccountName": "",
    });
    check("source.toolkit.fluxcd.io/v1", "GitRepository", spec, &[]);
    check("kustomize.toolkit.fluxcd.io/v1", "Kustomization", json!({"force": false, "kubeConfig": {}}), &[]);
    // What the API server fills in is no wish of anybody.
    check("kargo.akuity.io/v1alpha1", "Warehouse", json!({"interval": "5m0s", "freightCreationPolicy": "Automatic"}), &[]);
}

#[test]
fn what_we_cannot_do_without_is_told() {
    let needed = |field: &str| format!("{field}: {field} is needed: doing without is not supported yet");
    check("policy.sigstore.dev/v1beta1", "ClusterImagePolicy", Value::Null, &[&needed("spec")]);
    check(
        "policy.sigstore.dev/v1alpha1",
        "ClusterImagePolicy",
        json!({"images": [{}], "authorities": [{"static": {"action": "pass"}}, {"keyless": {"identities": []}}], "mode": "audit"}),
        &[
            &needed("spec.images[0].glob"),
            &needed("spec.authorities[0].keyless"),
            "spec.authorities[0].static: spec.authorities[0].static is not supported yet: remove it",
            &needed("spec.authorities[1].keyless.identities"),
            "spec.mode: spec.mode: audit is not supported yet, only enforce, warn",
        ],
    );
}

#[test]
fn fields_that_are_not_listed_are_told_where_anything_is_accepted() {
    check(
        "kargo.akuity.io/v1alpha1",
        "Warehouse",
        json!({"subscriptions": [{"image": {"repoURL": "x", "insecureSkipTLSVerify": true}}, {"bucket": {"any": 1}}, {"git": {"any": 1}}, {"image": {"constraint": "^1"}}]}),
        &[
            "spec.subscriptions[0].image.insecureSkipTLSVerify: spec.subscriptions[0].image.insecureSkipTLSVerify is not supported yet: remove it",
            "spec.subscriptions[1].bucket: spec.subscriptions[1].bucket is not supported yet: remove it",
            "spec.subscriptions[2].git: spec.subscriptions[2].git is not supported yet: remove it",
            "spec.subscriptions[3].image.repoURL: spec.subscriptions[3].image.repoURL is needed: doing without is not supported yet",
        ],
    );
}

#[test]
fn values_of_another_type_are_told_where_anything_is_accepted() {
    let wrong = |image: Value, told: &[&str]| {
        check("kargo.akuity.io/v1alpha1", "Warehouse", json!({"subscriptions": [{"image": image}]}), told);
    };
    let at = |field: &str, what: &str| format!("spec.subscriptions[0].image{field}: spec.subscriptions[0].image{field} must be {what}");
    wrong(json!({"repoURL": "x", "constraint": 5}), &[&at(".constraint", "a text")]);
    wrong(json!({"repoURL": ["x"]}), &[&at(".repoURL", "a text")]);
    wrong(json!({"repoURL": "x", "strictSemvers": "no"}), &[&at(".strictSemvers", "true or false")]);
    wrong(json!({"repoURL": "x", "allowTagsRegexes": ["a", 1]}), &[&at(".allowTagsRegexes", "a list of texts")]);
    wrong(json!({"repoURL": "x", "discoveryLimit": 0}), &[&at(".discoveryLimit", "a whole number from 1 to 100")]);
    wrong(json!({"repoURL": "x", "discoveryLimit": 101.5}), &[&at(".discoveryLimit", "a whole number from 1 to 100")]);
    let strategies = "one of SemVer, Lexical, Digest, NewestBuild";
    wrong(json!({"repoURL": "x", "imageSelectionStrategy": "Newest"}), &[&at(".imageSelectionStrategy", strategies)]);
    wrong(json!("x"), &[&at("", "an object")]);
    wrong(json!({"repoURL": "x", "constraint": null, "discoveryLimit": 100, "imageSelectionStrategy": ""}), &[]);
}

#[test]
fn fields_beside_spec_count_too_but_not_status() {
    let freight = json!({
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Freight", "origin": {"kind": "Warehouse", "name": "w"},
        "commits": [{"id": "a"}], "charts": [], "status": {"approvedFor": {"prod": {}}},
    });
    let fields: Vec<String> = unsupported(&freight).into_iter().map(|found| found.field).collect();
    assert_eq!(fields, ["commits"]);
}

#[test]
fn kinds_that_nothing_acts_on_are_told_and_foreign_ones_are_not() {
    let told = ["kind: kind HelmRelease is not supported yet: nothing acts on it"];
    check("helm.toolkit.fluxcd.io/v2", "HelmRelease", json!({"values": {"a": 1}}), &told);
    check("apps/v1", "Deployment", json!({"replicas": 1}), &[]);
    check("v1", "Pod", json!({"hostPID": true}), &[]);
    check("example.com/v1", "Bucket", json!({}), &[]);
}

#[test]
fn malformed_objects_are_no_concern_of_this() {
    for object in [json!(null), json!([]), json!({"kind": "Stage"}), json!({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": ["Stage"]})] {
        assert_eq!(unsupported(&object), []);
    }
    check("kargo.akuity.io/v1alpha1", "Stage", json!({"requestedFreight": "no list", "promotionTemplate": [1]}), &[]);
}
