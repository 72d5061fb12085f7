//! The table of types, read once.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

/// A Go type, as far as JSON and protobuf care.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Type {
    Text,
    Flag,
    /// A whole number of so many bits.
    Whole(u32),
    Float,
    Bytes,
    Time,
    MicroTime,
    Duration,
    Quantity,
    IntOrString,
    /// Any object, kept as it is (`runtime.RawExtension`).
    Raw,
    /// `metav1.FieldsV1`.
    Fields,
    /// Any JSON (`apiextensions.JSON`).
    Anything,
    /// A schema or true or false, a list of schemas, a list of texts: types of apiextensions with JSON of their own.
    OrSchema,
    Pointer(&'static Type),
    List(&'static Type),
    Map(&'static Type),
    /// A type with another name: the name and what it is.
    Named(&'static str, &'static Type),
    Struct(&'static str),
}

/// A field as the table has it.
#[derive(Debug)]
pub(crate) struct Field {
    /// The name in JSON; empty for an inlined struct.
    pub name: &'static str,
    /// The number in protobuf.
    pub number: u64,
    pub omit_empty: bool,
    pub omit_zero: bool,
    pub inlined: bool,
    /// `+listType=atomic`.
    pub atomic_list: bool,
    /// `+mapType=atomic`.
    pub atomic_map: bool,
    pub form: Type,
}

/// A struct.
#[derive(Debug)]
pub(crate) struct Struct {
    /// `core.v1.Container`.
    pub name: &'static str,
    /// Whether server-side apply takes it as a whole.
    pub atomic: bool,
    /// Whether it has `apiVersion` and `kind`.
    pub kind: bool,
    /// In Go's order.
    pub fields: Vec<Field>,
    /// The same with those of inlined structs in place, once somebody asked.
    flat: OnceLock<Vec<&'static Field>>,
    /// The same by name.
    sorted: OnceLock<Vec<&'static Field>>,
}

impl Struct {
    /// Returns the name without its package: `Container`.
    pub fn short(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// Returns a field by its JSON name, those of inlined structs included.
    pub fn field(&'static self, name: &str) -> Option<&'static Field> {
        let sorted = self.sorted.get_or_init(|| {
            let mut all = self.members().to_vec();
            all.sort_by_key(|field| field.name);
            all
        });
        sorted.binary_search_by(|field| field.name.cmp(name)).ok().map(|at| sorted[at])
    }

    /// Returns the inlined structs through which a field is reached, by their short names.
    pub fn through(&self, name: &str) -> Vec<&'static str> {
        if self.fields.iter().any(|field| !field.inlined && field.name == name) {
            return Vec::new();
        }
        let mut inlined = self.fields.iter().filter(|field| field.inlined).filter_map(|field| match field.form.base() {
            Type::Struct(inner) => by_name(inner),
            _ => None,
        });
        let Some(next) = inlined.find(|inner| inner.field(name).is_some()) else { return Vec::new() };
        [next.short()].into_iter().chain(next.through(name)).collect()
    }

    /// Returns the fields in Go's order, those of inlined structs in place.
    pub fn members(&'static self) -> &'static [&'static Field] {
        self.flat.get_or_init(|| {
            let mut found = Vec::with_capacity(self.fields.len());
            for field in &self.fields {
                match field.form.base() {
                    Type::Struct(inner) if field.inlined => found.extend(by_name(inner).into_iter().flat_map(Struct::members)),
                    _ => found.push(field),
                }
            }
            found
        })
    }
}

impl Type {
    /// Returns the type behind pointers and other names.
    pub fn base(&self) -> &Type {
        match self {
            Self::Pointer(inner) | Self::Named(_, inner) => inner.base(),
            other => other,
        }
    }

    /// Returns the type as Go prints it in errors; a pointer is what it points to.
    pub fn go_name(&self) -> String {
        let last_two = |name: &str| {
            let mut parts = name.rsplit('.');
            let (own, package) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            format!("{package}.{own}")
        };
        match self {
            Self::Text => "string".to_owned(),
            Self::Flag => "bool".to_owned(),
            Self::Whole(0) => "int".to_owned(),
            Self::Whole(bits) => format!("int{bits}"),
            Self::Float => "float64".to_owned(),
            Self::Bytes => "[]uint8".to_owned(),
            Self::Time => "v1.Time".to_owned(),
            Self::MicroTime => "v1.MicroTime".to_owned(),
            Self::Duration => "v1.Duration".to_owned(),
            Self::Quantity => "resource.Quantity".to_owned(),
            Self::IntOrString => "intstr.IntOrString".to_owned(),
            Self::Raw => "runtime.RawExtension".to_owned(),
            Self::Fields => "v1.FieldsV1".to_owned(),
            Self::Anything => "v1.JSON".to_owned(),
            Self::OrSchema => "v1.JSONSchemaProps".to_owned(),
            Self::Pointer(inner) => inner.go_name(),
            Self::List(inner) => format!("[]{}", inner.full_name()),
            Self::Map(inner) => format!("map[string]{}", inner.full_name()),
            Self::Named(name, _) | Self::Struct(name) => last_two(name),
        }
    }

    fn full_name(&self) -> String {
        if let Self::Pointer(inner) = self { format!("*{}", inner.go_name()) } else { self.go_name() }
    }
}

static TABLE: LazyLock<HashMap<&'static str, Struct>> = LazyLock::new(|| parse(include_str!("types.txt")));

/// Returns a struct by its name in the table.
pub(crate) fn by_name(name: &str) -> Option<&'static Struct> {
    TABLE.get(name)
}

/// Returns the struct of a kind.
pub(crate) fn by_kind(api_version: &str, kind: &str) -> Option<&'static Struct> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let package = match group {
        "" => "core",
        "rbac.authorization.k8s.io" => "rbac",
        "flowcontrol.apiserver.k8s.io" => "flowcontrol",
        group => group.strip_suffix(".k8s.io").unwrap_or(group),
    };
    by_name(&format!("{package}.{version}.{kind}")).filter(|one| one.kind)
}

fn parse(text: &'static str) -> HashMap<&'static str, Struct> {
    let mut names: HashMap<&'static str, &'static str> = HashMap::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        if words.next() == Some("name") {
            names.extend(words.next().zip(words.next()));
        }
    }
    let mut found: Vec<Struct> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("type ") {
            let mut words = rest.split(' ');
            let name = words.next().unwrap_or_default();
            let flags: Vec<&str> = words.collect();
            found.push(Struct {
                name,
                atomic: flags.contains(&"atomic"),
                kind: flags.contains(&"kind"),
                fields: Vec::new(),
                flat: OnceLock::new(),
                sorted: OnceLock::new(),
            });
        } else if let Some(rest) = line.strip_prefix(' ') {
            let words: Vec<&'static str> = rest.split(' ').collect();
            let Some(one) = found.last_mut() else { continue };
            let [name, number, flags, form] = words[..] else { continue };
            one.fields.push(Field {
                name: if name == "-" { "" } else { name },
                number: number.parse().unwrap_or(0),
                omit_empty: flags.contains('o'),
                omit_zero: flags.contains('z'),
                inlined: flags.contains('i'),
                atomic_list: flags.contains('a'),
                atomic_map: flags.contains('A'),
                form: form_of(form, &names),
            });
        }
    }
    found.into_iter().map(|one| (one.name, one)).collect()
}

/// Leaks a type: the table lives as long as the program.
fn keep(form: Type) -> &'static Type {
    Box::leak(Box::new(form))
}

