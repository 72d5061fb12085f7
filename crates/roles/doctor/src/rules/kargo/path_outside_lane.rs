//! A promotion step that edits another environment, or something that is no pointer.

use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "kargo/path-outside-lane",
    severity: Error,
    scope: Everybody,
    upstream: "Kargo writes wherever it is told: one environment's promotion changes another.",
    ours: "The forge refuses the commit: Kargo may write the pointers of the Stage's own environment alone.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    // Who keeps the pointers below clusters/ has lanes there; others lay their repositories out as they like.
    if !repository.targets.iter().any(|target| target.file.starts_with("clusters/")) {
        return;
    }
    for target in &repository.targets {
        let stage = &repository.documents[target.stage];
        let Some((first, rest)) = target.file.split_once('/') else { continue };
        let environment = rest.split_once('/').map_or("", |(environment, _)| environment);
        let own = environment == stage.name || stage.name.split(['-', '.']).any(|part| part == environment);
        let foreign = repository.named("Stage", environment).any(|other| other.namespace == stage.namespace);
        let message = match first {
            "clusters" if own || !foreign => continue,
            "clusters" => format!("the Stage {:?} edits {}, which belongs to the Stage {environment:?}", stage.name, target.file),
            _ if !repository.has_folder(first) => continue,
            _ => format!("the Stage {:?} edits {}, which is no pointer", stage.name, target.file),
        };
        let place = repository.edit(&stage.path);
        let raw = stage.path.as_str();
        let wanted = target.file.replacen(&format!("clusters/{environment}/"), &format!("clusters/{}/", stage.name), 1);
        let edit = place.text[target.place..]
            .lines()
            .next()
            .and_then(|line| line.find(&target.file))
            .filter(|_| repository.tree.get(&wanted).is_some());
        let edit = edit.map(|at| place.splice(target.place + at, target.place + at + target.file.len(), wanted.clone()));
        report.add(raw, target.place, message, Fix::edit(format!("edit below clusters/{}/", stage.name), edit));
    }
}
