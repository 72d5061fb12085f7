//! Warehouse: which tags of the subscribed repositories become Freight.
//! Follows akuity/kargo `pkg/controller/warehouses/warehouses.go`, `pkg/subscription/image.go`.

use api::{Condition, generation, remove_condition, set_condition, text};
use golang::{Constraint, Version, parse_duration, regexp};
use model::{Action, ClusterName, Code, Decision, Timestamp};
use regex::Regex;
use serde_json::{Value, json};

use crate::events::Told;
use crate::names::{self, Image};
use crate::{KARGO, MANAGER};

/// One image subscription, checked.
#[derive(Debug)]
pub struct Subscription {
    /// `host/name`.
    pub repository: String,
    constraint: Option<Constraint>,
    strict: bool,
    lexical: bool,
    allow: Vec<Regex>,
    ignore: Vec<Regex>,
    limit: usize,
}

/// A tag that a subscription found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The tag.
    pub tag: String,
    /// The manifest's digest.
    pub digest: String,
    /// The manifest's annotations.
    pub annotations: Vec<(String, String)>,
    /// When the manifest says it was made.
    pub created: Option<String>,
    /// Why it may not become Freight, where signatures are asked for.
    pub refused: Option<String>,
}

/// On a Warehouse: a JSON list of `{"issuer": PATTERN, "subject": PATTERN}`, of which one must have signed what becomes Freight.
pub const VERIFY: &str = "supercargo.dev/verify";

/// Returns the list of whose signatures count for a Warehouse; `None` where it does not ask for any.
pub fn signers(warehouse: &Value) -> Result<Option<Value>, String> {
    let Some(told) = api::annotation(warehouse, VERIFY) else { return Ok(None) };
    let list: Value = serde_json::from_str(told).map_err(|error| format!("{VERIFY}: {error}"))?;
    match list.as_array() {
        Some(entries) if !entries.is_empty() => Ok(Some(list)),
        _ => Err(format!("{VERIFY}: expected a list with at least one identity")),
    }
}

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The Warehouse.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// What each subscription found, newest first; or why discovery failed.
    pub discovered: Result<Vec<(String, Vec<Found>)>, String>,
    /// Names of this Warehouse's Freight.
    pub freight: Vec<String>,
}

/// Reads the subscriptions of a Warehouse, or says what is wrong with one or not supported.
pub fn subscriptions(warehouse: &Value) -> Result<Vec<Subscription>, String> {
    match api::refusal(warehouse) {
        Some(why) => Err(why),
        None => warehouse["spec"]["subscriptions"].as_array().into_iter().flatten().map(Subscription::parse).collect(),
    }
}

impl Subscription {
    /// Reads a subscription; its definition says nothing about what is inside.
    fn parse(subscription: &Value) -> Result<Self, String> {
        let kinds: Vec<&String> = subscription.as_object().into_iter().flat_map(|map| map.keys()).filter(|key| *key != "name").collect();
        let image = match kinds.as_slice() {
            [kind] if *kind == "image" => &subscription["image"],
            _ => return Err("a subscription needs exactly one of image, git or chart".to_owned()),
        };
        let lexical = match text(image, &["imageSelectionStrategy"]) {
            "" | "SemVer" => false,
            "Lexical" => true,
            other => return Err(format!("image.imageSelectionStrategy {other:?} is not supported")),
        };
        let patterns = |field: &str| {
            api::texts(&image[field])
                .iter()
                .map(|p| regexp(p).map_err(|error| format!("image.{field}: {error}")))
                .collect::<Result<Vec<_>, _>>()
        };
        let repository = text(image, &["repoURL"]).to_owned();
        if repository.is_empty() {
            return Err("image.repoURL is missing".to_owned());
        }
        Ok(Self {
            repository,
            constraint: constraint(image)?,
            strict: image["strictSemvers"] != false,
            lexical,
            allow: patterns("allowTagsRegexes")?,
            ignore: patterns("ignoreTagsRegexes")?,
            limit: usize::try_from(image["discoveryLimit"].as_u64().filter(|limit| *limit > 0).unwrap_or(20)).unwrap_or(20),
        })
    }

