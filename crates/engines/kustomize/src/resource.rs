//! One resource with what the build remembers of it. Upstream keeps these notes in annotations that it removes at the end
//! (kustomize `api/resource/resource.go`). Read first: [`Resource`], [`List`](crate::list::List).

use std::borrow::Cow;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::error::Result;
use crate::id::{Gvk, Id};
use crate::merge;
use crate::paths::{self, Step};
use crate::schema::Schemas;
use crate::value::{at, generated, is_null, remove, seen_at, set, text, text_at, texts_at};

/// Most groups of entries that were added together.
const MOST_SHARED: usize = 200;

/// What a generator does where its resource is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Behavior {
    #[default]
    Unspecified,
    Create,
    Replace,
    Merge,
}

impl Behavior {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "create" => Self::Create,
            "replace" => Self::Replace,
            "merge" => Self::Merge,
            _ => Self::Unspecified,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Merge => "merge",
        }
    }
}

/// A name that the resource had earlier. Group and version are always the present ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Previous {
    pub kind: String,
    pub name: String,
    pub namespace: String,
}

/// What was put in front of a name and behind it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Affixes {
    pub prefixes: Vec<String>,
    pub suffixes: Vec<String>,
}

impl Affixes {
    /// Tells whether both were given in the same way.
    pub(crate) fn same(&self, other: &Self, allow_empty: bool) -> bool {
        let fits = |mine: &[String], others: &[String]| {
            let short = mine.len().min(others.len());
            let equal = mine[mine.len() - short..] == others[others.len() - short..];
            equal && (allow_empty || (mine.is_empty() == others.is_empty()))
        };
        fits(&self.prefixes, &other.prefixes) && fits(&self.suffixes, &other.suffixes)
    }
}

/// What the build remembers of a resource.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    pub previous: Vec<Previous>,
    pub affixes: Affixes,
    pub behavior: Option<Behavior>,
    pub needs_hash: bool,
    pub allow_name_change: bool,
    pub allow_kind_change: bool,
    /// Entries that one step added to several mappings. Upstream adds one node to all of them, so whatever changes one later
    /// changes the others as well (kustomize `api/filters/filtersutil/setters.go` `SetEntry`).
    pub shared: Vec<Vec<Vec<Step>>>,
}

/// What is equal for resources with the same id; no namespace where the kind has none.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key<'a> {
    api_version: Cow<'a, str>,
    kind: Cow<'a, str>,
    name: Cow<'a, str>,
    namespace: Option<Cow<'a, str>>,
}

/// One resource.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub value: Value,
    pub notes: Notes,
    /// The vars that point at it.
    pub vars: Vec<String>,
    pub schemas: Rc<Schemas>,
}

impl Resource {
    pub(crate) fn new(value: Value, schemas: &Rc<Schemas>) -> Self {
        Self { value, notes: Notes::default(), vars: Vec::new(), schemas: schemas.clone() }
    }

    pub(crate) fn kind(&self) -> String {
        text_at(&self.value, &["kind"])
    }

    pub(crate) fn name(&self) -> String {
        text_at(&self.value, &["metadata", "name"])
    }

    pub(crate) fn namespace(&self) -> String {
        text_at(&self.value, &["metadata", "namespace"])
    }

    pub(crate) fn gvk(&self) -> Gvk {
        Gvk::new(&seen_at(&self.value, &["apiVersion"]), &seen_at(&self.value, &["kind"]))
    }

    pub(crate) fn id(&self) -> Id {
        let gvk = self.gvk();
        let cluster = self.schemas.cluster_scoped(&seen_at(&self.value, &["apiVersion"]), &gvk.kind);
        Id { gvk, name: self.name(), namespace: self.namespace(), cluster }
    }

