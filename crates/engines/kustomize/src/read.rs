//! From the text of a file to its resources. Source: kustomize `kyaml/kio/byteio_reader.go`, `api/resource/factory.go`.

use std::borrow::Cow;
use std::rc::Rc;

use serde_json::Value;
use yaml::Dialect;

use crate::error::{BuildError, Result, fail};
use crate::resource::Resource;
use crate::schema::Schemas;
use crate::value::{self, is_empty, is_null, text_at};

/// Reads the resources of a text; items of lists go to the end.
pub(crate) fn resources(text: &str, place: &str, schemas: &Rc<Schemas>) -> Result<Vec<Resource>> {
    let mut open: std::collections::VecDeque<Value> = checked(documents(text, place)?)?.into();
    let mut found = Vec::new();
    while let Some(value) = open.pop_front() {
        let kind = text_at(&value, &["kind"]);
        match value.get("items").filter(|_| kind.ends_with("List")) {
            None => found.push(Resource::new(value, schemas)),
            Some(Value::Array(items)) => {
                let mut items = checked(items.clone())?;
                items.iter_mut().for_each(value::reread);
                open.extend(items);
            }
            Some(items) if is_null(items) => {}
            Some(_) => return fail(format!("expected array in {kind}/items, but found something else")),
        }
    }
    Ok(found)
}

/// Reads the documents of a text. The items of a lone `List` stand for it.
fn documents(text: &str, place: &str) -> Result<Vec<Value>> {
    let text = if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let parts = split(text)?;
    let mut found = Vec::new();
    for part in &parts {
        let refuse = |source| BuildError::Yaml { path: place.to_owned(), source };
        let Some(mut value) = yaml::read_first(part, Dialect::Kyaml, &value::remembered).map_err(refuse)? else { continue };
        if is_null(&value) {
            continue;
        }
        let kind = text_at(&value, &["kind"]);
        if parts.len() == 1
            && (kind == "List" || kind == "ResourceList")
            && (value.get("items").is_some() || value.get("functionConfig").is_some())
        {
            if let Some(Value::Array(items)) = value.get_mut("items") {
                found.append(items);
            }
            continue;
        }
        found.push(value);
    }
    Ok(found)
}

/// Reads the first document of a file that is no resource, as sigs.k8s.io/yaml does.
pub(crate) fn settings(text: &str) -> std::result::Result<Value, yaml::YamlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(yaml::read_first(text, Dialect::Sigs, &|_, value| value)?.unwrap_or_default())
}

/// Splits at lines that start with `---`; only a comment may follow there.
fn split(text: &str) -> Result<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut start, mut from) = (0, 0);
    while let Some(at) = text[from..].find("\n---").map(|at| from + at) {
        let Some(end) = text[at + 1..].find('\n').map(|end| at + 1 + end) else { break };
        let rest = text[at + 4..end].trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            return fail(format!("invalid document separator: {}", text[at..end].trim()));
        }
        parts.push(&text[start..=at]);
        start = end + 1;
        // The line feed that ends a separator does not begin the next one.
        from = start;
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn checked(values: Vec<Value>) -> Result<Vec<Value>> {
    let kept: Vec<Value> = values.into_iter().filter(|value| !is_empty(value)).collect();
    for value in &kept {
        let kind = text_at(value, &["kind"]);
        if !value.is_object() {
            return fail("missing Resource metadata");
        }
        if kind.is_empty() {
            return fail(format!("missing kind in object {}", shown(value)));
        }
        if !kind.ends_with("List") && text_at(value, &["metadata", "name"]).is_empty() {
            return fail(format!("missing metadata.name in object {}", shown(value)));
        }
    }
    Ok(kept)
}

fn shown(value: &Value) -> String {
    let (api_version, name, namespace) =
        (text_at(value, &["apiVersion"]), text_at(value, &["metadata", "name"]), text_at(value, &["metadata", "namespace"]));
    format!("{{{{{api_version} {}}} {{{{{name} {namespace}}} map[] map[]}}}}", text_at(value, &["kind"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_split_as_upstream_does() {
        assert_eq!(split("a\n---\nb\n--- # c\nd").expect("splits"), ["a\n", "b\n", "d"]);
        assert_eq!(split("a\n---\n---\nb").expect("splits"), ["a\n", "---\nb"]);
        assert!(split("a\n--- b\nc").is_err());
    }

    #[test]
    fn lists_are_unwrapped_and_their_items_go_last() {
        let schemas = Rc::new(Schemas::default());
        let kinds = |text: &str| resources(text, "x", &schemas).map(|found| found.iter().map(Resource::kind).collect::<Vec<_>>().join(" "));
        let item = |kind: &str| format!("{{kind: {kind}, apiVersion: v1, metadata: {{name: a}}}}");
        let list = format!("kind: XList\napiVersion: v1\nitems: [{}, null]\n---\n{}\n", item("A"), item("B"));
        assert_eq!(kinds(&list).as_deref(), Ok("B A"));
        assert_eq!(kinds(&format!("kind: List\nitems: [{}]", item("A"))).as_deref(), Ok("A"));
        assert!(kinds("kind: A").is_err() && kinds("metadata: {name: a}").is_err() && kinds("- a").is_err());
        assert_eq!(kinds("# nothing\n---\n{}\n").as_deref(), Ok(""));
    }
}
