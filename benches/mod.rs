//! Figures of the release build: one file each, measured in one world, written between two marks of the README.
//! Read first: [`run`].

mod api;
mod expression;
mod idle;
mod releases;
mod render;
mod size;
mod start;
mod updates;
mod why;

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::place::{Settings, root};
use crate::world::{ANYWHERE, World, scratch};

const BEGIN: &str = "<!-- figures -->";
const END: &str = "<!-- /figures -->";

/// One line of the table.
#[derive(Debug)]
pub struct Figure {
    /// What is measured.
    pub what: String,
    /// What came out.
    pub measured: String,
    /// What it should be; empty where nothing is demanded.
    pub goal: &'static str,
}

/// Measures everything, prints the table, and writes it into the README if asked to.
pub fn run(settings: &Settings, count: u32, write: bool, rendering: bool) -> anyhow::Result<()> {
    let folder = scratch(settings)?;
    if rendering {
        print!("{}", table(&render::measure(settings, folder.path())?));
        return Ok(());
    }
    let world = World::new(settings, folder.path().join("data"))?;
    world.journey(&["--once", ANYWHERE], settings.limit()).context("loading")?;
    let mut figures = vec![size::measure(&world)?, start::measure(&world)?, idle::measure(&world)?, why::measure(&world)?];
    figures.extend(api::measure(&world)?);
    figures.extend(releases::measure(settings, &world, count)?);
    figures.extend(updates::measure()?);
    figures.extend(expression::measure()?);
    figures.extend(render::measure(settings, folder.path())?);
    let table = table(&figures);
    print!("{table}");
    if write {
        let place = root().join("README.md");
        write_between(&place, &table)?;
        println!("written to {}", place.display());
    }
    Ok(())
}

fn table(figures: &[Figure]) -> String {
    let rows = figures.iter().map(|figure| format!("| {} | {} | {} |\n", figure.what, figure.measured, figure.goal));
    format!("| figure | measured | goal |\n| --- | --- | --- |\n{}", rows.collect::<String>())
}

fn write_between(place: &Path, table: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(place).with_context(|| place.display().to_string())?;
    std::fs::write(place, replaced(&text, table)?).with_context(|| place.display().to_string())
}

/// Returns a text with the table between the marks.
fn replaced(text: &str, table: &str) -> anyhow::Result<String> {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else { bail!("{BEGIN} and {END} are not both there") };
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

/// Returns the middle of some times in milliseconds.
fn median(mut times: Vec<i64>) -> Option<i64> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_goes_between_the_marks() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(replaced(&text, "new\n").expect("both marks are there"), format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert!(replaced("a", "new").is_err());
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![9, 1, 5]), Some(5));
        assert_eq!(median(Vec::new()), None);
    }
}
