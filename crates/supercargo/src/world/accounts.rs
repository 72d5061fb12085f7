//! As whom the roles act in the clusters of this world: a service account each, with the rights that `accounts.txt` lists.
//! Read first: that table, [`objects`].

use std::sync::LazyLock;

use model::Caller;
use serde_json::{Value, json};

const TABLE: &str = include_str!("accounts.txt");
const RBAC: &str = "rbac.authorization.k8s.io";

/// A service account of a role.
struct Account {
    namespace: &'static str,
    name: &'static str,
    /// The role of Kubernetes' own that it holds, where the table lists no rights.
    holds: Option<&'static str>,
    rights: Vec<Right>,
}

/// Something that an account may do.
struct Right {
    everywhere: bool,
    rule: Value,
}

static ACCOUNTS: LazyLock<Vec<Account>> = LazyLock::new(|| read(TABLE));

fn read(table: &'static str) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix("account ") {
            let (account, holds) = head.split_once(" = ").map_or((head, None), |(account, role)| (account, Some(role)));
            let (namespace, name) = account.split_once('/').expect("an account has a namespace");
            accounts.push(Account { namespace, name, holds, rights: Vec::new() });
        } else if let Some(account) = accounts.last_mut() {
            account.rights.push(right(line));
        }
    }
    accounts
}

fn right(line: &str) -> Right {
    let columns: Vec<Vec<&str>> = line.split('|').map(|column| column.split_whitespace().collect()).collect();
    let [place, groups, resources, verbs] = columns.as_slice() else { panic!("a right has four columns: {line}") };
    let groups: Vec<&str> = groups.iter().map(|group| if *group == "core" { "" } else { group }).collect();
    let everywhere = match place.as_slice() {
        ["each"] => true,
        ["home"] => false,
        _ => panic!("a right is for each cluster or for home: {line}"),
    };
    Right { everywhere, rule: json!({"apiGroups": groups, "resources": resources, "verbs": verbs}) }
}

/// Returns an account as API servers see it. Panics where the table has none of this name: every name is written in this program.
pub(super) fn caller(name: &str) -> Caller {
    let account = ACCOUNTS.iter().find(|account| account.name == name);
    let Account { namespace, name, .. } = account.unwrap_or_else(|| panic!("accounts.txt has no {name}"));
    let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}"), "system:authenticated".to_owned()];
    Caller { groups: groups.to_vec(), ..Caller::new(&format!("system:serviceaccount:{namespace}:{name}")) }
}

/// Returns what gives all accounts their rights in a cluster: namespaces, accounts, roles, bindings. An account that has none there
/// is not there.
pub(super) fn objects(home: bool) -> Vec<Value> {
    let mut namespaces: Vec<&str> = Vec::new();
    let mut objects = Vec::new();
    for account in ACCOUNTS.iter() {
        let rules: Vec<&Value> = account.rights.iter().filter(|right| right.everywhere || home).map(|right| &right.rule).collect();
        if rules.is_empty() && account.holds.is_none() {
            continue;
        }
        if !namespaces.contains(&account.namespace) {
            namespaces.push(account.namespace);
            objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": account.namespace}}));
        }
        objects.push(
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account.name, "namespace": account.namespace}}),
        );
        let own = format!("supercargo:{}", account.name);
        if account.holds.is_none() {
            objects.push(json!({"apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": {"name": own}, "rules": rules}));
        }
        objects.push(json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": own},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": account.holds.unwrap_or(&own)},
            "subjects": [{"kind": "ServiceAccount", "namespace": account.namespace, "name": account.name}],
        }));
    }
    objects
}

/// Something that an account may do, for whoever checks whether it needs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Granted {
    /// The account as API servers call it.
    pub user: String,
    /// Whether it holds in every cluster, or in Kargo's alone.
    pub everywhere: bool,
    /// The API group.
    pub group: String,
    /// The plural, with its subresource.
    pub resource: String,
    /// The verb.
    pub verb: String,
}

/// Returns every single right of the table; those of Kubernetes' own roles are not in it.
pub fn granted() -> Vec<Granted> {
    let words = |rule: &Value, name: &str| -> Vec<String> {
        rule[name].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut all = Vec::new();
    for account in ACCOUNTS.iter() {
        for Right { everywhere, rule } in &account.rights {
            for group in words(rule, "apiGroups") {
                for resource in words(rule, "resources") {
                    all.extend(words(rule, "verbs").into_iter().map(|verb| Granted {
                        user: caller(account.name).name,
                        everywhere: *everywhere,
                        group: group.clone(),
                        resource: resource.clone(),
                        verb,
                    }));
                }
            }
        }
    }
    all
}