    /// Returns the tags that may become Freight, newest first, at most `discoveryLimit`.
    pub fn candidates(&self, tags: &[String]) -> Vec<String> {
        let passes = |tag: &&String| {
            !self.ignore.iter().any(|p| p.is_match(tag)) && (self.allow.is_empty() || self.allow.iter().any(|p| p.is_match(tag)))
        };
        let passing = tags.iter().filter(passes);
        let mut found: Vec<String> = if self.lexical {
            let mut found: Vec<String> = passing.cloned().collect();
            found.sort_by(|a, b| b.cmp(a));
            found
        } else {
            let parsed = passing.filter_map(|tag| self.version(tag));
            let mut versions: Vec<Version> =
                parsed.filter(|version| self.constraint.as_ref().is_none_or(|constraint| constraint.matches(version))).collect();
            versions.sort_by(|a, b| b.cmp(a).then_with(|| b.original().cmp(a.original())));
            versions.iter().map(|version| version.original().to_owned()).collect()
        };
        found.truncate(self.limit);
        found
    }

    fn version(&self, tag: &str) -> Option<Version> {
        let lenient = Version::lenient(tag)?;
        let strict = !self.strict || Version::strict(tag.strip_prefix('v').unwrap_or(tag)).is_some();
        strict.then_some(lenient)
    }
}

/// `semverConstraint` is the older name of `constraint`. The literal `^0.0.0` admits nothing but 0.0.0; whoever writes it
/// means all of major version 0, so that is what it does here.
fn constraint(image: &Value) -> Result<Option<Constraint>, String> {
    let (new, old) = (text(image, &["constraint"]), text(image, &["semverConstraint"]));
    let (field, wanted) = if new.is_empty() { ("semverConstraint", old) } else { ("constraint", new) };
    if wanted.is_empty() {
        return Ok(None);
    }
    let wanted = if wanted == "^0.0.0" { ">=0.0.0 <1.0.0" } else { wanted };
    Constraint::parse(wanted).map(Some).map_err(|error| format!("image.{field}: {error}"))
}

/// Decides what becomes Freight.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let object = &seen.object;
    let mut status = object["status"].clone();
    if let Some(refresh) = api::annotation(object, "kargo.akuity.io/refresh") {
        status["lastHandledRefresh"] = json!(refresh);
    }
    status["observedGeneration"] = json!(generation(object));
    let found = match &seen.discovered {
        Ok(found) => found,
        Err(why) => {
            let mut decision = again(unhealthy(seen, status, "DiscoveryFailed", why), seen);
            let most = parse_duration(text(object, &["spec", "interval"])).unwrap_or(std::time::Duration::from_secs(300));
            decision.look_again(api::again(object, "Healthy", seen.now, most));
            return decision;
        }
    };
    let named = object["spec"]["subscriptions"].as_array().cloned().unwrap_or_default();
    let previous = status["discoveredArtifacts"]["images"].clone();
    let images: Vec<Value> = found
        .iter()
        .map(|(repository, tags)| json!({"repoURL": repository, "references": tags.iter().map(shown).collect::<Vec<_>>()}))
        .collect();
    if previous != Value::Array(images.clone()) || status["discoveredArtifacts"]["discoveredAt"].is_null() {
        status["discoveredArtifacts"] = json!({"discoveredAt": seen.now.to_string(), "images": images});
    }
    let refused: Vec<String> = found
        .iter()
        .flat_map(|(_, tags)| tags.iter().filter_map(|tag| Some(format!("{} is left out: {}", tag.tag, tag.refused.as_ref()?))))
        .collect();
    if let Some((repository, _)) = found.iter().find(|(_, tags)| !tags.is_empty() && tags.iter().all(|tag| tag.refused.is_some())) {
        let why = format!("nothing of {repository} is signed as {VERIFY} asks: {}", refused.join("; "));
        return again(unhealthy(seen, status, "NotSigned", &why), seen);
    }
    if let Some((repository, _)) = found.iter().find(|(_, tags)| tags.is_empty()) {
        let why = format!("no image references were discovered for {repository}");
        return again(unhealthy(seen, status, "NoImageReferencesDiscovered", &why), seen);
    }
    let newest: Vec<(Image, &Found)> = found
        .iter()
        .zip(&named)
        .filter_map(|((repository, tags), subscription)| {
            let tag = tags.iter().find(|tag| tag.refused.is_none())?;
            let subscription = subscription["name"].as_str().map(str::to_owned);
            Some((Image { repository: repository.clone(), tag: tag.tag.clone(), digest: tag.digest.clone(), subscription }, tag))
        })
        .collect();
    let left = if refused.is_empty() { String::new() } else { format!("; {}", refused.join("; ")) };
    let healthy = format!("Successfully discovered artifacts{left}");
    for (kind, reason, message) in
        [("Ready", "ArtifactsDiscovered", "Conditions satisfied"), ("Healthy", "ArtifactsDiscovered", healthy.as_str())]
    {
        set_condition(&mut status, &Condition { kind, status: "True", reason, message }, generation(object), seen.now);
    }
    remove_condition(&mut status, "Reconciling");
    let images: Vec<Image> = newest.iter().map(|(image, _)| image.clone()).collect();
    let name = names::freight(api::name(object), &images);
    status["lastFreightID"] = json!(name);
    if seen.freight.contains(&name) || object["spec"]["freightCreationPolicy"] == "Manual" {
        let decision = refused.into_iter().fold(Decision::of(status), |decision, why| decision.wait(Code::Unsigned, why, None));
        return again(decision, seen);
    }
    let what: Vec<String> = images.iter().map(|image| format!("{}:{}@{}", image.repository, image.tag, image.digest)).collect();
    let freight = create(seen, &name, &newest);
    let told = Told {
        cluster: &seen.cluster,
        project: api::namespace(object),
        actor: "controller:warehouse-controller",
        reason: "FreightCreated",
        message: "Freight created from discovered artifacts",
        at: seen.now,
        stage: "",
    };
    let told = told.of_freight(&freight);
    let created = Action::Create { cluster: seen.cluster.clone(), manager: MANAGER.to_owned(), object: freight };
    let decision = Decision::of(status).act(created).act(told).note(format!("freight {} is {}", &name[..7], what.join(", ")));
    again(decision, seen)
}

