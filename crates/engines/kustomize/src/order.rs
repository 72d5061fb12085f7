//! In which order manifests come. Source: kustomize `api/internal/builtins/SortOrderTransformer.go`, `kyaml/resid/gvk.go`.

use std::cmp::Ordering;

use crate::error::{Result, fail};
use crate::id::{Gvk, Id};
use crate::kustomization::Sort;
use crate::list::List;
use crate::resource::Resource;

/// In which order manifests come where the kustomization does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they were read, as Flux has it.
    #[default]
    AsRead,
    /// By kind, as `kustomize build` has it.
    Legacy,
}

const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Sorts by what the root kustomization says, else by the caller's order.
pub(crate) fn sort(list: &mut List, asked: Option<&Sort>, order: Order) -> Result<()> {
    let Some(asked) = asked else {
        if order == Order::Legacy {
            legacy(list, &FIRST, &LAST);
        }
        return Ok(());
    };
    match (asked.order.as_str(), &asked.legacy) {
        ("legacy", None) => legacy(list, &FIRST, &LAST),
        ("legacy", Some((first, last))) => legacy(list, first, last),
        ("fifo", None) => {}
        ("fifo", Some(_)) => {
            return fail("the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'");
        }
        _ => return fail("the field 'sortOptions.order' must be one of [fifo, legacy]"),
    }
    Ok(())
}

fn legacy<T: AsRef<str>>(list: &mut List, first: &[T], last: &[T]) {
    struct Keyed {
        gvk: Gvk,
        rank: i64,
        text: String,
        resource: Resource,
    }
    let keyed = |resource: Resource| {
        let id = resource.id();
        Keyed { text: id_text(&id), rank: rank_of(&id.gvk.kind, first, last), gvk: id.gvk, resource }
    };
    let mut all: Vec<Keyed> = std::mem::take(&mut list.items).into_iter().map(keyed).collect();
    all.sort_by(|a, b| {
        if a.gvk == b.gvk {
            return a.text.cmp(&b.text);
        }
        a.rank.cmp(&b.rank).then_with(|| {
            let texts = a.gvk.sort_text().cmp(b.gvk.sort_text());
            // The core Namespace goes before those of other groups.
            let namespaces = a.gvk.kind == "Namespace" && b.gvk.kind == "Namespace" && (a.gvk.group.is_empty() || b.gvk.group.is_empty());
            if namespaces { texts.reverse() } else { texts }
        })
    });
    list.items = all.into_iter().map(|keyed| keyed.resource).collect();
}

fn rank_of<T: AsRef<str>>(kind: &str, first: &[T], last: &[T]) -> i64 {
    let place = |list: &[T]| list.iter().rposition(|known| known.as_ref() == kind).and_then(|at| i64::try_from(at).ok());
    if let Some(at) = place(last) {
        return at + 1;
    }
    let length = i64::try_from(first.len()).unwrap_or(i64::MAX);
    place(first).map_or(0, |at| at - length)
}

fn id_text(id: &Id) -> String {
    let namespace = if id.namespace.is_empty() { "~X" } else { &id.namespace };
    let name = if id.name.is_empty() { "~N" } else { &id.name };
    format!("{}|{namespace}|{name}", id.gvk)
}

/// How field specs and references are sorted.
pub(crate) fn compare_gvk(a: &Gvk, b: &Gvk) -> Ordering {
    rank_of(&a.kind, &FIRST, &LAST).cmp(&rank_of(&b.kind, &FIRST, &LAST)).then_with(|| a.sort_text().cmp(b.sort_text()))
}
