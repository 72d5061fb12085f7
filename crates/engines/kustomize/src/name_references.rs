//! Names that follow the resources they refer to. Source: kustomize `api/internal/accumulator/namereferencetransformer.go`,
//! `api/filters/nameref/nameref.go`.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::config::{FieldSpec, NameReference};
use crate::error::{Result, Wrap as _, fail};
use crate::fieldspec::{Create, apply_to_any, set_scalar};
use crate::id::{Gvk, Id};
use crate::list::List;
use crate::resource::{Affixes, Resource};
use crate::value::{is_null, is_text, is_untyped, text, text_at};

/// What is known of a resource that may be referred to.
struct Candidate {
    id: Id,
    previous: Vec<Id>,
    affixes: Affixes,
}

/// All resources as they are before any field is rewritten.
struct References {
    candidates: Vec<Candidate>,
    by_name: HashMap<String, Vec<usize>>,
    /// What had a namespace at first.
    by_namespace: HashMap<String, Vec<usize>>,
}

/// Rewrites every field that refers to a resource by an earlier name.
pub(crate) fn transform(list: &mut List, references: &[NameReference]) -> Result<()> {
    let candidate =
        |resource: &Resource| Candidate { id: resource.id(), previous: resource.previous_ids(), affixes: resource.notes.affixes.clone() };
    let candidates: Vec<Candidate> = list.items.iter().map(candidate).collect();
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    let mut by_namespace: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let original = candidate.previous.first().unwrap_or(&candidate.id);
        by_namespace.entry(original.effective_namespace().to_owned()).or_default().push(at);
        let names: HashSet<&String> = candidate.previous.iter().map(|id| &id.name).collect();
        names.into_iter().for_each(|name| by_name.entry(name.clone()).or_default().push(at));
    }
    let all = References { candidates, by_name, by_namespace };
    // Which fields are followed depends on the kind, and there are few kinds.
    let mut of_kind: HashMap<&Gvk, Vec<(&FieldSpec, &Gvk)>> = HashMap::new();
    for (at, resource) in list.items.iter_mut().enumerate() {
        let candidate = &all.candidates[at];
        let original = &candidate.previous.first().unwrap_or(&candidate.id).gvk;
        let followed = of_kind.entry(original).or_insert_with(|| {
            let specs = references.iter().flat_map(|reference| reference.referrers.iter().map(|spec| (spec, &reference.target)));
            specs.filter(|(spec, _)| original.selected_by(&spec.gvk)).collect()
        });
        let (namespaces, role) = (subject_namespaces(resource)?, role_kind(&resource.value));
        let referrer = Referrer { all: &all, id: &candidate.id, affixes: &candidate.affixes, namespaces, role };
        for (spec, target) in followed {
            referrer.follow(&mut resource.value, spec, target)?;
        }
    }
    Ok(())
}

struct Referrer<'a> {
    all: &'a References,
    id: &'a Id,
    affixes: &'a Affixes,
    /// The kind that `roleRef` names.
    role: Option<Gvk>,
    /// Namespaces of the service accounts that a RoleBinding names.
    namespaces: HashSet<String>,
}

