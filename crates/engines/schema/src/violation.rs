use serde_json::{Value, json};

/// The sort of a violation, in the API's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A field is missing.
    Required,
    /// A value is wrong.
    Invalid,
    /// A value of the wrong type.
    TypeInvalid,
    /// A value is not one of those allowed.
    NotSupported,
    /// A value stands twice.
    Duplicate,
    /// A value is too long.
    TooLong,
    /// A list or map has too many items.
    TooMany,
    /// Something may not be there.
    Forbidden,
    /// Something named does not exist.
    NotFound,
}

impl Cause {
    /// Returns the machine-readable reason in a Status.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotFound => "FieldValueNotFound",
        }
    }
}

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where, such as `spec.containers[0].name`.
    pub field: String,
    /// What sort.
    pub cause: Cause,
    /// The sentence without the field.
    pub text: String,
}

/// A value as JSON, but for numbers, which are as Go prints them.
fn shown(value: &Value) -> String {
    if value.is_number() { golang::printed(value) } else { value.to_string() }
}

impl Violation {
    fn new(field: &str, cause: Cause, text: String) -> Self {
        Self { field: field.to_owned(), cause, text }
    }

    /// A field is missing.
    pub fn required(field: &str, why: &str) -> Self {
        let text = if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        Self::new(field, Cause::Required, text)
    }

    /// A value is wrong.
    pub fn invalid(field: &str, value: &Value, why: &str) -> Self {
        Self::new(field, Cause::Invalid, format!("Invalid value: {}: {why}", shown(value)))
    }

    /// A value has the wrong type.
    pub fn wrong_type(field: &str, found: &str, wanted: &str) -> Self {
        let text = format!("Invalid value: {}: {field} in body must be of type {wanted}: {}", json!(found), json!(found));
        Self::new(field, Cause::TypeInvalid, text)
    }

    /// A value is not one of those allowed.
    pub fn not_supported(field: &str, value: &Value, allowed: &[String]) -> Self {
        let list: Vec<String> = allowed.iter().map(|one| json!(one).to_string()).collect();
        Self::new(field, Cause::NotSupported, format!("Unsupported value: {}: supported values: {}", shown(value), list.join(", ")))
    }

    /// A value stands twice.
    pub fn duplicate(field: &str, value: &Value) -> Self {
        Self::new(field, Cause::Duplicate, format!("Duplicate value: {value}"))
    }

    /// A text is too long.
    pub fn too_long(field: &str, most: u64) -> Self {
        Self::new(field, Cause::TooLong, format!("Too long: may not be more than {most} bytes"))
    }

    /// A list or map is too long.
    pub fn too_many(field: &str, found: usize, most: u64) -> Self {
        Self::new(field, Cause::TooMany, format!("Too many: {found}: must have at most {most} items"))
    }

    /// Something may not be there or may not change.
    pub fn forbidden(field: &str, why: &str) -> Self {
        Self::new(field, Cause::Forbidden, format!("Forbidden: {why}"))
    }

    /// Something named does not exist.
    pub fn not_found(field: &str, value: &Value) -> Self {
        Self::new(field, Cause::NotFound, format!("Not found: {value}"))
    }

    /// Returns the sentence with the field in front.
    pub fn sentence(&self) -> String {
        format!("{}: {}", self.field, self.text)
    }
}
