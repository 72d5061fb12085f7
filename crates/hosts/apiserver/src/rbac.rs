//! Who may do what: roles and bindings, read from the store into one snapshot.

use std::collections::{BTreeMap, HashMap};

use model::Caller;
use serde_json::{Value, json};
use store::Store;

use crate::object::meta;

const ROOT: &str = "/registry/rbac.authorization.k8s.io/";

/// What somebody wants to do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    pub verb: String,
    pub group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    /// A path that names no resource; then only the verb counts besides.
    pub path: Option<String>,
}

impl Attributes {
    /// Says who cannot do what.
    pub fn refusal(&self, caller: &Caller) -> String {
        let user = &caller.name;
        if let Some(path) = &self.path {
            return format!("User {user:?} cannot {} path {path:?}", self.verb);
        }
        let resource = if self.subresource.is_empty() { self.resource.clone() } else { format!("{}/{}", self.resource, self.subresource) };
        let place =
            if self.namespace.is_empty() { "at the cluster scope".to_owned() } else { format!("in the namespace {:?}", self.namespace) };
        format!("User {user:?} cannot {} resource {resource:?} in API group {:?} {place}", self.verb, self.group)
    }
}

/// One rule of a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    pub verbs: Vec<String>,
    pub groups: Vec<String>,
    pub resources: Vec<String>,
    pub names: Vec<String>,
    pub paths: Vec<String>,
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == "*" || one == wanted)
}

impl Rule {
    /// Reads a rule of a Role.
    pub fn read(value: &Value) -> Self {
        let list = |name: &str| -> Vec<String> {
            value.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
        };
        Self {
            verbs: list("verbs"),
            groups: list("apiGroups"),
            resources: list("resources"),
            names: list("resourceNames"),
            paths: list("nonResourceURLs"),
        }
    }

    fn resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|one| match one.split_once('/') {
            None if subresource.is_empty() => one == "*" || one == resource,
            None => one == "*",
            Some((left, right)) => right == subresource && !subresource.is_empty() && (left == "*" || left == resource),
        })
    }

    pub fn allows(&self, wanted: &Attributes) -> bool {
        if !has(&self.verbs, &wanted.verb) {
            return false;
        }
        match &wanted.path {
            Some(path) => self.paths.iter().any(|one| match one.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => one == path,
            }),
            None => {
                has(&self.groups, &wanted.group)
                    && self.resource(&wanted.resource, &wanted.subresource)
                    && (self.names.is_empty() || self.names.contains(&wanted.name))
            }
        }
    }
}

#[derive(Debug, Clone)]
struct Binding {
    subjects: Vec<Value>,
    /// The bound role: whether it is a ClusterRole, and its name.
    cluster: bool,
    role: String,
}

impl Binding {
    fn read(value: &Value) -> Self {
        let reference = value.get("roleRef").cloned().unwrap_or_default();
        let text = |name: &str| reference.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let subjects = value.get("subjects").and_then(Value::as_array).cloned().unwrap_or_default();
        Self { subjects, cluster: text("kind") == "ClusterRole", role: text("name") }
    }

    fn binds(&self, caller: &Caller) -> bool {
        self.subjects.iter().any(|subject| {
            let text = |name: &str| subject.get(name).and_then(Value::as_str).unwrap_or_default();
            match text("kind") {
                "User" => text("name") == caller.name,
                "Group" => caller.groups.iter().any(|group| group == text("name")),
                "ServiceAccount" => {
                    caller.name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'))
                        == Some((text("namespace"), text("name")))
                }
                _ => false,
            }
        })
    }
}

/// All roles and bindings of a moment.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    cluster_roles: HashMap<String, Vec<Rule>>,
    roles: HashMap<(String, String), Vec<Rule>>,
    cluster_bindings: Vec<Binding>,
    bindings: BTreeMap<String, Vec<Binding>>,
}

impl Rules {
    /// Reads everything from the store.
    pub fn read(store: &Store) -> Self {
        let all = |plural: &str| -> Vec<Value> {
            store.scan(&format!("{ROOT}{plural}/")).0.iter().filter_map(|(_, entry)| serde_json::from_slice(&entry.value).ok()).collect()
        };
        let rules =
            |role: &Value| -> Vec<Rule> { role.get("rules").and_then(Value::as_array).into_iter().flatten().map(Rule::read).collect() };
        let cluster = all("clusterroles");
        let mut found = Self::default();
        for role in &cluster {
            found.cluster_roles.insert(meta(role, "name").to_owned(), rules(role));
        }
        for role in all("roles") {
            found.roles.insert((meta(&role, "namespace").to_owned(), meta(&role, "name").to_owned()), rules(&role));
        }
        found.cluster_bindings = all("clusterrolebindings").iter().map(Binding::read).collect();
        for binding in all("rolebindings") {
            found.bindings.entry(meta(&binding, "namespace").to_owned()).or_default().push(Binding::read(&binding));
        }
        found
    }

