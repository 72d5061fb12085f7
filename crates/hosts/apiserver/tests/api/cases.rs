//! Objects that are made or changed as a table says, and what the server says of each. The tables hold what a Kubernetes 1.36.3 server
//! said; rules about names, which are the same everywhere, stand in them by their short names.

use serde_json::Value;

use super::{World, ok};

const RULES: &[(&str, &str)] = &[
    (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        "<subdomain>",
    ),
    (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        "<label>",
    ),
    (
        "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        "<key>",
    ),
    (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        "<value>",
    ),
];

/// Reads a table's JSON.
pub(super) fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("the table holds JSON")
}

fn merged(base: &Value, change: &str) -> Value {
    let mut object = base.clone();
    patch::json_merge(&mut object, &read(change));
    object
}

/// Returns what is said behind `is invalid: `, nothing where the object is taken.
fn said((code, answer): (u16, Value)) -> String {
    if code < 300 {
        return String::new();
    }
    assert_eq!(code, 422, "{answer}");
    let message = answer["message"].as_str().expect("a message");
    let fault = message.split_once(" is invalid: ").expect("a fault").1.to_owned();
    RULES.iter().fold(fault, |fault, (rule, short)| fault.replace(rule, short))
}

/// Makes an object with each change.
pub(super) async fn created(path: &str, base: &str, cases: &[(&str, &str)]) {
    let (world, base) = (World::new(), read(base));
    for (change, wanted) in cases {
        assert_eq!(said(world.post(&format!("{path}?dryRun=All"), merged(&base, change)).await), *wanted, "{change}");
    }
}

/// Makes each change to an object that is there.
pub(super) async fn updated(path: &str, base: &str, cases: &[(&str, &str)]) {
    let world = World::new();
    let live = ok(world.post(path, read(base)).await);
    let path = format!("{path}/{}?dryRun=All", live["metadata"]["name"].as_str().expect("a name"));
    for (change, wanted) in cases {
        assert_eq!(said(world.put(&path, merged(&live, change)).await), *wanted, "{change}");
    }
}
