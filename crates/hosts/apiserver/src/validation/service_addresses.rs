//! Addresses of a Service and their families: those that it has, those that it asks for. The cluster is IPv4's.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` and `pkg/registry/core/service/storage/alloc.go`.

use serde_json::{Value, json};

use super::faults::{Faults, list, set, text};
use super::service::is_headless;
use super::{address, faults};

const ADDRESSES: &str = "spec.clusterIPs";
const FAMILIES: &str = "spec.ipFamilies";
const POLICY: &str = "spec.ipFamilyPolicy";
const STAYS: &str = "may not change once set";
const POLICIES: &[&str] = &["PreferDualStack", "RequireDualStack", "SingleStack"];

fn is_outside(spec: &Value) -> bool {
    text(spec, "type") == "ExternalName"
}

fn shown<'a>(spec: &'a Value, name: &str) -> &'a Value {
    set(spec, name).unwrap_or(&Value::Null)
}

/// Says why a Service cannot be given addresses, which is asked before everything else.
pub(crate) fn unavailable(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    if is_outside(spec) {
        return;
    }
    related(spec, old.unwrap_or(&Value::Null), faults);
    if !faults.0.is_empty() {
        return;
    }
    let (addresses, families) = (list(spec, "clusterIPs"), list(spec, "ipFamilies"));
    single(spec, old, faults);
    for (index, one) in addresses.iter().enumerate().skip(families.len()) {
        if one.as_str().and_then(address::sloppy).is_some_and(|address| address.is_ipv6()) {
            faults.invalid(&format!("{ADDRESSES}[{index}]"), &json!(addresses), "IPv6 is not configured on this cluster");
        }
    }
    // Whoever has neither an address nor Pods of its own may have both families.
    let free = text(spec, "clusterIP") == "None" && set(spec, "selector").is_none();
    if !faults.0.is_empty() || free {
        return;
    }
    if text(spec, "ipFamilyPolicy") == "RequireDualStack" {
        faults.invalid(POLICY, shown(spec, "ipFamilyPolicy"), "this cluster is not configured for dual-stack services");
    }
    for (index, family) in families.iter().enumerate().filter(|(_, family)| **family != json!("IPv4")) {
        faults.invalid(&format!("{FAMILIES}[{index}]"), family, "not configured on this cluster");
    }
}

/// Tells whether what a Service asks for is something that the cluster has.
pub(crate) fn can_be_given(spec: &Value, old: Option<&Value>) -> bool {
    let mut faults = Faults::default();
    unavailable(spec, old, &mut faults);
    faults.0.is_empty()
}

/// What a Service of one family may not ask for, and what only such a one may give back.
fn single(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    let policy = shown(spec, "ipFamilyPolicy");
    let several = |spec: &Value, name: &str| list(spec, name).len() == 2;
    let both = [("clusterIPs", "cluster IPs", "cluster IP"), ("ipFamilies", "IP families", "IP family")];
    for (name, many, one) in both {
        if *policy == json!("SingleStack") {
            if several(spec, name) {
                let why = format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {many} are specified");
                faults.invalid(POLICY, policy, &why);
            }
        } else if old.is_some_and(|old| several(old, name)) && list(spec, name).len() == 1 {
            faults.invalid(POLICY, policy, &format!("must be 'SingleStack' to release the secondary {one}"));
        }
    }
}

/// Checks addresses, families and policy by themselves and against each other.
pub(super) fn related(spec: &Value, old: &Value, faults: &mut Faults) {
    if is_outside(spec) {
        return;
    }
    let (one, all) = (text(spec, "clusterIP"), list(spec, "clusterIPs"));
    match (one, all.first()) {
        ("", Some(_)) => faults.invalid(ADDRESSES, &json!(all), "must be empty when `clusterIP` is not specified"),
        ("", None) => {}
        (_, None) => faults.required(ADDRESSES, ""),
        (one, Some(first)) if *first != json!(one) => faults.invalid(ADDRESSES, &json!(all), "first value must match `clusterIP`"),
        _ => {}
    }
    families(spec, faults);
    if valid(all, old, faults) {
        stacked(spec, all, faults);
    }
}

fn families(spec: &Value, faults: &mut Faults) {
    let mut seen = Vec::new();
    for (index, family) in list(spec, "ipFamilies").iter().enumerate() {
        let field = format!("{FAMILIES}[{index}]");
        if !matches!(family.as_str(), Some("IPv4" | "IPv6")) {
            faults.not_supported(&field, family, &["IPv4", "IPv6"]);
        }
        if seen.contains(&family) {
            faults.duplicate(&field, family);
        }
        seen.push(family);
    }
    if let Some(policy) = set(spec, "ipFamilyPolicy").filter(|policy| !POLICIES.contains(&policy.as_str().unwrap_or_default())) {
        faults.not_supported(POLICY, policy, POLICIES);
    }
}

/// Checks each address; returns whether all of them are some.
fn valid(all: &[Value], old: &Value, faults: &mut Faults) -> bool {
    let known: Vec<&str> = list(old, "clusterIPs").iter().filter_map(Value::as_str).collect();
    let mut valid = true;
    for (index, one) in all.iter().enumerate() {
        if index == 0 && *one == json!("None") {
            if all.len() > 1 {
                valid = false;
                faults.invalid(ADDRESSES, &json!(all), "'None' must be the first and only value");
            }
            continue;
        }
        valid &= address::check(&format!("{ADDRESSES}[{index}]"), one.as_str().unwrap_or_default(), &known, faults);
    }
    if all.len() > 2 {
        faults.invalid(ADDRESSES, &json!(all), "may only hold up to 2 values");
    }
    valid
}

