//! How long a release takes from its tag to its verification in production, and where the time goes.
//! Read first: [`HOPS`]. The story is read from the journal of the data folder.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::Value;

use crate::bench::{Figure, median};
use crate::place::Settings;
use crate::program;
use crate::world::{ANYWHERE, World};

/// The hops in their order: name, who tells of it, about what, and a part of what is told.
const HOPS: [(&str, &str, &str, &str); 12] = [
    ("update branch", "Update", "org/deployment", "the branch is made"),
    ("merged", "Update", "org/deployment", "main moves to it"),
    ("freight", "Warehouse", "kargo-myapp/myapp", "is registry.internal/deployments/myapp:"),
    ("dev promoted", "Promotion", "kargo-myapp/dev.", "promotion to dev succeeded"),
    ("dev deployed", "Kustomization", "dev/flux-system/myapp", "Applied revision: 0.5."),
    ("dev verified", "Stage", "kargo-myapp/dev", "is verified at dev"),
    ("staging promoted", "Promotion", "kargo-myapp/staging.", "promotion to staging succeeded"),
    ("staging deployed", "Kustomization", "staging/flux-system/myapp", "Applied revision: 0.5."),
    ("staging verified", "Stage", "kargo-myapp/staging", "is verified at staging"),
    ("prod promoted", "Promotion", "kargo-myapp/prod.", "promotion to prod succeeded"),
    ("prod deployed", "Kustomization", "prod/flux-system/myapp", "Applied revision: 0.5."),
    ("prod verified", "Stage", "kargo-myapp/prod", "is verified at prod"),
];

/// How often the journal is read while a release travels.
const LOOK: Duration = Duration::from_millis(200);

/// One entry of the journal, as far as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: Timestamp,
    controller: String,
    about: String,
    told: String,
}

/// Releases one version after the other and tells the median of the whole and of each hop.
pub fn measure(settings: &Settings, world: &World, count: u32) -> anyhow::Result<Vec<Figure>> {
    let mut up = world.up(&[ANYWHERE])?;
    world.ready(&mut up)?;
    let data = world.data.display().to_string();
    let mut releases = Vec::new();
    for number in 0..count {
        let version = format!("1.4.{}", 3 + number);
        let arguments = ["demo", "release", version.as_str(), "--data", data.as_str()];
        program::output(&world.binary, &arguments, Path::new("."), settings.limit())?;
        let pushed = Timestamp::now();
        let times =
            travel(&world.data.join("journal.jsonl"), pushed, settings.limit()).with_context(|| format!("{version}:\n{}", up.story()))?;
        releases.push(times);
    }
    up.stop()?;
    Ok(figures(&releases))
}

/// Waits until a release that was pushed at this time has made all hops, and returns how long after the push each was made.
fn travel(journal: &Path, pushed: Timestamp, limit: Duration) -> anyhow::Result<Vec<i64>> {
    let begin = Instant::now();
    loop {
        let text = std::fs::read_to_string(journal).with_context(|| journal.display().to_string())?;
        match hops(entries(&text, pushed)) {
            Ok(times) => return Ok(times.iter().map(|at| at.as_millisecond() - pushed.as_millisecond()).collect()),
            Err(missing) if begin.elapsed() > limit => bail!("the hop {missing:?} was not made within {} s", limit.as_secs()),
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

/// Reads the entries since a time, in the order of their times. A last line that is not whole yet is left out.
fn entries(text: &str, since: Timestamp) -> Vec<Entry> {
    let entry = |line: &str| {
        let value: Value = serde_json::from_str(line).ok()?;
        let word = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let told: Vec<&str> = value["because"].as_array()?.iter().filter_map(Value::as_str).collect();
        Some(Entry { at: word("at").parse().ok()?, controller: word("controller"), about: word("about"), told: told.join("; ") })
    };
    let mut all: Vec<Entry> = text.lines().filter_map(entry).filter(|entry| entry.at >= since).collect();
    all.sort();
    all
}

/// Returns when each hop was made, each after the one before; or the first that is missing.
fn hops(entries: Vec<Entry>) -> Result<Vec<Timestamp>, &'static str> {
    let mut rest = entries.into_iter();
    let mut find = |(name, controller, about, told): (&'static str, &str, &str, &str)| {
        let found = rest.find(|entry| entry.controller == controller && entry.about.contains(about) && entry.told.contains(told));
        found.map(|entry| entry.at).ok_or(name)
    };
    HOPS.into_iter().map(&mut find).collect()
}

fn figures(releases: &[Vec<i64>]) -> Vec<Figure> {
    let middle = |times: Vec<i64>| median(times).map_or_else(|| "nothing released".to_owned(), |time| format!("{time} ms"));
    let whole = releases.iter().filter_map(|times| times.last().copied()).collect();
    let what = format!("application tag pushed → verified in prod (p50 of {})", releases.len());
    let mut figures = vec![Figure { what, measured: middle(whole), goal: "≤ 2 s" }];
    for (number, (name, ..)) in HOPS.iter().enumerate() {
        let times = releases.iter().map(|times| times[number] - if number == 0 { 0 } else { times[number - 1] }).collect();
        figures.push(Figure { what: format!("· to {name}"), measured: middle(times), goal: "" });
    }
    figures
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hops_are_found_in_their_order() {
        let line = |(number, (_, controller, about, told)): (usize, (&str, &str, &str, &str))| {
            json!({"at": format!("2026-01-01T00:00:{:02}Z", number + 1), "controller": controller, "about": about, "because": [told]})
                .to_string()
        };
        let lines: Vec<String> = HOPS.into_iter().enumerate().map(line).collect();
        let since = "2026-01-01T00:00:00Z".parse().expect("a time");
        let times = hops(entries(&lines.join("\n"), since)).expect("every hop is there");
        assert_eq!(times.len(), HOPS.len());
        let without_last = format!("{}\n{{\"at\":", lines[..11].join("\n"));
        assert_eq!(hops(entries(&without_last, since)), Err("prod verified"));
        let later = "2026-01-01T00:00:02Z".parse().expect("a time");
        assert_eq!(hops(entries(&lines.join("\n"), later)), Err("update branch"));
    }

    #[test]
    fn medians_are_of_the_steps() {
        let releases: Vec<Vec<i64>> = [10, 20, 30].iter().map(|step| (1..=12).map(|number| number * step).collect()).collect();
        let told = figures(&releases);
        assert_eq!((told[0].measured.as_str(), told[1].measured.as_str(), told[12].measured.as_str()), ("240 ms", "20 ms", "20 ms"));
    }
}
