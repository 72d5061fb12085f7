use std::collections::BTreeMap;

use crate::Timestamp;

/// Who is calling a host in process. It travels in the request's extensions, never in a header that a client could set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The user name, such as `system:serviceaccount:flux-system:kustomize-controller` or `kargo`.
    pub name: String,
    /// The groups, such as `system:masters`.
    pub groups: Vec<String>,
    /// What tells this user from an earlier one of the same name; empty where nobody says.
    pub uid: String,
    /// What else is known of the caller, such as the scopes of a token.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Caller {
    /// Returns a caller without groups.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Returns a member of `system:masters`, who may do anything in a cluster. The uid is made of the name, as people do
    /// it in the token files of a Kubernetes API server.
    pub fn master(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            uid: format!("u-{name}"),
            groups: vec!["system:masters".to_owned(), "system:authenticated".to_owned()],
            ..Self::default()
        }
    }
}

/// Tells the time. Handed to the driver and to every host, so that a whole world can run under a simulated one.
pub trait Clock: Send + Sync {
    /// Returns the present moment.
    fn now(&self) -> Timestamp;
}
