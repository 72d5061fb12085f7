//! Reading JSON into a struct, as Go does it: fields by exact name, null as absent, the first value of a wrong type told by
//! struct, path and Go type, unknown and repeated fields listed in the order of the text.
//! Follows `sigs.k8s.io/json` `internal/golang/encoding/json/decode.go`.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::json::Node;
use super::table::{Field, Struct, Type};
use super::{by_name, time};
use crate::quantity;

/// How many strict faults are listed at most.
const STRICT: usize = 100;

/// Why an object was not read: Go's sentence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unread(pub String);

/// Reads an object; returns it with the fields that a strict reader refuses: `unknown field "x"`, `duplicate field "x"`.
pub(crate) fn read(form: &'static Struct, node: &Node) -> Result<(Value, Vec<String>), Unread> {
    let mut reader = Reader { owner: form.short(), path: Vec::new(), strict_path: Vec::new(), strict: Vec::new(), first: None };
    let value = match node {
        Node::Map(fields) => reader.object(form, fields)?,
        Node::Null => Value::Object(Map::new()),
        other => return Err(Unread(format!("json: cannot unmarshal {} into Go value of type {}", other.word(), short_name(form)))),
    };
    match reader.first {
        Some(why) => Err(Unread(why)),
        None => Ok((value, reader.strict)),
    }
}

fn short_name(form: &Struct) -> String {
    Type::Struct(form.name).go_name()
}

struct Reader {
    /// The struct whose field is read.
    owner: &'static str,
    /// Its field names from the root, without list places and map keys; Go names the inlined structs, too.
    path: Vec<&'static str>,
    /// The path with list places and map keys.
    strict_path: Vec<String>,
    strict: Vec<String>,
    /// What was wrong first; reading goes on, for something worse may follow.
    first: Option<String>,
}

impl Reader {
    fn object(&mut self, form: &'static Struct, fields: &[(String, Node)]) -> Result<Value, Unread> {
        let mut map = Map::new();
        let mut seen: Vec<&str> = Vec::new();
        let outer = std::mem::replace(&mut self.owner, form.short());
        for (name, node) in fields {
            let again = seen.contains(&name.as_str());
            if again {
                self.fault("duplicate", name);
            }
            let Some(field) = form.field(name) else {
                if form.kind && matches!(name.as_str(), "apiVersion" | "kind") {
                    seen.extend((!again).then_some(name.as_str()));
                    self.identity(name, node, &mut map);
                } else {
                    self.fault("unknown", name);
                }
                continue;
            };
            seen.extend((!again).then_some(name.as_str()));
            let depth = self.path.len();
            self.path.extend(form.through(name));
            self.field(field, node, &mut map)?;
            self.path.truncate(depth);
        }
        self.owner = outer;
        Ok(Value::Object(map))
    }

    fn identity(&mut self, name: &str, node: &Node, map: &mut Map<String, Value>) {
        match node {
            Node::Text(text) => {
                map.insert(name.to_owned(), Value::String(text.clone()));
            }
            Node::Null => {}
            other => {
                let at = self.place(if name == "kind" { "kind" } else { "apiVersion" });
                self.save(format!("json: cannot unmarshal {} into Go struct field {at} of type string", other.word()));
            }
        }
    }

    fn field(&mut self, field: &'static Field, node: &Node, map: &mut Map<String, Value>) -> Result<(), Unread> {
        let owner = self.owner;
        self.path.push(field.name);
        self.strict_path.push(if self.strict_path.is_empty() { field.name.to_owned() } else { format!(".{}", field.name) });
        let before = map.remove(field.name);
        let value = self.value(&field.form, node, before)?;
        self.path.pop();
        self.strict_path.pop();
        self.owner = owner;
        if let Some(value) = value {
            map.insert(field.name.to_owned(), value);
        }
        Ok(())
    }

