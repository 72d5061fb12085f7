//! A pointer whose address is not of the form oci://host/name.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "pointer/address",
    severity: Error,
    scope: Everybody,
    upstream: "The API server refuses an address of an OCIRepository that does not start with oci://, or that has a tag.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for source in repository.kind("source.toolkit.fluxcd.io", "OCIRepository") {
        let Some(node) = source.root.at("spec.url") else { continue };
        let text = node.text().unwrap_or_default();
        let name = text.rsplit('/').next().unwrap_or_default();
        if !text.starts_with("oci://") && !text.contains("${") {
            let wanted = format!("oci://{}", text.split("://").last().unwrap_or(text));
            let fix = Fix::edit("start it with oci://", repository.edit(&source.path).set(node, &wanted).map(|edit| plain(edit, wanted)));
            report.add(&source.path, node.start(), format!("{text:?} is no address of an artifact"), fix);
        } else if name.contains([':', '@']) && !text.contains("${") {
            report.add(
                &source.path,
                node.start(),
                format!("the address {text:?} has a tag or digest"),
                Fix::advice("put the version in spec.ref"),
            );
        }
    }
}

/// An address needs no quotes, whatever it was written with.
fn plain(mut edit: crate::Edit, wanted: String) -> crate::Edit {
    if !edit.replacement.starts_with('"') {
        edit.replacement = wanted;
    }
    edit
}
