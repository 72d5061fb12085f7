//! What the promotion steps of Stages say: variables resolved, paths inside the repository. Read first: [`targets`].

use yaml::Node;

use crate::look::Look as _;
use crate::repository::{Document, Repository, normal};

/// One value that a promotion step edits.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The Stage, as an index of the repository's documents.
    pub stage: usize,
    /// Where the step's path stands.
    pub place: usize,
    /// The file, inside the repository.
    pub file: String,
    /// The key, where it stands, and the value as it is written.
    pub updates: Vec<(String, usize, String)>,
}

/// One promotion step.
pub(crate) struct Step<'a> {
    pub node: &'a Node,
    pub uses: &'a str,
    pub config: Option<&'a Node>,
}

/// The steps of a Stage.
pub(crate) fn steps(stage: &Document) -> Vec<Step<'_>> {
    let all = stage.root.items_at("spec.promotionTemplate.spec.steps").iter();
    all.map(|node| Step { node, uses: node.text_at("uses"), config: node.get("config") }).collect()
}

/// A text with `${{ vars.x }}` replaced; `None` when another expression is in it.
pub(crate) fn resolved(stage: &Document, text: &str) -> Option<String> {
    let mut out = text.to_owned();
    let variables = stage.root.items_at("spec.promotionTemplate.spec.vars").iter().chain(stage.root.items_at("spec.vars"));
    for variable in variables.take(100) {
        let (name, value) = (variable.text_at("name"), variable.text_at("value"));
        out = out.replace(&format!("${{{{ vars.{name} }}}}"), value).replace(&format!("${{{{vars.{name}}}}}"), value);
    }
    out = out.replace("${{ ctx.stage }}", &stage.name);
    (!out.contains("${{")).then_some(out)
}

/// The repositories that an expression asks for with `imageFrom(…)`, literally or by a variable.
pub(crate) fn images(stage: &Document, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, call) in text.match_indices("imageFrom(") {
        let rest = text[at + call.len()..].trim_start();
        let value = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => rest[1..].split(quote).next().map(str::to_owned),
            _ => rest.split([')', ',']).next().and_then(|name| resolved(stage, &format!("${{{{ {} }}}}", name.trim()))),
        };
        found.extend(value);
    }
    found
}

/// The clone address of a Stage's first checkout, as it is written.
pub(crate) fn clone_url(stage: &Document) -> Option<&Node> {
    steps(stage).into_iter().filter(|step| step.uses == "git-clone").find_map(|step| step.config?.get("repoURL"))
}

/// Everything that `yaml-update` steps edit.
pub(crate) fn targets(repository: &Repository<'_>) -> Vec<Target> {
    let mut found = Vec::new();
    for (index, stage) in
        repository.documents.iter().enumerate().filter(|(_, document)| document.kind == "Stage" && document.group == "kargo.akuity.io")
    {
        let mut roots: Vec<String> = Vec::new();
        for step in steps(stage) {
            let Some(config) = step.config else { continue };
            if step.uses == "git-clone" {
                roots.extend(
                    config
                        .items_at("checkout")
                        .iter()
                        .filter_map(|checkout| resolved(stage, checkout.text_at("path")))
                        .map(|path| normal(&path)),
                );
            }
            let (Some(path), true) = (config.get("path"), step.uses == "yaml-update") else { continue };
            let Some(whole) = path.text().and_then(|text| resolved(stage, text)).map(|text| normal(&text)) else { continue };
            let inside = roots.iter().filter_map(|root| {
                if root.is_empty() { Some(whole.as_str()) } else { whole.strip_prefix(root.as_str())?.strip_prefix('/') }
            });
            let Some(file) = inside.min_by_key(|rest| rest.len()) else { continue };
            let updates = config.items_at("updates").iter();
            let updates = updates.map(|update| {
                (
                    update.text_at("key").to_owned(),
                    update.get("key").map_or(update.span.start, |key| key.span.start),
                    update.text_at("value").to_owned(),
                )
            });
            found.push(Target { stage: index, place: path.span.start, file: file.to_owned(), updates: updates.collect() });
        }
    }
    found
}

/// Where a text stands in the expressions of a Stage, in bytes of its file.
pub(crate) fn occurrences(stage: &Document, text: &str, needle: &str) -> Vec<usize> {
    let mut found = Vec::new();
    stage.root.scalars(&mut |node, value| {
        if value.contains("${{") && value.contains(needle) {
            let raw = text.get(node.span.clone()).unwrap_or_default();
            found.extend(raw.match_indices(needle).map(|(at, _)| node.span.start + at));
        }
    });
    found.sort_unstable();
    found.dedup();
    found
}

/// The scalar at a key of `yaml-update` in a document.
pub(crate) fn held<'a>(document: &'a Document, key: &str) -> Option<&'a Node> {
    let path = yaml::Path::parse(key);
    if path.document.is_some_and(|wanted| wanted != document.at) {
        return None;
    }
    let found = path.steps.iter().try_fold(&document.root, |node, step| match step {
        yaml::Step::Key(key) => node.get(key),
        yaml::Step::Index(index) => node.items().get(*index).or_else(|| node.get(&index.to_string())),
    })?;
    matches!(found.content, yaml::Content::Scalar(..)).then_some(found)
}

/// A written value as it may stand in a map: an expression in braces needs quotes.
pub(crate) fn value_in(map: &Node, raw: &str) -> String {
    let flow = matches!(map.content, yaml::Content::Map(_, true));
    if flow && raw.starts_with("${{") { format!("'{}'", raw.replace('\'', "''")) } else { raw.to_owned() }
}
