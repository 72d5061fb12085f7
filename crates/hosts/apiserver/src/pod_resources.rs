//! How much the containers of a Pod have together.
//! Follows kubernetes `component-helpers/resource/helpers.go` `AggregateContainerRequests`, `AggregateContainerLimits`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::quantity;

/// A sum of amounts: its value, and whether it is written with binary suffixes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub nanos: i128,
    pub binary: bool,
}

/// Sums by the name of the resource.
pub(crate) type Sums = BTreeMap<String, Sum>;

/// Returns what the containers of a spec have together at their worst moment: of `requests` or of `limits`.
pub(crate) fn aggregate(spec: &Value, kind: &str) -> Sums {
    let containers = |list: &str| spec.get(list).and_then(Value::as_array).into_iter().flatten();
    let mut all = Sums::new();
    containers("containers").for_each(|one| add(&mut all, &of(one, kind)));
    let (mut staying, mut beginning) = (Sums::new(), Sums::new());
    for one in containers("initContainers") {
        let mut here = of(one, kind);
        if one.get("restartPolicy").is_some_and(|policy| policy == "Always") {
            add(&mut all, &here);
            add(&mut staying, &here);
            here = staying.clone();
        } else {
            add(&mut here, &staying);
        }
        raise(&mut beginning, &here);
    }
    raise(&mut all, &beginning);
    all
}

/// Returns an amount as Kubernetes writes it.
pub(crate) fn amount(sum: &Sum) -> String {
    const NANO: i128 = 1_000_000_000;
    const KIBI: i128 = 1024;
    let text = if sum.binary && sum.nanos % NANO == 0 {
        let bytes = sum.nanos / NANO;
        // A 1024th has ten decimal places.
        format!("{}.{:010}Ki", bytes / KIBI, bytes % KIBI * 9_765_625)
    } else {
        format!("{}n", sum.nanos)
    };
    quantity::canonical(&text).unwrap_or(text)
}

fn of(container: &Value, kind: &str) -> Sums {
    let amounts = container.get("resources").and_then(|resources| resources.get(kind)).and_then(Value::as_object);
    let read = |(name, amount): (&String, &Value)| {
        let text = amount.as_str()?;
        Some((name.clone(), Sum { nanos: quantity::nanos(text)?, binary: text.ends_with('i') }))
    };
    amounts.into_iter().flatten().filter_map(read).collect()
}

fn add(sums: &mut Sums, more: &Sums) {
    for (name, amount) in more {
        let sum = sums.entry(name.clone()).or_insert(Sum { nanos: 0, binary: amount.binary });
        // What is added to nothing is written as it is.
        sum.binary = if sum.nanos == 0 { amount.binary } else { sum.binary };
        sum.nanos += amount.nanos;
    }
}

fn raise(sums: &mut Sums, others: &Sums) {
    for (name, amount) in others {
        let sum = sums.entry(name.clone()).or_insert(*amount);
        if amount.nanos > sum.nanos {
            *sum = *amount;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn those_who_stay_add_up_and_those_who_end_do_not() {
        let one = |cpu: &str, memory: &str| json!({"resources": {"requests": {"cpu": cpu, "memory": memory}}});
        let mut stays = one("1", "512Mi");
        stays["restartPolicy"] = json!("Always");
        let spec = json!({"containers": [one("100m", "1Gi"), one("200m", "1Gi")], "initContainers": [stays, one("5", "1Ki")]});
        let told: Vec<String> = aggregate(&spec, "requests").iter().map(|(name, sum)| format!("{name} {}", amount(sum))).collect();
        assert_eq!(told, ["cpu 6", "memory 2560Mi"]);
        assert!(aggregate(&spec, "limits").is_empty());
    }
}