    /// Tells whether the caller may.
    pub fn allows(&self, caller: &Caller, wanted: &Attributes) -> bool {
        is_master(caller) || self.rules(caller, &wanted.namespace).any(|rule| rule.allows(wanted))
    }

    /// Returns the rules that hold for a caller in a namespace; empty means cluster-wide.
    pub fn rules<'a>(&'a self, caller: &'a Caller, namespace: &'a str) -> impl Iterator<Item = &'a Rule> {
        let cluster =
            self.cluster_bindings.iter().filter(|binding| binding.binds(caller)).flat_map(|binding| self.of(true, "", &binding.role));
        let local = self.bindings.get(namespace).into_iter().flatten().filter(|binding| binding.binds(caller));
        cluster.chain(local.flat_map(move |binding| self.of(binding.cluster, namespace, &binding.role)))
    }

    /// Returns the rules of a role.
    pub fn of(&self, cluster: bool, namespace: &str, name: &str) -> &[Rule] {
        let found = if cluster { self.cluster_roles.get(name) } else { self.roles.get(&(namespace.to_owned(), name.to_owned())) };
        found.map(Vec::as_slice).unwrap_or_default()
    }

    /// Tells whether the caller already has everything that these rules grant. Whoever writes a role or binding must, or else
    /// have the verb `escalate` or `bind`.
    pub fn cover(&self, caller: &Caller, namespace: &str, granted: &[Rule]) -> bool {
        is_master(caller) || granted.iter().all(|rule| self.covers(caller, namespace, rule))
    }

    fn covers(&self, caller: &Caller, namespace: &str, rule: &Rule) -> bool {
        let mut wanted = Vec::new();
        for verb in &rule.verbs {
            for path in &rule.paths {
                wanted.push(Attributes { verb: verb.clone(), path: Some(path.clone()), ..Attributes::default() });
            }
            for (group, resource) in rule.groups.iter().flat_map(|group| rule.resources.iter().map(move |resource| (group, resource))) {
                let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                let names: Vec<String> = if rule.names.is_empty() { vec![String::new()] } else { rule.names.clone() };
                wanted.extend(names.into_iter().map(|name| Attributes {
                    verb: verb.clone(),
                    group: group.clone(),
                    resource: resource.to_owned(),
                    subresource: subresource.to_owned(),
                    namespace: namespace.to_owned(),
                    name,
                    path: None,
                }));
            }
        }
        // A wildcard in what is granted must be a wildcard in what is had, which comparing them as words demands.
        wanted.iter().all(|one| self.rules(caller, namespace).any(|rule| rule.allows(one)))
    }
}

pub(crate) fn is_master(caller: &Caller) -> bool {
    caller.groups.iter().any(|group| group == "system:masters")
}

/// Writes a rule as SelfSubjectRulesReview shows it.
pub(crate) fn shown(rule: &Rule) -> Value {
    if rule.paths.is_empty() {
        let mut value = json!({"verbs": rule.verbs, "apiGroups": rule.groups, "resources": rule.resources});
        if !rule.names.is_empty() {
            value["resourceNames"] = json!(rule.names);
        }
        return value;
    }
    json!({"verbs": rule.verbs, "nonResourceURLs": rule.paths})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: Value, verb: &str, resource: &str, subresource: &str, name: &str, wanted: bool) {
        let attributes = Attributes {
            verb: verb.to_owned(),
            group: "apps".to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            name: name.to_owned(),
            ..Attributes::default()
        };
        assert_eq!(Rule::read(&rule).allows(&attributes), wanted, "{rule} {attributes:?}");
    }

    #[test]
    fn rules_allow_what_they_name() {
        let rule = || json!({"apiGroups": ["apps"], "resources": ["deployments", "*/scale"], "verbs": ["get"]});
        check(rule(), "get", "deployments", "", "x", true);
        check(rule(), "list", "deployments", "", "", false);
        check(rule(), "get", "deployments", "status", "x", false);
        check(rule(), "get", "replicasets", "scale", "x", true);
        check(json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}), "patch", "deployments", "status", "x", true);
        check(
            json!({"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["a"], "verbs": ["get"]}),
            "get",
            "deployments",
            "",
            "b",
            false,
        );
    }
}
