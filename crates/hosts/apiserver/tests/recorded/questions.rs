//! Questions to an API server: objects of every kind, each changed in one place, to be created or to be an update of what is
//! there or of its status, as a dry run. What the original answered is in `answers.jsonl`, one line a question, in this order:
//! `cargo xtask record kubernetes` writes it anew.

use serde_json::{Map, Value, json};

/// The namespace in which everything lives.
pub const NAMESPACE: &str = "recorded";

/// An object, and where it is created.
pub struct Subject {
    pub under: String,
    pub object: Value,
    /// Whether it is there while updates are asked for.
    pub kept: bool,
    /// What is said of it, if anything.
    pub status: Option<Value>,
}

/// What is done with the changed object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Create,
    Update,
    Status,
}

/// One change of one object.
#[derive(Debug)]
pub struct Question {
    /// Which object.
    pub subject: usize,
    pub verb: Verb,
    /// A JSON pointer; empty when nothing is changed.
    pub at: String,
    /// What stands there instead; nothing when it is taken away.
    pub to: Option<Value>,
}

/// Reads the objects.
pub fn subjects() -> Vec<Subject> {
    let nodes = yaml::nodes(include_str!("objects.yaml")).expect("objects.yaml is YAML");
    let list = yaml::value_of(&nodes[0], yaml::Dialect::Sigs).expect("objects.yaml is a list");
    let list = list.as_array().expect("objects.yaml is a list");
    let nodes = yaml::nodes(include_str!("statuses.yaml")).expect("statuses.yaml is YAML");
    let statuses = yaml::value_of(&nodes[0], yaml::Dialect::Sigs).expect("statuses.yaml is a list");
    let mut statuses = statuses.as_array().expect("statuses.yaml is a list").clone();
    let mut subject = |one: &Value| {
        let object = one["object"].clone();
        // Each is said of the first object of its kind.
        let said = statuses.iter().position(|status| status["kind"] == object["kind"]).map(|at| statuses.remove(at)["status"].clone());
        Subject {
            under: one["under"].as_str().expect("a path").to_owned(),
            object,
            kept: one.get("kept") != Some(&json!(false)),
            status: said,
        }
    };
    list.iter().map(&mut subject).collect()
}

/// Returns every question: first what may be created, then what may be updated, then what may be said.
pub fn questions(subjects: &[Subject]) -> Vec<Question> {
    let mut found = Vec::new();
    for verb in [Verb::Create, Verb::Update, Verb::Status] {
        let asked = |subject: &Subject| match verb {
            Verb::Create => true,
            Verb::Update => subject.kept,
            Verb::Status => subject.status.is_some(),
        };
        for (index, subject) in subjects.iter().enumerate().filter(|(_, subject)| asked(subject)) {
            found.push(Question { subject: index, verb, at: String::new(), to: None });
            let mut places = Vec::new();
            match &subject.status {
                Some(status) if verb == Verb::Status => collect(status, "/status", &mut places),
                _ => collect(&subject.object, "", &mut places),
            }
            for (at, value) in places {
                let choices = instead(value);
                // Which of them is asked depends on nothing but the place, so that a new object changes no other's questions.
                let choice = hash(&format!("{:?} {} {at}", verb, subject.under)) % choices.len();
                found.push(Question { subject: index, verb, at, to: choices[choice].clone() });
            }
        }
    }
    found
}

fn hash(text: &str) -> usize {
    text.bytes().fold(14_695_981, |hash, byte| (hash ^ usize::from(byte)).wrapping_mul(16_777_619) & 0xffff_ffff)
}

fn collect<'a>(value: &'a Value, at: &str, places: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map.iter().filter(|(name, _)| !(at.is_empty() && matches!(name.as_str(), "apiVersion" | "kind"))) {
                let here = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                places.push((here.clone(), inner));
                collect(inner, &here, places);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                let here = format!("{at}/{index}");
                places.push((here.clone(), inner));
                collect(inner, &here, places);
            }
        }
        _ => {}
    }
}

/// What is put in a value's place; `None` takes it away.
fn instead(value: &Value) -> Vec<Option<Value>> {
    let list = match value {
        Value::String(text) => {
            vec![json!(""), json!("Bad_Name!"), json!("x".repeat(64)), json!(format!("{text}x")), json!("a/b"), json!(7)]
        }
        Value::Number(_) => vec![json!(0), json!(-1), json!(1), json!(70_000), json!(2_147_483_648_u64), json!("x")],
        Value::Bool(flag) => vec![json!(!flag), json!("true"), json!(!flag)],
        Value::Array(list) => {
            let first = list.first().cloned().unwrap_or(Value::Null);
            vec![json!([]), json!([null]), json!([first, first]), json!({}), json!([first])]
        }
        Value::Object(map) => {
            let mut more = map.clone();
            more.insert("bogus".to_owned(), json!("1"));
            vec![json!({}), json!([]), Value::Object(more), Value::Null]
        }
        Value::Null => vec![json!("x")],
    };
    [None].into_iter().chain(list.into_iter().map(Some)).collect()
}

