use std::collections::BTreeMap;
use std::sync::Arc;

/// The type of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Anything: checked when it is evaluated.
    Dyn,
    /// What follows from an error that was told already.
    Error,
    /// `null`.
    Null,
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A whole number that is not negative.
    Uint,
    /// A floating number.
    Double,
    /// A text.
    String,
    /// Bytes.
    Bytes,
    /// A span of time.
    Duration,
    /// A point in time.
    Timestamp,
    /// A list.
    List(Arc<Type>),
    /// A map.
    Map(Arc<Type>, Arc<Type>),
    /// An object with declared fields.
    Object(Arc<ObjectType>),
    /// A value that may be absent.
    Optional(Arc<Type>),
    /// The type of types.
    Type,
    /// A type of its own, such as `kubernetes.Quantity`.
    Opaque(&'static str),
    /// A parameter of a declaration, or one that is not known yet.
    Param(Arc<str>),
}

/// An object's fields by the names that expressions use.
#[derive(Debug, PartialEq)]
pub struct ObjectType {
    /// The name in messages.
    pub name: String,
    /// The fields.
    pub fields: BTreeMap<String, Type>,
}

impl Type {
    /// Returns a list type.
    pub fn list(item: Type) -> Self {
        Self::List(Arc::new(item))
    }

    /// Returns a map type.
    pub fn map(key: Type, value: Type) -> Self {
        Self::Map(Arc::new(key), Arc::new(value))
    }

    /// Returns the type of a value that may be absent.
    pub fn optional(inner: Type) -> Self {
        Self::Optional(Arc::new(inner))
    }

    pub(crate) fn param(name: &str) -> Self {
        Self::Param(Arc::from(name))
    }

    pub(crate) fn is_dyn(&self) -> bool {
        matches!(self, Self::Dyn)
    }

    pub(crate) fn is_loose(&self) -> bool {
        matches!(self, Self::Dyn | Self::Error)
    }

    /// Tells whether null may stand for it.
    pub(crate) fn is_nullable(&self) -> bool {
        matches!(self, Self::Object(_) | Self::Optional(_) | Self::Opaque(_) | Self::Duration | Self::Timestamp | Self::Null)
    }

    /// Returns the type's parameters.
    pub(crate) fn parameters(&self) -> Vec<&Type> {
        match self {
            Self::List(item) | Self::Optional(item) => vec![item],
            Self::Map(key, value) => vec![key, value],
            _ => Vec::new(),
        }
    }

    /// Reads a type as the table of declarations writes it.
    pub(crate) fn read(text: &str) -> Self {
        if let Some(inner) = text.strip_suffix(')') {
            if let Some(item) = inner.strip_prefix("list(") {
                return Self::list(Self::read(item));
            }
            if let Some(item) = inner.strip_prefix("optional(") {
                return Self::optional(Self::read(item));
            }
            if let Some((key, value)) = inner.strip_prefix("map(").and_then(|pair| pair.split_once(',')) {
                return Self::map(Self::read(key), Self::read(value));
            }
        }
        match text {
            "null" => Self::Null,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "uint" => Self::Uint,
            "double" => Self::Double,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "duration" => Self::Duration,
            "timestamp" => Self::Timestamp,
            "type" => Self::Type,
            "Quantity" => Self::Opaque(QUANTITY),
            "IP" => Self::Opaque(IP),
            "CIDR" => Self::Opaque(CIDR),
            "URL" => Self::Opaque(URL),
            "Format" => Self::Opaque(FORMAT),
            "Semver" => Self::Opaque(SEMVER),
            text if text.len() == 1 && text.chars().all(|one| one.is_ascii_uppercase()) => Self::param(text),
            _ => Self::Dyn,
        }
    }
}

impl Type {
    /// Returns the name as Go prints the type, which is not the one in the checker's messages.
    pub fn go_name(&self) -> String {
        match self {
            Self::Null => "null_type".to_owned(),
            Self::Duration => "google.protobuf.Duration".to_owned(),
            Self::Timestamp => "google.protobuf.Timestamp".to_owned(),
            other => other.to_string(),
        }
    }
}

pub(crate) const QUANTITY: &str = "kubernetes.Quantity";
pub(crate) const IP: &str = "net.IP";
pub(crate) const CIDR: &str = "net.CIDR";
pub(crate) const URL: &str = "kubernetes.URL";
pub(crate) const FORMAT: &str = "kubernetes.NamedFormat";
pub(crate) const SEMVER: &str = "kubernetes.Semver";

/// As messages name types. cel-go `checker/format.go`.
impl std::fmt::Display for Type {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dyn => out.write_str("dyn"),
            Self::Error => out.write_str("!error!"),
            Self::Null => out.write_str("null"),
            Self::Bool => out.write_str("bool"),
            Self::Int => out.write_str("int"),
            Self::Uint => out.write_str("uint"),
            Self::Double => out.write_str("double"),
            Self::String => out.write_str("string"),
            Self::Bytes => out.write_str("bytes"),
            Self::Duration => out.write_str("duration"),
            Self::Timestamp => out.write_str("timestamp"),
            Self::List(item) => write!(out, "list({item})"),
            Self::Map(key, value) => write!(out, "map({key}, {value})"),
            Self::Object(object) => out.write_str(&object.name),
            Self::Optional(inner) => write!(out, "optional_type({inner})"),
            Self::Type => out.write_str("type"),
            Self::Opaque(name) => out.write_str(name),
            Self::Param(name) => out.write_str(name),
        }
    }
}
