//! Flux's kinds.

mod git_repository;
mod kustomization;
mod oci_repository;
mod signed;
mod trees;

pub use git_repository::GitRepository;
pub use kustomization::Kustomization;
pub use oci_repository::OciRepository;

/// The API version of sources.
pub(crate) const SOURCE: &str = "source.toolkit.fluxcd.io/v1";
/// The API version of Kustomizations.
pub(crate) const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io/v1";
/// Where source-controller serves archives, in every cluster.
pub(crate) const ARCHIVES: &str = "http://source-controller.flux-system.svc.cluster.local./";

/// Returns the name of the object that a key means.
pub(crate) fn reference(api_version: &str, kind: &str, key: &crate::controller::Key) -> model::ObjectRef {
    model::ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
    }
}
