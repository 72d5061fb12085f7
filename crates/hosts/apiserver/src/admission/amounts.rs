//! Amounts of resources by name: `{"cpu": "500m"}`.

use std::collections::BTreeMap;

use golang::{Quantity, QuantityFormat};
use serde_json::{Map, Value, json};

/// Amounts by name.
pub(super) type Amounts = BTreeMap<String, Quantity>;

/// Reads a map of amounts; what is no amount is left out.
pub(super) fn read(value: Option<&Value>) -> Amounts {
    let all = value.and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(name, amount)| Some((name.clone(), Quantity::parse(amount.as_str()?).ok()?))).collect()
}

/// Writes a map of amounts.
pub(super) fn write(amounts: &Amounts) -> Value {
    Value::Object(amounts.iter().map(|(name, amount)| (name.clone(), json!(amount.to_string()))).collect::<Map<_, _>>())
}

/// Returns a whole number as an amount.
pub(super) fn whole(count: usize) -> Quantity {
    Quantity::of_nanos(i128::try_from(count).unwrap_or(i128::MAX / 1_000_000_000).saturating_mul(1_000_000_000), QuantityFormat::DecimalSi)
}

/// Adds an amount.
pub(super) fn add(amounts: &mut Amounts, name: &str, amount: Quantity) {
    let format = amounts.get(name).filter(|known| known.nanos() != 0).map_or(amount.format, |known| known.format);
    let sum = amounts.get(name).map_or(0, Quantity::nanos).saturating_add(amount.nanos());
    amounts.insert(name.to_owned(), Quantity::of_nanos(sum, format));
}

/// Returns what containers ask for (`requests`) or may take (`limits`) at most at once: all together, or one that starts the
/// Pod if that is more.
pub(super) fn of_pod(spec: &Value, part: &str) -> Amounts {
    let each = |list: &str| {
        let all = spec.get(list).and_then(Value::as_array).into_iter().flatten();
        all.map(|container| read(container.pointer(&format!("/resources/{part}")))).collect::<Vec<_>>()
    };
    let mut total = Amounts::new();
    for container in each("containers") {
        for (name, amount) in container {
            add(&mut total, &name, amount);
        }
    }
    for container in each("initContainers") {
        for (name, amount) in container {
            if total.get(&name).is_none_or(|known| known.nanos() < amount.nanos()) {
                total.insert(name, amount);
            }
        }
    }
    total
}
