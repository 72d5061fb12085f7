//! Addresses of Services and their families: one of IPv4 for each that wants one.
//! Follows kubernetes `pkg/registry/core/service/storage/{alloc,storage}.go`.

use serde_json::{Value, json};

use super::pool::Claims;
use crate::status::{ApiError, ApiResult};
use crate::validation::service_addresses::can_be_given;

fn is_empty(spec: &Value, name: &str) -> bool {
    match spec.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

/// Takes the addresses that are asked for, or gives one.
pub(super) fn claim(spec: &mut super::Spec, claims: &mut Claims<'_>, refuse: &impl Fn(&str, &Value, &str) -> ApiError) -> ApiResult<()> {
    let all = spec.get("clusterIPs").and_then(Value::as_array).cloned().unwrap_or_default();
    if all == [json!("None")] {
        return Ok(());
    }
    if all.is_empty() {
        let given = claims.give_address().ok_or_else(|| super::full("serviceIP"))?;
        spec.insert("clusterIP".to_owned(), json!(given.to_string()));
        spec.insert("clusterIPs".to_owned(), json!([given.to_string()]));
        return Ok(());
    }
    for address in all.iter().filter_map(Value::as_str) {
        // Others than those of IPv4 are refused before.
        if let Some(Err(why)) = address.parse().ok().map(|parsed| claims.take_address(parsed)) {
            return Err(refuse("spec.clusterIPs", &json!(all), &format!("failed to allocate IP {address}: {why}")));
        }
    }
    Ok(())
}

/// Brings both ways of writing an address together, and gives families. What asks for the impossible is left as it is, for
/// validation to refuse.
pub(super) fn complete(old: Option<&Value>, spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    agree(old, spec);
    if spec["type"] == "ExternalName" || is_held(old, spec) {
        return drop_needless(spec);
    }
    let free = spec["clusterIP"] == "None" && is_empty(spec, "selector");
    if is_empty(spec, "ipFamilyPolicy") && spec.get("ipFamilyPolicy").is_none_or(Value::is_null) {
        let before = old.and_then(|old| old.get("ipFamilyPolicy")).cloned();
        spec["ipFamilyPolicy"] = before.unwrap_or_else(|| json!(if free { "RequireDualStack" } else { "SingleStack" }));
    }
    if let Some(old) = old.filter(|_| spec["ipFamilyPolicy"] == "SingleStack") {
        cut(old, spec);
    }
    if !can_be_given(spec, old) {
        return;
    }
    if is_empty(spec, "ipFamilies") {
        spec["ipFamilies"] = json!(["IPv4"]);
    }
    if free && spec["ipFamilyPolicy"] != "SingleStack" {
        both_families(spec);
    }
}

/// Whoever is not of the cluster has no policy inside of it; upstream forgets it when it is read.
fn drop_needless(spec: &mut Value) {
    let known = matches!(spec.get("internalTrafficPolicy").and_then(Value::as_str), Some("Cluster" | "Local"));
    if let (true, "ExternalName", Value::Object(map)) = (known, spec["type"].clone().as_str().unwrap_or_default(), spec) {
        map.remove("internalTrafficPolicy");
    }
}

/// Whoever had two families and now asks for one keeps the first.
fn cut(old: &Value, spec: &mut Value) {
    let same = old.get("clusterIP") == spec.get("clusterIP");
    for (name, kept) in [("clusterIPs", same), ("ipFamilies", true)] {
        if let Some(Value::Array(list)) = spec.get_mut(name)
            && kept
            && old.get(name).and_then(Value::as_array) == Some(list)
        {
            list.truncate(1);
        }
    }
}

/// Both families, the one that was asked for first.
fn both_families(spec: &mut Value) {
    if let Some(Value::Array(families)) = spec.get_mut("ipFamilies")
        && let [only] = &families[..]
    {
        let other = if *only == json!("IPv4") { "IPv6" } else { "IPv4" };
        families.push(json!(other));
    }
}

/// Tells whether a Service that prefers two families has what it had.
fn is_held(old: Option<&Value>, spec: &Value) -> bool {
    let Some(old) = old else { return false };
    let same = |name: &str| old.get(name) == spec.get(name);
    spec["ipFamilyPolicy"] == "PreferDualStack" && ["type", "ipFamilyPolicy", "clusterIP", "clusterIPs", "ipFamilies"].into_iter().all(same)
}

/// One address and a list of them say the same; who writes the one alone means both.
fn agree(old: Option<&Value>, spec: &mut Value) {
    let Some(old) = old else {
        if !is_empty(spec, "clusterIP") && is_empty(spec, "clusterIPs") {
            spec["clusterIPs"] = json!([spec["clusterIP"]]);
        }
        return;
    };
    let same = old.get("clusterIP").unwrap_or(&json!("")) == spec.get("clusterIP").unwrap_or(&json!(""));
    let list = old.get("clusterIPs").filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    match (same, list) {
        (true, Some(list)) if is_empty(spec, "clusterIPs") => spec["clusterIPs"] = list.clone(),
        (false, list) if list == spec.get("clusterIPs") => {
            spec["clusterIPs"] = if is_empty(spec, "clusterIP") { json!([]) } else { json!([spec["clusterIP"]]) };
        }
        // Upstream lets a Service that has no use for an address have this one, which nobody notes.
        (false, _) if spec["type"] == "ExternalName" && is_empty(spec, "clusterIPs") && !is_empty(spec, "clusterIP") => {
            spec["clusterIPs"] = json!([spec["clusterIP"]]);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(old: Option<&Value>, mut spec: Value) -> Value {
        complete(old, &mut spec);
        spec
    }

    #[test]
    fn families_are_those_of_the_cluster_unless_nobody_routes() {
        let plain = given(None, json!({"type": "ClusterIP", "selector": {"a": "b"}}));
        assert_eq!((&plain["ipFamilies"], &plain["ipFamilyPolicy"]), (&json!(["IPv4"]), &json!("SingleStack")));
        let headless = given(None, json!({"type": "ClusterIP", "clusterIP": "None", "selector": {"a": "b"}}));
        assert_eq!((&headless["ipFamilies"], &headless["clusterIPs"]), (&json!(["IPv4"]), &json!(["None"])));
        let free = given(None, json!({"type": "ClusterIP", "clusterIP": "None"}));
        assert_eq!((&free["ipFamilies"], &free["ipFamilyPolicy"]), (&json!(["IPv4", "IPv6"]), &json!("RequireDualStack")));
        let impossible = json!({"type": "ClusterIP", "ipFamilies": ["IPv6"], "ipFamilyPolicy": "SingleStack"});
        assert_eq!(given(None, impossible.clone()), impossible);
        let outside = given(None, json!({"type": "ExternalName", "internalTrafficPolicy": "Cluster"}));
        assert_eq!(outside, json!({"type": "ExternalName"}));
    }

    #[test]
    fn an_update_may_ask_for_one_family() {
        let old = given(None, json!({"type": "ClusterIP", "clusterIP": "None"}));
        let mut one = old.clone();
        one["ipFamilyPolicy"] = json!("SingleStack");
        assert_eq!(given(Some(&old), one)["ipFamilies"], json!(["IPv4"]));
    }

    #[test]
    fn an_update_keeps_its_policy_and_may_clear_its_address() {
        let old = given(None, json!({"type": "ClusterIP", "ipFamilyPolicy": "PreferDualStack"}));
        assert_eq!(given(Some(&old), json!({"type": "ClusterIP", "clusterIP": old["clusterIP"]}))["ipFamilyPolicy"], "PreferDualStack");
        let mut other = old.clone();
        other["clusterIP"] = json!("10.96.9.9");
        assert_eq!(given(Some(&old), other)["clusterIPs"], json!(["10.96.9.9"]));
    }
}
