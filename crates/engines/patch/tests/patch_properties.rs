//! What holds of merge patches, JSON patches and strategic merge patches, whatever the documents.

mod chance;

use chance::Dice;
use patch::{PatchError, TypeRef, json_merge, json_patch, strategic};
use serde_json::{Map, Value, json};

const SEEDS: u64 = 3_000;

/// Returns any JSON value, with the characters that pointers and steps treat in their own way.
fn random(dice: &mut Dice, depth: usize) -> Value {
    let names = ["a", "b", "c", "a/b", "~", "", "0", "-", "f:x", "ü"];
    match dice.below(if depth == 0 { 5 } else { 8 }) {
        0 => json!(dice.below(3)),
        1 => json!(dice.one_in(2)),
        2 => json!(*dice.pick(&names)),
        3 => json!(0.5),
        4 => Value::Null,
        5 => (0..dice.below(4)).map(|_| random(dice, depth - 1)).collect(),
        _ => Value::Object((0..dice.below(4)).map(|_| ((*dice.pick(&names)).to_owned(), random(dice, depth - 1))).collect()),
    }
}

/// Returns the merge patch that makes one document of another; `None` where none can: nulls are never the result of a merge.
fn difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (from, to) else { return to.clone() };
    let mut patch = Map::new();
    for (name, value) in new {
        if old.get(name) != Some(value) {
            patch.insert(name.clone(), difference(old.get(name).unwrap_or(&Value::Null), value));
        }
    }
    patch.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| (name.clone(), Value::Null)));
    Value::Object(patch)
}

/// Takes the nulls out of maps, as a merge does.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter().filter(|(_, inner)| !inner.is_null()).map(|(name, inner)| (name.clone(), without_nulls(inner))).collect(),
        ),
        other => other.clone(),
    }
}

#[test]
fn a_merge_patch_of_a_difference_makes_the_other() {
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let (from, to) = (random(&mut dice, 4), without_nulls(&random(&mut dice, 4)));
        let patch = difference(&from, &to);
        let mut merged = from.clone();
        json_merge(&mut merged, &patch);
        assert_eq!(merged, to, "seed {seed}: {from} and {patch}");
        let once = merged.clone();
        json_merge(&mut merged, &patch);
        assert_eq!(merged, once, "seed {seed}: twice is once");
        let mut same = without_nulls(&from);
        json_merge(&mut same, &json!({}));
        assert_eq!(same, if from.is_object() { without_nulls(&from) } else { json!({}) }, "seed {seed}");
    }
}

/// Every pointer into a document.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                pointers(inner, &format!("{here}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(list) => list.iter().enumerate().for_each(|(index, one)| pointers(one, &format!("{here}/{index}"), found)),
        _ => {}
    }
}

fn operation(dice: &mut Dice, document: &Value) -> Value {
    let mut all = Vec::new();
    pointers(document, "", &mut all);
    let place = |dice: &mut Dice| {
        let known = dice.pick(&all).clone();
        match dice.below(4) {
            0 => format!("{known}/{}", dice.pick(&["a", "-", "0", "1", "~1", "x"])),
            _ => known,
        }
    };
    let (path, from, value) = (place(dice), place(dice), random(dice, 2));
    match *dice.pick(&["add", "remove", "replace", "move", "copy", "test"]) {
        op @ ("move" | "copy") => json!({"op": op, "from": from, "path": path}),
        "remove" => json!({"op": "remove", "path": path}),
        "test" if dice.one_in(2) => json!({"op": "test", "path": path, "value": document.pointer(&path)}),
        op => json!({"op": op, "path": path, "value": value}),
    }
}

/// What each operation says it does, in terms of `serde_json`'s own pointers.
#[test]
fn each_operation_of_a_json_patch_does_what_it_says() {
    let mut done = [0; 6];
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let document = random(&mut dice, 3);
        let one = operation(&mut dice, &document);
        let text = |name: &str| one[name].as_str().unwrap_or_default();
        let found = json_patch(&document, &json!([one]));
        let (path, from) = (document.pointer(text("path")), document.pointer(text("from")));
        let told = || format!("seed {seed}: {document} {one} {found:?}");
        match (text("op"), &found) {
            ("test", Ok(after)) => {
                done[0] += 1;
                assert_eq!((after, path.unwrap_or(&Value::Null)), (&document, &one["value"]), "{}", told());
            }
            ("test", Err(_)) => assert!(path.unwrap_or(&Value::Null) != &one["value"], "{}", told()),
            ("replace", Ok(after)) => {
                done[1] += 1;
                assert_eq!(after.pointer(text("path")), Some(&one["value"]), "{}", told());
            }
            ("replace", Err(_)) => assert_eq!(path, None, "{}", told()),
            ("remove", Ok(after)) => {
                done[2] += 1;
                // Whoever puts it back has what was there.
                let back = json_patch(after, &json!([{"op": "add", "path": one["path"], "value": path}]));
                assert_eq!(back.as_ref(), Ok(&document), "{}", told());
            }
            ("remove", Err(_)) => assert!(path.is_none() || text("path").is_empty(), "{}", told()),
            ("add", Ok(after)) if !text("path").ends_with("/-") => {
                done[3] += 1;
                assert_eq!(after.pointer(text("path")), Some(&one["value"]), "{}", told());
            }
            ("copy", Ok(after)) if !text("path").ends_with("/-") => {
                done[4] += 1;
                assert_eq!(after.pointer(text("path")), from, "{}", told());
            }
            ("move", Ok(after)) => {
                done[5] += 1;
                let apart = json_patch(
                    &document,
                    &json!([{"op": "remove", "path": one["from"]}, {"op": "add", "path": one["path"], "value": from}]),
                );
                assert_eq!(apart.as_ref(), Ok(after), "{}", told());
            }
            ("copy" | "move", Err(_)) if from.is_none() => {}
            _ => {}
        }
    }
    assert!(done.iter().all(|count| *count > 50), "hardly anything was done: {done:?}");
}

