//! Who may do what: roles and bindings, read from the store into one snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// A role given to subjects.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    /// The binding itself: empty where it holds everywhere, and its name.
    namespace: String,
    name: String,
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
        let (namespace, name) = (meta(value, "namespace").to_owned(), meta(value, "name").to_owned());
        Self { namespace, name, subjects, cluster: text("kind") == "ClusterRole", role: text("name") }
    }

    fn binds(&self, caller: &Caller) -> bool {
        self.subject(caller).is_some()
    }

    /// Returns the first subject that is this caller.
    fn subject(&self, caller: &Caller) -> Option<&Value> {
        self.subjects.iter().find(|subject| {
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

/// Why somebody may do something.
pub(crate) enum Allowed<'a> {
    /// As one of those who may do everything.
    Master,
    /// By a rule of the role that a binding gives to a subject.
    By(&'a Binding, &'a Value),
}

impl Allowed<'_> {
    /// Says why, in the words of Kubernetes' authorizer (`kubernetes/kubernetes:pkg/registry/rbac/validation/rule.go`), which
    /// has none for those who may do everything.
    pub fn reason(&self) -> String {
        let Self::By(binding, subject) = self else { return String::new() };
        let text = |name: &str| subject.get(name).and_then(Value::as_str).unwrap_or_default();
        let (kind, name) = if binding.namespace.is_empty() {
            ("ClusterRoleBinding", binding.name.clone())
        } else {
            ("RoleBinding", format!("{}/{}", binding.name, binding.namespace))
        };
        let role = if binding.cluster { "ClusterRole" } else { "Role" };
        let who = match (text("kind"), text("namespace")) {
            ("ServiceAccount", "") => format!("{}/{}", text("name"), binding.namespace),
            ("ServiceAccount", namespace) => format!("{}/{namespace}", text("name")),
            _ => text("name").to_owned(),
        };
        format!("RBAC: allowed by {kind} {name:?} of {role} {:?} to {} {who:?}", binding.role, text("kind"))
    }
}

/// So many single rights are compared before somebody may grant them.
const MOST: usize = 100_000;

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
        self.decide(caller, wanted).is_some()
    }

    /// Returns why the caller may; `None` when they may not.
    pub fn decide(&self, caller: &Caller, wanted: &Attributes) -> Option<Allowed<'_>> {
        if is_master(caller) {
            return Some(Allowed::Master);
        }
        let local = self.bindings.get(&wanted.namespace).into_iter().flatten();
        self.cluster_bindings.iter().chain(local).find_map(|binding| {
            let subject = binding.subject(caller)?;
            let rules = self.of(binding.cluster, &binding.namespace, &binding.role);
            rules.iter().any(|rule| rule.allows(wanted)).then_some(Allowed::By(binding, subject))
        })
    }

    /// Returns the rules that hold for a caller in a namespace; empty means cluster-wide.
    pub fn rules<'a>(&'a self, caller: &'a Caller, namespace: &'a str) -> impl Iterator<Item = &'a Rule> {
        let cluster =
            self.cluster_bindings.iter().filter(|binding| binding.binds(caller)).flat_map(|binding| self.of(true, "", &binding.role));
        let local = self.bindings.get(namespace).into_iter().flatten().filter(|binding| binding.binds(caller));
        cluster.chain(local.flat_map(move |binding| self.of(binding.cluster, namespace, &binding.role)))
    }

    /// Tells whether there is such a role.
    pub fn knows(&self, cluster: bool, namespace: &str, name: &str) -> bool {
        if cluster { self.cluster_roles.contains_key(name) } else { self.roles.contains_key(&(namespace.to_owned(), name.to_owned())) }
    }

    /// Returns the rules of a role.
    pub fn of(&self, cluster: bool, namespace: &str, name: &str) -> &[Rule] {
        let found = if cluster { self.cluster_roles.get(name) } else { self.roles.get(&(namespace.to_owned(), name.to_owned())) };
        found.map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns what these rules grant and the caller does not have, in the words of a refusal. Whoever writes a role or
    /// binding must have it all, or else the verb `escalate` or `bind`
    /// (`kubernetes/kubernetes:pkg/registry/rbac/validation/rule.go`).
    pub fn missing(&self, caller: &Caller, namespace: &str, granted: &[Rule]) -> Vec<String> {
        if is_master(caller) {
            return Vec::new();
        }
        let one = |rule: &Rule| {
            let sizes = [rule.groups.len(), rule.resources.len(), rule.names.len().max(1)];
            let named = sizes.iter().fold(rule.verbs.len(), |all, size| all.saturating_mul(*size));
            named.saturating_add(rule.verbs.len().saturating_mul(rule.paths.len()))
        };
        if granted.iter().map(one).fold(0, usize::saturating_add) > MOST {
            return vec![format!("rules that name more than {MOST} rights are not compared")];
        }
        // What is missing of one resource is told in one line.
        let mut verbs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut lines: BTreeSet<String> = BTreeSet::new();
        let held = |wanted: &Attributes| self.rules(caller, namespace).any(|rule| rule.allows(wanted));
        for rule in granted {
            for (group, resource) in rule.groups.iter().flat_map(|group| rule.resources.iter().map(move |resource| (group, resource))) {
                let (plain, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                let names: Vec<&str> = if rule.names.is_empty() { vec![""] } else { rule.names.iter().map(String::as_str).collect() };
                for (verb, name) in rule.verbs.iter().flat_map(|verb| names.iter().map(move |name| (verb, *name))) {
                    // A wildcard in what is granted must be a wildcard in what is had, which comparing them as words demands.
                    let wanted = Attributes {
                        verb: verb.clone(),
                        group: group.clone(),
                        resource: plain.to_owned(),
                        subresource: subresource.to_owned(),
                        namespace: namespace.to_owned(),
                        name: name.to_owned(),
                        path: None,
                    };
                    if !held(&wanted) {
                        let only = if name.is_empty() { String::new() } else { format!(", ResourceNames:[{name:?}]") };
                        let known = verbs.entry(format!("APIGroups:[{group:?}], Resources:[{resource:?}]{only}")).or_default();
                        if !known.contains(&verb.as_str()) {
                            known.push(verb);
                        }
                    }
                }
            }
            for (path, verb) in rule.paths.iter().flat_map(|path| rule.verbs.iter().map(move |verb| (path, verb))) {
                let wanted = Attributes { verb: verb.clone(), path: Some(path.clone()), ..Attributes::default() };
                if !held(&wanted) {
                    lines.insert(format!("{{NonResourceURLs:[{path:?}], Verbs:[{verb:?}]}}"));
                }
            }
        }
        lines.extend(verbs.into_iter().map(|(what, verbs)| format!("{{{what}, Verbs:{}}}", quoted(&verbs))));
        lines.into_iter().collect()
    }
}

/// Writes a list of texts as Go's `%q` does.
pub(crate) fn quoted<T: AsRef<str>>(list: &[T]) -> String {
    format!("[{}]", list.iter().map(|one| format!("{:?}", one.as_ref())).collect::<Vec<_>>().join(" "))
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
