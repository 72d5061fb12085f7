//! What somebody tries through the outside doors, which layer stops it, and what the user is told. After each attempt nothing has
//! moved, and at the end the next good release still arrives. One attempt is one function and one line of a table.

mod admission;
mod content;
mod doors;
mod files;
mod registry;
mod repository;
mod siege;
mod source;
mod support;

use siege::Siege;

/// Tries something and returns what whoever tried, or whoever looks, is told.
type Attempt = fn(&mut Siege) -> anyhow::Result<String>;

/// Tries everything in one world. `told` must stand in what is told.
fn repel(table: &[(&str, &str, Attempt)]) {
    let mut siege = Siege::begin().expect("a world");
    for (what, told, attempt) in table {
        let found = attempt(&mut siege).unwrap_or_else(|error| panic!("{what}: {error:#}"));
        assert!(found.contains(told), "{what}: expected {told:?} in {found:?}");
        siege.nothing_moved().unwrap_or_else(|error| panic!("{what}: {error:#}"));
    }
    siege.release().expect("the next good release arrives");
}

#[test]
fn registry_writes() {
    repel(&registry::ATTEMPTS);
}

#[test]
fn sources() {
    repel(&source::ATTEMPTS);
}

#[test]
fn pods() {
    repel(&admission::ATTEMPTS);
}

#[test]
fn commits() {
    repel(&repository::ATTEMPTS);
}

#[test]
fn hostile_content() {
    repel(&content::ATTEMPTS);
}

#[test]
fn unsupported_fields() {
    repel(&support::ATTEMPTS);
}

#[test]
fn closed_doors() {
    repel(&doors::ATTEMPTS);
}

#[test]
fn malformed_files() {
    repel(&files::ATTEMPTS);
}
