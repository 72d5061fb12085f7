//! Promises over random values, random texts and raw bytes.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};
use yaml::{Dialect, Path, Step, YamlError};

/// Words that are quoted, folded, taken for something else.
/// Not `<<`: as a key go-yaml writes that so that nobody reads it again.
fn words() -> impl Strategy<Value = String> {
    let odd = [
        "yes",
        "null",
        "~",
        "1.10",
        "0755",
        "a: b",
        "# x",
        "- y",
        "it's",
        "\"q\"",
        "",
        " lead",
        "trail ",
        "a\nb\n",
        "\n",
        "tab\tx",
        "ü",
        "=",
        "|",
        "{}",
        "[",
        "*a",
        "&a",
        "!t",
        "2001-01-01",
        "12:30",
        "1_000",
        "key",
        "value",
        "---",
        "...",
        "%x",
        "@x",
        "back\\slash",
        "\u{1F600}",
        "\u{7f}",
    ];
    prop_oneof![3 => select(odd.map(str::to_owned).to_vec()), 2 => "[a-z]{1,8}", 1 => "[ -~]{0,12}", 1 => "([a-z]{1,9} {1,2}){0,30}"]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(words(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Every place of a value.
fn places(value: &Value, so_far: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    found.push(so_far.clone());
    let mut enter = |step: Step, value: &Value| {
        so_far.push(step);
        places(value, so_far, found);
        so_far.pop();
    };
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| enter(Step::Index(at), item)),
        Value::Object(map) => map.iter().for_each(|(key, item)| enter(Step::Key(key.clone()), item)),
        _ => {}
    }
}

fn at<'a>(value: &'a mut Value, steps: &[Step]) -> &'a mut Value {
    steps.iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value[key.as_str()],
        Step::Index(index) => &mut value[*index],
    })
}

fn document() -> impl Strategy<Value = Value> {
    btree_map(words(), values(), 1..5).prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>()))
}

/// Lines as manifests have them, in any order and at any column.
fn lines() -> impl Strategy<Value = String> {
    let parts = [
        "a: ", "b: ", "c:", "- ", "-", "x", "'y'", "\"z\"", "1", "{a: b}", "[c, 'd']", "|", "|-", ">", "one two", "# e", " # f", "~",
        "--g", "k:v", "'a': ", "&h ",
    ];
    let line =
        (0..4usize, vec(select(parts.to_vec()), 0..4)).prop_map(|(column, parts)| format!("{}{}\n", "  ".repeat(column), parts.concat()));
    vec(line, 1..10).prop_map(|lines| lines.concat())
}

