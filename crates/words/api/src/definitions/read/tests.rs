//! Every line that cannot be read is told with its file, its number and what is wrong with it.

use super::library;

/// Checks how the reading of a file ends.
fn check(text: &str, why: &str) {
    let told = library(&[("good.types", "type Good\n    a: string\n"), ("bad.types", text)])
        .map_or_else(|error| error.to_string(), |_| String::new());
    assert_eq!(told, if why.is_empty() { String::new() } else { format!("bad.types:{why}") }, "{text}");
}

#[test]
fn what_is_well_formed_is_read() {
    check("", "");
    check("# Nothing\n\ntype B open -- About it.\n    a, b!, -c: [Good] map(a) items(1..2)\n        -- Goes on.\n    ...Good\n", "");
    check("kind A g/v1 Namespaced\n    short a b\n    column string .spec.a A name\n    spec!: Good = {\"a\":1}\n", "");
    check("type B = \"a\" | -\"b\"\n        | \"c\" -- One of these.\n    rule self != '' -- must not be empty\n", "");
}

/// The notation is explained by an example that can be read.
#[test]
fn the_example_is_read() {
    let lines = include_str!("../mod.rs").lines().skip_while(|line| *line != "//! ```text").skip(1);
    let example: Vec<&str> =
        lines.take_while(|line| *line != "//! ```").map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or("")).collect();
    assert!(example.len() > 10, "{example:?}");
    check(&example.join("\n"), "");
}

#[test]
fn blocks_are_kinds_and_types() {
    check("\nwhat is this\n", "2: a block starts with kind or type");
    check("kind A v1 Namespaced\n", "1: the group and its versions are GROUP/VERSION,VERSION");
    check("kind A g/v1 Somewhere\n", "1: a kind is: kind NAME GROUP/VERSION Namespaced|Cluster");
    check("type B closed\n", "1: a type is atomic or open, not \"closed\"");
    check("type Good\n", "1: Good is already in good.types:1");
    check("type Good = string\n", "1: Good is already in good.types:1");
    check("    a: string\n", "1: no block is open");
    check("type B\n    a: Good\n            b: Good\n", "2: no constraint: \"b:\"");
}

#[test]
fn fields_have_known_types_and_constraints() {
    check("type B\n    a: text\n", "2: no type: \"text\"");
    check("type B\n    a: Better\n", "2: no type has the name Better");
    check("type B\n    a: string\n    b: [{Better}]\n", "3: no type has the name Better");
    check("type B\n    a b\n", "2: no field: \"a b\"; a field is NAME: TYPE");
    check("type B\n    a: string long\n", "2: no constraint: \"long\"");
    check("type B\n    a: string length(1)\n", "2: a range is LEAST..MOST, not \"1\"");
    check("type B\n    a: string length(x..)\n", "2: \"x\" is no whole number");
    check("type B\n    a: string = x\n", "2: a default is JSON without spaces, not \"x\"");
    check("type B\n    a: \"x\" | y\n", "2: a value stands in quotation marks, unlike \"y\"");
    check("type B = string\n    a: string\n", "2: B has no fields");
}

#[test]
fn kinds_have_known_words() {
    let known = "neither a field nor plural, short, categories, column TYPE PATH NAME, status";
    check("kind A g/v1 Cluster\n    shorts a\n", &format!("2: {known}: \"shorts a\""));
    check("kind A g/v1 Cluster\n    column string .a\n", &format!("2: {known}: \"column string .a\""));
}

#[test]
fn rules_have_messages_and_places() {
    check("type B\n    rule true\n", "2: a rule is: rule CEL -- MESSAGE");
    check("kind A g/v1 Cluster\n    rule true -- why\n", "2: a rule belongs to a type or, indented deeper, to the field above it");
    check("type B\n        rule true -- why\n", "2: a rule belongs to a type or, indented deeper, to the field above it");
}

#[test]
fn types_take_over_fields_and_never_contain_themselves() {
    check("type B\n    ...Better\n", "2: no type has the name Better");
    check("type B\n    ...C\ntype C = string\n", "2: C has no fields of its own that could be taken over");
    check("type B\n    ...C\ntype C\n    ...Good\n", "2: C has no fields of its own that could be taken over");
    check("type B\n    a: [C]\ntype C\n    b: {B}\n", "1: B contains itself");
    check("type B = B\n", "1: B contains itself");
}
