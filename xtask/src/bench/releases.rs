//! How long a release takes from its tag to its verification in production, and where the time goes.

use std::path::Path;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::Value;

use crate::bench::{Figure, median};
use crate::place::Settings;
use crate::program;
use crate::world::World;

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hop {
    name: String,
    at: Timestamp,
}

/// Releases one version after the other and tells the median of the whole and of each hop.
pub fn measure(settings: &Settings, world: &World, count: u32) -> anyhow::Result<Vec<Figure>> {
    let mut up = world.up(&[])?;
    world.ready(&mut up)?;
    let data = world.data.display().to_string();
    let mut stories = Vec::new();
    for number in 0..count {
        let version = format!("1.4.{}", 3 + number);
        let arguments = ["demo", "release", version.as_str(), "--json", "--data", data.as_str()];
        let text = program::output(&world.binary, &arguments, Path::new("."), settings.limit()).with_context(|| up.story())?;
        stories.push(story(&text).with_context(|| format!("the story of {version}"))?);
    }
    up.stop()?;
    Ok(figures(&stories))
}

/// Reads a story: one JSON object a line, with `hop` and `at`.
fn story(text: &str) -> anyhow::Result<Vec<Hop>> {
    let mut hops = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let value: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let (Some(name), Some(at)) = (value["hop"].as_str(), value["at"].as_str()) else { continue };
        hops.push(Hop { name: name.to_owned(), at: at.parse().with_context(|| line.to_owned())? });
    }
    if hops.len() < 2 {
        bail!("it has {} hops:\n{}", hops.len(), program::last_lines(text, 10));
    }
    Ok(hops)
}

fn figures(stories: &[Vec<Hop>]) -> Vec<Figure> {
    let between = |earlier: &Hop, later: &Hop| later.at.as_millisecond() - earlier.at.as_millisecond();
    let whole = stories.iter().filter_map(|story| Some(between(story.first()?, story.last()?))).collect();
    let what = format!("application tag pushed → verified in prod (p50 of {})", stories.len());
    let mut figures = vec![Figure { what, measured: told(median(whole)), goal: "≤ 2 s" }];
    // The first story gives the order. A hop may occur more than once in a story, such as one for each environment.
    for number in 1..stories.first().map_or(0, Vec::len) {
        let name = &stories[0][number].name;
        let same = stories.iter().filter(|story| story.get(number).is_some_and(|hop| hop.name == *name));
        let times = same.map(|story| between(&story[number - 1], &story[number])).collect();
        figures.push(Figure { what: format!("· to {name}"), measured: told(median(times)), goal: "" });
    }
    figures
}

fn told(time: Option<i64>) -> String {
    time.map_or_else(|| "no story has it".to_owned(), |time| format!("{time} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_are_read_and_told() {
        let text = "starting\n{\"hop\":\"tag\",\"at\":\"2026-01-01T00:00:00Z\"}\n{\"hop\":\"image\",\"at\":\"2026-01-01T00:00:00.250Z\"}\n";
        let story = story(text).expect("the story is whole");
        let told: Vec<(String, String)> = figures(&[story]).into_iter().map(|figure| (figure.what, figure.measured)).collect();
        let wanted = [("application tag pushed → verified in prod (p50 of 1)", "250 ms"), ("· to image", "250 ms")];
        assert_eq!(told, wanted.map(|(what, measured)| (what.to_owned(), measured.to_owned())));
        assert!(super::story("{}").is_err());
    }
}
