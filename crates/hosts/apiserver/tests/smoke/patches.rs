//! Patches in their four forms, whole and broken, to objects and their subresources.

use serde_json::{Value, json};

use super::corpus;
use super::source::{Source, pointers};
use super::world;

pub fn check(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    world::with(|world| {
        let all = corpus::all();
        let (path, valid) = source.pick(&all);
        let made = world.json(&format!("POST {path}"), valid);
        assert_eq!(made.code, 201, "{}", made.value);
        let place = format!("{path}/a");
        for _ in 0..1 + source.below(3) {
            let live = world.json(&format!("GET {place}"), &Value::Null);
            if live.code == 404 {
                return;
            }
            let (form, patch) = patch(&mut source, &live.value, valid);
            let mut body = patch.to_string().into_bytes();
            if source.one_in(4) {
                source.scratch(&mut body, 2);
            }
            let part = ["", "", "", "/status", "/scale"][source.below(5)];
            let query = ["", "?fieldManager=a", "?fieldManager=b&force=true", "?fieldManager=a&fieldValidation=Strict"][source.below(4)];
            let patched = world.ask(&format!("PATCH {place}{part}{query}"), "application/json", form, body.clone());
            let idempotent =
                form == "application/merge-patch+json" && part.is_empty() && !String::from_utf8_lossy(&body).contains("resourceVersion");
            if patched.is_good() && idempotent {
                let again = world.ask(&format!("PATCH {place}{query}"), "application/json", form, body);
                // What was the last to hold it may be gone now.
                if again.code != 404 {
                    assert!(again.is_good(), "{place}: {} the second time", again.value);
                }
            }
        }
        let live = world.json(&format!("GET {place}"), &Value::Null);
        if live.is_good() {
            world.written(path, &live.value);
        }
    });
}

fn patch(source: &mut Source<'_>, live: &Value, valid: &Value) -> (&'static str, Value) {
    let mut change = source.part(live);
    source.change(&mut change, 3);
    match source.below(4) {
        0 => ("application/merge-patch+json", change),
        1 => {
            let mut all = Vec::new();
            pointers(live, String::new(), &mut all);
            let operations = (0..1 + source.below(4)).map(|_| {
                let tail = ["", "", "/-", "/0", "/x", "/~1"][source.below(6)];
                let (path, from, value) = (format!("{}{tail}", source.pick(&all)), source.pick(&all).clone(), source.odd());
                let op = *source.pick(&["add", "remove", "replace", "move", "copy", "test", "bogus"]);
                json!({"op": op, "path": path, "from": from, "value": value})
            });
            ("application/json-patch+json", operations.collect())
        }
        2 => {
            let mut all = Vec::new();
            pointers(&change, String::new(), &mut all);
            let place = source.pick(&all).clone();
            if let Some(Value::Object(map)) = change.pointer_mut(&place) {
                match source.below(5) {
                    0 => drop(map.insert("$patch".to_owned(), json!(["delete", "replace", "merge", "bogus"][source.below(4)]))),
                    1 => drop(map.insert("$retainKeys".to_owned(), json!(["name", "a"]))),
                    2 => drop(map.insert("$deleteFromPrimitiveList/finalizers".to_owned(), json!(["example.com/held"]))),
                    3 => drop(map.insert("$setElementOrder/containers".to_owned(), source.odd())),
                    _ => {}
                }
            }
            ("application/strategic-merge-patch+json", change)
        }
        _ => {
            let mut config = source.part(valid);
            for field in ["apiVersion", "kind"] {
                config[field] = valid[field].clone();
            }
            config["metadata"]["name"] = json!("a");
            source.change(&mut config, 2);
            ("application/apply-patch+yaml", config)
        }
    }
}