    /// Reads a value; `None` when it is absent or of the wrong type. `before` is what a repeated field held before.
    fn value(&mut self, form: &'static Type, node: &Node, before: Option<Value>) -> Result<Option<Value>, Unread> {
        if matches!(node, Node::Null) {
            let empty = matches!(form.base(), Type::Anything).then_some(Value::Null);
            return Ok(empty.or(before.filter(|_| matches!(form, Type::Text | Type::Flag | Type::Whole(_)))));
        }
        Ok(match (form.base(), node) {
            (Type::Text, Node::Text(text)) => Some(Value::String(text.clone())),
            (Type::Flag, Node::Flag(flag)) => Some(Value::Bool(*flag)),
            (Type::Whole(bits), Node::Number(text)) => self.whole(*bits, text, form),
            (Type::Float, Node::Number(_)) => Some(node.value()),
            (Type::Bytes, Node::Text(text)) => self.bytes(text),
            (Type::Time, _) => Some(Value::String(self.time(time::SECONDS, node)?)),
            (Type::MicroTime, _) => Some(Value::String(self.time(time::MICROS, node)?)),
            (Type::Quantity, _) => Some(Value::String(self.quantity(node)?)),
            (Type::IntOrString, Node::Text(text)) => Some(Value::String(text.clone())),
            (Type::IntOrString, _) => Some(self.int_or_string(node)?),
            (Type::Duration, Node::Text(text)) => Some(Value::String(text.clone())),
            (Type::Duration, _) => return Err(self.stop(&format!("json: cannot unmarshal {} into Go", node.word()), "string")),
            (Type::Raw | Type::Fields | Type::Anything, _) => Some(node.value()),
            (Type::OrSchema, _) => self.or_schema(node)?,
            (Type::List(inner), Node::List(list)) => {
                let mut items = Vec::with_capacity(list.len());
                for (index, one) in list.iter().enumerate() {
                    self.strict_path.push(format!("[{index}]"));
                    let read = self.value(inner, one, None)?;
                    self.strict_path.pop();
                    items.push(read.unwrap_or_else(|| super::write::zero(inner)));
                }
                Some(Value::Array(items))
            }
            (Type::Map(inner), Node::Map(fields)) => {
                let mut map = before.and_then(|before| before.as_object().cloned()).unwrap_or_default();
                let mut seen: HashSet<&str> = HashSet::new();
                for (name, one) in fields {
                    if !seen.insert(name) {
                        self.fault("duplicate", name);
                    }
                    self.strict_path.push(if self.strict_path.is_empty() { name.clone() } else { format!(".{name}") });
                    let read = self.value(inner, one, None)?;
                    self.strict_path.pop();
                    map.insert(name.clone(), read.unwrap_or_else(|| super::write::zero(inner)));
                }
                Some(Value::Object(map))
            }
            (Type::Struct(name), Node::Map(fields)) => match by_name(name) {
                Some(inner) => Some(self.object(inner, fields)?),
                None => Some(node.value()),
            },
            _ => {
                let at = self.place("");
                self.save(format!("json: cannot unmarshal {} into Go struct field {at} of type {}", node.word(), form.go_name()));
                None
            }
        })
    }

    fn whole(&mut self, bits: u32, text: &str, form: &Type) -> Option<Value> {
        let number = text.parse::<i64>().ok().filter(|number| bits != 32 || i32::try_from(*number).is_ok());
        if number.is_none() {
            let at = self.place("");
            self.save(format!("json: cannot unmarshal number {text} into Go struct field {at} of type {}", form.go_name()));
        }
        number.map(Value::from)
    }

    fn bytes(&mut self, text: &str) -> Option<Value> {
        // Go passes over line ends in base64.
        let plain: String = text.chars().filter(|one| !matches!(one, '\r' | '\n')).collect();
        match STANDARD.decode(&plain) {
            Ok(bytes) => Some(Value::String(STANDARD.encode(bytes))),
            Err(_) => {
                self.save(format!("illegal base64 data at input byte {}", corrupt(text.as_bytes())));
                None
            }
        }
    }

    fn time(&self, layout: &'static str, node: &Node) -> Result<String, Unread> {
        let Node::Text(text) = node else {
            return Err(self.stop(&format!("json: cannot unmarshal {} into Go", node.word()), "string"));
        };
        let time = time::parse(layout, text).map_err(Unread)?;
        Ok(if layout == time::SECONDS { crate::object::seconds(time) } else { time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string() })
    }

