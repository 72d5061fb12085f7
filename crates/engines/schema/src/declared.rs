use std::collections::BTreeMap;
use std::sync::Arc;

use cel::{ObjectType, Sizes, Type as CelType, escape};

use crate::{Schema, Type};

/// The largest request, which bounds what has no bound of its own. Kubernetes `apiserver/pkg/apis/cel/config.go`.
const REQUEST: i64 = 3 * 1024 * 1024;

/// A node as expressions see it: its type, its least size in a request and how many parts it may have. Kubernetes
/// `apiserver/pkg/cel/common/schemas.go` (SchemaDeclType).
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub kind: CelType,
    /// The fewest bytes that a value takes in a request.
    least: i64,
    /// The most elements or characters.
    most: i64,
    item: Option<Arc<Declared>>,
    is_map: bool,
    fields: BTreeMap<String, Arc<Declared>>,
}

impl Declared {
    fn simple(kind: CelType, least: i64, most: i64) -> Self {
        Self { kind, least, most, item: None, is_map: false, fields: BTreeMap::new() }
    }

    /// Declares a node; `None` when expressions cannot see it. `name` leads the names of object types.
    pub fn of(schema: &Schema, root: bool, name: &str) -> Option<Self> {
        let length = |default: i64| schema.limits.max_length.map_or(default, |most| i64::try_from(most).unwrap_or(i64::MAX / 8));
        if schema.int_or_string {
            let most = if schema.limits.max_length.is_some() { length(0).saturating_mul(4) } else { REQUEST - 2 };
            return Some(Self::simple(CelType::Dyn, 1, most));
        }
        match schema.kind? {
            Type::Array => {
                let item = Self::of(schema.items.as_ref()?, schema.items.as_ref()?.embedded, &format!("{name}.@idx"))?;
                let most = schema.limits.max_items.map_or((REQUEST - 2) / (item.least + 1), |most| i64::try_from(most).unwrap_or(i64::MAX));
                let kind = CelType::list(item.kind.clone());
                Some(Self { item: Some(Arc::new(item)), ..Self::simple(kind, 2, most) })
            }
            Type::Object => Self::object(schema, root, name),
            Type::String => Some(match schema.format.as_deref() {
                Some("byte") => Self::simple(CelType::Bytes, 2, length(REQUEST - 2)),
                Some("duration") => Self::simple(CelType::Duration, 3, 32),
                Some("date") => Self::simple(CelType::Timestamp, 12, 12),
                Some("date-time") => Self::simple(CelType::Timestamp, 21, 32),
                _ => {
                    let longest = |values: &Vec<serde_json::Value>| {
                        values
                            .iter()
                            .filter_map(|one| one.as_str())
                            .map(|one| i64::try_from(one.len()).unwrap_or(i64::MAX))
                            .max()
                            .unwrap_or(0)
                    };
                    let most = match (&schema.limits.max_length, &schema.limits.one_of_values) {
                        (Some(_), _) => length(0).saturating_mul(4),
                        (None, Some(values)) if !values.is_empty() => longest(values),
                        _ => REQUEST - 2,
                    };
                    Self::simple(CelType::String, 2, most)
                }
            }),
            Type::Boolean => Some(Self::simple(CelType::Bool, 4, 0)),
            Type::Number => Some(Self::simple(CelType::Double, 1, 0)),
            Type::Integer => Some(Self::simple(CelType::Int, 1, 0)),
        }
    }

    fn object(schema: &Schema, root: bool, name: &str) -> Option<Self> {
        if let Some(additional) = schema.additional.as_ref().filter(|additional| additional.kind.is_some() || additional.int_or_string) {
            let item = Self::of(additional, additional.embedded, &format!("{name}.@elem"))?;
            let most =
                schema.limits.max_properties.map_or((REQUEST - 2) / (item.least + 6), |most| i64::try_from(most).unwrap_or(i64::MAX));
            let kind = CelType::map(CelType::String, item.kind.clone());
            return Some(Self { item: Some(Arc::new(item)), is_map: true, ..Self::simple(kind, 2, most) });
        }
        let mut fields = BTreeMap::new();
        let mut least = 2;
        for (field, inner) in &schema.properties {
            if root && field == "metadata" {
                continue;
            }
            let Some(declared) = Self::of(inner, inner.embedded, &format!("{name}.{field}")) else { continue };
            if schema.required.contains(field) && inner.default.is_none() {
                least += i64::try_from(field.len()).unwrap_or(0) + declared.least + 4;
            }
            if let Some(known_as) = escape(field) {
                fields.insert(known_as, Arc::new(declared));
            }
        }
        if root {
            let text = || Arc::new(Self::simple(CelType::String, 2, REQUEST - 2));
            for field in ["apiVersion", "kind"] {
                fields.entry(field.to_owned()).or_insert_with(text);
            }
            let names: BTreeMap<String, Arc<Declared>> = ["name", "generateName"].map(|field| (field.to_owned(), text())).into();
            fields.insert("metadata".to_owned(), Arc::new(Self::of_fields(&format!("{name}.metadata"), names, 2)));
        }
        Some(Self::of_fields(name, fields, least))
    }

    fn of_fields(name: &str, fields: BTreeMap<String, Arc<Declared>>, least: i64) -> Self {
        let types = fields.iter().map(|(field, inner)| (field.clone(), inner.kind.clone())).collect();
        let kind = CelType::Object(Arc::new(ObjectType { name: name.to_owned(), fields: types }));
        Self { fields, ..Self::simple(kind, least, 0) }
    }

    /// Returns how often a value of this node may stand in a request.
    pub fn cardinality(&self) -> u64 {
        u64::try_from(REQUEST / (self.least + 1)).unwrap_or(1)
    }
}

impl Sizes for Declared {
    fn most(&self, path: &[String]) -> Option<u64> {
        let mut here = self;
        for word in path.iter().skip(1) {
            here = match word.as_str() {
                "@items" | "@values" => here.item.as_deref()?,
                // The key of a map is a text without bounds.
                "@keys" => return here.is_map.then_some(0),
                field => here.fields.get(field)?,
            };
        }
        u64::try_from(here.most).ok()
    }
}
