//! The roles that every cluster has and who holds them, read from their table.

use serde_json::{Value, json};

use crate::object::pairs;

const TABLE: &str = include_str!("roles.txt");
const GROUP: &str = "rbac.authorization.k8s.io";
const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];

/// Returns the roles, and who holds them.
pub(super) fn all() -> impl Iterator<Item = Value> {
    roles().into_iter().chain(bindings()).chain(local_bindings())
}

fn roles() -> Vec<Value> {
    let mut roles: Vec<Value> = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix("role ") {
            roles.push(role(head));
        } else if let Some(Value::Array(rules)) = roles.last_mut().and_then(|role| role.get_mut("rules")) {
            rules.push(rule(line));
        }
    }
    roles
}

fn role(head: &str) -> Value {
    let mut words = head.split(' ');
    let name = words.next().unwrap_or_default();
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    let kind = if namespace.is_empty() { "ClusterRole" } else { "Role" };
    let mut object = json!({"apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": metadata(name)});
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = json!(namespace);
    }
    for word in words {
        let label = |name: &str| format!("{GROUP}/aggregate-to-{name}");
        if let Some(name) = word.strip_prefix('+') {
            object["metadata"]["labels"][label(name)] = json!("true");
        } else if let Some(name) = word.strip_prefix('<') {
            object["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {label(name): "true"}}]});
        }
    }
    if object.get("aggregationRule").is_none() {
        object["rules"] = json!([]);
    }
    object
}

fn rule(line: &str) -> Value {
    let columns: Vec<Vec<&str>> = line.split('|').map(|column| column.split_whitespace().collect()).collect();
    match &columns[..] {
        [paths, verbs] => json!({"nonResourceURLs": paths, "verbs": verbs}),
        [groups, resources, verbs, names @ ..] => {
            let groups: Vec<&str> = groups.iter().map(|group| if *group == "core" { "" } else { group }).collect();
            let mut verbs: Vec<&str> = verbs
                .iter()
                .flat_map(|verb| match *verb {
                    "read" => READ.to_vec(),
                    "write" => WRITE.to_vec(),
                    "both" => [READ, WRITE].concat(),
                    other => vec![other],
                })
                .collect();
            verbs.sort_unstable();
            let mut rule = json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
            if let Some(names) = names.first() {
                rule["resourceNames"] = json!(names);
            }
            rule
        }
        _ => json!({"verbs": []}),
    }
}

fn metadata(name: &str) -> Value {
    json!({
        "name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {AUTOUPDATE: "true"},
    })
}

/// Returns a role, or who holds it, with what it lacks of what it should be; none where it lacks nothing, or where somebody has said
/// that it stays as it is (`kubernetes/kubernetes:pkg/registry/rbac/reconciliation`). What it has beyond that stays.
pub(super) fn mended(stands: &Value, wanted: &Value) -> Option<Value> {
    let mut new = stands.clone();
    if pairs(stands, "annotations").and_then(|all| all.get(AUTOUPDATE)) == Some(&json!("false")) {
        return None;
    }
    for part in ["labels", "annotations"] {
        for (name, value) in pairs(wanted, part).into_iter().flatten() {
            let place = &mut new["metadata"][part];
            if !place.is_object() {
                *place = json!({});
            }
            place[name] = value.clone();
        }
    }
    // Where a role takes its rules from others, those are mended.
    let lists: [(&str, fn(&Value, &Value) -> bool); 2] = [("rules", covers), ("subjects", |one, wanted| one == wanted)];
    for (name, holds) in lists {
        for item in wanted.get(name).and_then(Value::as_array).into_iter().flatten() {
            let place = &mut new[name];
            match place.as_array_mut() {
                Some(list) if list.iter().any(|one| holds(one, item)) => {}
                Some(list) => list.push(item.clone()),
                None => *place = json!([item]),
            }
        }
    }
    (new != *stands).then_some(new)
}

/// Tells whether a rule allows all that another one does.
fn covers(rule: &Value, wanted: &Value) -> bool {
    let list = |rule: &Value, name: &str| rule.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let all = ["apiGroups", "resources", "verbs", "nonResourceURLs"].iter().all(|name| {
        let has = list(rule, name);
        list(wanted, name).iter().all(|one| has.contains(one) || has.contains(&json!("*")))
    });
    let names = list(rule, "resourceNames");
    let asked = list(wanted, "resourceNames");
    all && (names.is_empty() || (!asked.is_empty() && asked.iter().all(|one| names.contains(one))))
}