    /// The name, to look at.
    pub(crate) fn seen_name(&self) -> Cow<'_, str> {
        seen_at(&self.value, &["metadata", "name"])
    }

    /// What is equal for resources with the same id.
    pub(crate) fn key(&self) -> Key<'_> {
        let (api_version, kind) = (seen_at(&self.value, &["apiVersion"]), seen_at(&self.value, &["kind"]));
        let namespace = match self.schemas.cluster_scoped(&api_version, &kind) {
            true => None,
            false => Some(seen_at(&self.value, &["metadata", "namespace"])),
        };
        // Without a group, the version may stand behind a slash.
        let api_version = match api_version.strip_prefix('/').filter(|version| !version.contains('/')) {
            Some(version) => Cow::Owned(version.to_owned()),
            None => api_version,
        };
        let namespace = namespace.map(|namespace| if namespace.is_empty() { Cow::Borrowed("default") } else { namespace });
        Key { api_version, kind, name: self.seen_name(), namespace }
    }

    /// Earlier names, the first one first.
    pub(crate) fn previous_ids(&self) -> Vec<Id> {
        let now = self.gvk();
        let id = |previous: &Previous| Id {
            gvk: Gvk { kind: previous.kind.clone(), ..now.clone() },
            name: previous.name.clone(),
            namespace: previous.namespace.clone(),
            cluster: false,
        };
        self.notes.previous.iter().map(id).collect()
    }

    pub(crate) fn original_id(&self) -> Id {
        self.previous_ids().into_iter().next().unwrap_or_else(|| self.id())
    }

    /// Forgets what was added to a part of the metadata together with other places: upstream has made it anew.
    fn unshare(&mut self, field: &str) {
        let inside = |place: &[Step]| {
            let key = |at: usize, name: &str| matches!(place.get(at), Some(Step::Key(key)) if key == name);
            key(0, "metadata") && key(1, field)
        };
        self.notes.shared.iter_mut().for_each(|places| places.retain(|place| !inside(place)));
        self.notes.shared.retain(|places| places.len() > 1);
    }

    /// Group, version and kind of the first name.
    pub(crate) fn original_gvk(&self) -> Gvk {
        let now = self.gvk();
        match self.notes.previous.first() {
            Some(previous) => Gvk { kind: previous.kind.clone(), ..now },
            None => now,
        }
    }

    /// Remembers the present name.
    pub(crate) fn remember_id(&mut self) {
        let id = self.id();
        let namespace = id.effective_namespace().to_owned();
        self.notes.previous.push(Previous { kind: id.gvk.kind, name: id.name, namespace });
    }

    /// Tells whether upstream would have made annotations by now, which a JSON patch can see.
    fn has_notes(&self) -> bool {
        let notes = &self.notes;
        !notes.previous.is_empty()
            || !notes.affixes.prefixes.is_empty()
            || !notes.affixes.suffixes.is_empty()
            || notes.behavior.is_some()
            || notes.needs_hash
    }

    /// Turns annotations into texts, as upstream does after a JSON patch; what is no mapping goes.
    pub(crate) fn annotation_texts(&mut self) {
        let annotations = self.annotations();
        if annotations.is_empty() && self.has_notes() {
            set(&mut self.value, &["metadata", "annotations"], Value::Object(Map::new()));
        } else {
            self.set_texts("annotations", annotations);
        }
    }

    pub(crate) fn make_annotations_of_notes(&mut self) {
        if self.has_notes() && at(&self.value, &["metadata", "annotations"]).is_none_or(is_null) {
            set(&mut self.value, &["metadata", "annotations"], Value::Object(Map::new()));
        }
    }

    pub(crate) fn annotations(&self) -> Map<String, Value> {
        texts_at(&self.value, &["metadata", "annotations"])
    }

    pub(crate) fn labels(&self) -> Map<String, Value> {
        texts_at(&self.value, &["metadata", "labels"])
    }

    /// Sets annotations or labels; without any the field goes.
    pub(crate) fn set_texts(&mut self, field: &str, texts: Map<String, Value>) {
        self.unshare(field);
        if texts.is_empty() {
            remove(&mut self.value, &["metadata", field]);
        } else {
            let texts = texts.into_iter().map(|(key, value)| (key, generated(text(&value)))).collect();
            set(&mut self.value, &["metadata", field], Value::Object(texts));
        }
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        set(&mut self.value, &["metadata", "name"], Value::String(name.to_owned()));
    }

    pub(crate) fn set_namespace(&mut self, namespace: &str) {
        if namespace.is_empty() {
            remove(&mut self.value, &["metadata", "namespace"]);
        } else {
            set(&mut self.value, &["metadata", "namespace"], Value::String(namespace.to_owned()));
        }
    }

    /// Turns labels and annotations into texts, as upstream does with patches and generated resources.
    pub(crate) fn texts_only(&mut self) {
        let (labels, annotations) = (self.labels(), self.annotations());
        self.set_texts("labels", labels);
        if self.has_notes() && annotations.is_empty() {
            return;
        }
        self.set_texts("annotations", annotations);
    }

    /// Takes name, namespace and notes from the resource that this one merges with or replaces.
    pub(crate) fn take_over(&mut self, old: &Self) {
        let over = |mut base: Map<String, Value>, top: Map<String, Value>| {
            base.extend(top);
            base
        };
        self.set_texts("labels", over(old.labels(), self.labels()));
        self.set_texts("annotations", over(old.annotations(), self.annotations()));
        self.set_name(&old.name());
        self.set_namespace(&old.namespace());
        let needs_hash = self.notes.needs_hash && old.notes.needs_hash;
        self.notes = Notes { needs_hash, ..old.notes.clone() };
        self.vars.clone_from(&old.vars);
    }

    /// Lays the old data under the own.
    pub(crate) fn merge_data(&mut self, old: &Self) {
        for field in ["data", "binaryData"] {
            let texts = |of: &Self| {
                let map = at(&of.value, &[field]).and_then(Value::as_object);
                let pair = |(key, value): (&String, &Value)| {
                    (key.clone(), Value::String(if is_null(value) { String::new() } else { text(value) }))
                };
                map.into_iter().flatten().map(pair).collect::<Map<_, _>>()
            };
            let mut data = texts(old);
            data.extend(texts(self));
            let data: Map<_, _> = data.into_iter().map(|(key, value)| (key, generated(text(&value)))).collect();
            remove(&mut self.value, &[field]);
            if !data.is_empty() {
                set(&mut self.value, &[field], Value::Object(data));
            }
        }
    }

    /// Remembers entries that were added together.
    pub(crate) fn share(&mut self, places: Vec<Vec<Step>>) {
        if places.len() > 1 && self.notes.shared.len() < MOST_SHARED {
            self.notes.shared.push(places);
        }
    }

    /// The present values of entries that were added together.
    pub(crate) fn shared_values(&self) -> Vec<Vec<Option<Value>>> {
        self.notes.shared.iter().map(|places| places.iter().map(|place| paths::seen(&self.value, place).cloned()).collect()).collect()
    }

    /// Gives entries that were added together the value that one of them got since. Items of lists may have moved, so they
    /// only follow.
    pub(crate) fn spread(&mut self, before: &[Vec<Option<Value>>]) {
        let now = self.shared_values();
        for ((places, before), now) in self.notes.shared.clone().iter().zip(before).zip(&now) {
            let moved = |place: &[Step]| place.iter().any(|step| matches!(step, Step::Index(_)));
            let pairs = places.iter().zip(before).zip(now).rev();
            let mut changed = pairs.filter_map(|((place, before), now)| Some((place, before.as_ref()?, now.as_ref()?)));
            let Some((_, old, new)) = changed.find(|(place, before, now)| before != now && !moved(place)) else { continue };
            for (place, known) in places.iter().zip(now) {
                if known.as_ref() == Some(old)
                    && let Some(entry) = paths::place(&mut self.value, place)
                {
                    *entry = new.clone();
                }
            }
        }
    }

    /// Merges a patch; `false`: nothing is left.
    pub(crate) fn merge(&mut self, patch: &Self) -> Result<bool> {
        let shared = self.shared_values();
        let (name, namespace, kind) = (self.name(), self.namespace(), self.kind());
        if patch.notes.allow_name_change || patch.notes.allow_kind_change {
            self.remember_id();
        }
        if replaces_annotations(&patch.value) {
            // Upstream keeps its notes among the annotations, so they are lost with them.
            self.notes = Notes { shared: std::mem::take(&mut self.notes.shared), ..Notes::default() };
        }
        if text_at(&patch.value, &["$patch"]) == "replace" {
            // Upstream makes the new object and forgets it.
            return Ok(true);
        }
        let merged = merge::strategic(std::mem::take(&mut self.value), patch.value.clone(), &self.schemas.table())?;
        let Some(merged) = merged else { return Ok(false) };
        self.value = merged;
        if !patch.notes.allow_kind_change {
            set(&mut self.value, &["kind"], Value::String(kind));
        }
        if !patch.notes.allow_name_change {
            self.set_name(&name);
        }
        self.set_namespace(&namespace);
        self.spread(&shared);
        Ok(true)
    }

    /// The text of a value for messages.
    pub(crate) fn shown(&self) -> String {
        text(&Value::String(self.value.to_string().chars().take(200).collect()))
    }
}

/// Tells whether a patch takes all annotations away.
fn replaces_annotations(patch: &Value) -> bool {
    let directive = |path: &[&str]| matches!(text_at(patch, path).as_str(), "replace" | "delete");
    let gone = at(patch, &["metadata", "annotations"]).is_some_and(is_null);
    gone || directive(&["metadata", "$patch"]) || directive(&["metadata", "annotations", "$patch"])
}
