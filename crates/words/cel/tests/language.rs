//! Expressions, what they give, and what is said of those that do not compile.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::{Environment, ObjectType, PER_CALL_LIMIT, Sizes, Type, Value};
use serde_json::{Value as Json, json};

fn environment() -> Environment {
    let fields = [("name", Type::String), ("size", Type::Int), ("tags", Type::list(Type::String))];
    let object = ObjectType { name: "object".to_owned(), fields: fields.map(|(name, kind)| (name.to_owned(), kind)).into() };
    Environment::default().with("self", Type::Object(Arc::new(object))).with("any", Type::Dyn)
}

fn given() -> BTreeMap<String, Value> {
    let own = json!({"name": "web", "size": 3, "tags": ["b", "a"]});
    let any = json!({"x": {"y": [1, 2]}, "t": "text", "f": 1.5, "n": null});
    [("self".to_owned(), Value::of_json(&own)), ("any".to_owned(), Value::of_json(&any))].into()
}

fn shown(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(one) => json!(one),
        Value::Int(number) => json!(number),
        Value::Uint(number) => json!(format!("{number}u")),
        Value::Double(number) => json!(number),
        Value::String(text) => json!(text.as_ref()),
        Value::List(items, _) => items.iter().map(shown).collect(),
        Value::Map(map) => json!(map.iter().map(|(key, value)| (format!("{key:?}"), shown(value))).collect::<BTreeMap<_, _>>()),
        Value::Optional(Some(inner)) => json!({"some": shown(inner)}),
        Value::Optional(None) => json!("none"),
        other => json!(format!("{other:?}")),
    }
}

fn check(text: &str, wanted: Json) {
    let program = environment().compile(text).unwrap_or_else(|issues| panic!("{text}: {issues}"));
    let evaluated = program.evaluate(&given(), PER_CALL_LIMIT);
    let found = evaluated.result.map_or_else(|error| json!(format!("error: {error}")), |value| shown(&value));
    assert_eq!(found, wanted, "{text}");
}

fn refuse(text: &str, wanted: &str) {
    let issues = environment().compile(text).err().unwrap_or_else(|| panic!("{text} compiled"));
    assert_eq!(issues.to_string(), wanted, "{text}");
}

#[test]
fn values() {
    check("self.size * 2 + 1 == 7 && self.name.startsWith('w')", json!(true));
    check("self.tags.map(t, t + '!').join(',')", json!("b!,a!"));
    check("self.tags.filter(t, t == 'a').size()", json!(1));
    check("self.tags.exists(t, t == 'a') && !self.tags.all(t, t == 'a') && self.tags.exists_one(t, t == 'b')", json!(true));
    check("self.tags.sort()", json!(["a", "b"]));
    check("self.tags.all(i, t, i < 2)", json!(true));
    check("has(any.x.y) ? any.x.y[1] : 0", json!(2));
    check("any.?x.?z.orValue(5)", json!(5));
    check("any[?'t'].hasValue() && !any.?q.hasValue()", json!(true));
    check("any.?t.optMap(t, t + '?').value()", json!("text?"));
    check("'%s is %d (%.2f)'.format([dyn(self.name), self.size, any.f])", json!("web is 3 (1.50)"));
    check("'a-b-c'.split('-', 2)", json!(["a", "b-c"]));
    check("'hello'.substring(1, 3) + 'x'.upperAscii() + 'hello'.charAt(4)", json!("elXo"));
    check("quantity('1Gi').isGreaterThan(quantity('900Mi')) && quantity('1').add(2).asInteger() == 3", json!(true));
    check("cidr('10.0.0.0/8').containsIP('10.2.3.4') && ip('::1').isLoopback() && !isIP('10.0.0.256')", json!(true));
    check("duration('90m').getHours() + timestamp('2024-02-29T10:00:00Z').getDate()", json!(30));
    check("url('https://a.example:80/b?c=d').getHostname() == 'a.example'", json!(true));
    check("semver('1.2.3').isLessThan(semver('1.10.0')) && sets.contains([1, 2], [2])", json!(true));
    check("-9223372036854775808 < 0 && 1 < 1.5 && 2u > 1", json!(true));
    check("{'a': 1}.transformMap(k, v, v + 1)['a']", json!(2));
    check("!format.dns1123Label().validate('a_b').hasValue()", json!(false));
    check("type(self.size) == int && b'\\x41' == bytes('A')", json!(true));
}

