//! What an object asks for that nobody here acts on yet. Read first: [`unsupported`].

use serde_json::{Map, Value};

use super::library::{Base, Body, Choice, Field, Library, Shape};

/// Something that an object asks for in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The path of the field, such as `spec.steps[2].task`; `kind` when it is the object as a whole.
    pub field: String,
    /// A sentence that names the field and what to do.
    pub message: String,
}

/// Returns what an object asks for that is not supported.
pub(super) fn unsupported(library: &Library, object: &Value) -> Vec<Unsupported> {
    let group = object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
    let Some(kind) = library.kinds.iter().find(|kind| kind.group == group && object["kind"] == kind.name.as_str()) else {
        return Vec::new();
    };
    let mut walk = Walk { library, found: Vec::new() };
    if kind.supported {
        if let Some(root) = object.as_object() {
            let fields = kind.fields.iter().filter(|field| field.name != "status");
            fields.for_each(|field| walk.field(field, root, ""));
        }
    } else {
        walk.tell("kind", format!("kind {} is not supported yet: nothing acts on it", kind.name));
    }
    walk.found
}

struct Walk<'a> {
    library: &'a Library,
    found: Vec<Unsupported>,
}

impl Walk<'_> {
    fn tell(&mut self, field: &str, message: String) {
        self.found.push(Unsupported { field: field.to_owned(), message });
    }

    fn refuse(&mut self, field: &str) {
        self.tell(field, format!("{field} is not supported yet: remove it"));
    }

    fn field(&mut self, field: &Field, object: &Map<String, Value>, path: &str) {
        let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
        let value = object.get(&field.name).unwrap_or(&Value::Null);
        if field.shape.needed && is_silent(value) {
            return self.tell(&path, format!("{path} is needed: doing without is not supported yet"));
        }
        if self.default(&field.shape).map_or_else(|| value.is_null(), |default| value == default || value.is_null()) {
            return;
        }
        if field.supported {
            self.shape(&field.shape, value, &path);
        } else if !is_silent(value) {
            self.refuse(&path);
        }
    }

    /// Returns what the API server fills in.
    fn default<'s>(&'s self, shape: &'s Shape) -> Option<&'s Value> {
        let named = || match &shape.base {
            Base::Named(name) => match &self.library.types[name].body {
                Body::Shape(inner) => self.default(inner),
                Body::Fields(_) => None,
            },
            _ => None,
        };
        shape.default.as_ref().or_else(named)
    }

    fn shape(&mut self, shape: &Shape, value: &Value, path: &str) {
        if let Some(text) = value.as_str()
            && !shape.only.is_empty()
            && !text.is_empty()
            && !shape.only.iter().any(|only| only == text)
        {
            return self.only(path, text, &shape.only.iter().map(String::as_str).collect::<Vec<_>>());
        }
        self.base(&shape.base, value, path);
    }

    fn base(&mut self, base: &Base, value: &Value, path: &str) {
        match base {
            Base::Enumeration(choices) => self.choice(choices, value, path),
            Base::List(item) => {
                for (at, value) in value.as_array().into_iter().flatten().enumerate() {
                    self.base(item, value, &format!("{path}[{at}]"));
                }
            }
            Base::Map(item) => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    self.base(item, value, &format!("{path}[{key}]"));
                }
            }
            Base::Named(name) => self.named(name, value, path),
            Base::String | Base::Time | Base::Boolean | Base::Integer | Base::Int32 | Base::Int64 | Base::IntOrString => {}
            // What is inside is for those who act on it to judge.
            Base::Object | Base::AnyObject | Base::Any => {}
        }
    }

    fn named(&mut self, name: &str, value: &Value, path: &str) {
        let fields = match &self.library.types[name].body {
            Body::Shape(shape) => return self.shape(shape, value, path),
            Body::Fields(fields) => fields,
        };
        let Some(object) = value.as_object() else {
            if fields.open {
                self.tell(path, format!("{path} must be an object"));
            }
            return;
        };
        for field in &fields.list {
            let value = object.get(&field.name).filter(|value| fields.open && !value.is_null());
            match value.and_then(|value| misfit(&field.shape, value)) {
                // Nothing else tells what is wrong where anything is accepted.
                Some(wanted) if field.supported => {
                    let path = format!("{path}.{}", field.name);
                    self.tell(&path, format!("{path} must be {wanted}"));
                }
                _ => self.field(field, object, path),
            }
        }
        if fields.open {
            let strange = object.iter().filter(|(key, value)| !is_silent(value) && !fields.list.iter().any(|field| field.name == **key));
            strange.for_each(|(key, _)| self.refuse(&format!("{path}.{key}")));
        }
    }

    fn choice(&mut self, choices: &[Choice], value: &Value, path: &str) {
        let unsupported = choices.iter().find(|choice| !choice.supported && *value == choice.value.as_str());
        if let Some(choice) = unsupported {
            let supported: Vec<&str> = choices.iter().filter(|choice| choice.supported).map(|choice| choice.value.as_str()).collect();
            self.only(path, &choice.value, &supported);
        }
    }

    fn only(&mut self, path: &str, value: &str, supported: &[&str]) {
        self.tell(path, format!("{path}: {value} is not supported yet, only {}", supported.join(", ")));
    }
}

/// Says what a value must be that cannot be what its type says.
fn misfit(shape: &Shape, value: &Value) -> Option<String> {
    let limit = |word: &str| shape.bounds.iter().find(|(name, _)| *name == word).and_then(|(_, bound)| bound.as_i64());
    let (fits, wanted) = match &shape.base {
        Base::String | Base::Time => (value.is_string(), "a text".to_owned()),
        Base::Boolean => (value.is_boolean(), "true or false".to_owned()),
        Base::Integer | Base::Int32 | Base::Int64 => {
            let (least, most) = (limit("minimum").unwrap_or(i64::MIN), limit("maximum").unwrap_or(i64::MAX));
            let range = if least == i64::MIN && most == i64::MAX { String::new() } else { format!(" from {least} to {most}") };
            (value.as_i64().is_some_and(|number| (least..=most).contains(&number)), format!("a whole number{range}"))
        }
        Base::List(item) => {
            let texts = matches!(**item, Base::String);
            let fits = value.as_array().is_some_and(|items| !texts || items.iter().all(Value::is_string));
            (fits, if texts { "a list of texts" } else { "a list" }.to_owned())
        }
        Base::Map(_) | Base::Object | Base::AnyObject => (value.is_object(), "an object".to_owned()),
        Base::Enumeration(choices) => {
            let known: Vec<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
            (value.as_str().is_some_and(|text| text.is_empty() || known.contains(&text)), format!("one of {}", known.join(", ")))
        }
        Base::IntOrString | Base::Any | Base::Named(_) => return None,
    };
    (!fits).then_some(wanted)
}

/// Tells whether a value asks for nothing.
fn is_silent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}
