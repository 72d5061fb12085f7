//! What the files of types say, as values. Read first: [`Library`], [`Field`], [`Shape`].

use std::collections::BTreeMap;

use serde_json::Value;

/// Everything that the files say.
#[derive(Debug, Default)]
pub(super) struct Library {
    /// In the order of the files.
    pub kinds: Vec<Kind>,
    /// By name. Every name that is mentioned is here, and no type contains itself.
    pub types: BTreeMap<String, Type>,
}

/// A kind of object.
#[derive(Debug)]
pub(super) struct Kind {
    pub name: String,
    pub group: String,
    /// All with the same fields; the first one is stored.
    pub versions: Vec<String>,
    /// `Namespaced` or `Cluster`.
    pub scope: String,
    pub plural: String,
    pub short: Vec<String>,
    pub categories: Vec<String>,
    /// Whether the status is a subresource.
    pub status: bool,
    pub columns: Vec<Column>,
    /// Whether anything acts on it.
    pub supported: bool,
    pub about: String,
    /// The fields of the root, without `apiVersion`, `kind` and `metadata`.
    pub fields: Vec<Field>,
}

/// A column that `kubectl get` prints.
#[derive(Debug)]
pub(super) struct Column {
    pub name: String,
    pub kind: String,
    pub path: String,
}

/// A type that has a name.
#[derive(Debug)]
pub(super) struct Type {
    pub about: String,
    pub rules: Vec<Rule>,
    pub body: Body,
}

/// What a named type is.
#[derive(Debug)]
pub(super) enum Body {
    /// An object with these fields.
    Fields(Fields),
    /// Another type with constraints.
    Shape(Box<Shape>),
}

/// The fields of an object.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub list: Vec<Field>,
    /// Whether its fields have one owner.
    pub atomic: bool,
    /// Whether the API server accepts anything here.
    pub open: bool,
}

/// A field of an object.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub name: String,
    pub required: bool,
    pub supported: bool,
    pub shape: Shape,
    pub rules: Vec<Rule>,
    /// Empty where the type says enough.
    pub about: String,
}

/// A rule in the Common Expression Language.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub expression: String,
    pub message: String,
}

/// A type with constraints.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub base: Base,
    pub default: Option<Value>,
    /// What an OpenAPI schema calls it, and the value: `pattern`, `minLength`, …
    pub bounds: Vec<(&'static str, Value)>,
    /// How lists and objects are merged.
    pub merge: Option<Merge>,
    /// The only texts that are supported; empty where all are.
    pub only: Vec<String>,
    /// Whether we cannot do without, though the original can.
    pub needed: bool,
}

/// How server-side apply merges a list or an object.
#[derive(Debug, Clone)]
pub(super) enum Merge {
    Atomic,
    Set,
    /// A list whose items have these keys.
    Map(Vec<String>),
}

/// A type without constraints.
#[derive(Debug, Clone)]
pub(super) enum Base {
    String,
    Time,
    Boolean,
    Integer,
    Int32,
    Int64,
    IntOrString,
    /// An object without known fields.
    Object,
    /// An object with any fields.
    AnyObject,
    Any,
    Named(String),
    List(Box<Base>),
    /// From texts.
    Map(Box<Base>),
    /// Texts.
    Enumeration(Vec<Choice>),
}

/// One value of an enumeration.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub value: String,
    pub supported: bool,
}