impl Referrer<'_> {
    fn follow(&self, value: &mut Value, spec: &FieldSpec, target: &Gvk) -> Result<()> {
        // The kind may have changed since; the field is looked for all the same.
        apply_to_any(value, spec, Create::Nothing, &mut |place| self.rewrite(place, spec, target))
            .wrap(|| format!("updating name reference in '{}' field of '{}'", spec.path, self.id))
    }

    fn rewrite(&self, place: &mut Value, spec: &FieldSpec, target: &Gvk) -> Result<()> {
        match place {
            value if is_null(value) => Ok(()),
            Value::Object(_) => self.rewrite_map(place, spec, target),
            Value::Array(items) => items.iter_mut().try_for_each(|item| match item {
                Value::Object(_) => self.rewrite_map(item, spec, target),
                item if item.is_array() => fail("node must be a scalar, sequence or map"),
                item => self.rewrite_scalar(item, spec, target),
            }),
            place => self.rewrite_scalar(place, spec, target),
        }
    }

    fn rewrite_scalar(&self, place: &mut Value, spec: &FieldSpec, target: &Gvk) -> Result<()> {
        let old = text(place);
        let Some(at) = self.referral(&old, None, spec, target, false)? else { return Ok(()) };
        let name = &self.all.candidates[at].id.name;
        if *name != old {
            set_scalar(place, Value::String(name.clone()))?;
        }
        Ok(())
    }

    /// A mapping gets name and namespace.
    fn rewrite_map(&self, place: &mut Value, spec: &FieldSpec, target: &Gvk) -> Result<()> {
        let Some(name) = place.get("name") else { return fail("path config error; no 'name' field in node") };
        let old = text(name);
        let namespace = place.get("namespace").map(text);
        let Some(at) = self.referral(&old, namespace.as_deref(), spec, target, true)? else { return Ok(()) };
        let id = &self.all.candidates[at].id;
        if id.name == old && id.namespace.is_empty() {
            return Ok(());
        }
        place["name"] = Value::String(id.name.clone());
        if !id.namespace.is_empty() {
            place["namespace"] = Value::String(id.namespace.clone());
        }
        Ok(())
    }

    /// The one resource that is meant, if there is one.
    fn referral(&self, old: &str, namespace: Option<&str>, spec: &FieldSpec, target: &Gvk, with_namespace: bool) -> Result<Option<usize>> {
        let Some(named) = self.all.by_name.get(old) else { return Ok(None) };
        let referrer = self.id;
        let mut found: Vec<usize> = named.iter().copied().filter(|at| self.visible(*at, referrer)).collect();
        if let Some(namespace) = namespace {
            found = self.in_namespace(&found, namespace, referrer);
        }
        let known = |at: &usize, gvk: &Gvk| self.all.candidates[*at].previous.iter().any(|id| id.gvk.selected_by(gvk));
        found.retain(|at| known(at, target));
        if spec.path.ends_with("roleRef/name")
            && let Some(role) = &self.role
        {
            found.retain(|at| known(at, role));
        }
        if !referrer.cluster {
            found.retain(|at| {
                let id = &self.all.candidates[*at].id;
                id.cluster || id.gvk.kind == "ServiceAccount" || referrer.same_namespace(id)
            });
        }
        if found.len() != 1 {
            found.retain(|at| self.all.candidates[*at].affixes.same(self.affixes, true));
            if found.len() > 1 {
                found.retain(|at| self.all.candidates[*at].affixes.same(self.affixes, false));
            }
        }
        let Some(first) = found.first() else { return Ok(None) };
        let id = |at: &usize| &self.all.candidates[*at].id;
        if found.iter().all(|at| id(at).name == id(first).name && (!with_namespace || id(at).namespace == id(first).namespace)) {
            return Ok(Some(*first));
        }
        let ids: Vec<String> = found.iter().map(|at| id(at).to_string()).collect();
        fail(format!("found multiple possible referrals: {}", ids.join(", ")))
    }

    fn visible(&self, at: usize, referrer: &Id) -> bool {
        let id = &self.all.candidates[at].id;
        referrer.cluster || id.cluster || id.same_namespace(referrer) || self.namespaces.contains(&id.namespace)
    }

    /// What had this namespace at first; if nothing did, what has it now. Asked of all that is visible, not only of these.
    fn in_namespace(&self, found: &[usize], namespace: &str, referrer: &Id) -> Vec<usize> {
        let originally = self.all.by_namespace.get(namespace).map_or(&[][..], Vec::as_slice);
        let anything = originally.iter().any(|at| self.visible(*at, referrer));
        let now = |at: &usize| self.all.candidates[*at].id.effective_namespace() == namespace;
        // The places are in order.
        found.iter().copied().filter(|at| if anything { originally.binary_search(at).is_ok() } else { now(at) }).collect()
    }
}

fn role_kind(object: &Value) -> Option<Gvk> {
    let role = object.get("roleRef")?;
    role.get("apiGroup")?;
    role.get("kind")?;
    Some(Gvk { group: text_at(role, &["apiGroup"]), version: String::new(), kind: text_at(role, &["kind"]) })
}

fn subject_namespaces(resource: &Resource) -> Result<HashSet<String>> {
    let mut found = HashSet::new();
    if resource.kind() != "RoleBinding" {
        return Ok(found);
    }
    for subject in resource.value["subjects"].as_array().into_iter().flatten() {
        if !subject.is_object() {
            // Upstream crashes.
            return fail(format!("Invalid Input: a subject is no mapping for resource {:?}", resource.id().to_string()));
        }
        let Some(namespace) = subject.get("namespace").filter(|_| text_at(subject, &["kind"]) == "ServiceAccount") else { continue };
        match namespace {
            namespace if is_text(namespace) || is_untyped(namespace) => found.insert(text(namespace)),
            _ => return fail(format!("Invalid Input: namespace is blank for resource {:?}", resource.id().to_string())),
        };
    }
    Ok(found)
}
