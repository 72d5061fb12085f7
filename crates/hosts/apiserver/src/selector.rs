//! Label and field selectors.

use serde_json::{Map, Value};

use crate::catalog::Resource;
use crate::labels::{self, Requirement};
use crate::object::{at, meta, pairs};
use crate::status::{ApiError, ApiResult};

/// Which objects are meant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldRequirement>,
}

#[derive(Debug, Clone)]
struct FieldRequirement {
    field: String,
    value: String,
    equal: bool,
}

impl Selector {
    /// Reads both selectors of a list, watch or deletecollection.
    pub fn read(labels: Option<&str>, fields: Option<&str>, resource: &Resource) -> ApiResult<Self> {
        let labels = labels.map(labels::parse).transpose().map_err(ApiError::bad_request)?;
        let fields = fields.map(|text| parse_fields(text, resource)).transpose()?;
        Ok(Self { labels: labels.unwrap_or_default(), fields: fields.unwrap_or_default() })
    }

    /// Tells whether everything is meant.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Tells whether this object is meant.
    pub fn matches(&self, object: &Value, resource: &Resource) -> bool {
        let empty = Map::new();
        let labels = pairs(object, "labels").unwrap_or(&empty);
        self.labels.iter().all(|one| one.matches(labels))
            && self.fields.iter().all(|one| (field(object, &one.field, resource) == one.value) == one.equal)
    }

    /// Tells whether a stored object may be meant, without reading it: a label that has to be there stands in its bytes. Most
    /// lists ask for a few of many.
    pub fn may_match(&self, stored: &[u8]) -> bool {
        let stands = |value: &String| value.is_empty() || memchr::memmem::find(stored, format!("\"{value}\"").as_bytes()).is_some();
        self.labels.iter().all(|one| match one {
            Requirement::In(_, values) => values.iter().any(stands),
            Requirement::NotIn(..) | Requirement::Exists(_) | Requirement::Absent(_) | Requirement::Greater(..) | Requirement::Less(..) => {
                true
            }
        })
    }

    /// Returns the only name that can match.
    pub fn name(&self) -> Option<&str> {
        self.fields.iter().find(|one| one.equal && one.field == "metadata.name").map(|one| one.value.as_str())
    }
}

impl Requirement {
    fn matches(&self, labels: &Map<String, Value>) -> bool {
        let value = |key: &String| labels.get(key).and_then(Value::as_str);
        match self {
            Self::In(key, values) => value(key).is_some_and(|value| values.iter().any(|one| one == value)),
            Self::NotIn(key, values) => value(key).is_none_or(|value| !values.iter().any(|one| one == value)),
            Self::Exists(key) => labels.contains_key(key),
            Self::Absent(key) => !labels.contains_key(key),
            Self::Greater(key, bound) => value(key).and_then(|value| value.parse::<i64>().ok()).is_some_and(|number| number > *bound),
            Self::Less(key, bound) => value(key).and_then(|value| value.parse::<i64>().ok()).is_some_and(|number| number < *bound),
        }
    }
}

