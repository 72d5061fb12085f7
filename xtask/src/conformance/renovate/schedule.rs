//! Whether a moment is in a schedule, and whether the schedule is one.

use serde_json::Value;
use update::schedule::{Schedule, Zone};

/// Answers a case anew. A schedule or zone that says nothing holds nothing back upstream.
pub fn check(case: &Value) -> Option<String> {
    let entries: Vec<String> =
        case["schedule"].as_array().into_iter().flatten().filter_map(|entry| entry.as_str().map(str::to_owned)).collect();
    let at = case["at"].as_str().and_then(|at| at.parse().ok())?;
    let zone = case["timezone"].as_str().map_or_else(|| Some(Zone::default()), Zone::parse);
    let schedule = Schedule::parse(&entries);
    let open = match (&schedule, &zone) {
        (Ok(schedule), Some(zone)) => schedule.is_open(at, zone),
        _ => true,
    };
    let agrees = case["result"]["ok"].as_bool() == Some(open) && case["valid"].as_bool().is_none_or(|valid| valid == schedule.is_ok());
    (!agrees).then(|| format!("open {open}, valid {}: {case}", schedule.is_ok()))
}
