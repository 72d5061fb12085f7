use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use schema::{ListType, Schema, Type};
use serde_json::Value;

/// How an object's parts merge and who may own which of them.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A single value.
    Scalar(Scalar),
    /// A map or list that has one owner as a whole, and what may be in it.
    Atomic(Inside),
    /// A map whose fields are owned one by one.
    Map {
        /// The declared fields.
        fields: BTreeMap<String, Arc<Shape>>,
        /// Undeclared ones; `None` refuses them.
        rest: Option<Arc<Shape>>,
    },
    /// A list whose items are known by the values of some of their fields.
    List {
        /// These fields, with what stands in for an absent one.
        keys: Vec<(String, Option<Value>)>,
        /// The items.
        item: Arc<Shape>,
    },
    /// A list of single values, each at most once.
    Set,
    /// Anything: maps by field, lists as a whole.
    Free,
}

/// What may be in a whole.
#[derive(Debug, Clone)]
pub enum Inside {
    /// Anything.
    Any,
    /// The fields of a map.
    Map(Arc<Shape>),
    /// Items of one shape.
    List(Arc<Shape>),
}

/// What a single value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// Any of them.
    Any,
}

static METADATA: LazyLock<Arc<Shape>> = LazyLock::new(|| {
    let text = || Arc::new(Shape::Scalar(Scalar::Text));
    let number = || Arc::new(Shape::Scalar(Scalar::Number));
    let texts = || Arc::new(Shape::Map { fields: BTreeMap::new(), rest: Some(Arc::new(Shape::Scalar(Scalar::Text))) });
    let mut fields = BTreeMap::new();
    for name in ["name", "namespace", "generateName", "resourceVersion", "uid", "selfLink"] {
        fields.insert(name.to_owned(), text());
    }
    for name in ["creationTimestamp", "deletionTimestamp"] {
        fields.insert(name.to_owned(), Arc::new(Shape::Scalar(Scalar::Any)));
    }
    for name in ["generation", "deletionGracePeriodSeconds"] {
        fields.insert(name.to_owned(), number());
    }
    for name in ["labels", "annotations"] {
        fields.insert(name.to_owned(), texts());
    }
    fields.insert("finalizers".to_owned(), Arc::new(Shape::Set));
    fields.insert("managedFields".to_owned(), Arc::new(Shape::Atomic(Inside::Any)));
    let owners = Shape::List { keys: vec![("uid".to_owned(), None)], item: Arc::new(Shape::Atomic(Inside::Any)) };
    fields.insert("ownerReferences".to_owned(), Arc::new(owners));
    Arc::new(Shape::Map { fields, rest: None })
});

impl Shape {
    /// Returns the shape of a whole object of this schema; its metadata is always ObjectMeta.
    pub fn resource(schema: &Schema) -> Self {
        with_identity(Self::of(schema))
    }

    /// Returns the shape of a part.
    pub fn of(schema: &Schema) -> Self {
        if schema.int_or_string {
            return Self::Scalar(Scalar::Any);
        }
        if schema.atomic {
            let bare = schema.kind.is_none() && schema.properties.is_empty();
            return Self::Atomic(if bare { Inside::Any } else { Inside::Map(Arc::new(map(schema))) });
        }
        match schema.kind {
            Some(Type::Array) => list(schema),
            // A text of a form of its own, such as a time, is looked at by whoever reads it.
            Some(Type::String) if schema.format.as_deref().is_some_and(|format| !matches!(format, "" | "byte")) => {
                Self::Scalar(Scalar::Any)
            }
            Some(Type::String) => Self::Scalar(Scalar::Text),
            Some(Type::Integer | Type::Number) => Self::Scalar(Scalar::Number),
            Some(Type::Boolean) => Self::Scalar(Scalar::Flag),
            Some(Type::Object) => map(schema),
            None if schema.properties.is_empty() => Self::Free,
            None => map(schema),
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<(&Shape, bool)> {
        match self {
            Self::Map { fields, rest } => match fields.get(name) {
                Some(shape) => Some((shape, true)),
                None => rest.as_ref().map(|shape| (shape.as_ref(), false)),
            },
            Self::Free => Some((&Self::Free, false)),
            Self::Scalar(_) | Self::Atomic(_) | Self::List { .. } | Self::Set => None,
        }
    }
}

fn list(schema: &Schema) -> Shape {
    match (&schema.list, &schema.items) {
        (ListType::Set, _) => Shape::Set,
        (ListType::Map(keys), Some(items)) => {
            let keys = keys.iter().map(|key| (key.clone(), items.properties.get(key).and_then(|field| field.default.clone()))).collect();
            Shape::List { keys, item: Arc::new(Shape::of(items)) }
        }
        (ListType::Atomic, Some(items)) => Shape::Atomic(Inside::List(Arc::new(Shape::of(items)))),
        (ListType::Map(_) | ListType::Atomic, None) => Shape::Atomic(Inside::Any),
    }
}

fn map(schema: &Schema) -> Shape {
    let fields: BTreeMap<String, Arc<Shape>> =
        schema.properties.iter().map(|(name, field)| (name.clone(), Arc::new(Shape::of(field)))).collect();
    let rest = match &schema.additional {
        Some(additional) => Some(Arc::new(Shape::of(additional))),
        None if schema.preserve_unknown => Some(Arc::new(Shape::Free)),
        None => None,
    };
    let shape = Shape::Map { fields, rest };
    if schema.embedded { with_identity(shape) } else { shape }
}

fn with_identity(shape: Shape) -> Shape {
    let (mut fields, rest) = match shape {
        Shape::Map { fields, rest } => (fields, rest),
        other => (BTreeMap::new(), matches!(other, Shape::Free).then(|| Arc::new(Shape::Free))),
    };
    for name in ["apiVersion", "kind"] {
        fields.insert(name.to_owned(), Arc::new(Shape::Scalar(Scalar::Text)));
    }
    fields.insert("metadata".to_owned(), METADATA.clone());
    Shape::Map { fields, rest }
}
