//! The kinds of the pipeline (Flux, Kargo, Argo's analysis, policies): what a cluster is told about them, and what of them is
//! not supported yet. They are written in files of our own notation, `types/*.types`; nothing else knows their fields.
//!
//! Read first: one of those files, then [`definitions`] and [`unsupported`].
//!
//! # The notation
//!
//! ```text
//! # A line that starts with # is a comment. A line that is indented deeper continues the one above it.
//! kind GitRepository source.toolkit.fluxcd.io/v1 Namespaced -- Files of a Git repository.
//!     # Words without a colon describe the kind: plural, short, categories, status (it is a subresource), column TYPE PATH NAME.
//!     plural gitrepositories
//!     column string .spec.url URL
//!     # Words with a colon are fields, here those of the root.
//!     spec: GitRepositorySpec
//!
//! type GitRepositorySpec -- What is fetched, and how often.
//!     url!: string /^(http|https|ssh)://.*$/ -- Where the repository is.
//!     -secretRef: LocalReference -- What opens it.
//!     provider: "generic" | -"aws" = "generic" -- Who vouches for us there.
//!     rule !has(self.secretRef) || self.provider == 'generic' -- secretRef needs the provider generic
//!
//! type LocalReference -- An object of the same namespace.
//!     name!: string
//! type Duration = string /^([0-9]+(s|m|h))+$/ -- A span of time.
//! ```
//!
//! - A field is `name: TYPE constraints -- description`. `!` after the name: required. Names that share everything share a line:
//!   `args, command: [string]`. Without a description of its own a field has its type's.
//! - **`-` means: not supported yet.** Before a field, before one value of an enumeration, before a kind that nothing acts on.
//!   The API server accepts it, because the original does; [`unsupported`] tells it, so that it is never ignored silently.
//! - TYPE is a named type, `string`, `boolean`, `integer`, `int32`, `int64`, `time`, `intOrString`, `object` (without known fields),
//!   `anyObject`, `any`; a list `[TYPE]`; a map `{TYPE}` from texts; or an enumeration of texts, `"a" | "b"`.
//! - Constraints: `/pattern/` (nothing is escaped), `= DEFAULT` (JSON without spaces), `length(1..253)`, `items(1..)`, `value(0..)`,
//!   `format(email)`; on lists `set`, `map(key,key)`; on lists and objects `atomic`. Two more are about support only and not part
//!   of a definition: `only("a","b")`, the texts that are supported; `needed`, we cannot do without, though the original can.
//! - `...Name` takes over the fields of a type. `rule CEL -- message` belongs to its type; indented deeper, to the field above it.
//! - A type with fields may be `atomic`, or `open`: the API server accepts anything there, as the original does; what is not
//!   listed is not supported, and [`unsupported`] tells values of another type too, for nobody else does.
//! - `type Name = TYPE constraints` names a constrained type, and may have rules.

mod library;
mod read;
mod schema;
mod support;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

use library::Library;
pub use support::Unsupported;

/// Each file by its name.
const FILES: &[(&str, &str)] = &[
    ("shared.types", include_str!("../../types/shared.types")),
    ("flux-shared.types", include_str!("../../types/flux-shared.types")),
    ("flux-source.types", include_str!("../../types/flux-source.types")),
    ("flux-kustomize.types", include_str!("../../types/flux-kustomize.types")),
    ("flux-helm.types", include_str!("../../types/flux-helm.types")),
    ("flux-notification.types", include_str!("../../types/flux-notification.types")),
    ("kargo-freight.types", include_str!("../../types/kargo-freight.types")),
    ("kargo-promotion.types", include_str!("../../types/kargo-promotion.types")),
    ("kargo-project.types", include_str!("../../types/kargo-project.types")),
    ("argo-analysis.types", include_str!("../../types/argo-analysis.types")),
    ("pod.types", include_str!("../../types/pod.types")),
    ("policy.types", include_str!("../../types/policy.types")),
];

static LIBRARY: LazyLock<Library> = LazyLock::new(|| read::library(FILES).expect("a test reads the same files"));

/// Returns the CustomResourceDefinition (`apiextensions.k8s.io/v1`) of every kind, in the order of the files.
pub fn definitions() -> &'static [Value] {
    static DEFINITIONS: LazyLock<Vec<Value>> = LazyLock::new(|| schema::definitions(&LIBRARY));
    &DEFINITIONS
}

/// Returns the API groups of all kinds.
pub fn groups() -> BTreeSet<&'static str> {
    LIBRARY.kinds.iter().map(|kind| kind.group.as_str()).collect()
}

/// Returns what an object asks for that is not supported yet, in the order of its fields; nothing about kinds that are not ours.
/// Its status is not looked at, nor is a value that changes nothing: null, false, zero, empty, or the default.
pub fn unsupported(object: &Value) -> Vec<Unsupported> {
    support::unsupported(&LIBRARY, object)
}

/// Returns everything that [`unsupported`] tells of an object in one line, if it tells anything.
pub fn refusal(object: &Value) -> Option<String> {
    let told = unsupported(object);
    let messages: Vec<&str> = told.iter().map(|found| found.message.as_str()).collect();
    (!told.is_empty()).then(|| messages.join("; "))
}
