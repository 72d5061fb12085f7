use super::signatures::{aggregate, count, named, number, overloads, refused};
use super::{Builtin, Input};
use crate::operators::{go_int, less};
use crate::types::Type;
use crate::{Value, golike};

const INT: fn() -> Type = || Type::Int;

macro_rules! rounding {
    ($name:literal, $round:expr) => {
        Builtin {
            name: $name,
            check: |name, given| number(name, given).map(|_| Type::Float),
            run: |input| match &input.arguments[0] {
                Value::Float(value) => Ok(Value::Float($round(*value))),
                other @ (Value::Int(_) | Value::Byte(_)) => float_of(other).map(Value::Float),
                other => Err(format!("invalid argument for {} (type {})", $name, other.type_name())),
            },
        }
    };
}

macro_rules! bits {
    ($name:literal, $run:expr) => {
        Builtin {
            name: $name,
            check: |name, given| overloads(name, &[(&[INT, INT], INT)], given),
            run: |input| {
                let (x, y) = (bit_operand(input, 0)?, bit_operand(input, 1)?);
                let run: fn(i64, i64) -> Result<i64, String> = $run;
                run(x, y).map(Value::Int)
            },
        }
    };
}

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "abs",
        check: number,
        run: |input| match &input.arguments[0] {
            Value::Int(value) => Ok(Value::Int(value.wrapping_abs())),
            Value::Float(value) => Ok(Value::Float(if *value < 0.0 { -value } else { *value })),
            Value::Byte(value) => Ok(Value::Byte(*value)),
            other => Err(format!("invalid argument for abs (type {})", other.type_name())),
        },
    },
    rounding!("ceil", f64::ceil),
    rounding!("floor", f64::floor),
    rounding!("round", f64::round),
    Builtin {
        name: "int",
        check: |name, given| conversion(name, given, Type::Int),
        run: |input| match &input.arguments[0] {
            Value::Text(text) => atoi(text).map(Value::Int).ok_or_else(|| format!("invalid operation: int({text})")),
            Value::Duration(value) | Value::Named(_, value, _) => Ok(Value::Int(*value)),
            Value::Nil => Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
            other => int_of(other).map(Value::Int).map_err(|_| format!("invalid operation: int({})", other.type_name())),
        },
    },
    Builtin {
        name: "float",
        check: |name, given| conversion(name, given, Type::Float),
        run: |input| match &input.arguments[0] {
            Value::Text(text) => golike::parse_float(text).map(Value::Float).map_err(|_| format!("invalid operation: float({text})")),
            other => float_of(other).map(Value::Float),
        },
    },
    Builtin { name: "max", check: aggregate, run: |input| extreme(input, less) },
    Builtin { name: "min", check: aggregate, run: |input| extreme(input, |a, b| less(b, a)) },
    Builtin {
        name: "mean",
        check: aggregate,
        run: |input| {
            let values = floats(input)?;
            #[expect(clippy::cast_precision_loss, reason = "a list has far fewer elements than a float has digits")]
            let count = values.len() as f64;
            Ok(Value::Float(if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / count }))
        },
    },
    Builtin {
        name: "median",
        check: aggregate,
        run: |input| {
            let mut values = floats(input)?;
            // Go sorts what is no number first.
            values.sort_by(|a, b| a.partial_cmp(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan())));
            let middle = values.len() / 2;
            Ok(Value::Float(match values.len() {
                0 => 0.0,
                length if length % 2 == 1 => values[middle],
                _ => f64::midpoint(values[middle - 1], values[middle]),
            }))
        },
    },
    bits!("bitand", |x, y| Ok(x & y)),
    bits!("bitor", |x, y| Ok(x | y)),
    bits!("bitxor", |x, y| Ok(x ^ y)),
    bits!("bitnand", |x, y| Ok(x & !y)),
    bits!("bitshl", |x, y| shift(y).map(|by| by.map_or(0, |by| x.wrapping_shl(by)))),
    bits!("bitshr", |x, y| shift(y).map(|by| by.map_or(if x < 0 { -1 } else { 0 }, |by| x >> by))),
    bits!("bitushr", |x, y| shift(y).map(|by| by.map_or(0, |by| (x.cast_unsigned() >> by).cast_signed()))),
    Builtin {
        name: "bitnot",
        check: |name, given| overloads(name, &[(&[INT], INT)], given),
        run: |input| bit_operand(input, 0).map(|x| Value::Int(!x)),
    },
];

