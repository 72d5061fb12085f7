//! LimitRange. Follows kubernetes `pkg/apis/core/validation/validation.go`.

use std::collections::BTreeSet;

use golang::Quantity;
use serde_json::{Value, json};

use super::faults::{Faults, list, text};
use super::resource_names;
use crate::names;

/// Checks the spec.
pub(crate) fn check(spec: &Value, faults: &mut Faults) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, limit) in list(spec, "limits").iter().enumerate() {
        let here = format!("spec.limits[{index}]");
        let kind = text(limit, "type");
        self::kind(kind, &format!("{here}.type"), faults);
        if seen.contains(&kind) {
            faults.duplicate(&format!("{here}.type"), &json!(kind));
        }
        seen.push(kind);
        Limit { limit, kind, path: &here }.check(faults);
    }
}

fn kind(kind: &str, field: &str, faults: &mut Faults) {
    let wrong = names::key_faults(kind);
    wrong.iter().for_each(|why| faults.invalid(field, &json!(kind), why));
    if wrong.is_empty() && !kind.contains('/') && !matches!(kind, "Pod" | "Container" | "PersistentVolumeClaim") {
        faults.invalid(field, &json!(kind), "must be a standard limit type or fully qualified");
    }
}

struct Limit<'a> {
    limit: &'a Value,
    kind: &'a str,
    path: &'a str,
}

impl Limit<'_> {
    fn check(&self, faults: &mut Faults) {
        let mut names = BTreeSet::new();
        self.names("max", &mut names, faults);
        self.names("min", &mut names, faults);
        for part in ["default", "defaultRequest"] {
            if self.kind != "Pod" {
                self.names(part, &mut names, faults);
            } else if !self.amounts(part).is_empty() {
                faults.forbidden(&format!("{}.{part}", self.path), "may not be specified when `type` is 'Pod'");
            }
        }
        let has = |part: &str| self.amount(part, "storage").is_some();
        if self.kind == "PersistentVolumeClaim" && !has("min") && !has("max") {
            let why = "either minimum or maximum storage value is required, but neither was provided";
            faults.required(&format!("{}.limits", self.path), why);
        }
        self.names("maxLimitRequestRatio", &mut names, faults);
        for name in names {
            self.compare(&name, faults);
        }
    }

    fn amounts(&self, part: &str) -> Vec<&str> {
        self.limit.get(part).and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }

    fn names(&self, part: &str, names: &mut BTreeSet<String>, faults: &mut Faults) {
        for name in self.amounts(part) {
            let field = format!("{}.{part}[{name}]", self.path);
            match self.kind {
                "Pod" | "Container" => resource_names::of_containers(name, &field, faults),
                _ => {
                    resource_names::standard(name, &field, faults);
                }
            }
            names.insert(name.to_owned());
        }
    }

    fn amount(&self, part: &str, name: &str) -> Option<Quantity> {
        if self.kind == "Pod" && part.starts_with("default") {
            return None;
        }
        Quantity::parse(self.limit.get(part)?.get(name)?.as_str()?).ok()
    }

    /// Checks that the amounts of one resource stand in their order.
    fn compare(&self, name: &str, faults: &mut Faults) {
        let of = |part: &str| self.amount(part, name);
        let mut above = |low: &str, high: &str, at: &str, shown: &str, why: &dyn Fn(Quantity, Quantity) -> String| {
            if let (Some(low), Some(high), Some(shown)) = (of(low), of(high), of(shown))
                && low > high
            {
                faults.invalid(&format!("{}.{at}[{name}]", self.path), &json!(shown.to_string()), &why(low, high));
            }
        };
        above("min", "max", "min", "min", &|low, high| format!("min value {low} is greater than max value {high}"));
        above("min", "defaultRequest", "defaultRequest", "defaultRequest", &|low, high| {
            format!("min value {low} is greater than default request value {high}")
        });
        above("defaultRequest", "max", "defaultRequest", "defaultRequest", &|low, high| {
            format!("default request value {low} is greater than max value {high}")
        });
        above("defaultRequest", "default", "defaultRequest", "defaultRequest", &|low, high| {
            format!("default request value {low} is greater than default limit value {high}")
        });
        above("min", "default", "default", "min", &|low, high| format!("min value {low} is greater than default value {high}"));
        above("default", "max", "default", "max", &|low, high| format!("default value {low} is greater than max value {high}"));
        self.ratio(name, faults);
        if let (Some(default), Some(request)) = (of("default"), of("defaultRequest"))
            && default != request
            && !resource_names::may_be_promised_twice(name)
        {
            let why = format!("default value {default} must equal to defaultRequest value {request} in {name}");
            faults.invalid(&format!("{}.defaultRequest[{name}]", self.path), &json!(request.to_string()), &why);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "upstream compares floats")]
    fn ratio(&self, name: &str, faults: &mut Faults) {
        /// Amounts from here on are compared as whole numbers.
        const LARGE: i128 = (i64::MAX / 1_000) as i128;
        let Some(ratio) = self.amount("maxLimitRequestRatio", name) else { return };
        let (field, shown) = (format!("{}.maxLimitRequestRatio[{name}]", self.path), json!(ratio.to_string()));
        if ratio.nanos() < 1_000_000_000 {
            faults.invalid(&field, &shown, &format!("ratio {ratio} is less than 1"));
        }
        let (Some(min), Some(max)) = (self.amount("min", name), self.amount("max", name)) else { return };
        let small = [ratio, min, max].iter().all(|amount| amount.value() < LARGE);
        let (wanted, most) = if small {
            (ratio.milli() as f64 / 1_000.0, max.milli() as f64 / min.milli() as f64)
        } else {
            (ratio.value() as f64, max.value() as f64 / min.value() as f64)
        };
        if wanted > most {
            faults.invalid(&field, &shown, &format!("ratio {ratio} is greater than max/min = {most:.6}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(limit: Value) -> Vec<String> {
        let mut faults = Faults::default();
        check(&json!({"limits": [limit]}), &mut faults);
        faults.0.iter().map(|one| one.sentence().replacen("spec.limits[0].", "", 1)).collect()
    }

    #[test]
    fn amounts_stand_in_their_order() {
        let valid = json!({"type": "Container", "max": {"cpu": "2"}, "min": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "2"}});
        assert!(told(valid).is_empty());
        for (limit, wanted) in [
            (
                json!({"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "70k"}}),
                vec!["default[cpu]: Invalid value: \"1\": default value 70k is greater than max value 1"],
            ),
            (
                json!({"type": "Container", "min": {"cpu": "1"}, "default": {"cpu": "500m"}}),
                vec!["default[cpu]: Invalid value: \"1\": min value 1 is greater than default value 500m"],
            ),
            (
                json!({"type": "Container", "max": {"cpu": "2"}, "min": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "3"}}),
                vec!["maxLimitRequestRatio[cpu]: Invalid value: \"3\": ratio 3 is greater than max/min = 2.000000"],
            ),
            (json!({"type": "Pod", "default": {"cpu": "1"}}), vec!["default: Forbidden: may not be specified when `type` is 'Pod'"]),
            (json!({"type": "x"}), vec!["type: Invalid value: \"x\": must be a standard limit type or fully qualified"]),
            (
                json!({"type": "PersistentVolumeClaim", "min": {"a": "1"}}),
                vec![
                    "min[a]: Invalid value: \"a\": must be a standard resource type or fully qualified",
                    "limits: Required value: either minimum or maximum storage value is required, but neither was provided",
                ],
            ),
        ] {
            assert_eq!(told(limit), wanted);
        }
    }
}
