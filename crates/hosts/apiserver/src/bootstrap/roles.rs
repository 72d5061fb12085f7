//! The roles that every cluster has and who holds them, read from their table.

use serde_json::{Value, json};

const TABLE: &str = include_str!("roles.txt");
const GROUP: &str = "rbac.authorization.k8s.io";
const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];

/// Returns the roles.
pub(super) fn roles() -> Vec<Value> {
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
    let mut object = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRole", "rules": [], "metadata": metadata(words.next().unwrap_or_default()),
    });
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

/// Returns who holds the roles.
pub(super) fn bindings() -> Vec<Value> {
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