    fn quantity(&self, node: &Node) -> Result<String, Unread> {
        let text = match node {
            Node::Text(text) => text.trim().to_owned(),
            Node::Number(text) => text.clone(),
            other => other.value().to_string(),
        };
        quantity::canonical(&text)
            .ok_or_else(|| Unread("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_owned()))
    }

    fn int_or_string(&self, node: &Node) -> Result<Value, Unread> {
        if let Node::Number(text) = node {
            let number = text.parse::<i32>().ok().map(Value::from);
            return number.ok_or_else(|| self.stop(&format!("json: cannot unmarshal number {text} into Go"), "int32"));
        }
        Err(self.stop(&format!("json: cannot unmarshal {} into Go", node.word()), "int32"))
    }

    /// The types of apiextensions whose JSON is a schema or something else.
    fn or_schema(&mut self, node: &Node) -> Result<Option<Value>, Unread> {
        let Some(schema) = by_name("apiextensions.v1.JSONSchemaProps") else { return Ok(Some(node.value())) };
        match node {
            Node::Map(fields) => Ok(Some(self.object(schema, fields)?)),
            Node::List(list) => {
                let mut items = Vec::with_capacity(list.len());
                for one in list {
                    items.push(match one {
                        Node::Map(fields) => self.object(schema, fields)?,
                        other => other.value(),
                    });
                }
                Ok(Some(Value::Array(items)))
            }
            other => Ok(Some(other.value())),
        }
    }

    fn place(&self, last: &str) -> String {
        let mut parts = self.path.clone();
        if !last.is_empty() {
            return format!("{}.{}", self.owner, [parts.join("."), last.to_owned()].join("").trim_start_matches('.'));
        }
        parts.retain(|part| !part.is_empty());
        format!("{}.{}", self.owner, parts.join("."))
    }

    fn stop(&self, start: &str, form: &str) -> Unread {
        Unread(format!("{start} struct field {} of type {form}", self.place("")))
    }

    fn save(&mut self, why: String) {
        self.first.get_or_insert(why);
    }

    fn fault(&mut self, what: &str, name: &str) {
        let path = self.strict_path.concat();
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let fault = format!("{what} field \"{path}\"");
        if self.strict.len() < STRICT && !self.strict.contains(&fault) {
            self.strict.push(fault);
        }
    }
}

/// Returns where Go finds the first byte that is no base64 (`encoding/base64` `CorruptInputError`).
fn corrupt(bytes: &[u8]) -> usize {
    let mut quantum = 0;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        match byte {
            b'\r' | b'\n' => {}
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => quantum = (quantum + 1) % 4,
            b'=' if quantum >= 2 => {
                let mut rest = bytes[at + 1..].iter().enumerate().filter(|(_, one)| !matches!(one, b'\r' | b'\n'));
                if quantum == 2 {
                    match rest.next() {
                        None => return bytes.len(),
                        Some((_, b'=')) => {}
                        Some((offset, _)) => return at + 1 + offset,
                    }
                }
                return rest.next().map_or(bytes.len(), |(offset, _)| at + 1 + offset);
            }
            _ => return at,
        }
        at += 1;
    }
    // A quantum that is not whole is told at its start.
    bytes.len() - quantum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typed::{by_kind, json};

    fn check(api_version: &str, kind: &str, text: &str) -> Result<(Value, Vec<String>), String> {
        read(by_kind(api_version, kind).expect("a kind"), &json::parse(text.as_bytes()).expect("JSON")).map_err(|Unread(why)| why)
    }

    #[test]
    fn wrong_types_are_told_in_gos_words() {
        for (api_version, kind, text, wanted) in [
            ("v1", "Secret", r#"{"data":[]}"#, "json: cannot unmarshal array into Go struct field Secret.data of type map[string][]uint8"),
            ("v1", "Secret", r#"{"data":{"a":"!"}}"#, "illegal base64 data at input byte 0"),
            ("v1", "Secret", r#"{"data":{"a":"YQ"}}"#, "illegal base64 data at input byte 0"),
            (
                "v1",
                "Pod",
                r#"{"spec":{"containers":{}}}"#,
                "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
            ),
            (
                "v1",
                "Pod",
                r#"{"spec":{"containers":[{"ports":[{"protocol":1}]}]}}"#,
                "json: cannot unmarshal number into Go struct field ContainerPort.spec.containers.ports.protocol of type v1.Protocol",
            ),
            (
                "v1",
                "Pod",
                r#"{"spec":{"terminationGracePeriodSeconds":1.0}}"#,
                "json: cannot unmarshal number 1.0 into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64",
            ),
            (
                "apps/v1",
                "Deployment",
                r#"{"spec":{"replicas":3000000000}}"#,
                "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                "apps/v1",
                "Deployment",
                r#"{"spec":{"strategy":{"rollingUpdate":{"maxSurge":true}}}}"#,
                "json: cannot unmarshal bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32",
            ),
            (
                "v1",
                "Pod",
                r#"{"spec":{"ephemeralContainers":[{"livenessProbe":{"exec":1}}]}}"#,
                "json: cannot unmarshal number into Go struct field \
                 Probe.spec.ephemeralContainers.EphemeralContainerCommon.livenessProbe.ProbeHandler.exec of type v1.ExecAction",
            ),
            (
                "v1",
                "ConfigMap",
                r#"{"metadata":{"creationTimestamp":1}}"#,
                "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
            ),
        ] {
            assert_eq!(check(api_version, kind, text).expect_err(text), wanted);
        }
    }

    #[test]
    fn strict_faults_stand_in_the_order_of_the_text() {
        let (_, faults) =
            check("v1", "Pod", r#"{"x":1,"spec":{"containers":[{"y":{}},{"name":"a","name":"b"}]},"x":2,"Kind":1}"#).expect("reads");
        let wanted = [
            "unknown field \"x\"",
            "unknown field \"spec.containers[0].y\"",
            "duplicate field \"spec.containers[1].name\"",
            "unknown field \"Kind\"",
        ];
        assert_eq!(faults, wanted);
    }

    #[test]
    fn values_are_kept_in_their_one_form() {
        let text = r#"{"metadata":{"creationTimestamp":"2024-01-01T01:00:00.5+01:00","labels":null},"spec":{"capacity":{"storage":1024}}}"#;
        let (value, _) = check("v1", "PersistentVolume", text).expect("reads");
        assert_eq!(
            value,
            serde_json::json!({"metadata": {"creationTimestamp": "2024-01-01T00:00:00Z"}, "spec": {"capacity": {"storage": "1024"}}})
        );
    }
}
