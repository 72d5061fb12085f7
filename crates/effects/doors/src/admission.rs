//! AdmissionReview: reads what the API server asks, answers what [`admit::decide`] asks, and writes its answer.
//! It fails closed: what cannot be read or reached is refused. Read first: [`review`], [`complete`].

use std::collections::BTreeMap;

use admit::{Answer, Identity, Observed, Outcome, Question, Review, decide, support};
use api::text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{ClusterName, ObjectRef};
use oci::Reference;
use ports::{ClusterError, Ports, Unsigned};
use promote::promotion::completion;
use serde_json::{Value, json};
use sign::{IdentityMatch, Match, Policy};

/// How often who does not answer is asked again while the API server waits.
const TRIES: usize = 3;
/// More questions than any object has images.
const QUESTIONS: usize = 200;
/// Longest review that is read, in bytes: the API server's own limit for an object, twice, and some.
const REVIEW: usize = 8 << 20;

/// Answers an AdmissionReview of a cluster: may the object enter?
pub async fn review(ports: &Ports, cluster: &ClusterName, body: &[u8]) -> Value {
    let asked = read(body);
    let request = &asked["request"];
    let decided = match support(request) {
        _ if !is_review(&asked) => refuse("the review is malformed".to_owned()),
        // For these kinds nothing has to be looked up.
        Some(decided) => decided,
        None => answer(ports, cluster, request).await.unwrap_or_else(refuse),
    };
    write(request, decided)
}

/// Answers an AdmissionReview of a Promotion that is made: where it names only Stage and Freight, it gets the Stage's steps.
pub async fn complete(ports: &Ports, cluster: &ClusterName, body: &[u8]) -> Value {
    let asked = read(body);
    let request = &asked["request"];
    let completed = if is_review(&asked) {
        completed(ports, cluster, &request["object"]).await
    } else {
        Err(refuse("the review is malformed".to_owned()))
    };
    match completed {
        Ok(patch) => {
            let response =
                json!({"uid": request["uid"], "allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(patch.to_string())});
            json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
        }
        Err(refused) => write(request, refused),
    }
}

async fn completed(ports: &Ports, cluster: &ClusterName, promotion: &Value) -> Result<Value, Review> {
    let (namespace, name) = (api::namespace(promotion), text(promotion, &["spec", "stage"]));
    if namespace.is_empty() || name.is_empty() {
        // Its definition says what is missing.
        return Ok(json!([]));
    }
    let client = ports.clusters.get(cluster).map_err(|error| refuse(error.to_string()))?;
    let stage = ObjectRef { api_version: promote::KARGO.into(), kind: "Stage".into(), namespace: namespace.into(), name: name.into() };
    match patiently(|| client.get(&stage)).await.map_err(refuse)? {
        Some(stage) => Ok(completion(promotion, &stage)),
        None => Err(refuse(format!("Stage {name:?} not found in namespace {namespace:?}"))),
    }
}

fn read(body: &[u8]) -> Value {
    if body.len() > REVIEW { Value::Null } else { serde_json::from_slice(body).unwrap_or_default() }
}

fn is_review(asked: &Value) -> bool {
    asked["apiVersion"] == "admission.k8s.io/v1" && asked["request"].is_object()
}

fn write(request: &Value, decided: Review) -> Value {
    let Review { allowed, code, message, causes, warnings, audit } = decided;
    let mut response = json!({"uid": request["uid"], "allowed": allowed});
    if !allowed {
        response["status"] = json!({"code": code, "message": message});
    }
    if !causes.is_empty() {
        // So kubectl prints it as it prints what a definition refuses: field by field.
        let causes: Vec<Value> = causes
            .iter()
            .map(|cause| json!({"reason": "FieldValueNotSupported", "field": cause.field, "message": cause.message}))
            .collect();
        let kind = &request["kind"];
        response["status"]["reason"] = json!("Invalid");
        response["status"]["details"] = json!({"group": kind["group"], "kind": kind["kind"], "name": request["name"], "causes": causes});
    }
    if !warnings.is_empty() {
        response["warnings"] = json!(warnings);
    }
    if !audit.is_empty() {
        response["auditAnnotations"] = json!(audit);
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

fn refuse(message: String) -> Review {
    Review { allowed: false, code: 403, message, causes: Vec::new(), warnings: Vec::new(), audit: BTreeMap::new() }
}

/// Asks a cluster, again when it does not answer: a refusal that comes of one lost answer would stop somebody's work.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, String>
where
    F: Future<Output = Result<T, ClusterError>>,
{
    let mut answer = ask().await;
    for _ in 0..TRIES {
        if !answer.as_ref().is_err_and(ClusterError::is_passing) {
            break;
        }
        answer = ask().await;
    }
    answer.map_err(|error| model::chain(&error))
}

async fn answer(ports: &Ports, cluster: &ClusterName, request: &Value) -> Result<Review, String> {
    let client = ports.clusters.get(cluster).map_err(|error| error.to_string())?;
    let namespace = match text(request, &["namespace"]) {
        "" => None,
        name => {
            let reference = ObjectRef { api_version: "v1".into(), kind: "Namespace".into(), namespace: String::new(), name: name.into() };
            patiently(|| client.get(&reference)).await?
        }
    };
    let policies = patiently(|| client.list("policy.sigstore.dev/v1beta1", "ClusterImagePolicy", None, None)).await?;
    let mut seen = Observed { request: request.clone(), policies, namespace, answers: BTreeMap::new() };
    for _ in 0..QUESTIONS {
        match decide(&seen) {
            Outcome::Review(review) => return Ok(review),
            Outcome::Ask(question) => {
                let Question::Verify { image, identities } = &question;
                let mut verified = verify(ports, image, identities).await;
                for _ in 0..TRIES {
                    if !matches!(&verified, Err(Unsigned { passing: true, .. })) {
                        break;
                    }
                    verified = verify(ports, image, identities).await;
                }
                let verified = verified.map_err(|unverified| unverified.why);
                seen.answers.insert(question, Answer::Verified(verified));
            }
        }
    }
    Err("the object names too many images".to_owned())
}

/// Looks the signatures of an image up and tells whose counts.
async fn verify(ports: &Ports, image: &str, identities: &[Identity]) -> Result<String, Unsigned> {
    let root = ports.trust.as_ref().ok_or_else(|| "there is no trust root".to_owned())?;
    let place: Reference = image.parse().map_err(|error: oci::ReferenceError| error.to_string())?;
    let digest = ports.registry.resolve(&place).await?.ok_or_else(|| format!("{image} is not there"))?;
    let identities = identities.iter().map(matcher).collect::<Result<Vec<_>, _>>()?;
    let policy = Policy { identities, now: ports.clock.now() };
    ports::verified(&ports.registry, root, &place.with_digest(digest), &policy).await.map(|found| found.subject)
}

fn matcher(identity: &Identity) -> Result<IdentityMatch, String> {
    let side = |exact: &Option<String>, pattern: &Option<String>| match (exact, pattern) {
        (Some(text), None) => Ok(Match::Exact(text.clone())),
        (None, Some(pattern)) => Match::regexp(pattern).map_err(|error| error.to_string()),
        _ => Err("an identity needs either the text or the pattern of issuer and subject".to_owned()),
    };
    Ok(IdentityMatch {
        issuer: side(&identity.issuer, &identity.issuer_regexp)?,
        subject: side(&identity.subject, &identity.subject_regexp)?,
    })
}
