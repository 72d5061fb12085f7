//! The resources of a build, in order. Source: kustomize `api/resmap/reswrangler.go`.

use std::collections::HashSet;

use crate::error::{BuildError, Result, fail};
use crate::id::Id;
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
        let mut known: HashSet<_> = self.items.iter().map(Resource::key).collect();
        if let Some(item) = items.iter().find(|item| !known.insert(item.key())) {
            return fail(format!("may not add resource with an already registered id: {}", item.id()));
        }
        self.items.extend(items);
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
            let matches = self.identified(&id);
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

    /// The places of resources that have or had this name.
    pub(crate) fn named(&self, name: &str) -> Vec<usize> {
        self.matching_name(name, |_| true)
    }

    /// The places of resources that have or had this id.
    fn identified(&self, id: &Id) -> Vec<usize> {
        self.matching_name(&id.name, |other| id.same(other))
    }

    /// The places of resources one of whose ids with this name fits.
    fn matching_name(&self, name: &str, fits: impl Fn(&Id) -> bool) -> Vec<usize> {
        // To look at names is far less than to make ids, of which hardly any has the name.
        let named = |item: &Resource| item.seen_name() == name || item.notes.previous.iter().any(|previous| previous.name == name);
        let fits = |id: &Id| id.name == name && fits(id);
        let matches = |item: &Resource| named(item) && (fits(&item.id()) || item.previous_ids().iter().any(&fits));
        (0..self.items.len()).filter(|at| matches(&self.items[*at])).collect()
    }

    /// The only resource that has or had this id.
    pub(crate) fn by_id(&self, id: &Id) -> Result<usize> {
        match self.identified(id).as_slice() {
            [at] => Ok(*at),
            [] => fail(format!("no matches for Id {id}; failed to find unique target for patch {id}")),
            _ => fail(format!("multiple matches for Id {id}; failed to find unique target for patch {id}")),
        }
    }

    /// The places of what a selector of a patch chooses.
    pub(crate) fn select(&self, selector: &Selector) -> Vec<usize> {
        let fits = |item: &Resource| {
            if !selector.gvk_fits(&item.gvk()) {
                return false;
            }
            let (now, original) = (item.id(), item.original_id());
            (selector.namespace_fits(original.effective_namespace()) || selector.namespace_fits(now.effective_namespace()))
                && (selector.name_fits(&original.name) || selector.name_fits(&now.name))
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