/// Returns who holds the roles of one namespace.
fn local_bindings() -> Vec<Value> {
    let user = |name: &str| json!({"apiGroup": GROUP, "kind": "User", "name": name});
    let account = |name: &str| json!({"kind": "ServiceAccount", "name": name, "namespace": "kube-system"});
    let bind = |name: &str, role: &str, subjects: Vec<Value>| {
        let mut metadata = metadata(name);
        metadata["namespace"] = json!("kube-system");
        json!({
            "apiVersion": format!("{GROUP}/v1"), "kind": "RoleBinding", "metadata": metadata, "subjects": subjects,
            "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": role},
        })
    };
    let (manager, scheduler) = ("system:kube-controller-manager", "system:kube-scheduler");
    let lock = |name: &str, subjects: Vec<Value>| bind(name, name, subjects);
    vec![
        bind(
            "system::extension-apiserver-authentication-reader",
            "extension-apiserver-authentication-reader",
            vec![user(manager), user(scheduler)],
        ),
        lock(
            "system::leader-locking-kube-controller-manager",
            vec![user(manager), account("kube-controller-manager"), account("leader-election-controller")],
        ),
        lock("system::leader-locking-kube-scheduler", vec![user(scheduler), account("kube-scheduler")]),
    ]
}

/// Returns who holds the roles of the cluster.
fn bindings() -> Vec<Value> {
    let named = |kind: &str, name: &str| json!({"apiGroup": GROUP, "kind": kind, "name": name});
    let groups = |names: &[&str]| names.iter().map(|name| named("Group", name)).collect::<Vec<_>>();
    let user = |name: &str| vec![named("User", name)];
    let bind = |role: &str, subjects: Vec<Value>| {
        let mut binding = json!({
            "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRoleBinding", "metadata": metadata(role),
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
        });
        if !subjects.is_empty() {
            binding["subjects"] = json!(subjects);
        }
        binding
    };
    vec![
        bind("cluster-admin", groups(&["system:masters"])),
        bind("system:basic-user", groups(&["system:authenticated"])),
        bind("system:discovery", groups(&["system:authenticated"])),
        bind("system:kube-controller-manager", user("system:kube-controller-manager")),
        bind("system:kube-dns", vec![json!({"kind": "ServiceAccount", "name": "kube-dns", "namespace": "kube-system"})]),
        bind("system:kube-scheduler", user("system:kube-scheduler")),
        bind("system:monitoring", groups(&["system:monitoring"])),
        bind("system:node", Vec::new()),
        bind("system:node-proxier", user("system:kube-proxy")),
        bind("system:public-info-viewer", groups(&["system:authenticated", "system:unauthenticated"])),
        bind("system:service-account-issuer-discovery", groups(&["system:serviceaccounts"])),
        bind("system:volume-scheduler", user("system:kube-scheduler")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let roles = roles();
        assert_eq!(roles.len(), TABLE.lines().filter(|line| line.starts_with("role ")).count());
        let edit = roles.iter().find(|role| role["metadata"]["name"] == "system:aggregate-to-edit").expect("is there");
        assert_eq!(edit["rules"][1], json!({"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]}));
        assert!(roles.iter().filter_map(|role| role["rules"].as_array()).flatten().all(|rule| rule["verbs"] != json!([])));
        let scheduler = roles.iter().find(|role| role["metadata"]["name"] == "system:kube-scheduler").expect("is there");
        assert_eq!(scheduler["rules"][2]["resourceNames"], json!(["kube-scheduler"]));
    }

    #[test]
    fn what_a_role_lacks_is_added() {
        let rule = |verbs: &[&str], names: &[&str]| {
            let mut rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": verbs});
            if !names.is_empty() {
                rule["resourceNames"] = json!(names);
            }
            rule
        };
        let role = |rules: &[Value]| json!({"metadata": metadata("r"), "rules": rules});
        let wanted = role(&[rule(&["get"], &[])]);
        assert_eq!(mended(&role(&[rule(&["*"], &[])]), &wanted), None);
        let own = [rule(&["delete"], &[]), rule(&["get"], &["a"])];
        assert_eq!(mended(&role(&own), &wanted), Some(role(&[own[0].clone(), own[1].clone(), rule(&["get"], &[])])));
        let mut kept = role(&[]);
        kept["metadata"]["annotations"][AUTOUPDATE] = json!("false");
        assert_eq!(mended(&kept, &wanted), None);
        let bare = json!({"metadata": {"name": "r"}, "rules": wanted["rules"]});
        assert_eq!(mended(&bare, &wanted).expect("is labelled")["metadata"]["labels"], wanted["metadata"]["labels"]);
        let binding = json!({"metadata": metadata("b")});
        let held = json!({"metadata": metadata("b"), "subjects": [{"kind": "User", "name": "u"}]});
        assert_eq!(mended(&binding, &held), Some(held));
    }
}
