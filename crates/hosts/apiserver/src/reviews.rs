//! Questions about rights and identities, answered at once and never kept.

use axum::response::Response;
use http::StatusCode;
use model::Caller;
use schema::Violation;
use serde_json::{Value, json};

use crate::decode::Document;
use crate::object::meta_mut;
use crate::rbac::{self, Attributes};
use crate::request::{FieldValidation, Place};
use crate::status::{ApiError, ApiResult, json_response};
use crate::typed::Unread;
use crate::{Server, auth, call, token, typed};

/// Group, plural and kind of each, and whether it is asked in a namespace.
pub(crate) const KINDS: &[(&str, &str, &str, bool)] = &[
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", false),
    ("authentication.k8s.io", "tokenreviews", "TokenReview", false),
    ("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", true),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", false),
    ("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", false),
];

/// Returns the kind that a place asks for.
pub(crate) fn kind(place: &Place) -> Option<&'static str> {
    let found = KINDS.iter().find(|(group, plural, _, namespaced)| {
        *group == place.group && place.version == "v1" && *plural == place.resource && *namespaced != place.namespace.is_empty()
    })?;
    (place.name.is_empty() && !place.rest && !place.watch).then_some(found.2)
}

/// Reads a question as Go reads it; returns what it says that nobody knows.
fn read(version: &str, kind: &str, document: &Document, validation: FieldValidation) -> ApiResult<(Value, Vec<String>)> {
    let Some(form) = typed::by_kind(version, kind) else { return Ok((document.value(), Vec::new())) };
    let unhandled = |why: &str| ApiError::bad_request(format!("{kind} in version \"v1\" cannot be handled as a {kind}: {why}"));
    let (mut review, unknown) = typed::read(form, &document.node).map_err(|Unread(why)| unhandled(&why))?;
    if validation == FieldValidation::Strict && !unknown.is_empty() {
        return Err(unhandled(&format!("strict decoding error: {}", unknown.join(", "))));
    }
    let metadata = meta_mut(&mut review);
    for name in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        metadata.remove(name);
    }
    let said = if validation == FieldValidation::Warn { unknown } else { Vec::new() };
    Ok((review, said))
}

/// Answers a question.
pub(crate) fn answer(
    server: &Server,
    caller: &Caller,
    place: &Place,
    kind: &str,
    document: &Document,
    validation: FieldValidation,
) -> ApiResult<Response> {
    let review = document.value();
    if !review.is_object() || review.get("kind").is_some_and(|given| given != kind) {
        return Err(ApiError::bad_request(format!("the body of the request must be a {kind}")));
    }
    let version = format!("{}/v1", place.group);
    if review.get("apiVersion").is_some_and(|given| *given != json!(version)) {
        let given = review["apiVersion"].as_str().unwrap_or_default().to_owned();
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({given}) does not match the expected API version ({version})"
        )));
    }
    let (mut review, said) = read(&version, kind, document, validation)?;
    review["kind"] = json!(kind);
    review["apiVersion"] = json!(version);
    if place.namespace.is_empty() {
        meta_mut(&mut review).remove("namespace");
    }
    if kind == "SelfSubjectReview" {
        // Upstream answers with an object of its own.
        review["metadata"] = json!({"creationTimestamp": server.now()});
    }
    let spec = review.get("spec").cloned().unwrap_or_else(|| json!({}));
    let status = match kind {
        "SelfSubjectReview" => json!({"userInfo": user(caller)}),
        "TokenReview" => token_review(server, &spec)?,
        "SelfSubjectAccessReview" => access(server, caller, kind, &spec, None)?,
        "SelfSubjectRulesReview" => rules(server, caller, &spec)?,
        "SubjectAccessReview" => access(server, &subject(&spec, kind)?, kind, &spec, None)?,
        _ => access(server, &subject(&spec, kind)?, kind, &spec, Some(&place.namespace))?,
    };
    review["status"] = status;
    if let Some(form) = typed::by_kind(&version, kind) {
        typed::write(form, &mut review);
    }
    let mut response = json_response(StatusCode::CREATED, typed::encoded(&review));
    call::warn(&mut response, &said);
    Ok(response)
}

fn user(caller: &Caller) -> Value {
    let mut user = json!({"username": caller.name, "groups": caller.groups});
    if !caller.uid.is_empty() {
        user["uid"] = json!(caller.uid);
    }
    if !caller.extra.is_empty() {
        user["extra"] = json!(caller.extra);
    }
    user
}

