//! The roles that every cluster has and who holds them, read from their table.

use serde_json::{Value, json};

const TABLE: &str = include_str!("roles.txt");
const GROUP: &str = "rbac.authorization.k8s.io";
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
    let mut object = json!({"apiVersion": format!("{GROUP}/v1"), "kind": kind, "rules": [], "metadata": metadata(name)});
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
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    })
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
    let lock = |name: &str, user_name: &str, account_name: &str| bind(name, name, vec![user(user_name), account(account_name)]);
    vec![
        bind(
            "system::extension-apiserver-authentication-reader",
            "extension-apiserver-authentication-reader",
            vec![user(manager), user(scheduler)],
        ),
        lock("system::leader-locking-kube-controller-manager", manager, "kube-controller-manager"),
        lock("system::leader-locking-kube-scheduler", scheduler, "kube-scheduler"),
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
        assert!(roles.iter().flat_map(|role| role["rules"].as_array().expect("a list")).all(|rule| rule["verbs"] != json!([])));
        let scheduler = roles.iter().find(|role| role["metadata"]["name"] == "system:kube-scheduler").expect("is there");
        assert_eq!(scheduler["rules"][2]["resourceNames"], json!(["kube-scheduler"]));
    }
}
