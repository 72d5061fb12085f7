//! A line of CODEOWNERS that cannot be read.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};
use review::{Codeowners, PLACES};

pub(crate) const RULE: Rule = Rule {
    id: "codeowners/malformed",
    severity: Error,
    scope: Everybody,
    upstream: "The line is skipped: nobody is asked for a review.",
    ours: "The file is refused as a whole, so that nothing is open by accident.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let found = PLACES.iter().find_map(|(path, dialect)| Some((*path, *dialect, repository.text(path)?)));
    let Some((path, dialect, text)) = found else { return };
    if let Err(error) = Codeowners::parse(text, dialect) {
        let start: usize = text.split_inclusive('\n').take(error.line.saturating_sub(1)).map(str::len).sum();
        report.add(path, start, error.text, Fix::advice("write PATTERN @owner"));
    }
}
