//! The decision about one request. Read first: [`decide`].

use std::collections::BTreeMap;

use api::text;
use oci::Reference;
use serde_json::Value;

use crate::images::{self, Image};
use crate::policy::{Identity, Policy};

/// The label of a namespace whose Pods are looked at.
const INCLUDE: &str = "policy.sigstore.dev/include";

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The `request` of an AdmissionReview.
    pub request: Value,
    /// All ClusterImagePolicies.
    pub policies: Vec<Value>,
    /// The Namespace of the request.
    pub namespace: Option<Value>,
    /// What is known about signatures so far.
    pub answers: BTreeMap<Question, Answer>,
}

/// What has to be known first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Whether one of these identities has signed an image.
    Verify {
        /// The image as the object names it.
        image: String,
        /// Any one of them is enough.
        identities: Vec<Identity>,
    },
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::Verify`]: who has signed, or why no signature counts.
    Verified(Result<String, String>),
}

/// What looking gives: an answer for the API server, or something that must be known first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody answers and lets decide again.
    Ask(Question),
    /// The answer.
    Review(Review),
}

/// The answer to an admission request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Whether the object may enter.
    pub allowed: bool,
    /// HTTP status of a refusal; 200 otherwise.
    pub code: u16,
    /// Why it may not enter; empty otherwise.
    pub message: String,
    /// The fields that are the reason, where it is fields; then the object itself is invalid.
    pub causes: Vec<Cause>,
    /// What the user is told although it may.
    pub warnings: Vec<String>,
    /// What goes into the audit log.
    pub audit: BTreeMap<String, String>,
}

/// A field for which an object may not enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Its path.
    pub field: String,
    /// What is wrong, without the field.
    pub message: String,
}

/// Decides whether an object may enter. What cannot be told is refused.
pub fn decide(seen: &Observed) -> Outcome {
    let images = match images_to_check(seen) {
        Ok(images) => images,
        Err(why) => return Outcome::Review(refusal(vec![format!("validation failed: {why}")])),
    };
    let policies: Vec<Policy> = seen.policies.iter().map(Policy::read).collect();
    let mut check = Check { answers: &seen.answers, failures: Vec::new(), warnings: Vec::new(), signed: Vec::new() };
    for image in &images {
        if let Err(question) = check.image(image, &policies) {
            return Outcome::Ask(question);
        }
    }
    let mut review = if check.failures.is_empty() { pass() } else { refusal(check.failures) };
    review.warnings = check.warnings;
    review.audit = check.signed.into_iter().enumerate().map(|(at, text)| (format!("signature-{at}"), text)).collect();
    Outcome::Review(review)
}

/// Returns the images that the request brings in; none where nothing is to be checked.
fn images_to_check(seen: &Observed) -> Result<Vec<Image>, String> {
    let request = &seen.request;
    let kind = text(request, &["kind", "kind"]);
    if kind.is_empty() {
        return Err("the request names no kind".to_owned());
    }
    let Some(place) = images::pod_spec(text(request, &["kind", "group"]), kind) else { return Ok(Vec::new()) };
    let object = &request["object"];
    let leaving = !object["metadata"]["deletionTimestamp"].is_null();
    if !matches!(text(request, &["operation"]), "CREATE" | "UPDATE") || leaving || !included(seen)? {
        return Ok(Vec::new());
    }
    if !object.is_object() {
        return Err("the request holds no object".to_owned());
    }
    let wanted = images::images(object, place)?;
    let unchanged =
        text(request, &["operation"]) == "UPDATE" && images::images(&request["oldObject"], place).is_ok_and(|old| old == wanted);
    Ok(if unchanged { Vec::new() } else { wanted })
}

/// Tells whether the request's namespace asks for checks.
fn included(seen: &Observed) -> Result<bool, String> {
    match (&seen.namespace, text(&seen.request, &["namespace"])) {
        (Some(namespace), _) => Ok(api::label(namespace, INCLUDE) == Some("true")),
        (None, "") => Ok(false),
        (None, name) => Err(format!("the namespace {name} cannot be read")),
    }
}

struct Check<'a> {
    answers: &'a BTreeMap<Question, Answer>,
    failures: Vec<String>,
    warnings: Vec<String>,
    signed: Vec<String>,
}

impl Check<'_> {
    fn image(&mut self, image: &Image, policies: &[Policy]) -> Result<(), Question> {
        let Image { path, text } = image;
        let reference: Reference = match text.parse() {
            Ok(reference) => reference,
            Err(error) => {
                self.failures.push(format!("validation failed: invalid value: {text}: {path}\n{error}"));
                return Ok(());
            }
        };
        let mut covered = false;
        for policy in policies.iter().filter(|policy| policy.covers(&reference)) {
            covered = true;
            self.policy(image, policy)?;
        }
        if !covered {
            self.failures.push(format!("validation failed: no matching policies: {path}\n{text}"));
        }
        Ok(())
    }

    fn policy(&mut self, image: &Image, policy: &Policy) -> Result<(), Question> {
        let told = |why: &str| format!("failed policy: {}: {}\n{} {why}", policy.name, image.path, image.text);
        let rules = match (policy.defect(), &policy.rules) {
            (None, Ok(rules)) => rules,
            (defect, _) => {
                self.failures.push(format!("validation failed: {}", told(defect.unwrap_or_default())));
                return Ok(());
            }
        };
        let mut reasons: Vec<String> = Vec::new();
        for identities in &rules.authorities {
            let question = Question::Verify { image: image.text.clone(), identities: identities.clone() };
            match self.answers.get(&question) {
                None => return Err(question),
                Some(Answer::Verified(Ok(subject))) => {
                    self.signed.push(format!("{} {} is signed by {subject} (policy {})", image.path, image.text, policy.name));
                    return Ok(());
                }
                Some(Answer::Verified(Err(why))) if reasons.contains(why) => {}
                Some(Answer::Verified(Err(why))) => reasons.push(why.clone()),
            }
        }
        let text = told(&reasons.join("; "));
        if rules.warn {
            self.warnings.push(text)
        } else {
            self.failures.push(format!("validation failed: {text}"))
        }
        Ok(())
    }
}

pub(crate) fn pass() -> Review {
    Review { allowed: true, code: 200, message: String::new(), causes: Vec::new(), warnings: Vec::new(), audit: BTreeMap::new() }
}

pub(crate) fn refusal(failures: Vec<String>) -> Review {
    Review { allowed: false, code: 400, message: failures.join("\n"), ..pass() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    const GOOD: &str = "https://gitea.internal/org/app-myapp/.gitea/workflows/build.yml@refs/heads/main";

    fn policy(name: &str, glob: &str, subject: &str, mode: &str) -> Value {
        let identity = json!({"issuer": "https://gitea.internal", "subject": subject});
        json!({"metadata": {"name": name}, "spec": {"mode": mode, "images": [{"glob": glob}], "authorities": [{"keyless": {"identities": [identity]}}]}})
    }

    fn pod(images: &[&str]) -> Value {
        let containers: Vec<Value> = images.iter().map(|image| json!({"name": "c", "image": image})).collect();
        json!({"metadata": {"name": "p"}, "spec": {"containers": containers}})
    }

    fn request(group: &str, kind: &str, object: Value) -> Value {
        json!({"operation": "CREATE", "namespace": "myapp", "kind": {"group": group, "version": "v1", "kind": kind}, "object": object})
    }

    fn seen(request: Value, policies: Vec<Value>) -> Observed {
        let namespace = Some(json!({"metadata": {"name": "myapp", "labels": {INCLUDE: "true"}}}));
        Observed { request, policies, namespace, answers: BTreeMap::new() }
    }

    /// Answers that only [`GOOD`] has signed, and only images of registry.internal.
    fn review(mut seen: Observed) -> Review {
        loop {
            let question = match decide(&seen) {
                Outcome::Review(review) => return review,
                Outcome::Ask(question) => question,
            };
            let Question::Verify { image, identities } = &question;
            let good =
                image.starts_with("registry.internal/") && identities.iter().any(|identity| identity.subject.as_deref() == Some(GOOD));
            let answer = if good { Ok(GOOD.to_owned()) } else { Err("signature not found".to_owned()) };
            seen.answers.insert(question, Answer::Verified(answer));
        }
    }

    fn check(seen: Observed, expected: &Expect) {
        let Review { allowed, code, message, warnings, audit, .. } = review(seen);
        expected.assert_eq(&format!("{allowed} {code}\n{message}\n{warnings:?}\n{audit:#?}\n"));
    }

    fn own() -> Vec<Value> {
        vec![policy("own", "registry.internal/**", GOOD, "enforce")]
    }

    #[test]
    fn every_image_needs_a_policy_and_a_signature() {
        check(
            seen(request("", "Pod", pod(&["registry.internal/myapp:1.4.3"])), own()),
            &expect![[r#"
            true 200

            []
            {
                "signature-0": "spec.containers[0].image registry.internal/myapp:1.4.3 is signed by https://gitea.internal/org/app-myapp/.gitea/workflows/build.yml@refs/heads/main (policy own)",
            }
        "#]],
        );
        check(
            seen(request("", "Pod", pod(&["registry.internal/myapp:1.4.3", "nginx:1"])), own()),
            &expect![[r#"
            false 400
            validation failed: no matching policies: spec.containers[1].image
            nginx:1
            []
            {
                "signature-0": "spec.containers[0].image registry.internal/myapp:1.4.3 is signed by https://gitea.internal/org/app-myapp/.gitea/workflows/build.yml@refs/heads/main (policy own)",
            }
        "#]],
        );
        check(
            seen(request("", "Pod", pod(&["registry.internal/myapp:1.4.3"])), vec![]),
            &expect![[r#"
            false 400
            validation failed: no matching policies: spec.containers[0].image
            registry.internal/myapp:1.4.3
            []
            {}
        "#]],
        );
        check(
            seen(request("", "Pod", pod(&["docker.io/evil:1", "NOT AN IMAGE", ""])), vec![policy("all", "**", GOOD, "enforce")]),
            &expect![[r#"
            false 400
            validation failed: failed policy: all: spec.containers[0].image
            docker.io/evil:1 signature not found
            validation failed: invalid value: NOT AN IMAGE: spec.containers[1].image
            "library/NOT AN IMAGE" is no repository name: parts are lower-case letters and digits, joined by . _ __ or dashes
            validation failed: invalid value: : spec.containers[2].image
            "library/" is no repository name: parts are lower-case letters and digits, joined by . _ __ or dashes
            []
            {}
        "#]],
        );
    }

    #[test]
    fn all_policies_count_and_any_authority_is_enough() {
        let mut two = own();
        two.push(policy("strict", "registry.internal/myapp:*", "somebody else", "enforce"));
        check(
            seen(request("", "Pod", pod(&["registry.internal/myapp:1.4.3"])), two),
            &expect![[r#"
            false 400
            validation failed: failed policy: strict: spec.containers[0].image
            registry.internal/myapp:1.4.3 signature not found
            []
            {
                "signature-0": "spec.containers[0].image registry.internal/myapp:1.4.3 is signed by https://gitea.internal/org/app-myapp/.gitea/workflows/build.yml@refs/heads/main (policy own)",
            }
        "#]],
        );
        let mut warned = own();
        warned.push(policy("soft", "**", "somebody else", "warn"));
        check(
            seen(request("", "Pod", pod(&["registry.internal/myapp:1.4.3"])), warned),
            &expect![[r#"
            true 200

            ["failed policy: soft: spec.containers[0].image\nregistry.internal/myapp:1.4.3 signature not found"]
            {
                "signature-0": "spec.containers[0].image registry.internal/myapp:1.4.3 is signed by https://gitea.internal/org/app-myapp/.gitea/workflows/build.yml@refs/heads/main (policy own)",
            }
        "#]],
        );
        let mut either = policy("own", "**", "somebody else", "enforce");
        let second = own()[0]["spec"]["authorities"][0].clone();
        either["spec"]["authorities"].as_array_mut().expect("a list").push(second);
        assert!(review(seen(request("", "Pod", pod(&["registry.internal/myapp:1"])), vec![either])).allowed);
        let mut odd = own();
        odd[0]["spec"]["authorities"][0]["key"] = json!({"data": "x"});
        check(
            seen(request("", "Pod", pod(&["registry.internal/myapp:1.4.3"])), odd),
            &expect![[r#"
            false 400
            validation failed: failed policy: own: spec.containers[0].image
            registry.internal/myapp:1.4.3 spec.authorities[0].key: not supported
            []
            {}
        "#]],
        );
    }

    #[test]
    fn images_are_found_everywhere() {
        let spec = json!({"initContainers": [{"image": "a/b:1"}], "ephemeralContainers": [{"image": "a/b:2"}], "containers": [],
            "volumes": [{"name": "x", "emptyDir": {}}, {"name": "y", "image": {"reference": "a/b:3"}}]});
        check(
            seen(request("", "Pod", json!({"spec": spec})), own()),
            &expect![[r#"
            false 400
            validation failed: no matching policies: spec.initContainers[0].image
            a/b:1
            validation failed: no matching policies: spec.ephemeralContainers[0].image
            a/b:2
            validation failed: no matching policies: spec.volumes[1].image.reference
            a/b:3
            []
            {}
        "#]],
        );
        let template = json!({"spec": {"containers": [{"image": "a/b:1"}]}});
        for (group, kind, object, path) in [
            ("apps", "Deployment", json!({"spec": {"template": template}}), "spec.template.spec.containers[0].image"),
            ("apps", "ReplicaSet", json!({"spec": {"template": template}}), "spec.template.spec.containers[0].image"),
            ("apps", "StatefulSet", json!({"spec": {"template": template}}), "spec.template.spec.containers[0].image"),
            ("apps", "DaemonSet", json!({"spec": {"template": template}}), "spec.template.spec.containers[0].image"),
            ("batch", "Job", json!({"spec": {"template": template}}), "spec.template.spec.containers[0].image"),
            ("", "ReplicationController", json!({"spec": {"template": template}}), "spec.template.spec.containers[0].image"),
            (
                "batch",
                "CronJob",
                json!({"spec": {"jobTemplate": {"spec": {"template": template}}}}),
                "spec.jobTemplate.spec.template.spec.containers[0].image",
            ),
        ] {
            let review = review(seen(request(group, kind, object), own()));
            assert!(!review.allowed && review.message.contains(path), "{kind}: {}", review.message);
        }
    }

    #[test]
    fn what_brings_no_image_in_passes() {
        let bad = pod(&["a/b:1"]);
        let update = |object: Value, old: Value| {
            let mut request = request("", "Pod", object);
            request["operation"] = json!("UPDATE");
            request["oldObject"] = old;
            request
        };
        let mut leaving = bad.clone();
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let mut deletion = request("", "Pod", Value::Null);
        deletion["operation"] = json!("DELETE");
        for (request, allowed) in [
            (update(bad.clone(), bad.clone()), true),
            (update(bad.clone(), pod(&["a/b:0"])), false),
            (update(bad.clone(), Value::Null), false),
            (update(leaving, pod(&["a/b:0"])), true),
            (deletion, true),
            (request("", "ConfigMap", json!({"data": {}})), true),
            (request("", "", json!({})), false),
            (request("", "Pod", Value::Null), false),
            (request("", "Pod", json!({"spec": {"containers": {"a": 1}}})), false),
        ] {
            assert_eq!(review(seen(request.clone(), own())).allowed, allowed, "{request}");
        }
        let mut outside = seen(request("", "Pod", bad.clone()), own());
        outside.namespace = Some(json!({"metadata": {"name": "myapp"}}));
        assert!(review(outside.clone()).allowed);
        outside.namespace = None;
        assert!(!review(outside).allowed);
    }
}
