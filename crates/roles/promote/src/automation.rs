//! What happens without a person: which Stage promotes by itself, what holds it from that, and when it goes back by itself.
//! Follows akuity/kargo `pkg/controller/stages/regular_stages.go` (policies) and `api/v1alpha1/stage_types.go`
//! (`autoPromotionHolds`); `autoRollback` is a field that Kargo reads in its paid edition only.

use api::text;
use model::{Code, Timestamp, Verdict};
use serde_json::{Value, json};

use crate::{freight, hold};

/// On a Promotion that a person made of Freight that automation would not choose: its origin is held back afterwards.
pub const HOLD: &str = "kargo.akuity.io/auto-promotion-hold";
/// On a Promotion that a person made of the Freight that automation would choose: a hold on its origin ends.
pub const RESUME: &str = "kargo.akuity.io/auto-promotion-resume";
/// On a Promotion that goes back to Freight from before.
pub const ROLLBACK: &str = "kargo.akuity.io/rollback";
/// On a Promotion: who wanted it.
pub const ACTOR: &str = "kargo.akuity.io/create-actor";

/// Decides whether the first policy that names the Stage makes it automatic.
pub fn automatic(stage: &Value, configs: &[Value]) -> Verdict {
    if policy(stage, configs).is_some_and(|policy| policy["autoPromotionEnabled"] == true) {
        return Verdict::Pass;
    }
    let why = format!("promotion to {} is not automatic: a person promotes", api::name(stage));
    Verdict::Wait { code: Code::NotAutomatic, why, until: None }
}

/// Returns the first policy that names the Stage.
fn policy<'a>(stage: &Value, configs: &'a [Value]) -> Option<&'a Value> {
    configs.iter().filter_map(|config| config["spec"]["promotionPolicies"].as_array()).flatten().find(|policy| selects(policy, stage))
}

fn selects(policy: &Value, stage: &Value) -> bool {
    let name = api::name(stage);
    if policy["stage"].is_string() {
        return policy["stage"] == name;
    }
    let selector = &policy["stageSelector"];
    let pattern = text(selector, &["name"]);
    let named = match pattern.split_once(':') {
        Some(("regex" | "regexp", pattern)) => golang::regexp(pattern).is_ok_and(|regex| regex.is_match(name)),
        Some(("glob", pattern)) => golang::glob(pattern, name),
        _ => pattern.is_empty() || pattern == name,
    };
    let labels = selector["matchLabels"].as_object();
    let labelled = labels.into_iter().flatten().all(|(key, value)| api::label(stage, key) == value.as_str());
    // An empty selector selects nothing, and expressions are not supported: refusing to match is the safe side.
    named && labelled && selector.as_object().is_some_and(|selector| !selector.is_empty()) && selector["matchExpressions"].is_null()
}

/// Takes note in a Stage's status of what a Promotion that ended means for automation. One that was aborted means nothing.
pub(crate) fn heed(status: &mut Value, promotion: &Value, now: Timestamp) {
    if text(promotion, &["status", "phase"]) == "Aborted" {
        return;
    }
    if let Some(origin) = api::annotation(promotion, HOLD) {
        let (kind, name) = origin.split_once('/').unwrap_or(("Warehouse", origin));
        status["autoPromotionHolds"][origin] = json!({
            "freightName": promotion["spec"]["freight"], "origin": {"kind": kind, "name": name}, "promotionName": api::name(promotion),
            "actor": api::annotation(promotion, ACTOR).unwrap_or_default(), "createdAt": now.to_string(),
        });
    }
    if let Some(origin) = api::annotation(promotion, RESUME) {
        status["autoPromotionHolds"].as_object_mut().map(|holds| holds.remove(origin));
    }
}

/// Decides whether Freight of an origin is held back because a person chose another one.
pub fn held(stage: &Value, status: &Value, origin: &str) -> Verdict {
    let hold = &status["autoPromotionHolds"][origin];
    if !hold.is_object() {
        return Verdict::Pass;
    }
    let part = |word: &str, field: &str| Some(text(hold, &[field])).filter(|text| !text.is_empty()).map(|text| format!(" {word} {text}"));
    let said = [part("by", "actor"), part("since", "createdAt")].into_iter().flatten().collect::<String>();
    let (stage, freight) = (api::name(stage), short(text(hold, &["freightName"])));
    let why = format!("{stage} stays with freight {freight}, chosen{said}: promote the newest to let it go on");
    Verdict::Wait { code: Code::Suspended, why, until: None }
}

/// Returns the annotation that a person's Promotion carries: it holds the origin back, or lets it go on.
pub fn intent(stage: &Value, all: &[Value], wanted: &Value, now: Timestamp) -> &'static str {
    let origin = freight::origin(wanted);
    let mut candidates: Vec<Value> = all.iter().filter(|one| freight::origin(one) == origin).cloned().collect();
    freight::newest_first(&mut candidates);
    let newest = candidates.iter().find(|one| freight::available(stage, one, now) == Verdict::Pass);
    if newest.is_some_and(|newest| api::name(newest) == api::name(wanted)) { RESUME } else { HOLD }
}

