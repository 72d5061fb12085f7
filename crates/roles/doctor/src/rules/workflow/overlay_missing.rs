//! A workflow that renders a folder that is not there.

use crate::repository::normal;
use crate::rules::{Error, Everybody, Fix, Report, Repository, Rule};
use crate::scripts::{commands, scripts};

pub(crate) const RULE: Rule = Rule {
    id: "workflow/overlay-missing",
    severity: Error,
    scope: Everybody,
    upstream: "The job fails: no such folder.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for script in scripts(repository).iter().filter(|script| script.text.contains("kustomize build")) {
        let mut values: Vec<(String, Vec<String>)> = Vec::new();
        for words in commands(script.text) {
            if let [first, name, word, list @ ..] = words.as_slice()
                && first == "for"
                && word == "in"
            {
                values.push((name.clone(), list.to_vec()));
            }
            let Some(path) = words
                .windows(3)
                .find(|three| three[0] == "kustomize" && three[1] == "build")
                .map(|three| three[2].trim_matches('"').to_owned())
            else {
                continue;
            };
            let mut paths = vec![path];
            for (name, list) in values.iter().rev().take(3) {
                let filled = |path: &String| {
                    list.iter()
                        .take(50)
                        .map(|value| path.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value))
                        .collect::<Vec<_>>()
                };
                paths =
                    paths.iter().flat_map(|path| if path.contains('$') { filled(path) } else { vec![path.clone()] }).take(500).collect();
            }
            for path in paths.iter().filter(|path| !path.contains(['$', '*', ':'])).map(|path| normal(path)) {
                let ours = path.split_once('/').is_some_and(|(first, _)| repository.has_folder(first));
                if ours && !repository.has_folder(&path) {
                    let at = script.find(repository.edit(&script.workflow.path).text, "kustomize build");
                    report.add(
                        &script.workflow.path,
                        at,
                        format!("there is no folder {path}"),
                        Fix::advice("add the overlay, or take its name out"),
                    );
                }
            }
        }
    }
}
