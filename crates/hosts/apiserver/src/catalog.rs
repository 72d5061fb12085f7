//! Which kinds are served now: Kubernetes' own and those of the CustomResourceDefinitions in the store.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use patch::{Shape, TypeRef};
use schema::Schema;
use serde_json::{Value, json};
use store::Store;

use crate::accept::Encodings;
use crate::converter::Converter;
use crate::kinds::{Builtin, Generation, Scope};
use crate::resets::Resets;
use crate::{builtin, crd, kinds, typed};

/// Where CustomResourceDefinitions lie in the store.
pub(crate) const CRD_PREFIX: &str = "/registry/apiextensions.k8s.io/customresourcedefinitions/";

/// One kind in one version, as it is served.
pub(crate) struct Resource {
    pub group: String,
    pub version: String,
    pub api_version: String,
    pub plural: String,
    pub singular: String,
    pub kind: String,
    pub list_kind: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
    pub subresources: Subresources,
    pub generation: Generation,
    pub schema: Arc<Schema>,
    pub shape: Arc<Shape>,
    /// What each endpoint ignores.
    pub resets: Resets,
    /// Only for kinds of a CustomResourceDefinition.
    pub custom: Option<Custom>,
    /// How a stored object of this version begins.
    pub head: String,
    /// What an empty object of the kind looks like.
    pub empty: Value,
    /// The Go struct of one of Kubernetes' own kinds.
    pub form: Option<&'static typed::Struct>,
}

/// What a kind answers to besides its objects.
#[derive(Default)]
pub(crate) struct Subresources {
    pub status: bool,
    pub scale: Option<Scale>,
    pub others: Vec<String>,
}

/// Where a kind keeps its scale, as field names.
#[derive(Clone)]
pub(crate) struct Scale {
    pub replicas: Vec<String>,
    pub status: Vec<String>,
    pub selector: Option<Vec<String>>,
}

impl Scale {
    pub fn builtin() -> Self {
        let path = |words: [&str; 2]| words.map(str::to_owned).to_vec();
        Self { replicas: path(["spec", "replicas"]), status: path(["status", "replicas"]), selector: Some(path(["spec", "selector"])) }
    }
}

/// What only kinds of a CustomResourceDefinition have.
pub(crate) struct Custom {
    pub definition: String,
    /// The version in which objects are stored.
    pub storage: String,
    pub columns: Vec<Value>,
    pub selectable: Vec<String>,
    pub raw_schema: Value,
    /// Whether the definition is being deleted.
    pub terminating: bool,
    pub deprecation: Option<String>,
    /// What the definition demands of the metadata: bounds on the name.
    pub metadata: Option<Arc<Schema>>,
    /// The webhook that turns objects of one version into another.
    pub converter: Option<Arc<Converter>>,
}

impl Resource {
    /// Returns who writes an object of this kind at one of its endpoints.
    pub fn writer<'a>(&'a self, manager: &'a str, subresource: &'a str, now: &'a str) -> patch::Writer<'a> {
        let reset = self.resets.at(subresource);
        patch::Writer { manager, api_version: &self.api_version, subresource, now, empty: &self.empty, reset }
    }

    pub fn builtin(builtin: &Builtin, schema: Arc<Schema>, subresources: Subresources) -> Self {
        let api_version =
            if builtin.group.is_empty() { builtin.version.to_owned() } else { format!("{}/{}", builtin.group, builtin.version) };
        let mut empty = json!({});
        let form = typed::by_kind(&api_version, builtin.kind);
        if let Some(form) = form {
            typed::write(form, &mut empty);
        }
        Self {
            empty,
            form,
            group: builtin.group.to_owned(),
            version: builtin.version.to_owned(),
            head: format!("{{\"kind\":\"{}\",\"apiVersion\":\"{api_version}\",\"metadata\":{{", builtin.kind),
            api_version,
            plural: builtin.plural.to_owned(),
            singular: builtin.kind.to_lowercase(),
            kind: builtin.kind.to_owned(),
            list_kind: format!("{}List", builtin.kind),
            short_names: builtin.short_names.iter().map(|name| (*name).to_owned()).collect(),
            categories: builtin.categories.iter().map(|name| (*name).to_owned()).collect(),
            namespaced: builtin.scope == Scope::Namespaced,
            resets: Resets::builtin(builtin.group, builtin.kind, subresources.status),
            subresources,
            generation: builtin.generation,
            shape: Arc::new(Shape::resource(&schema)),
            schema,
            custom: None,
        }
    }

    /// Returns `deployments.apps`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Returns the kind as patches name it.
    pub fn type_ref(&self) -> TypeRef {
        TypeRef::new(&self.api_version, &self.kind)
    }

    /// Returns in which encodings the kind is answered.
    pub fn encodings(&self) -> Encodings {
        if self.custom.is_some() { Encodings::Text } else { Encodings::All }
    }

    /// Returns the webhook that turns objects of other versions into this one.
    pub fn converter(&self) -> Option<&Converter> {
        self.custom.as_ref().and_then(|custom| custom.converter.as_deref())
    }

    /// Returns the apiVersion in which objects are stored.
    pub fn storage_version(&self) -> String {
        match &self.custom {
            Some(custom) => format!("{}/{}", self.group, custom.storage),
            None => self.api_version.clone(),
        }
    }