fn parse_fields(text: &str, resource: &Resource) -> ApiResult<Vec<FieldRequirement>> {
    let mut found = Vec::new();
    for part in terms(text).into_iter().filter(|part| !part.is_empty()) {
        let Some((field, value, equal)) = term(part) else {
            return Err(ApiError::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'")));
        };
        found.push(FieldRequirement { field: field.to_owned(), value: unescaped(value)?, equal });
    }
    for one in &mut found {
        one.field = known(&one.field, resource).map_err(ApiError::bad_request)?;
    }
    Ok(found)
}

/// Splits at commas that no backslash takes for a value's own.
fn terms(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Splits a term at its first sign.
fn term(part: &str) -> Option<(&str, &str, bool)> {
    let mut escaped = false;
    for (index, byte) in part.bytes().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        escaped = byte == b'\\';
        for (sign, equal) in [("!=", false), ("==", true), ("=", true)] {
            if part.as_bytes()[index..].starts_with(sign.as_bytes()) {
                return Some((&part[..index], &part[index + sign.len()..], equal));
            }
        }
    }
    None
}

/// Takes the backslashes out of a value (AM `pkg/fields/selector.go` `UnescapeValue`).
fn unescaped(value: &str) -> ApiResult<String> {
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(one) = characters.next() {
        match one {
            '\\' => match characters.next() {
                Some(next @ ('\\' | ',' | '=')) => out.push(next),
                Some(next) => {
                    return Err(ApiError::bad_request(format!("invalid field selector: invalid escape sequence: \\{next}")));
                }
                None => return Err(ApiError::bad_request("invalid field selector: invalid escape sequence: \\")),
            },
            ',' | '=' => {
                // Go prints the rune's number.
                let why = format!("invalid field selector: unescaped character in value: {}", u32::from(one));
                return Err(ApiError::bad_request(why));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Returns the name under which a field is looked up, or why it may not be asked for. Kubernetes' own kinds say so in ways of
/// their own: `AddFieldLabelConversionFunc` in kubernetes `pkg/apis/*/v1/conversion.go`.
fn known(field: &str, resource: &Resource) -> Result<String, String> {
    if let Some(custom) = &resource.custom {
        let always = matches!(field, "metadata.name" | "metadata.namespace");
        let selectable = always || custom.selectable.iter().any(|one| one == field);
        return if selectable { Ok(field.to_owned()) } else { Err(format!("field label not supported: {field}")) };
    }
    let named = resource.namespaced && field == "metadata.namespace" || field == "metadata.name";
    if resource.group == "events.k8s.io" {
        let inner = match field {
            "reportingController" => "reportingComponent".to_owned(),
            "reason" | "type" => field.to_owned(),
            _ if named => field.to_owned(),
            _ => match field.strip_prefix("regarding.").map(|part| format!("involvedObject.{part}")) {
                Some(inner) if fields_of(resource).contains(&inner.as_str()) => inner,
                _ => return Err(format!("field label not supported: {field}")),
            },
        };
        return Ok(inner);
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("resource.k8s.io", "ResourceSlice") if field != "metadata.name" && !fields_of(resource).contains(&field) => {
            Err(format!("field label not supported for {}, Kind={}: {field}", resource.api_version, resource.kind))
        }
        _ if fields_of(resource).contains(&field) => Ok(field.to_owned()),
        ("", "Pod") if field == "spec.host" => Ok("spec.nodeName".to_owned()),
        ("", "Pod" | "Node" | "ReplicationController" | "Event" | "Namespace" | "Secret" | "Service") | ("certificates.k8s.io", _)
            if !named =>
        {
            Err(format!("field label not supported: {field}"))
        }
        ("batch", "Job") if !named => Err(format!("field label {field:?} not supported for Job")),
        _ if named || field == "metadata.namespace" => Ok(field.to_owned()),
        _ => Err(format!("{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")),
    }
}

fn fields_of(resource: &Resource) -> &'static [&'static str] {
    match resource.kind.as_str() {
        "Pod" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        "Event" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "Secret" => &["type"],
        "Service" => &["spec.clusterIP", "spec.type"],
        "Namespace" => &["status.phase"],
        "Job" => &["status.successful"],
        "Node" => &["spec.unschedulable"],
        "ReplicationController" => &["status.replicas"],
        "CertificateSigningRequest" => &["spec.signerName"],
        "ResourceSlice" => &["spec.driver", "spec.nodeName"],
        _ => &[],
    }
}

fn field(object: &Value, field: &str, resource: &Resource) -> String {
    match (resource.kind.as_str(), field) {
        (_, "metadata.name") => return meta(object, "name").to_owned(),
        (_, "metadata.namespace") => return meta(object, "namespace").to_owned(),
        // It may be asked for, but nothing is ever found there.
        ("Pod", "status.podIPs") => return String::new(),
        ("Job", "status.successful") => return object.pointer("/status/succeeded").map_or_else(|| "0".to_owned(), Value::to_string),
        ("Pod", "spec.hostNetwork") | ("Node", "spec.unschedulable") => {
            let text = shown(at(object, &field.split('.').collect::<Vec<_>>()));
            return if text.is_empty() { "false".to_owned() } else { text };
        }
        ("Event", "source") => {
            let component = shown(object.pointer("/source/component"));
            return if component.is_empty() { shown(object.get("reportingComponent")) } else { component };
        }
        ("Event", _) if field.starts_with("involvedObject.") && object.get("involvedObject").is_none() => {
            return shown(at(object, &field.replacen("involvedObject", "regarding", 1).split('.').collect::<Vec<_>>()));
        }
        _ => {}
    }
    shown(at(object, &field.split('.').collect::<Vec<_>>()))
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A `LabelSelector` object (`matchLabels`, `matchExpressions`) against labels; an empty or absent one takes everything.
pub(crate) fn label_selector_matches(selector: &Value, labels: Option<&Map<String, Value>>) -> bool {
    let empty = Map::new();
    let labels = labels.unwrap_or(&empty);
    let equal = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .is_none_or(|wanted| wanted.iter().all(|(key, value)| labels.get(key) == Some(value)));
    equal
        && selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten().all(|one| {
            let key = one.get("key").and_then(Value::as_str).unwrap_or_default();
            let values = one.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let found = labels.get(key);
            match one.get("operator").and_then(Value::as_str) {
                Some("In") => found.is_some_and(|value| values.contains(value)),
                Some("NotIn") => found.is_none_or(|value| !values.contains(value)),
                Some("Exists") => found.is_some(),
                Some("DoesNotExist") => found.is_none(),
                _ => false,
            }
        })
}
