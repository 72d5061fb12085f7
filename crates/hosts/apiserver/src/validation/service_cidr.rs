//! ServiceCIDR: ranges of the addresses of Services. Follows kubernetes `pkg/apis/networking/validation/validation.go`.

use serde_json::Value;

use super::address::{self, Range};
use super::faults::{Faults, list};

const FIELD: &str = "spec.cidrs";

/// Checks the spec. What was there stays; to one range one of the other family may be added.
pub(crate) fn check(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    const WHY: &str = "field is immutable";
    let now = list(spec, "cidrs");
    let Some(before) = old.map(|old| list(old, "cidrs")) else { return ranges(spec, faults) };
    match (before, now) {
        (before, now) if before.len() == now.len() => {
            for (index, one) in now.iter().enumerate().filter(|(index, one)| before[*index] != **one) {
                faults.invalid(&format!("{FIELD}[{index}]"), one, WHY);
            }
        }
        ([before], [now, _]) => {
            if before != now {
                faults.invalid(&format!("{FIELD}[0]"), now, WHY);
            }
            ranges(spec, faults);
        }
        _ => faults.invalid(FIELD, spec.get("cidrs").unwrap_or(&Value::Null), WHY),
    }
}

fn ranges(spec: &Value, faults: &mut Faults) {
    let all = list(spec, "cidrs");
    if all.is_empty() {
        return faults.required(FIELD, "at least one CIDR required");
    }
    if all.len() > 2 {
        // The struct inside the server has no names of its own for JSON.
        return faults.wrong(FIELD, &format!("{{\"CIDRs\":{}}}: may only hold up to 2 values", spec["cidrs"]));
    }
    for (index, one) in all.iter().enumerate() {
        address::check_canonical_range(&format!("{FIELD}[{index}]"), one.as_str().unwrap_or_default(), faults);
    }
    let family = |one: &Value| one.as_str().and_then(Range::sloppy).map(Range::is_ipv4);
    if let [one, other] = all
        && family(one).is_some()
        && family(one) == family(other)
    {
        let why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
        faults.invalid(FIELD, &spec["cidrs"], why);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn there_is_one_range_of_each_family_and_it_stays() {
        let one = json!(["10.0.0.0/16"]);
        for (now, old, wanted) in [
            (json!(["10.0.0.0/16", "2001:db8::/64"]), None, vec![]),
            (json!(["10.0.0.0/16", "2001:db8::/64"]), Some(&one), vec![]),
            (json!([]), None, vec!["spec.cidrs: Required value: at least one CIDR required"]),
            (
                json!(["2001:DB8::/64"]),
                None,
                vec!["spec.cidrs[0]: Invalid value: \"2001:DB8::/64\": must be in canonical form (\"2001:db8::/64\")"],
            ),
            (
                json!(["x"]),
                None,
                vec!["spec.cidrs[0]: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"],
            ),
            (json!([]), Some(&one), vec!["spec.cidrs: Invalid value: []: field is immutable"]),
            (json!(["10.0.0.0/8"]), Some(&one), vec!["spec.cidrs[0]: Invalid value: \"10.0.0.0/8\": field is immutable"]),
        ] {
            let mut faults = Faults::default();
            check(&json!({"cidrs": now}), old.map(|old| json!({"cidrs": old})).as_ref(), &mut faults);
            assert_eq!(faults.0.iter().map(schema::Violation::sentence).collect::<Vec<_>>(), wanted);
        }
    }
}
