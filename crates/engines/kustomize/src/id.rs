//! What names a resource: group, version, kind, name and namespace. Source: kustomize `kyaml/resid`.

use std::fmt;

/// The namespace of kinds that have none.
const NO_NAMESPACE: &str = "_non_namespaceable_";

/// Group, version and kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Gvk {
    pub group: String,
    pub version: String,
    pub kind: String,
}

impl Gvk {
    pub(crate) fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Tells whether every part that the selector names is equal.
    pub(crate) fn selected_by(&self, selector: &Self) -> bool {
        let fits = |mine: &str, wanted: &str| wanted.is_empty() || mine == wanted;
        fits(&self.group, &selector.group) && fits(&self.version, &selector.version) && fits(&self.kind, &selector.kind)
    }

    /// The text that sorts kinds of equal rank; `~` is behind every letter.
    pub(crate) fn sort_text<'a>(&'a self) -> impl Iterator<Item = u8> + 'a {
        let or = |text: &'a str, empty: &'a str| if text.is_empty() { empty.bytes() } else { text.bytes() };
        let (group, version, kind) = (or(&self.group, "~G"), or(&self.version, "~V"), or(&self.kind, "~K"));
        group.chain(*b"_").chain(version).chain(*b"_").chain(kind)
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |text: &str, empty: &str| if text.is_empty() { empty.to_owned() } else { text.to_owned() };
        write!(formatter, "{}.{}.{}", part(&self.kind, "[noKind]"), part(&self.version, "[noVer]"), part(&self.group, "[noGrp]"))
    }
}

/// A resource's full name, now or at an earlier step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    pub gvk: Gvk,
    pub name: String,
    pub namespace: String,
    /// Whether the kind certainly has no namespace; earlier names do not know.
    pub cluster: bool,
}

impl Id {
    pub(crate) fn effective_namespace(&self) -> &str {
        if self.cluster {
            NO_NAMESPACE
        } else if self.namespace.is_empty() {
            "default"
        } else {
            &self.namespace
        }
    }

    pub(crate) fn same_namespace(&self, other: &Self) -> bool {
        self.effective_namespace() == other.effective_namespace()
    }

    pub(crate) fn same_but_namespace(&self, other: &Self) -> bool {
        self.name == other.name && self.gvk == other.gvk
    }

    pub(crate) fn same(&self, other: &Self) -> bool {
        self.same_but_namespace(other) && self.same_namespace(other)
    }

    /// Tells whether every part that the selector names is equal.
    pub(crate) fn selected_by(&self, selector: &Self) -> bool {
        (selector.name.is_empty() || selector.name == self.name)
            && (selector.namespace.is_empty() || selector.same_namespace(self))
            && self.gvk.selected_by(&selector.gvk)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "[noName]" } else { &self.name };
        let namespace = if self.namespace.is_empty() { "[noNs]" } else { &self.namespace };
        write!(formatter, "{}/{name}.{namespace}", self.gvk)
    }
}
