//! Old conditions of package rules. Read first: [`today`].

use serde_json::{Map, Value};

/// Conditions under another name than today.
const RENAMED: [(&str, &str); 13] = [
    ("baseBranchList", "matchBaseBranches"),
    ("datasources", "matchDatasources"),
    ("depTypeList", "matchDepTypes"),
    ("languages", "matchCategories"),
    ("managers", "matchManagers"),
    ("matchFiles", "matchFileNames"),
    ("matchLanguages", "matchCategories"),
    ("matchPaths", "matchFileNames"),
    ("packageNames", "matchPackageNames"),
    ("packagePatterns", "matchPackagePatterns"),
    ("paths", "matchFileNames"),
    ("sourceUrlPrefixes", "matchSourceUrlPrefixes"),
    ("updateTypes", "matchUpdateTypes"),
];

/// How entries of an old condition are written today.
#[derive(Clone, Copy)]
enum Form {
    Name,
    Prefix,
    Pattern,
}

/// Conditions that have become entries of others: the old one, the list, whether they are excluded, and how they are written.
const MERGED: [(&str, &str, bool, Form); 13] = [
    ("matchDepPrefixes", "matchDepNames", false, Form::Prefix),
    ("matchDepPatterns", "matchDepNames", false, Form::Pattern),
    ("excludeDepNames", "matchDepNames", true, Form::Name),
    ("excludeDepPrefixes", "matchDepNames", true, Form::Prefix),
    ("excludeDepPatterns", "matchDepNames", true, Form::Pattern),
    ("matchPackagePrefixes", "matchPackageNames", false, Form::Prefix),
    ("matchPackagePatterns", "matchPackageNames", false, Form::Pattern),
    ("excludePackageNames", "matchPackageNames", true, Form::Name),
    ("excludePackagePrefixes", "matchPackageNames", true, Form::Prefix),
    ("excludePackagePatterns", "matchPackageNames", true, Form::Pattern),
    ("matchSourceUrlPrefixes", "matchSourceUrls", false, Form::Prefix),
    ("excludeSourceUrlPrefixes", "matchSourceUrls", true, Form::Prefix),
    ("excludeRepositories", "matchRepositories", true, Form::Name),
];

/// Returns a rule with today's conditions.
pub(super) fn today(rule: &Value) -> Value {
    let Value::Object(rule) = rule else { return rule.clone() };
    let renamed = |key: &String| RENAMED.iter().find(|(known, _)| known == key).map_or_else(|| key.clone(), |(_, name)| (*name).to_owned());
    let mut new: Map<String, Value> = rule.iter().map(|(key, value)| (renamed(key), value.clone())).collect();
    for (old, list, excluded, form) in MERGED {
        let Some(value) = new.remove(old) else { continue };
        let texts = value
            .as_str()
            .map(|text| vec![text])
            .unwrap_or_else(|| value.as_array().into_iter().flatten().filter_map(Value::as_str).collect());
        let entry = |text: &str| {
            let entry = match form {
                Form::Pattern if text == "*" && !excluded => text.to_owned(),
                Form::Pattern => format!("/{text}/"),
                Form::Prefix => format!("{text}{{/,}}**"),
                Form::Name => text.to_owned(),
            };
            Value::from(if excluded { format!("!{entry}") } else { entry })
        };
        let mut all = match new.remove(list) {
            Some(Value::Array(all)) => all,
            Some(Value::String(text)) => vec![text.into()],
            _ => Vec::new(),
        };
        all.extend(texts.into_iter().map(entry));
        new.insert(list.to_owned(), Value::Array(all));
    }
    Value::Object(new)
}