fn shown(found: &Found) -> Value {
    let mut shown = json!({"tag": found.tag, "digest": found.digest});
    if !found.annotations.is_empty() {
        shown["annotations"] = found.annotations.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    }
    // Whoever made the image may have written anything there.
    if let Some(created) = found.created.as_deref().and_then(|created| created.parse::<Timestamp>().ok()) {
        shown["createdAt"] = json!(created.to_string());
    }
    shown
}

fn create(seen: &Observed, name: &str, images: &[(Image, &Found)]) -> Value {
    let alias = names::alias(name);
    let images: Vec<Value> = images
        .iter()
        .map(|(image, found)| {
            let mut written = json!({"repoURL": image.repository, "tag": image.tag, "digest": image.digest});
            if !found.annotations.is_empty() {
                written["annotations"] = shown(found)["annotations"].clone();
            }
            if let Some(subscription) = &image.subscription {
                written["subscriptionName"] = json!(subscription);
            }
            written
        })
        .collect();
    json!({
        "apiVersion": KARGO,
        "kind": "Freight",
        "metadata": {"name": name, "namespace": api::namespace(&seen.object), "labels": {"kargo.akuity.io/alias": alias}},
        "alias": alias,
        "discoveredAt": seen.now.to_string(),
        "origin": {"kind": "Warehouse", "name": api::name(&seen.object)},
        "images": images,
    })
}

fn unhealthy(seen: &Observed, mut status: Value, reason: &str, why: &str) -> Decision<Value> {
    for kind in ["Healthy", "Ready"] {
        set_condition(&mut status, &Condition { kind, status: "False", reason, message: why }, generation(&seen.object), seen.now);
    }
    Decision::of(status).wait(Code::NoFreight, why, None)
}