/// Returns where the change of an object is asked for. The first thing said of an object stays, so that what may follow it is
/// asked; all else is a dry run.
pub fn asked_at(question: &Question, place: &str) -> String {
    match question.verb {
        Verb::Status if question.at.is_empty() => format!("{place}/status"),
        Verb::Status => format!("{place}/status?dryRun=All"),
        Verb::Create | Verb::Update => format!("{place}?dryRun=All"),
    }
}

impl Question {
    /// Returns the object as it is sent: changed from what was created, or from what is there.
    pub fn body(&self, subject: &Subject, live: Option<&Value>) -> Value {
        let mut body = live.unwrap_or(&subject.object).clone();
        if live.is_some()
            && let Value::Object(map) = &mut body
        {
            map.remove("status");
            if let (Verb::Status, Some(status)) = (self.verb, &subject.status) {
                map.insert("status".to_owned(), status.clone());
            }
            map["metadata"].as_object_mut().map(|metadata| metadata.remove("managedFields"));
        }
        if let Some((parent, last)) = self.at.rsplit_once('/') {
            let last = last.replace("~1", "/").replace("~0", "~");
            match (body.pointer_mut(parent), &self.to) {
                (Some(Value::Object(map)), Some(to)) => drop(map.insert(last, to.clone())),
                (Some(Value::Object(map)), None) => drop(map.remove(&last)),
                (Some(Value::Array(list)), to) => {
                    let index: usize = last.parse().expect("a place");
                    match to {
                        Some(to) if index < list.len() => list[index] = to.clone(),
                        None if index < list.len() => drop(list.remove(index)),
                        _ => {}
                    }
                }
                // What is there may lack what was left empty.
                _ => {}
            }
        }
        if let (Some(live), Some(Value::Object(metadata))) = (live, body.get_mut("metadata")) {
            metadata.insert("resourceVersion".to_owned(), live["metadata"]["resourceVersion"].clone());
        }
        body
    }

    /// Returns what is asked, in a few words.
    pub fn told(&self, subject: &Subject) -> String {
        let to = self.to.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
        let name = subject.object["metadata"]["name"].as_str().unwrap_or_default();
        format!("{:?} {} {name} {} = {to}", self.verb, subject.object["kind"].as_str().unwrap_or_default(), self.at)
    }
}

/// Brings an answer into the form that is kept: what was decided, what was said, and of an object that was taken what is not
/// chance.
pub fn kept(verb: Verb, status: u16, warnings: Vec<String>, mut body: Value) -> Value {
    let mut answer = if status < 300 {
        if let Value::Object(map) = &mut body {
            // What is said is all that matters then.
            map.retain(|name, _| (name == "status") == (verb == Verb::Status));
        }
        if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
            for name in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
                metadata.remove(name);
            }
        }
        strip(&mut body);
        json!({"status": status, "object": body})
    } else {
        json!({"status": status, "message": body.get("message").cloned().unwrap_or(body)})
    };
    if !warnings.is_empty() {
        answer["warnings"] = json!(warnings);
    }
    steady(&mut answer);
    answer
}

/// Addresses and ports are as they come, and so is the time.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for name in ["clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort"] {
                if map.get(name).is_some_and(|value| value != "None") {
                    map.remove(name);
                }
            }
            if let Some(since) = map.get_mut("lastPhaseTransitionTime").filter(|since| **since != "2026-01-01T00:00:00Z") {
                *since = json!("now");
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Names that were made up, and the identities of Jobs, become one word.
fn steady(value: &mut Value) {
    match value {
        Value::String(text) => {
            const ACCESS: &str = "kube-api-access-";
            let mut from = 0;
            while let Some(at) = text[from..].find(ACCESS).map(|at| from + at + ACCESS.len()) {
                text.replace_range(at..(at + 5).min(text.len()), "NAME");
                from = at;
            }
            from = 0;
            while let Some(at) = (from..text.len().saturating_sub(35)).find(|at| is_identity(&text.as_bytes()[*at..at + 36])) {
                text.replace_range(at..at + 36, "UID");
                from = at;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(steady),
        Value::Object(map) => map.values_mut().for_each(steady),
        _ => {}
    }
}

fn is_identity(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// How an answer differs from the one about the object as it is: by JSON pointer, what stands there instead in brackets, or
/// nothing in brackets. Most of a taken object is the same every time.
pub fn beyond(base: &Value, answer: &Value) -> Value {
    let mut found = Map::new();
    differences(base, answer, String::new(), &mut found);
    Value::Object(found)
}

fn differences(base: &Value, answer: &Value, at: String, found: &mut Map<String, Value>) {
    match (base, answer) {
        (Value::Object(before), Value::Object(after)) => {
            let place = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            for name in before.keys().filter(|name| !after.contains_key(*name)) {
                found.insert(place(name), json!([]));
            }
            for (name, value) in after {
                match before.get(name) {
                    Some(old) => differences(old, value, place(name), found),
                    None => drop(found.insert(place(name), json!([value]))),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (old, value)) in before.iter().zip(after).enumerate() {
                differences(old, value, format!("{at}/{index}"), found);
            }
        }
        _ if base == answer => {}
        _ => drop(found.insert(at, json!([answer]))),
    }
}
