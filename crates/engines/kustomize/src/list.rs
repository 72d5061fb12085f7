//! The resources of a build, in order. Source: kustomize `api/resmap/reswrangler.go`.

use std::collections::HashSet;

use crate::error::{BuildError, Result, fail};
use crate::id::{Gvk, Id};
use crate::resource::{Behavior, Resource};
use crate::selector::Selector;

/// Most resources one build may hold.
const MOST: usize = 100_000;

/// Resources, each with its own id.
#[derive(Debug, Clone, Default)]
pub(crate) struct List {
    pub items: Vec<Resource>,
}

impl List {
    pub(crate) fn of(items: Vec<Resource>) -> Result<Self> {
        let mut list = Self::default();
        list.append(items)?;
        Ok(list)
    }

    /// Adds resources whose ids are new.
    pub(crate) fn append(&mut self, items: Vec<Resource>) -> Result<()> {
        let mut known: HashSet<_> = self.items.iter().map(|item| item.id().key()).collect();
        for item in items {
            let id = item.id();
            if !known.insert(id.key()) {
                return fail(format!("may not add resource with an already registered id: {id}"));
            }
            self.items.push(item);
        }
        if self.items.len() > MOST {
            return Err(BuildError::Limit("100,000 objects"));
        }
        Ok(())
    }

    /// Adds what generators made, by their behaviour.
    pub(crate) fn absorb(&mut self, items: Vec<Resource>) -> Result<()> {
        for mut item in items {
            let id = item.id();
            let behavior = item.notes.behavior.unwrap_or_default();
            let matches = self.matching_any(|other| other.same(&id));
            match (matches.as_slice(), behavior) {
                ([], Behavior::Merge | Behavior::Replace) => {
                    return fail(format!("id {} does not exist; cannot merge or replace", go_id(&id)));
                }
                ([], _) => self.append(vec![item])?,
                ([at], Behavior::Replace) => {
                    item.take_over(&self.items[*at]);
                    self.items[*at] = item;
                }
                ([at], Behavior::Merge) => {
                    let old = &self.items[*at];
                    let origin = old.annotations().get(crate::origin::ORIGIN).cloned();
                    item.take_over(old);
                    item.merge_data(old);
                    if let Some(origin) = origin {
                        let mut annotations = item.annotations();
                        annotations.insert(crate::origin::ORIGIN.to_owned(), origin);
                        item.set_texts("annotations", annotations);
                    }
                    self.items[*at] = item;
                }
                ([_], _) => {
                    let id = go_id(&id);
                    return fail(format!("id {id} exists; can not use behavior: '{}', behavior must be merge or replace", behavior.name()));
                }
                (_, _) => return fail(format!("found multiple objects that could accept merge of {id}")),
            }
        }
        Ok(())
    }

    /// The places of resources one of whose names, earlier or present, fits.
    pub(crate) fn matching_any(&self, fits: impl Fn(&Id) -> bool) -> Vec<usize> {
        let matches = |item: &Resource| fits(&item.id()) || item.previous_ids().iter().any(&fits);
        (0..self.items.len()).filter(|at| matches(&self.items[*at])).collect()
    }

    /// The places of resources of a kind that have or had this name.
    pub(crate) fn named_any(&self, name: &str, gvk: &Gvk) -> Vec<usize> {
        let named = |item: &Resource| {
            crate::value::seen_at(&item.value, &["metadata", "name"]) == name
                || item.notes.previous.iter().any(|previous| previous.name == name)
        };
        let fits = |item: &Resource| {
            let of_name = |id: &Id| id.name == name && id.gvk.selected_by(gvk);
            of_name(&item.id()) || item.previous_ids().iter().any(of_name)
        };
        (0..self.items.len()).filter(|at| named(&self.items[*at]) && fits(&self.items[*at])).collect()
    }

    /// The only resource that has or had this id.
    pub(crate) fn by_id(&self, id: &Id) -> Result<usize> {
        match self.matching_any(|other| id.same(other)).as_slice() {
            [at] => Ok(*at),
            [] => fail(format!("no matches for Id {id}; failed to find unique target for patch {id}")),
            _ => fail(format!("multiple matches for Id {id}; failed to find unique target for patch {id}")),
        }
    }

    /// The places of what a selector of a patch chooses.
    pub(crate) fn select(&self, selector: &Selector) -> Vec<usize> {
        let fits = |item: &Resource| {
            let (now, original) = (item.id(), item.original_id());
            (selector.namespace_fits(original.effective_namespace()) || selector.namespace_fits(now.effective_namespace()))
                && (selector.name_fits(&original.name) || selector.name_fits(&now.name))
                && selector.gvk_fits(&now.gvk)
                && selector.texts_fit(&item.value)
        };
        (0..self.items.len()).filter(|at| fits(&self.items[*at])).collect()
    }
}

/// An id as Go's `%#v` prints it, in short.
fn go_id(id: &Id) -> String {
    format!(
        "resid.ResId{{Gvk:resid.Gvk{{Group:{:?}, Version:{:?}, Kind:{:?}, isClusterScoped:{}}}, Name:{:?}, Namespace:{:?}}}",
        id.gvk.group, id.gvk.version, id.gvk.kind, id.cluster, id.name, id.namespace
    )
}
