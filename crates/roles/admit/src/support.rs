//! May an object of the pipeline's own kinds enter? What it asks for in vain is refused, so that nothing is ignored silently.
//! Read first: [`support`].

use api::{Unsupported, text};
use serde_json::Value;

use crate::Review;
use crate::decide::{Cause, pass, refusal};

/// Reviews a request about one of the pipeline's own kinds; `None` for all other kinds.
pub fn support(request: &Value) -> Option<Review> {
    api::groups().contains(text(request, &["kind", "group"])).then(|| judge(request))
}

fn judge(request: &Value) -> Review {
    let (object, operation) = (&request["object"], text(request, &["operation"]));
    if !matches!(operation, "CREATE" | "UPDATE") {
        return pass();
    }
    if !object.is_object() {
        return refusal(vec!["the request holds no object".to_owned()]);
    }
    // What is there already may stay, so that its finalizers can be removed.
    let known = if operation == "UPDATE" { api::unsupported(&request["oldObject"]) } else { Vec::new() };
    let told: Vec<Unsupported> = api::unsupported(object).into_iter().filter(|found| !known.contains(found)).collect();
    if told.is_empty() {
        return pass();
    }
    let message = told.iter().map(|found| found.message.as_str()).collect::<Vec<_>>().join("; ");
    Review { allowed: false, code: 422, message, causes: told.iter().map(cause).collect(), ..pass() }
}

/// kubectl prints the field before the message.
fn cause(found: &Unsupported) -> Cause {
    let rest = found.message.strip_prefix(&found.field).unwrap_or(&found.message);
    let rest = [": ", " is ", " "].into_iter().find_map(|between| rest.strip_prefix(between)).unwrap_or(rest);
    Cause { field: found.field.clone(), message: rest.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(operation: &str, object: Value, old: Value) -> Value {
        let (group, version) = text(&object, &["apiVersion"]).split_once('/').unwrap_or_default();
        json!({"operation": operation, "kind": {"group": group, "version": version, "kind": object["kind"]}, "object": object, "oldObject": old})
    }

    fn source(spec: Value) -> Value {
        json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository", "metadata": {"name": "x"}, "spec": spec})
    }

    #[test]
    fn what_nobody_acts_on_is_refused_by_name() {
        let object = source(json!({"secretRef": {"name": "s"}, "verify": {"provider": "notation"}}));
        let review = support(&request("CREATE", object, Value::Null)).expect("a kind of ours");
        let shown: Vec<String> = review.causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        assert_eq!(
            shown,
            ["spec.verify.provider: notation is not supported yet, only cosign", "spec.secretRef: not supported yet: remove it"]
        );
        assert_eq!((review.allowed, review.code), (false, 422));
        assert_eq!(
            review.message,
            "spec.verify.provider: notation is not supported yet, only cosign; spec.secretRef is not supported yet: remove it"
        );
        let release = json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "x"}, "spec": {}});
        let review = support(&request("CREATE", release, Value::Null)).expect("a kind of ours");
        assert_eq!(review.causes, [Cause { field: "kind".into(), message: "HelmRelease is not supported yet: nothing acts on it".into() }]);
        let task = json!({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Stage", "spec": {"promotionTemplate": {"spec": {"steps": [{"task": {"name": "t"}}]}}}});
        let review = support(&request("CREATE", task, Value::Null)).expect("a kind of ours");
        assert_eq!(review.message, "spec.promotionTemplate.spec.steps[0].task is not supported yet: remove it");
    }

    #[test]
    fn what_was_there_before_may_stay() {
        let old = source(json!({"secretRef": {"name": "s"}}));
        let allowed = |new: Value, old: &Value| support(&request("UPDATE", new, old.clone())).expect("a kind of ours").allowed;
        assert!(allowed(old.clone(), &old));
        assert!(allowed(source(json!({})), &old));
        assert!(!allowed(source(json!({"secretRef": {"name": "s"}, "ignore": "*"})), &old));
        assert!(!allowed(old.clone(), &source(json!({}))));
        assert!(!allowed(old.clone(), &Value::Null));
        assert!(allowed(source(json!({"provider": "aws"})), &source(json!({"provider": "aws"}))));
        assert!(!allowed(source(json!({"provider": "gcp"})), &source(json!({"provider": "aws"}))));
    }

    #[test]
    fn other_kinds_are_no_concern_of_this() {
        assert_eq!(support(&request("CREATE", json!({"apiVersion": "apps/v1", "kind": "Deployment"}), Value::Null)), None);
        let gone = json!({"operation": "DELETE", "kind": {"group": "helm.toolkit.fluxcd.io", "kind": "HelmRelease"}, "object": null});
        assert!(support(&gone).is_some_and(|review| review.allowed));
        let empty = json!({"operation": "CREATE", "kind": {"group": "helm.toolkit.fluxcd.io", "kind": "HelmRelease"}});
        assert!(support(&empty).is_some_and(|review| !review.allowed));
    }
}
