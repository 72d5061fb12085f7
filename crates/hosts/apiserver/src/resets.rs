//! Which fields an endpoint ignores, and so gives nobody: kubernetes `pkg/registry/**/strategy.go` `GetResetFields`, and
//! apiextensions-apiserver `pkg/registry/customresource/status_strategy.go`.

use patch::FieldSet;

/// What is ignored, by endpoint.
pub(crate) struct Resets {
    main: FieldSet,
    status: FieldSet,
    approval: FieldSet,
}

/// Kinds whose metadata, too, is not to be changed through the status.
const BARE_STATUS: [(&str, &str); 8] = [
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("resource.k8s.io", "ResourceClaim"),
    ("storage.k8s.io", "VolumeAttachment"),
];

fn set(paths: &[&[&str]]) -> FieldSet {
    let mut all = FieldSet::default();
    paths.iter().for_each(|path| all.union(&FieldSet::path(path)));
    all
}

impl Resets {
    /// Returns what is ignored of one of Kubernetes' own kinds.
    pub fn builtin(group: &str, kind: &str, status: bool) -> Self {
        let main = match (group, kind) {
            ("certificates.k8s.io", "CertificateSigningRequest") => set(&[&["spec"], &["status"]]),
            _ if status => set(&[&["status"]]),
            _ => FieldSet::default(),
        };
        let status = match (group, kind) {
            ("apps", "Deployment") => set(&[&["spec"], &["metadata", "labels"]]),
            ("", "Pod") => set(&[&["spec"], &["metadata", "deletionTimestamp"], &["metadata", "ownerReferences"]]),
            ("certificates.k8s.io", "CertificateSigningRequest") => set(&[&["spec"], &["status", "conditions"]]),
            _ if BARE_STATUS.contains(&(group, kind)) => set(&[&["spec"], &["metadata"]]),
            _ => set(&[&["spec"]]),
        };
        Self { main, status, approval: set(&[&["spec"], &["status", "certificate"]]) }
    }

    /// Returns what is ignored of a kind of a CustomResourceDefinition. Other fields than the usual ones are put back, too, when
    /// they come with a status, but whoever writes them owns them as upstream.
    pub fn custom(status: bool) -> Self {
        let main = if status { set(&[&["status"]]) } else { FieldSet::default() };
        Self { main, status: set(&[&["apiVersion"], &["kind"], &["metadata"], &["spec"]]), approval: FieldSet::default() }
    }

    /// Tells whether the metadata is not to be changed through the status.
    pub fn keeps_metadata(&self) -> bool {
        self.status.children.get("f:metadata").is_some_and(|metadata| metadata.member)
    }

    /// Returns what is ignored through an endpoint; empty is the main one.
    pub fn at(&self, subresource: &str) -> &FieldSet {
        match subresource {
            "status" => &self.status,
            "approval" => &self.approval,
            _ => &self.main,
        }
    }
}
