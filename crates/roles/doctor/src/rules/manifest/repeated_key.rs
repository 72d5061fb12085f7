//! A key that stands twice in one mapping.

use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};
use yaml::{Content, Node};

pub(crate) const RULE: Rule = Rule {
    id: "yaml/repeated-key",
    severity: Error,
    scope: Everybody,
    upstream: "kubectl takes the later value without a word, kustomize refuses the file.",
    ours: "The same as the tool whose file it is.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for document in &repository.documents {
        walk(&document.root, &mut |key| {
            let message = format!("the key {:?} stands here for the second time", key.text().unwrap_or_default());
            report.add(&document.path, key.start(), message, Fix::advice("keep one of them"));
        });
    }
}

fn walk(node: &Node, found: &mut dyn FnMut(&Node)) {
    match &node.content {
        Content::Map(pairs, _) => {
            let mut seen = std::collections::HashSet::new();
            for (key, value) in pairs {
                if key.text().is_some_and(|text| text != "<<" && !seen.insert(text)) {
                    found(key);
                }
                walk(value, found);
            }
        }
        Content::List(items, _) => items.iter().for_each(|item| walk(item, found)),
        Content::Scalar(..) | Content::Alias(_) => {}
    }
}