fn token_review(server: &Server, spec: &Value) -> ApiResult<Value> {
    let given = spec.get("token").and_then(Value::as_str).unwrap_or_default();
    if given.is_empty() {
        return Err(ApiError::bad_request("token is required for TokenReview in authentication"));
    }
    let audiences: Vec<String> =
        spec.get("audiences").and_then(Value::as_array).into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect();
    let found = if audiences.is_empty() {
        auth::verify(server, given).map(|found| (found.caller, token::AUDIENCE.to_owned()))
    } else {
        audiences.iter().find_map(|audience| {
            let found = if audience == token::AUDIENCE { auth::verify(server, given) } else { token::verify(server, given, audience) };
            Some((found?.caller, audience.clone()))
        })
    };
    Ok(match found {
        Some((caller, audience)) => json!({"authenticated": true, "user": user(&caller), "audiences": [audience]}),
        None => {
            let other = (!audiences.is_empty() && auth::verify(server, given).is_some())
                .then(|| format!("token audiences [{:?}] is invalid for the target audiences {audiences:?}", token::AUDIENCE));
            let error = other.map_or_else(|| "invalid bearer token".to_owned(), |other| format!("[invalid bearer token, {other}]"));
            json!({"user": {}, "error": error})
        }
    })
}

fn subject(spec: &Value, kind: &str) -> ApiResult<Caller> {
    let name = spec.get("user").and_then(Value::as_str).unwrap_or_default().to_owned();
    let groups: Vec<String> =
        spec.get("groups").and_then(Value::as_array).into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect();
    if name.is_empty() && groups.is_empty() {
        let violation = Violation::invalid("spec.user", &json!(""), "at least one of user or group must be specified");
        return Err(ApiError::invalid("authorization.k8s.io", kind, "", &[violation]));
    }
    let uid = spec.get("uid").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Caller { name, uid, groups, ..Caller::default() })
}

fn access(server: &Server, caller: &Caller, kind: &str, spec: &Value, namespace: Option<&str>) -> ApiResult<Value> {
    let refused = |violation: Violation| ApiError::invalid("authorization.k8s.io", kind, "", &[violation]);
    let attributes = match (
        spec.get("resourceAttributes").filter(|one| one.is_object()),
        spec.get("nonResourceAttributes").filter(|one| one.is_object()),
    ) {
        (Some(resource), None) => {
            let text = |field: &str| resource.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(field) =
                ["fieldSelector", "labelSelector"].iter().find(|field| resource.get(**field).is_some_and(|value| !value.is_null()))
            {
                let why = "this server's rules do not look at selectors";
                return Err(refused(Violation::forbidden(&format!("spec.resourceAttributes.{field}"), why)));
            }
            if namespace.is_some_and(|namespace| text("namespace") != namespace) {
                return Err(ApiError::bad_request(format!(
                    "spec.resourceAttributes.namespace must match namespace: {}",
                    namespace.unwrap_or_default()
                )));
            }
            Attributes {
                verb: text("verb"),
                group: text("group"),
                resource: text("resource"),
                subresource: text("subresource"),
                namespace: text("namespace"),
                name: text("name"),
                path: None,
            }
        }
        (None, Some(path)) if namespace.is_some() => {
            return Err(refused(Violation::invalid("spec.nonResourceAttributes", path, "disallowed on this kind of request")));
        }
        (None, Some(path)) => {
            let text = |field: &str| path.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            Attributes { verb: text("verb"), path: Some(text("path")), ..Attributes::default() }
        }
        (Some(_), Some(_)) => {
            return Err(refused(Violation::invalid(
                "spec.nonResourceAttributes",
                &spec["nonResourceAttributes"],
                "cannot be specified in combination with resourceAttributes",
            )));
        }
        (None, None) => {
            return Err(refused(Violation::invalid(
                "spec.resourceAttributes",
                &Value::Null,
                "exactly one of nonResourceAttributes or resourceAttributes must be specified",
            )));
        }
    };
    let rules = server.rules();
    let Some(allowed) = rules.decide(caller, &attributes) else { return Ok(json!({"allowed": false})) };
    let mut status = json!({"allowed": true});
    let reason = allowed.reason();
    if !reason.is_empty() {
        status["reason"] = json!(reason);
    }
    Ok(status)
}

fn rules(server: &Server, caller: &Caller, spec: &Value) -> ApiResult<Value> {
    let namespace = spec.get("namespace").and_then(Value::as_str).unwrap_or_default();
    if namespace.is_empty() {
        return Err(ApiError::bad_request("no namespace on request"));
    }
    let snapshot = server.rules();
    let mut all: Vec<rbac::Rule> = snapshot.rules(caller, namespace).cloned().collect();
    if rbac::is_master(caller) {
        let any = || vec!["*".to_owned()];
        all.push(rbac::Rule { verbs: any(), groups: any(), resources: any(), ..rbac::Rule::default() });
        all.push(rbac::Rule { verbs: any(), paths: any(), ..rbac::Rule::default() });
    }
    let shown = |paths: bool| -> Vec<Value> { all.iter().filter(|rule| rule.paths.is_empty() != paths).map(rbac::shown).collect() };
    Ok(json!({"resourceRules": shown(false), "nonResourceRules": shown(true), "incomplete": false}))
}
