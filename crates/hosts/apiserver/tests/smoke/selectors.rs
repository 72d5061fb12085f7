//! Label and field selectors of lists: what is understood selects the same in one piece and in pages.

use serde_json::{Value, json};

use super::source::Source;
use super::world;

const LABELS: [&str; 24] = [
    "a",
    "b",
    "x/y",
    "=",
    "==",
    "!=",
    "!",
    " in ",
    " notin ",
    "(",
    ")",
    ",",
    " ",
    "1",
    ">",
    "<",
    "-1",
    "in",
    "notin",
    "example.com/",
    "A_.-b",
    "ü",
    "\\",
    "'",
];
const FIELDS: [&str; 18] = [
    "metadata.name",
    "metadata.namespace",
    "=",
    "==",
    "!=",
    ",",
    "a",
    "b",
    "\\",
    "\\,",
    "\\=",
    "type",
    "Opaque",
    "spec.nodeName",
    "status.phase",
    " ",
    "ü",
    "spec.color",
];
const COLLECTIONS: [&str; 5] = [
    "/api/v1/namespaces/default/configmaps",
    "/api/v1/configmaps",
    "/api/v1/namespaces/default/secrets",
    "/api/v1/namespaces",
    "/apis/example.com/v1/widgets",
];

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub fn check(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    world::with(|world| {
        let maps = COLLECTIONS[0];
        for (name, labels) in [("s1", json!({"a": "1", "b": "a"})), ("s2", json!({"a": "b", "x/y": ""})), ("s3", json!({}))] {
            let object = json!({"metadata": {"name": name, "labels": labels}});
            assert!([201, 409].contains(&world.json(&format!("POST {maps}"), &object).code));
        }
        let path = *source.pick(&COLLECTIONS);
        let (name, text) =
            if source.one_in(3) { ("fieldSelector", source.words(&FIELDS, 6)) } else { ("labelSelector", source.words(&LABELS, 9)) };
        let mut text = text.into_bytes();
        if source.one_in(4) {
            source.scratch(&mut text, 2);
        }
        let selector = encoded(&String::from_utf8_lossy(&text));
        let whole = world.json(&format!("GET {path}?{name}={selector}"), &Value::Null);
        assert!(whole.code == 200 || whole.code == 400, "{}", whole.value);
        if !whole.is_good() {
            return;
        }
        let (mut paged, mut next) = (Vec::new(), String::new());
        loop {
            let page = world.json(&format!("GET {path}?{name}={selector}&limit=1&continue={next}"), &Value::Null);
            assert_eq!(page.code, 200, "{}", page.value);
            paged.extend(page.value["items"].as_array().expect("items").clone());
            next = encoded(page.value["metadata"]["continue"].as_str().unwrap_or_default());
            if next.is_empty() {
                break;
            }
        }
        assert_eq!(whole.value["items"], json!(paged), "{path} {name} {}", String::from_utf8_lossy(&text));
        if path == maps && name == "labelSelector" && !text.contains(&b',') && !text.is_empty() {
            // Who asks for both of two halves asks for none or for the same.
            let both = world.json(&format!("GET {path}?{name}={selector},{selector}"), &Value::Null);
            if both.is_good() {
                assert_eq!(both.value["items"], whole.value["items"], "{}", String::from_utf8_lossy(&text));
            }
        }
    });
}
