//! Old forms of schedules in words. Read first: [`today`].

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::schedule::span;

/// `after 10pm and before 5am`, with what stands around it.
static BOTH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^(?P<start>.*?)(?P<first>after|before) (?P<one>.*?) and (?P<second>after|before) (?P<two>.*?)(?: |$)(?P<rest>.*)")
        .expect("the pattern is fixed")
});

/// `every monday` at the end.
static EVERY_DAY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("every ((?:mon|tues|wednes|thurs|fri|satur|sun)day)$").expect("the pattern is fixed"));

/// Returns a schedule in today's words; `None` when it is none.
pub(super) fn today(value: &Value) -> Option<Value> {
    let mut entries: Vec<String> = match value {
        Value::String(text) if !text.is_empty() => vec![text.clone()],
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        _ => return None,
    };
    for at in 0..entries.len() {
        // A span over midnight is two.
        if span(&entries[at]).is_some_and(|(after, before)| after > before) {
            let one = BOTH.replace(&entries[at], "${start}${first} ${one} ${rest}").trim().to_owned();
            let two = BOTH.replace(&entries[at], "${start}${second} ${two} ${rest}").trim().to_owned();
            entries[at] = one;
            entries.push(two);
        }
    }
    let entries: Vec<Value> = entries.iter().map(|entry| Value::from(worded(entry))).collect();
    match (value, entries.as_slice()) {
        (Value::String(_), [only]) => Some(only.clone()),
        _ => Some(Value::Array(entries)),
    }
}

fn worded(entry: &str) -> String {
    let mut text = entry.replacen("on the last day of the month", "on the first day of the month", 1);
    text = text.replacen("on every weekday", "every weekday", 1);
    if text.ends_with(" every day") {
        text = text.replacen(" every day", "", 1);
    }
    text = EVERY_DAY.replace(&text, "on ${1}").into_owned();
    if text.ends_with("days") {
        text = text.replacen("days", "day", 1);
    }
    text
}
