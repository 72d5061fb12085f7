//! A rule for a registry without the port that the images are named with.

use crate::rules::{Everybody, Fix, Look, Report, Repository, Rule, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "renovate/registry-port",
    severity: Warning,
    scope: Everybody,
    upstream: "The port is part of the name: the pattern matches no image, so the rule never applies.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    let Some((path, Ok(root))) = &repository.renovate else { return };
    let images: Vec<&str> = crate::rules::manifest::images(repository).into_iter().filter_map(|(_, image)| image.text()).collect();
    for name in super::blocks(root).filter_map(|block| block.get("matchPackageNames")).flat_map(|names| names.texts()) {
        let text = name.text().unwrap_or_default();
        let Some((host, _)) = text.split_once('/').filter(|(host, _)| host.contains('.') && !host.contains(':')) else { continue };
        let with_port =
            images.iter().find(|image| image.strip_prefix(host).is_some_and(|rest| rest.starts_with(':') && rest.contains('/')));
        let without = images.iter().any(|image| image.strip_prefix(host).is_some_and(|rest| rest.starts_with('/')));
        if let Some(image) = with_port.filter(|_| !without) {
            let port = image.split('/').next().unwrap_or_default();
            let edit = repository.edit(path).set(name, &format!("{port}{}", &text[host.len()..]));
            report.add(path, name.start(), format!("{text} does not match {image}"), Fix::edit("name the port", edit));
        }
    }
}