    /// Returns the key under which the kind's objects lie, of one namespace or of all.
    pub fn prefix(&self, namespace: Option<&str>) -> String {
        // Both groups of Event are views of the same objects.
        let group = match self.group.as_str() {
            "" => "core",
            "events.k8s.io" => "core",
            group => group,
        };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("/registry/{group}/{}/{namespace}/", self.plural),
            None => format!("/registry/{group}/{}/", self.plural),
        }
    }

    /// Returns the key of one object.
    pub fn key(&self, namespace: &str, name: &str) -> String {
        format!("{}{name}", self.prefix(Some(namespace)))
    }

    /// Fits an object of another version of the kind into this one.
    pub fn adapt(&self, object: &mut Value) {
        object["apiVersion"] = json!(self.api_version);
        if self.custom.is_some() {
            schema::prune(&self.schema, object, true);
            schema::default(&self.schema, object);
        } else if self.kind == "Event" {
            crate::conversion::event(object, self.group == "events.k8s.io");
        } else if self.kind == "HorizontalPodAutoscaler" {
            match self.version.as_str() {
                "v1" => crate::autoscalers::to_first(object),
                _ => crate::autoscalers::to_second(object),
            }
        }
    }

    /// Tells whether the verb is served; namespaces are not deleted by the dozen.
    pub fn serves(&self, verb: &str) -> bool {
        !(verb == "deletecollection" && self.plural == "namespaces" && self.group.is_empty())
    }
}

/// Returns how a stored object begins.
pub(crate) fn head(api_version: &str, kind: &str) -> String {
    format!("{{\"apiVersion\":\"{api_version}\",\"kind\":\"{kind}\",\"metadata\":{{")
}

/// The kinds served, by group, version and plural.
pub(crate) struct Catalog {
    by_path: HashMap<String, Arc<Resource>>,
    /// In the order of discovery: groups, then their versions, then kinds.
    pub groups: Vec<Group>,
    /// Definitions as compiled, so that a change of one does not compile all.
    definitions: BTreeMap<String, (u64, Vec<Arc<Resource>>)>,
    /// The OpenAPI documents and discovery, made when first asked for.
    pub documents: OnceLock<crate::openapi::Documents>,
    pub discovery: OnceLock<crate::discovery::Answers>,
}

/// One group with its versions, the preferred one first.
pub(crate) struct Group {
    pub name: String,
    pub versions: Vec<(String, Vec<Arc<Resource>>)>,
}

fn path(group: &str, version: &str, plural: &str) -> String {
    format!("{group}/{version}/{plural}")
}

impl Catalog {
    /// Reads the definitions in the store; those that an earlier catalog has compiled are taken over.
    pub fn read(store: &Store, before: Option<&Catalog>) -> Result<Self, String> {
        let mut definitions = BTreeMap::new();
        for (key, entry) in store.scan(CRD_PREFIX).0 {
            let known = before.and_then(|before| before.definitions.get(&key)).filter(|(revision, _)| *revision == entry.revision);
            let served = match known {
                Some((_, served)) => served.clone(),
                None => {
                    let definition: Value = serde_json::from_slice(&entry.value).map_err(|error| format!("{key}: {error}"))?;
                    crd::resources(&definition).map_err(|error| format!("{key}: {error}"))?
                }
            };
            definitions.insert(key, (entry.revision, served));
        }
        let all: Vec<Arc<Resource>> =
            builtin::RESOURCES.iter().cloned().chain(definitions.values().flat_map(|(_, served)| served.iter().cloned())).collect();
        let by_path = all.iter().map(|one| (path(&one.group, &one.version, &one.plural), one.clone())).collect();
        Ok(Self { by_path, groups: groups(&all), definitions, documents: OnceLock::new(), discovery: OnceLock::new() })
    }

    /// Returns a kind by its place in the URL.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.by_path.get(&path(group, version, plural))
    }

    /// Returns a kind by its name, in any version.
    pub fn by_kind(&self, group: &str, kind: &str) -> Option<&Arc<Resource>> {
        let group = self.groups.iter().find(|one| one.name == group)?;
        group.versions.iter().flat_map(|(_, kinds)| kinds).find(|one| one.kind == kind)
    }

    /// Returns the kind whose objects lie under this key, in the version that is preferred.
    pub fn by_key(&self, key: &str) -> Option<&Arc<Resource>> {
        let mut parts = key.strip_prefix("/registry/")?.split('/');
        let (group, plural) = (parts.next()?, parts.next()?);
        let group = if group == "core" { "" } else { group };
        let group = self.groups.iter().find(|one| one.name == group)?;
        group.versions.iter().flat_map(|(_, kinds)| kinds).find(|one| one.plural == plural)
    }

    /// Returns every kind in every version.
    pub fn each(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.by_path.values()
    }
}

fn groups(all: &[Arc<Resource>]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for resource in all {
        let index = groups.iter().position(|group| group.name == resource.group).unwrap_or_else(|| {
            groups.push(Group { name: resource.group.clone(), versions: Vec::new() });
            groups.len() - 1
        });
        let versions = &mut groups[index].versions;
        match versions.iter_mut().find(|(version, _)| *version == resource.version) {
            Some((_, kinds)) => kinds.push(resource.clone()),
            None => versions.push((resource.version.clone(), vec![resource.clone()])),
        }
    }
    for group in &mut groups {
        group.versions.sort_by_key(|(version, _)| std::cmp::Reverse(crd::version_rank(version)));
        for (_, kinds) in &mut group.versions {
            kinds.sort_by(|left, right| left.plural.cmp(&right.plural));
        }
    }
    groups.sort_by(|left, right| kinds::place(&left.name).cmp(&kinds::place(&right.name)));
    groups
}
