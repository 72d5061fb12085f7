//! Names of what is counted or measured. Follows kubernetes `pkg/apis/core/validation/validation.go` and
//! `pkg/apis/core/helper/helpers.go`.

use serde_json::json;

use super::faults::Faults;
use crate::names;

const STANDARD: &[&str] = &[
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "storage",
    "requests.storage",
];
const COUNTED: &[&str] = &[
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-") || name.starts_with("requests.hugepages-")
}

/// Tells whether a name belongs to Kubernetes.
pub(crate) fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Tells whether a name belongs to somebody else.
pub(crate) fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && names::key_faults(&format!("requests.{name}")).is_empty()
}

/// Tells whether quotas know a name.
pub(super) fn is_of_quotas(name: &str) -> bool {
    (name != "storage" && STANDARD.contains(&name)) || COUNTED.contains(&name) || is_huge_page(name)
}

/// Tells whether there may be more promised of a thing than there is.
pub(crate) fn may_be_promised_twice(name: &str) -> bool {
    is_native(name) && !name.starts_with("hugepages-")
}

/// Tells whether there are only whole ones.
pub(crate) fn is_whole(name: &str) -> bool {
    COUNTED.contains(&name) || is_extended(name)
}

/// Checks a name: it is one of Kubernetes' own, or says whose it is. Tells whether it is right.
pub(crate) fn standard(name: &str, field: &str, faults: &mut Faults) -> bool {
    let wrong = names::key_faults(name);
    wrong.iter().for_each(|why| faults.invalid(field, &json!(name), why));
    if wrong.is_empty() && !name.contains('/') && !STANDARD.contains(&name) && !COUNTED.contains(&name) && !is_huge_page(name) {
        faults.invalid(field, &json!(name), "must be a standard resource type or fully qualified");
        return false;
    }
    wrong.is_empty()
}

/// Checks the name of something that containers use.
pub(crate) fn of_containers(name: &str, field: &str, faults: &mut Faults) {
    standard(name, field, faults);
    let own = matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
    // Upstream counts the slashes, so that two are as good as one.
    if !name.contains('/') && !own {
        faults.invalid(field, &json!(name), "must be a standard resource for containers");
    } else if !is_native(name) && !is_extended(name) {
        faults.invalid(field, &json!(name), "doesn't follow extended resource name standard");
    }
}

/// Checks the name of something that a quota bounds.
pub(super) fn of_quota(name: &str, field: &str, faults: &mut Faults) {
    standard(name, field, faults);
    if !name.contains('/') && !is_of_quotas(name) {
        faults.invalid(field, &json!(name), "must be a standard resource for quota");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_standard_or_qualified() {
        type Rule = fn(&str, &str, &mut Faults);
        let plain: Rule = |name, field, faults| {
            standard(name, field, faults);
        };
        let rules: [(Rule, &str, &[&str]); 9] = [
            (plain, "cpu", &[]),
            (plain, "example.com/gpu", &[]),
            (plain, "a", &["must be a standard resource type or fully qualified"]),
            (of_containers, "hugepages-2Mi", &[]),
            (of_containers, "pods", &["must be a standard resource for containers"]),
            (of_containers, "requests.a/b", &["doesn't follow extended resource name standard"]),
            (of_quota, "count/foos.example.com", &[]),
            (of_quota, "storage", &["must be a standard resource for quota"]),
            (of_quota, "a", &["must be a standard resource type or fully qualified", "must be a standard resource for quota"]),
        ];
        for (rule, name, wanted) in rules {
            let mut faults = Faults::default();
            rule(name, "f", &mut faults);
            let wanted: Vec<String> = wanted.iter().map(|why| format!("f: Invalid value: {name:?}: {why}")).collect();
            assert_eq!(faults.0.iter().map(schema::Violation::sentence).collect::<Vec<_>>(), wanted);
        }
    }
}