/// Returns the Freight that a Stage ran before what it runs now, verified there and not rejected since: the newest such.
pub fn last_good<'a>(stage: &Value, all: &'a [Value]) -> Option<&'a Value> {
    let history = stage["status"]["freightHistory"].as_array()?;
    let names = |entry: &Value| -> Vec<String> {
        let items = entry["items"].as_object();
        items.into_iter().flat_map(|items| items.values()).map(|item| text(item, &["name"]).to_owned()).collect()
    };
    let current = names(history.first()?);
    let good = |one: &&Value| {
        let verified = one["status"]["verifiedIn"][api::name(stage)].is_object();
        verified && hold::rejected(one) == Verdict::Pass && !current.iter().any(|name| name == api::name(one))
    };
    history.iter().skip(1).flat_map(names).find_map(|name| all.iter().filter(good).find(|one| api::name(one) == name))
}

/// Decides whether a Stage goes back by itself: its policy says so for this phase of the verification, and what it runs is not
/// itself the result of going back.
pub(crate) fn rolls_back(stage: &Value, configs: &[Value], phase: &str, last: Option<&Value>) -> bool {
    let Some(wanted) = policy(stage, configs).map(|policy| &policy["autoRollback"]).filter(|wanted| wanted.is_object()) else {
        return false;
    };
    let phases = api::texts(&wanted["onVerification"]);
    let asked = if wanted["onVerification"].is_null() { phase == "Failed" } else { phases.iter().any(|wanted| *wanted == phase) };
    asked && last.is_none_or(|last| api::annotation(last, ROLLBACK) != Some("true"))
}

fn short(name: &str) -> String {
    name.chars().take(7).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freight(name: &str, discovered: &str, verified: bool) -> Value {
        let status = if verified { json!({"verifiedIn": {"prod": {"verifiedAt": "2026-01-01T00:00:00Z"}}}) } else { json!({}) };
        json!({"metadata": {"name": name}, "origin": {"kind": "Warehouse", "name": "w"}, "discoveredAt": discovered, "status": status})
    }

    fn stage(history: &[&str]) -> Value {
        let entries: Vec<Value> = history.iter().map(|name| json!({"items": {"Warehouse/w": {"name": name}}})).collect();
        json!({"metadata": {"name": "prod"}, "status": {"freightHistory": entries},
            "spec": {"requestedFreight": [{"origin": {"kind": "Warehouse", "name": "w"}, "sources": {"direct": true}}]}})
    }

    #[test]
    fn the_last_good_is_what_ran_before_and_was_verified() {
        let mut all = vec![freight("new", "3", false), freight("bad", "2", false), freight("old", "1", true)];
        let found = |all: &[Value]| last_good(&stage(&["new", "bad", "new", "old"]), all).map(|one| api::name(one).to_owned());
        assert_eq!(found(&all), Some("old".into()));
        all[1]["status"] = all[2]["status"].clone();
        assert_eq!(found(&all), Some("bad".into()));
        all[1]["metadata"]["annotations"] = json!({hold::REJECTED: "bad"});
        assert_eq!(found(&all), Some("old".into()));
        assert!(last_good(&stage(&["old", "old"]), &all).is_none());
    }

    #[test]
    fn a_person_who_chooses_older_freight_holds_the_origin_and_the_newest_frees_it() {
        let all = vec![freight("new", "2026-01-01T02:00:00Z", true), freight("old", "2026-01-01T01:00:00Z", true)];
        let (now, stage) = ("2026-01-01T03:00:00Z".parse().expect("a time"), stage(&["new"]));
        assert_eq!(intent(&stage, &all, &all[0], now), RESUME);
        assert_eq!(intent(&stage, &all, &all[1], now), HOLD);
        let mut status = json!({});
        let mut promotion = json!({"metadata": {"name": "p", "annotations": {HOLD: "Warehouse/w", ACTOR: "ann"}}, "spec": {"freight": "old"}, "status": {"phase": "Aborted"}});
        heed(&mut status, &promotion, now);
        assert_eq!(held(&stage, &status, "Warehouse/w"), Verdict::Pass);
        promotion["status"]["phase"] = json!("Succeeded");
        heed(&mut status, &promotion, now);
        let Verdict::Wait { why, .. } = held(&stage, &status, "Warehouse/w") else { panic!("it holds") };
        assert_eq!(why, "prod stays with freight old, chosen by ann since 2026-01-01T03:00:00Z: promote the newest to let it go on");
        assert_eq!(held(&stage, &status, "Warehouse/other"), Verdict::Pass);
        promotion["metadata"]["annotations"] = json!({RESUME: "Warehouse/w"});
        heed(&mut status, &promotion, now);
        assert_eq!(held(&stage, &status, "Warehouse/w"), Verdict::Pass);
    }

    #[test]
    fn a_stage_goes_back_by_itself_once_and_where_its_policy_says_so() {
        let config =
            |rollback: Value| [json!({"spec": {"promotionPolicies": [{"stageSelector": {"name": "prod"}, "autoRollback": rollback}]}})];
        let stage = stage(&["new"]);
        for (rollback, phase, expected) in [
            (json!({}), "Failed", true),
            (json!({}), "Error", false),
            (json!({"onVerification": ["Error"]}), "Error", true),
            (json!({"onVerification": ["Error"]}), "Failed", false),
            (json!({"onVerification": []}), "Failed", false),
            (Value::Null, "Failed", false),
        ] {
            assert_eq!(rolls_back(&stage, &config(rollback.clone()), phase, None), expected, "{rollback} {phase}");
        }
        let back = json!({"metadata": {"annotations": {ROLLBACK: "true"}}});
        assert!(!rolls_back(&stage, &config(json!({})), "Failed", Some(&back)));
    }
}