#[test]
fn errors_while_evaluating() {
    check("any.nope == 1", json!("error: no such key: nope"));
    check("any.nope == 1 || true", json!(true));
    check("any.x.y.exists(i, i / 0 == 1 || i == 2)", json!(true));
    check("any.x.y[5] == 1", json!("error: index out of bounds: 5"));
    check("self.size / 0", json!("error: division by zero"));
    check("any.t > 1", json!("error: no such overload"));
    check("'ab'.substring(5)", json!("error: index out of range: 5"));
    check(
        "quantity(any.t).sign()",
        json!("error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
    );
    check("9223372036854775807 + 1", json!("error: integer overflow"));
}

#[test]
fn what_does_not_compile() {
    refuse(
        "self.size == 'x'",
        "ERROR: <input>:1:11: found no matching overload for '_==_' applied to '(int, string)'\n | self.size == 'x'\n | ..........^",
    );
    refuse("self.none", "ERROR: <input>:1:5: undefined field 'none'\n | self.none\n | ....^");
    refuse("other + 1", "ERROR: <input>:1:1: undeclared reference to 'other' (in container '')\n | other + 1\n | ^");
    refuse("self.size && true", "ERROR: <input>:1:5: expected type 'bool' but found 'int'\n | self.size && true\n | ....^");
    refuse("self.name.map(1, 2)", "ERROR: <input>:1:15: argument must be a simple name\n | self.name.map(1, 2)\n | ..............^");
    refuse(
        "self.size.all(x, x)",
        "ERROR: <input>:1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)\n | self.size.all(x, x)\n | ....^",
    );
    refuse(
        "self.nameX(",
        "ERROR: <input>:1:12: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', ')', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | self.nameX(\n | ...........^",
    );
    refuse("1 2", "ERROR: <input>:1:3: Syntax error: extraneous input '2' expecting <EOF>\n | 1 2\n | ..^");
    refuse(
        "1 +",
        "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | 1 +\n | ...^",
    );
    refuse(
        "self. !=",
        "ERROR: <input>:1:7: Syntax error: no viable alternative at input '. !='\n | self. !=\n | ......^\nERROR: <input>:1:9: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | self. !=\n | ........^",
    );
    refuse("'a'.matches('[')", "ERROR: <input>:1:13: invalid matches argument\n | 'a'.matches('[')\n | ............^");
    refuse("if", "ERROR: <input>:1:1: reserved identifier: if\n | if\n | ^");
    assert!(environment().compile(&"(".repeat(10_000)).is_err());
    assert!(environment().compile(&"!".repeat(10_000)).is_err());
}

struct Wide;

impl Sizes for Wide {
    fn most(&self, path: &[String]) -> Option<u64> {
        (path.last().is_some_and(|last| last == "tags" || last == "@items")).then_some(1000)
    }
}

#[test]
fn costs() {
    let estimate = |text: &str| environment().compile(text).expect("an expression").estimate(&Wide).most;
    assert_eq!(estimate("self.size > 1"), 3);
    assert!(estimate("self.tags.all(t, self.tags.all(u, t.contains(u)))") > 10_000_000_000);
    let program = environment().compile("lists.range(1000).map(a, lists.range(1000).map(b, a * b)).size()").expect("an expression");
    let stopped = program.evaluate(&given(), PER_CALL_LIMIT);
    assert_eq!(stopped.result.expect_err("a limit").to_string(), "operation cancelled: actual cost limit exceeded");
}