fn form_of(text: &'static str, names: &HashMap<&'static str, &'static str>) -> Type {
    if let Some(inner) = text.strip_prefix('*') {
        return Type::Pointer(keep(form_of(inner, names)));
    }
    if let Some(inner) = text.strip_prefix("[]") {
        return Type::List(keep(form_of(inner, names)));
    }
    if let Some((_, inner)) = text.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
        return Type::Map(keep(form_of(inner, names)));
    }
    match text {
        "string" => Type::Text,
        "bool" => Type::Flag,
        "int32" => Type::Whole(32),
        "int64" => Type::Whole(64),
        "int" => Type::Whole(0),
        "float64" => Type::Float,
        "bytes" => Type::Bytes,
        "time" => Type::Time,
        "microtime" => Type::MicroTime,
        "duration" => Type::Duration,
        "quantity" => Type::Quantity,
        "intstr" => Type::IntOrString,
        "raw" => Type::Raw,
        "fields" => Type::Fields,
        "json" => Type::Anything,
        "apiextensions.v1.JSONSchemaPropsOrBool"
        | "apiextensions.v1.JSONSchemaPropsOrArray"
        | "apiextensions.v1.JSONSchemaPropsOrStringArray" => Type::OrSchema,
        name => match names.get(name) {
            Some(is) => Type::Named(name, keep(form_of(is, names))),
            None => Type::Struct(name),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: &Type, place: &str) {
        match form {
            Type::Pointer(inner) | Type::List(inner) | Type::Map(inner) | Type::Named(_, inner) => check(inner, place),
            Type::Struct(name) => assert!(by_name(name).is_some(), "{name} in {place}"),
            _ => {}
        }
    }

    #[test]
    fn the_table_is_whole() {
        for one in TABLE.values() {
            one.fields.iter().for_each(|field| check(&field.form, one.name));
        }
    }

    #[test]
    fn every_kind_served_has_its_struct() {
        for kind in crate::kinds::KINDS {
            let version = if kind.group.is_empty() { kind.version.to_owned() } else { format!("{}/{}", kind.group, kind.version) };
            assert!(by_kind(&version, kind.kind).is_some(), "{version} {}", kind.kind);
            assert!(by_kind(&version, &format!("{}List", kind.kind)).is_some(), "{version} {}List", kind.kind);
        }
    }

    #[test]
    fn inlined_fields_are_fields() {
        let volume = by_name("core.v1.Volume").expect("there");
        assert!(volume.field("emptyDir").is_some() && volume.field("name").is_some());
        let names: Vec<&str> = volume.members().iter().map(|field| field.name).take(2).collect();
        assert_eq!(names, ["name", "hostPath"]);
    }
}