/// The net below the registry's events.
fn again(mut decision: Decision<Value>, seen: &Observed) -> Decision<Value> {
    let interval = parse_duration(text(&seen.object, &["spec", "interval"])).unwrap_or(std::time::Duration::from_secs(300));
    if let Ok(at) = seen.now.checked_add(interval.max(std::time::Duration::from_secs(10))) {
        decision.look_again(at);
    }
    decision
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(image: Value, tags: &[&str]) -> Result<Vec<String>, String> {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let spec = json!({"subscriptions": [{"image": image}]});
        let warehouse = json!({"apiVersion": KARGO, "kind": "Warehouse", "metadata": {"name": "w"}, "spec": spec});
        Ok(subscriptions(&warehouse)?[0].candidates(&tags))
    }

    #[test]
    fn tags_are_chosen_as_kargo_does() {
        let tags = ["0.5.9", "0.5.10", "latest", "0.6.0-rc.1", "1.0.0", "1234567", "v0.5.11"];
        let check = |image: Value, expected: &[&str]| {
            assert_eq!(candidates(image.clone(), &tags), Ok(expected.iter().map(|tag| (*tag).to_owned()).collect()), "{image}")
        };
        check(json!({"repoURL": "r/x", "constraint": "^0.5.0"}), &["v0.5.11", "0.5.10", "0.5.9"]);
        check(json!({"repoURL": "r/x", "semverConstraint": "^0.0.0", "discoveryLimit": 2}), &["v0.5.11", "0.5.10"]);
        check(json!({"repoURL": "r/x"}), &["1.0.0", "0.6.0-rc.1", "v0.5.11", "0.5.10", "0.5.9"]);
        check(json!({"repoURL": "r/x", "ignoreTagsRegexes": ["^v"], "allowTagsRegexes": ["^.?0"]}), &["0.6.0-rc.1", "0.5.10", "0.5.9"]);
        check(json!({"repoURL": "r/x", "imageSelectionStrategy": "Lexical", "discoveryLimit": 2}), &["v0.5.11", "latest"]);
        for (image, why) in [
            (json!({"repoURL": "r/x", "platform": "linux/amd64"}), "spec.subscriptions[0].image.platform is not supported yet: remove it"),
            (
                json!({"repoURL": "r/x", "imageSelectionStrategy": "Digest"}),
                "spec.subscriptions[0].image.imageSelectionStrategy: Digest is not supported yet, only SemVer, Lexical",
            ),
            (json!({"repoURL": "r/x", "constraint": 5}), "spec.subscriptions[0].image.constraint must be a text"),
            (json!({"repoURL": "r/x", "constraint": "nonsense"}), "image.constraint: improper constraint: \"nonsense\""),
            (json!({}), "spec.subscriptions[0].image.repoURL is needed: doing without is not supported yet"),
        ] {
            assert_eq!(candidates(image, &tags), Err(why.to_owned()));
        }
        for subscription in [json!({"git": {}}), json!({"image": {"repoURL": "r/x"}, "git": {"repoURL": "y"}}), json!("r/x")] {
            assert!(Subscription::parse(&subscription).is_err(), "{subscription}");
        }
    }

    #[test]
    fn the_newest_becomes_freight_once() {
        let found = Found {
            tag: "0.5.1".into(),
            digest: "sha256:aa".into(),
            annotations: vec![("k".into(), "v".into())],
            created: Some("yesterday".into()),
            refused: None,
        };
        let mut seen = Observed {
            cluster: ClusterName("management".into()),
            object: json!({"metadata": {"name": "myapp", "namespace": "kargo-myapp"}, "spec": {"subscriptions": [{"image": {"repoURL": "r/x"}}]}}),
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
            discovered: Ok(vec![("r/x".into(), vec![found])]),
            freight: Vec::new(),
        };
        let decision = decide(&seen);
        let [Action::Create { object, .. }, Action::Emit { .. }] = decision.actions.as_slice() else { panic!("{:?}", decision.actions) };
        assert_eq!(object["images"][0]["annotations"]["k"], "v");
        seen.freight = vec![api::name(object).to_owned()];
        let told = &decision.status["discoveredArtifacts"]["images"][0]["references"][0];
        assert!(told["createdAt"].is_null(), "no time is not told as one: {told}");
        seen.object["status"] = decision.status;
        assert!(decide(&seen).actions.is_empty());
        seen.discovered = Ok(vec![("r/x".into(), Vec::new())]);
        assert_eq!(decide(&seen).because[0].text, "no image references were discovered for r/x");
    }

    #[test]
    fn what_nobody_signed_is_left_out() {
        let found = |tag: &str, refused: Option<&str>| Found {
            tag: tag.into(),
            digest: format!("sha256:{tag}"),
            annotations: Vec::new(),
            created: None,
            refused: refused.map(str::to_owned),
        };
        let mut seen = Observed {
            cluster: ClusterName("management".into()),
            object: json!({"metadata": {"name": "myapp", "namespace": "kargo-myapp"}, "spec": {"subscriptions": [{"image": {"repoURL": "r/x"}}]}}),
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
            discovered: Ok(vec![("r/x".into(), vec![found("0.9.0", Some("no signature")), found("0.5.1", None)])]),
            freight: Vec::new(),
        };
        let decision = decide(&seen);
        let [Action::Create { object, .. }, Action::Emit { .. }] = decision.actions.as_slice() else { panic!("{:?}", decision.actions) };
        assert_eq!(object["images"][0]["tag"], "0.5.1");
        seen.freight = vec![api::name(object).to_owned()];
        assert_eq!(decide(&seen).because[0].text, "0.9.0 is left out: no signature");
        seen.discovered = Ok(vec![("r/x".into(), vec![found("0.9.0", Some("no signature"))])]);
        let decision = decide(&seen);
        assert!(decision.actions.is_empty() && decision.because[0].text.contains("nothing of r/x is signed"), "{:?}", decision.because);
        for (annotation, expected) in [("[]", "at least one"), ("x", "expected value"), ("{}", "at least one")] {
            let object = json!({"metadata": {"annotations": {VERIFY: annotation}}});
            assert!(signers(&object).expect_err("refused").contains(expected), "{annotation}");
        }
        assert_eq!(signers(&json!({})), Ok(None));
    }
}
