use super::signatures::{count, map, named, refused};
use super::{Builtin, Input, kind_name};
use crate::Value;
use crate::golike::shown;
use crate::operators::same;
use crate::types::Type;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "keys",
        check: |_, given| map("get keys from", "", given),
        run: |input| Ok(Value::list(pairs(input, "get keys from", "")?.into_iter().map(|(key, _)| key).collect())),
    },
    Builtin {
        name: "values",
        check: |_, given| map("get values from", "", given),
        run: |input| Ok(Value::list(pairs(input, "get values from", "")?.into_iter().map(|(_, value)| value).collect())),
    },
    Builtin {
        name: "toPairs",
        check: |_, given| map("transform", " to pairs", given),
        run: |input| {
            let pairs = pairs(input, "transform", " to pairs")?;
            Ok(Value::list(pairs.into_iter().map(|(key, value)| Value::list(vec![key, value])).collect()))
        },
    },
    Builtin {
        name: "fromPairs",
        check: |_, given| {
            count(given, 1)?;
            if given[0].is_list() || given[0].is_unknown() {
                return Ok(Type::Map("map[interface {}]interface {}", Box::new(Type::Any), Box::new(Type::Any)));
            }
            refused(format!("cannot transform {} from pairs", named(&given[0])))
        },
        run: from_pairs,
    },
];

fn pairs(input: &Input<'_>, verb: &str, after: &str) -> Result<Vec<(Value, Value)>, String> {
    input.only(1)?;
    match &input.arguments[0] {
        Value::Map(map) => Ok(map.entries.iter().map(|(key, value)| (Value::Text(key.clone()), value.clone())).collect()),
        Value::Pairs(pairs) => Ok(pairs.to_vec()),
        other => Err(format!("cannot {verb} {}{after}", kind_name(other))),
    }
}

fn from_pairs(input: &mut Input<'_>) -> Result<Value, String> {
    let Value::List(items) = &input.arguments[0] else {
        return Err(format!("cannot transform {} from pairs", shown(&input.arguments[0])));
    };
    let mut made: Vec<(Value, Value)> = Vec::new();
    let mut work = 0;
    for item in items.iter() {
        let Value::List(pair) = item else { return Err(format!("invalid pair {}", shown(item))) };
        let [key, value] = pair.as_slice() else { return Err(format!("invalid pair length {}", shown(item))) };
        if matches!(key, Value::List(_) | Value::Map(_) | Value::Bytes(_) | Value::Pairs(_)) {
            return Err(format!("runtime error: hash of unhashable type {}", key.type_name()));
        }
        work += made.len() + key.bulk(1_000_000);
        if work > 10_000_000 {
            return Err("memory budget exceeded".to_owned());
        }
        match made.iter_mut().find(|(known, _)| same(known, key)) {
            Some(known) => known.1 = value.clone(),
            None => made.push((key.clone(), value.clone())),
        }
    }
    Ok(Value::pairs(made))
}