#[test]
fn a_patch_whose_test_fails_changes_nothing() {
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let document = random(&mut dice, 3);
        let before = document.clone();
        let mut all = vec![json!({"op": "add", "path": "", "value": {"other": 1}})];
        all.push(json!({"op": "test", "path": "/other", "value": 2}));
        assert_eq!(json_patch(&document, &json!(all)), Err(PatchError::Failed("testing value /other failed".to_owned())));
        // Operations one after the other are the same as all at once, or neither is done.
        let (mut one_by_one, mut list) = (Ok(document.clone()), Vec::new());
        for _ in 0..4 {
            let Ok(current) = &one_by_one else { break };
            let next = operation(&mut dice, current);
            one_by_one = json_patch(current, &json!([next]));
            list.push(next);
        }
        assert_eq!(json_patch(&document, &json!(list)).ok(), one_by_one.ok(), "seed {seed}: {document} {list:?}");
        assert_eq!(document, before);
    }
}

/// Copies of copies: what one patch may add is bounded, however few its operations.
#[test]
fn a_patch_that_doubles_and_doubles_is_refused() {
    let mut operations = vec![json!({"op": "add", "path": "/a", "value": ["x".repeat(100)]})];
    for _ in 0..60 {
        operations.push(json!({"op": "copy", "from": "/a", "path": "/a/-"}));
    }
    assert_eq!(json_patch(&json!({}), &json!(operations)), Err(PatchError::Failed("the copies of this patch are too large".to_owned())));
}

const LISTS: [(&str, &str); 3] = [("containers", "name"), ("volumes", "name"), ("topologySpreadConstraints", "topologyKey")];

fn pod(dice: &mut Dice) -> Value {
    let mut spec = json!({"nodeSelector": texts(dice), "priority": dice.below(3)});
    for (list, key) in LISTS {
        let mut names = vec!["a", "b", "c", "d"];
        dice.shuffle(&mut names);
        names.truncate(dice.below(4));
        spec[list] = names
            .iter()
            .map(|name| {
                let mut item = json!({"image": *dice.pick(&["1", "2"]), "args": [dice.below(2)], "resources": {"limits": texts(dice)}});
                item[key] = json!(name);
                item
            })
            .collect();
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": texts(dice)}, "spec": spec})
}

fn texts(dice: &mut Dice) -> Value {
    let mut map = Map::new();
    for name in ["x", "y", "z"] {
        if dice.one_in(2) {
            map.insert(name.to_owned(), json!(*dice.pick(&["1", "2"])));
        }
    }
    Value::Object(map)
}

/// Returns the strategic merge patch that makes one Pod of another, as kubectl makes it.
fn strategic_difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (from, to) else { return to.clone() };
    let mut patch = Map::new();
    for (name, value) in new {
        let before = old.get(name).unwrap_or(&Value::Null);
        let key = LISTS.iter().find(|(list, _)| list == name).map(|(_, key)| *key);
        match (key, before.as_array(), value.as_array()) {
            (Some(key), Some(before), Some(value)) => {
                let same = |left: &Value, right: &Value| left[key] == right[key];
                let mut items: Vec<Value> = Vec::new();
                for one in value {
                    let old = before.iter().find(|old| same(old, one)).unwrap_or(&Value::Null);
                    let mut item = strategic_difference(old, one);
                    item[key] = one[key].clone();
                    items.push(item);
                }
                for gone in before.iter().filter(|old| !value.iter().any(|one| same(old, one))) {
                    items.push(Value::Object(
                        [(key.to_owned(), gone[key].clone()), ("$patch".to_owned(), json!("delete"))].into_iter().collect(),
                    ));
                }
                let order: Vec<Value> =
                    value.iter().map(|one| Value::Object([(key.to_owned(), one[key].clone())].into_iter().collect())).collect();
                patch.insert(format!("$setElementOrder/{name}"), json!(order));
                patch.insert(name.clone(), json!(items));
            }
            _ if before != value => {
                patch.insert(name.clone(), strategic_difference(before, value));
            }
            _ => {}
        }
    }
    patch.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| (name.clone(), Value::Null)));
    Value::Object(patch)
}

#[test]
fn a_strategic_merge_patch_of_a_difference_makes_the_other() {
    let kind = TypeRef::new("v1", "Pod");
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let (from, to) = (pod(&mut dice), pod(&mut dice));
        let patch = strategic_difference(&from, &to);
        let merged = strategic(&from, &patch, &kind).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(merged, to, "seed {seed}:\n{from}\n{patch}");
        assert_eq!(strategic(&merged, &patch, &kind).as_ref(), Ok(&to), "seed {seed}: twice is once");
        assert_eq!(strategic(&from, &json!({}), &kind).as_ref(), Ok(&from), "seed {seed}");
        let own = TypeRef::new("example.com/v1", "Widget");
        let mut plain = from.clone();
        json_merge(&mut plain, &difference(&from, &to));
        assert_eq!(strategic(&from, &difference(&from, &to), &own).as_ref(), Ok(&plain), "seed {seed}: a custom kind's lists are replaced");
    }
}