fn conversion(name: &'static str, given: &[Type], to: Type) -> super::Checked {
    count(given, 1)?;
    match &given[0] {
        Type::Text | Type::Duration | Type::Named(_) => Ok(to),
        other if other.is_number() || other.is_unknown() => Ok(to),
        other => refused(format!("invalid argument for {name} (type {})", named(other))),
    }
}

/// Reads a whole number as Go's `strconv.Atoi`.
fn atoi(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Converts a number as Go's `int(…)`.
pub(crate) fn int_of(value: &Value) -> Result<i64, String> {
    match value {
        Value::Int(value) => Ok(*value),
        Value::Byte(value) => Ok(i64::from(*value)),
        Value::Float(value) => Ok(go_int(*value)),
        other => Err(format!("invalid operation: int({})", other.type_name())),
    }
}

/// Converts a number as Go's `float64(…)`.
pub(crate) fn float_of(value: &Value) -> Result<f64, String> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "Go loses them as well")]
        Value::Int(value) => Ok(*value as f64),
        Value::Byte(value) => Ok(f64::from(*value)),
        Value::Float(value) => Ok(*value),
        other => Err(format!("invalid operation: float({})", other.type_name())),
    }
}

/// Returns a shift; `None` when it shifts everything out.
fn shift(by: i64) -> Result<Option<u32>, String> {
    if by < 0 {
        return Err(format!("invalid operation: negative shift count {by} (type int)"));
    }
    Ok(u32::try_from(by).ok().filter(|by| *by < 64))
}

fn bit_operand(input: &Input<'_>, at: usize) -> Result<i64, String> {
    match &input.arguments[at] {
        Value::Int(value) => Ok(*value),
        Value::Byte(value) => Ok(i64::from(*value)),
        other => Err(format!("cannot use {} as argument (type int) to call {}", other.type_name(), input.name)),
    }
}

/// Calls a function with each number of the arguments, lists inside lists included.
fn each(name: &str, arguments: &[Value], take: &mut dyn FnMut(&Value)) -> Result<(), String> {
    // A stack of our own: lists may nest deeper than the program's stack allows.
    let mut open = vec![arguments.iter()];
    let mut work = 0_usize;
    while let Some(top) = open.last_mut() {
        work += 1;
        if work > 4_000_000 {
            return Err("memory budget exceeded".to_owned());
        }
        match top.next() {
            None => drop(open.pop()),
            Some(value @ (Value::Int(_) | Value::Byte(_) | Value::Float(_))) => take(value),
            Some(Value::List(items)) => open.push(items.iter()),
            Some(Value::Bytes(bytes)) => bytes.iter().for_each(|byte| take(&Value::Byte(*byte))),
            Some(other) => return Err(format!("invalid argument for {name} (type {})", other.type_name())),
        }
    }
    Ok(())
}

fn extreme(input: &mut Input<'_>, worse: fn(&Value, &Value) -> Result<bool, String>) -> Result<Value, String> {
    // One argument that is neither number nor list is its own extreme.
    if let [only] = input.arguments
        && !matches!(only, Value::Int(_) | Value::Byte(_) | Value::Float(_) | Value::List(_) | Value::Bytes(_))
    {
        return Ok(only.clone());
    }
    let mut best: Option<Value> = None;
    let mut take = |value: &Value| {
        if best.as_ref().is_none_or(|best| worse(best, value).unwrap_or(false)) {
            best = Some(value.clone());
        }
    };
    each(input.name, input.arguments, &mut take)?;
    Ok(best.unwrap_or(Value::Nil))
}

fn floats(input: &Input<'_>) -> Result<Vec<f64>, String> {
    let mut values = Vec::new();
    each(input.name, input.arguments, &mut |value| values.extend(float_of(value)))?;
    Ok(values)
}