fn stacked(spec: &Value, all: &[Value], faults: &mut Faults) {
    let six: Vec<bool> = all.iter().map(|one| one.as_str().and_then(address::sloppy).is_some_and(|address| address.is_ipv6())).collect();
    if all.len() > 1 && six.iter().all(|one| *one == six[0]) {
        faults.invalid(ADDRESSES, &json!(all), "may specify no more than one IP for each IP family");
    }
    if is_headless(spec) {
        return;
    }
    for (index, (family, six)) in list(spec, "ipFamilies").iter().zip(six).enumerate() {
        if matches!((family.as_str(), six), (Some("IPv4"), true) | (Some("IPv6"), false)) {
            let why = format!("expected an {} value as indicated by `ipFamilies[{index}]`", family.as_str().unwrap_or_default());
            faults.invalid(&format!("{ADDRESSES}[{index}]"), &all[index], &why);
        }
    }
}

/// Checks that the first address and family stay what they were.
pub(super) fn changed(spec: &Value, old: &Value, faults: &mut Faults) {
    if is_outside(spec) || is_outside(old) {
        return;
    }
    match (is_headless(old), is_headless(spec)) {
        (true, true) => {}
        (false, false) => {
            list_changed(spec, old, "clusterIPs", faults);
            list_changed(spec, old, "ipFamilies", faults);
        }
        _ => list_changed(spec, old, "clusterIPs", faults),
    }
}

fn list_changed(spec: &Value, old: &Value, name: &str, faults: &mut Faults) {
    let (now, before) = (faults::list(spec, name), faults::list(old, name));
    let field = |index: usize| format!("spec.{name}[{index}]");
    // Upstream tells of addresses where families have become more or fewer.
    let seen = shown(spec, if now.len() == before.len() { name } else { "clusterIPs" });
    if now.len() == before.len() {
        for (index, _) in before.iter().enumerate().filter(|(index, one)| now[*index] != **one) {
            faults.invalid(&field(if name == "ipFamilies" { 0 } else { index }), seen, STAYS);
        }
        return;
    }
    if list(spec, "clusterIPs").is_empty() && before.len() > now.len() {
        let what = if name == "clusterIPs" { "clusterIP" } else { "ipFamily" };
        faults.invalid(&field(0), shown(spec, name), &format!("primary {what} can not be unset"));
    }
    if let (Some(now), Some(before)) = (now.first(), before.first())
        && now != before
    {
        faults.invalid(&field(0), seen, STAYS);
    }
    if before.len() > now.len() && now.len() == 1 && text(spec, "ipFamilyPolicy") != "SingleStack" {
        let what = if name == "clusterIPs" { "clusterIP" } else { "ipFamily" };
        let why = format!("must be set to 'SingleStack' when releasing the secondary {what}");
        faults.invalid(POLICY, shown(spec, "ipFamilyPolicy"), &why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(spec: Value) -> Vec<String> {
        let mut faults = Faults::default();
        unavailable(&spec, None, &mut faults);
        faults.0.iter().map(schema::Violation::sentence).collect()
    }

    #[test]
    fn what_is_asked_for_can_be_given() {
        for valid in [
            json!({"clusterIP": "10.96.0.5", "clusterIPs": ["10.96.0.5"], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "PreferDualStack"}),
            json!({"clusterIP": "None", "clusterIPs": ["None"], "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"}),
            json!({"type": "ExternalName", "ipFamilyPolicy": "RequireDualStack"}),
        ] {
            assert!(told(valid).is_empty());
        }
        for (spec, wanted) in [
            (
                json!({"clusterIPs": ["10.0.0.1"]}),
                "clusterIPs: Invalid value: [\"10.0.0.1\"]: must be empty when `clusterIP` is not specified",
            ),
            (
                json!({"clusterIP": "x", "clusterIPs": ["x"]}),
                "clusterIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ),
            (json!({"ipFamilies": ["IPv4", "IPv4"]}), "ipFamilies[1]: Duplicate value: \"IPv4\""),
            (json!({"ipFamilies": ["IPv6"]}), "ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster"),
            (
                json!({"ipFamilyPolicy": "RequireDualStack"}),
                "ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services",
            ),
            (
                json!({"ipFamilyPolicy": ""}),
                "ipFamilyPolicy: Unsupported value: \"\": supported values: \"PreferDualStack\", \"RequireDualStack\", \"SingleStack\"",
            ),
        ] {
            assert_eq!(told(spec), [format!("spec.{wanted}")]);
        }
    }

    #[test]
    fn what_it_has_stays() {
        let of = |address: &str| json!({"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address], "ipFamilies": ["IPv4"]});
        let told = |now: &Value| {
            let mut faults = Faults::default();
            changed(now, &of("10.96.0.5"), &mut faults);
            faults.0.iter().map(schema::Violation::sentence).collect::<Vec<_>>()
        };
        assert!(told(&of("10.96.0.5")).is_empty());
        assert_eq!(told(&of("10.96.0.6")), ["spec.clusterIPs[0]: Invalid value: [\"10.96.0.6\"]: may not change once set"]);
        assert!(told(&json!({"type": "ExternalName"})).is_empty());
    }
}
