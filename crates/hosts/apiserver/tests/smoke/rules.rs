//! Rules in the Common Expression Language: each ends, costs what it costs every time, and never more than its budget.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::{Environment, ObjectType, Sizes, Type, Value};
use serde_json::json;

use super::source::Source;

/// The most that an evaluation may cost here.
const BUDGET: u64 = 100_000;
const WORDS: [&str; 72] = [
    "self",
    "self.name",
    "self.size",
    "self.tags",
    "any",
    "any.x",
    "oldSelf",
    "i",
    "j",
    "t",
    "1",
    "0",
    "-1",
    "9223372036854775807",
    "1u",
    "1.5",
    "0.0",
    "'a'",
    "\"b\"",
    "''",
    "b'x'",
    "true",
    "false",
    "null",
    "[",
    "]",
    "[1, 2]",
    "['a']",
    "{",
    "}",
    "{'a': 1}",
    "(",
    ")",
    ".",
    ",",
    " + ",
    " - ",
    " * ",
    " / ",
    " % ",
    " == ",
    " != ",
    " < ",
    " <= ",
    " in ",
    " && ",
    " || ",
    "!",
    " ? ",
    " : ",
    ".size()",
    ".all(i, i == 'a')",
    ".exists(i, true)",
    ".map(i, i)",
    ".filter(i, i != j)",
    ".matches('(a+)+$')",
    ".startsWith('a')",
    ".split(',')",
    ".join()",
    ".replace('a', 'aa')",
    "has(self.name)",
    "size(",
    "string(",
    "int(",
    "duration('1s')",
    "timestamp('2026-01-01T00:00:00Z')",
    ".?x",
    ".orValue(1)",
    ".sort()",
    ".sum()",
    "quantity('1Gi')",
    ".format(['%s'])",
];

struct Anything;

impl Sizes for Anything {
    fn most(&self, _: &[String]) -> Option<u64> {
        None
    }
}

fn environment() -> Environment {
    let fields = [("name", Type::String), ("size", Type::Int), ("tags", Type::list(Type::String))];
    let object = ObjectType { name: "object".to_owned(), fields: fields.map(|(name, kind)| (name.to_owned(), kind)).into() };
    Environment::default().with("self", Type::Object(Arc::new(object))).with("any", Type::Dyn)
}

/// Returns an expression that is nearly well-formed.
fn expression(source: &mut Source<'_>, depth: usize) -> String {
    if depth == 0 {
        return (*source.pick(&["self.name", "self.size", "self.tags", "any", "any.x", "i", "1", "'a'", "[1, 2]", "true", "null", "1.5"]))
            .to_owned();
    }
    let (left, right) = (expression(source, depth - 1), expression(source, depth - 1));
    match source.below(12) {
        0 => format!("{left} == {right}"),
        1 => format!("{left} + {right}"),
        2 => format!("({left} && {right})"),
        3 => format!("({left} ? {right} : {left})"),
        4 => format!("{left}.all(i, {right})"),
        5 => format!("{left}.map(i, {right})"),
        6 => format!("{left}.exists(i, i in {right})"),
        7 => format!("[{left}, {right}]"),
        8 => format!("{{{left}: {right}}}"),
        9 => format!("size({left}) > {right}"),
        10 => format!("{left}{}", source.pick(&WORDS)),
        _ => format!("!({left} || {right})"),
    }
}

pub fn check(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut text = if source.one_in(2) { source.words(&WORDS, 12) } else { expression(&mut source, 3) }.into_bytes();
    if source.one_in(4) {
        source.scratch(&mut text, 2);
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let Ok(program) = environment().compile(&text) else { return };
    let range = program.estimate(&Anything);
    let own = json!({"name": "web", "size": 3, "tags": ["b", "a", "a"]});
    let any = json!({"x": {"y": [1, 2]}, "t": "text", "f": 1.5, "n": null});
    let given: BTreeMap<String, Value> = [("self".to_owned(), Value::of_json(&own)), ("any".to_owned(), Value::of_json(&any))].into();
    let (once, twice) = (program.evaluate(&given, BUDGET), program.evaluate(&given, BUDGET));
    assert_eq!(once.cost, twice.cost, "{text}");
    assert_eq!(format!("{:?}", once.result), format!("{:?}", twice.result), "{text}");
    assert!(range.least <= range.most, "{text}");
    // The step that goes beyond the budget is the last one.
    assert!(once.cost <= BUDGET || once.result.is_err(), "{text}: {}", once.cost);
}