/// YAML's own characters, in any order.
fn texts() -> impl Strategy<Value = String> {
    let parts = [
        "a",
        "b: ",
        "- ",
        "\n",
        "  ",
        "    ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ": ",
        "? ",
        "|\n",
        ">-\n",
        "|+\n",
        "&x ",
        "*x",
        "!!str ",
        "<<: ",
        "'",
        "\"",
        "\\",
        "#",
        " #c\n",
        "---\n",
        "...\n",
        "\t",
        "\r\n",
        "~",
        "1.5",
        "\u{feff}",
        "é",
        "%YAML 1.1\n",
    ];
    vec(select(parts.to_vec()), 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_again(value in values()) {
        let safe = yaml::write_safe(&value);
        prop_assert_eq!(yaml::read(&safe, Dialect::Sigs), Ok(value.clone()), "{}", safe);
        prop_assert_eq!(yaml::read(&safe, Dialect::Kyaml), Ok(value.clone()), "{}", safe);
        let go = yaml::write(&value);
        prop_assert_eq!(yaml::read(&go, Dialect::Sigs), Ok(value.clone()), "{}", go);
        prop_assert_eq!(yaml::write(&yaml::read(&go, Dialect::Sigs).expect("reads")), go);
    }

    #[test]
    fn an_edit_changes_one_place(document in document(), new in values(), number in any::<usize>(), go in any::<bool>()) {
        let text = if go { yaml::write(&document) } else { yaml::write_safe(&document) };
        let mut all = Vec::new();
        places(&document, &mut Vec::new(), &mut all);
        let steps = all[number % all.len()].clone();
        let path = Path { document: None, steps: steps.clone() };
        let mut expected = document.clone();
        *at(&mut expected, &steps) = new.clone();
        if let Ok(edited) = yaml::replace(&text, &path, &new) {
            prop_assert_eq!(yaml::read(&edited, Dialect::Sigs), Ok(expected), "{}", edited);
        }
        let mut expected = document.clone();
        match (steps.last(), steps.len()) {
            (Some(Step::Key(key)), length) => drop(at(&mut expected, &steps[..length - 1]).as_object_mut().expect("a mapping").remove(key)),
            (Some(Step::Index(index)), length) => drop(at(&mut expected, &steps[..length - 1]).as_array_mut().expect("a list").remove(*index)),
            (None, _) => return Ok(()),
        }
        if let Ok(edited) = yaml::delete(&text, &path) {
            prop_assert_eq!(yaml::read(&edited, Dialect::Sigs), Ok(expected), "{}", edited);
        }
    }

    #[test]
    fn the_quick_reader_reads_what_the_parser_reads(text in lines(), odd in texts(), value in document()) {
        let choose = |written: yaml::Written<'_>, value| serde_json::json!([written.text, format!("{:?}", written.style), written.in_flow, value]);
        for text in [text, odd, yaml::write(&value), yaml::write_safe(&value)] {
            for dialect in [Dialect::Sigs, Dialect::Kyaml] {
                let parsed = yaml::nodes(&text).and_then(|all| all.first().map(|node| yaml::value_with(node, dialect, &choose)).transpose());
                prop_assert_eq!(yaml::read_first(&text, dialect, &choose), parsed, "{:?}", text);
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in texts(), raw in vec(any::<u8>(), 0..60)) {
        let raw = String::from_utf8_lossy(&raw).into_owned();
        for text in [text, raw] {
            for dialect in [Dialect::Sigs, Dialect::Kyaml] {
                let Ok(all) = yaml::read_all(&text, dialect) else { continue };
                // What go-yaml writes of these, it does not read again.
                let odd = text.contains("<<") || text.chars().any(|c| matches!(c, '\u{feff}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}'));
                let again = yaml::read_all(&yaml::write_all(&all), Dialect::Sigs);
                prop_assert!(odd || again.as_ref() == Ok(&all), "{text:?}: {again:?}");
            }
            let path = Path::parse("a.0");
            let edits = [yaml::set(&text, &path, &Value::from("x")), yaml::append(&text, &path, &Value::from(1)), yaml::delete(&text, &path)];
            for edited in edits.into_iter().flatten() {
                prop_assert!(yaml::nodes(&edited).is_ok(), "{text:?} {edited:?}");
            }
        }
    }
}

/// Edits of files as people write them succeed: that they are refused is no way out.
#[test]
fn plain_files_can_be_edited_anywhere() {
    let text = "# head\na: 1 # one\nb:\n  c: [x, 'y']\n  d:\n  - e: 1\n    f: |\n      text\n  - g\n---\nh: {i: j}\n";
    let documents = yaml::read_all(text, Dialect::Sigs).expect("reads");
    let mut tried = 0;
    for (number, document) in documents.iter().enumerate() {
        let mut all = Vec::new();
        places(document, &mut Vec::new(), &mut all);
        for steps in all.into_iter().filter(|steps| !steps.is_empty()) {
            let path = Path { document: Some(number), steps };
            for value in [Value::from("new"), serde_json::json!({"x": [1]}), serde_json::json!([])] {
                yaml::replace(text, &path, &value).unwrap_or_else(|error| panic!("{path}: {error}"));
                tried += 1;
            }
            yaml::delete(text, &path).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
    }
    assert_eq!(tried, 36);
}

/// The bounds hold whatever the text promises: they are counted, not timed.
#[test]
fn bombs_are_refused() {
    let mut aliases = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    let mut merges = "a0: &a0 {k0: x}\n".to_owned();
    for level in 1..30 {
        aliases.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(",")));
        merges.push_str(&format!("a{level}: &a{level} {{<<: [{}], k{level}: y}}\n", vec![format!("*a{}", level - 1); 9].join(",")));
    }
    for (name, text) in [
        ("aliases", aliases),
        ("merges", merges),
        ("lists", "[".repeat(100_000)),
        ("maps", "{a: ".repeat(100_000)),
        ("dashes", "- ".repeat(100_000)),
        ("keys", "? ".repeat(100_000)),
        ("size", " ".repeat((32 << 20) + 1)),
    ] {
        for dialect in [Dialect::Sigs, Dialect::Kyaml] {
            let refused = yaml::read_all(&text, dialect);
            assert!(matches!(refused, Err(YamlError::Limit { .. } | YamlError::Syntax { .. })), "{name}: {refused:?}");
        }
    }
}
