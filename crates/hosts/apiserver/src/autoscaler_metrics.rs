//! Metrics of HorizontalPodAutoscalers as version 1 writes them in its annotations. Follows kubernetes
//! `pkg/apis/autoscaling/v1/conversion.go` and the structs of `k8s.io/api/autoscaling/v1`, in whose order the fields stand.

use serde_json::{Map, Value, json};

use crate::typed::{Type, in_go_order};

/// Whether a metric says what is wanted or what was found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Wanted,
    Found,
}

impl Side {
    /// Returns where version 2 keeps the amounts.
    fn part(self) -> &'static str {
        match self {
            Self::Wanted => "target",
            Self::Found => "current",
        }
    }

    /// Returns a field's name in version 1: `targetValue`, `currentValue`.
    fn field(self, name: &str) -> String {
        let mut name = name.to_owned();
        name[..1].make_ascii_uppercase();
        format!("{}{name}", self.part())
    }
}

const SOURCES: &[&str] = &["object", "pods", "resource", "containerResource", "external"];
const SELECTOR: Type = Type::Struct("meta.v1.LabelSelector");

/// Writes a metric of version 2 as one of version 1.
pub(crate) fn to_first(metric: &Value, side: Side) -> String {
    let mut fields = vec![("type".to_owned(), metric.get("type").map(Value::to_string))];
    for name in SOURCES {
        let source = metric.get(*name).filter(|source| source.is_object());
        fields.push(((*name).to_owned(), source.map(|source| first_source(name, source, side))));
    }
    ordered(fields)
}

fn ordered(fields: Vec<(String, Option<String>)>) -> String {
    let there = fields.into_iter().filter_map(|(name, text)| Some(format!("{name:?}:{}", text?)));
    format!("{{{}}}", there.collect::<Vec<_>>().join(","))
}

fn first_source(name: &str, source: &Value, side: Side) -> String {
    let amounts = source.get(side.part()).unwrap_or(&Value::Null);
    let amount = |field: &str| amounts.get(field).filter(|value| !value.is_null()).map(Value::to_string);
    // What is no pointer in Go is there in any case.
    let plain = |field: &str| Some(amount(field).unwrap_or_else(|| "\"0\"".to_owned()));
    let told = |place: &str| Some(source.pointer(place).cloned().unwrap_or_else(|| json!("")).to_string());
    let selector = source.pointer("/metric/selector").filter(|one| one.is_object()).map(|one| in_go_order(&SELECTOR, one));
    let (value, average) = (side.field("value"), side.field("averageValue"));
    let fields = match name {
        "object" => vec![
            ("target".to_owned(), Some(reference(source.get("describedObject").unwrap_or(&Value::Null)))),
            ("metricName".to_owned(), told("/metric/name")),
            (value, plain("value")),
            ("selector".to_owned(), selector),
            ("averageValue".to_owned(), amount("averageValue")),
        ],
        "pods" => {
            vec![("metricName".to_owned(), told("/metric/name")), (average, plain("averageValue")), ("selector".to_owned(), selector)]
        }
        "external" => vec![
            ("metricName".to_owned(), told("/metric/name")),
            ("metricSelector".to_owned(), selector),
            (value, if side == Side::Wanted { amount("value") } else { plain("value") }),
            (average, amount("averageValue")),
        ],
        _ => vec![
            ("name".to_owned(), told("/name")),
            (side.field("averageUtilization"), amount("averageUtilization")),
            (average, if side == Side::Wanted { amount("averageValue") } else { plain("averageValue") }),
            ("container".to_owned(), (name == "containerResource").then(|| told("/container")).flatten()),
        ],
    };
    ordered(fields)
}

fn reference(object: &Value) -> String {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let version = Some(text("apiVersion")).filter(|version| !version.is_empty());
    ordered(vec![
        ("kind".to_owned(), Some(json!(text("kind")).to_string())),
        ("name".to_owned(), Some(json!(text("name")).to_string())),
        ("apiVersion".to_owned(), version.map(|version| json!(version).to_string())),
    ])
}

/// Makes a metric of version 1 one of version 2.
pub(crate) fn to_second(metric: &Value, side: Side) -> Value {
    let mut made = json!({"type": metric.get("type").cloned().unwrap_or_else(|| json!(""))});
    for name in SOURCES {
        if let Some(source) = metric.get(*name).filter(|source| source.is_object()) {
            made[*name] = second_source(name, source, side);
        }
    }
    made
}

fn second_source(name: &str, source: &Value, side: Side) -> Value {
    // Before, this server kept metrics in the form of version 2.
    let ours = source.get("metric").is_some() || source.pointer(&format!("/{}", side.part())).is_some_and(|one| one.get("kind").is_none());
    if ours {
        return source.clone();
    }
    let get = |field: &str| source.get(field).filter(|value| !value.is_null()).cloned();
    let mut amounts = Map::new();
    let mut put = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            amounts.insert(field.to_owned(), value);
        }
    };
    let average = if name == "object" { get("averageValue") } else { get(&side.field("averageValue")) };
    let (value, used) = (get(&side.field("value")), get(&side.field("averageUtilization")));
    let kind = match name {
        "object" if average.is_none() => "Value",
        "external" if value.is_some() => "Value",
        "resource" | "containerResource" if used.is_some() => "Utilization",
        _ => "AverageValue",
    };
    // Beside an average, none is written as nothing.
    let none = name == "object" && side == Side::Wanted && average.is_some() && value == Some(json!("0"));
    put("value", value.filter(|_| !none));
    put("averageValue", average);
    put("averageUtilization", used);
    if side == Side::Wanted {
        put("type", Some(json!(kind)));
    }
    let mut made = Map::new();
    match name {
        "resource" | "containerResource" => ["name", "container"].iter().for_each(|field| {
            if let Some(value) = get(field) {
                made.insert((*field).to_owned(), value);
            }
        }),
        _ => {
            let selector = get(if name == "external" { "metricSelector" } else { "selector" });
            let mut metric = json!({"name": get("metricName").unwrap_or_else(|| json!(""))});
            if let Some(selector) = selector {
                metric["selector"] = selector;
            }
            made.insert("metric".to_owned(), metric);
        }
    }
    if name == "object" {
        made.insert("describedObject".to_owned(), get("target").unwrap_or_else(|| json!({})));
    }
    made.insert(side.part().to_owned(), Value::Object(amounts));
    Value::Object(made)
}
