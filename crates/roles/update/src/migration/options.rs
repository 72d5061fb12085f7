//! Options whose form has changed. Read first: [`change`]. One option is one arm of the part that it belongs to.

use serde_json::{Map, Value, json};

use super::{Change, names, rules, schedule};

/// What was found about an option.
pub(super) enum Found {
    /// It is as it is today.
    Nothing,
    /// It had another name.
    Name(&'static str),
    /// It had another form.
    Form,
}

/// Turns an option into today's form, if it has an old one. The parts are asked in turn; each knows its own options.
pub(super) fn change(key: &str, value: &Value, change: &mut Change<'_>) -> Found {
    let parts: [fn(&str, &Value, &mut Change<'_>) -> Found; 4] = [merging, branches, lists, others];
    for part in parts {
        let found = part(key, value, change);
        if !matches!(found, Found::Nothing) {
            return found;
        }
    }
    Found::Nothing
}

/// What is merged without a person, and when.
fn merging(key: &str, value: &Value, change: &mut Change<'_>) -> Found {
    let word = value.as_str();
    let block = match key {
        "automerge" => return automerge(word, change),
        "automergeMajor" => "major",
        "automergeMinor" => "minor",
        "automergePatch" => "patch",
        "automergeType" if word.is_some_and(|word| word.starts_with("branch-")) => return rewrite(key, "branch".into(), change),
        "azureAutoComplete" | "gitLabAutomerge" => {
            change.new.insert("platformAutomerge".to_owned(), value.clone());
            return Found::Name("platformAutomerge");
        }
        "requiredStatusChecks" => {
            if value.is_null() {
                change.set_if_free("ignoreTests", true.into());
            }
            return Found::Name("ignoreTests");
        }
        "schedule" => return rewrite_if_new(key, value, schedule::today(value), change),
        "stabilityDays" => {
            if let Some(days) = value.as_u64() {
                change.set_if_free("minimumReleaseAge", age(days));
            }
            return Found::Name("minimumReleaseAge");
        }
        _ => return Found::Nothing,
    };
    set_automerge(block, truthy(value), change);
    Found::Name(block)
}

/// How branches and commits are named, made anew and kept apart.
fn branches(key: &str, value: &Value, change: &mut Change<'_>) -> Found {
    match (key, value) {
        ("baseBranch", _) => extend("baseBranchPatterns", value, |text| text.to_owned(), change),
        ("branchPrefix", Value::String(word)) if word.contains("{{") => {
            let (prefix, template) = word.split_at(word.find("{{").unwrap_or(0));
            change.new.insert("additionalBranchPrefix".to_owned(), template.into());
            rewrite(key, prefix.into(), change)
        }
        ("rebaseConflictedPrs", _) => {
            if *value == Value::Bool(false) {
                change.set_if_free("rebaseWhen", "never".into());
            }
            Found::Name("rebaseWhen")
        }
        ("rebaseStalePrs", _) => {
            if change.old.get("rebaseConflictedPrs") != Some(&Value::Bool(false)) {
                let when = value.as_bool().map_or("auto", |stale| if stale { "behind-base-branch" } else { "conflicted" });
                change.set_if_free("rebaseWhen", when.into());
            }
            Found::Name("rebaseWhen")
        }
        ("recreateClosed", _) => {
            change.set_if_free("recreateWhen", if truthy(value) { "always" } else { "auto" }.into());
            Found::Name("recreateWhen")
        }
        ("semanticCommits", _) => {
            let today = match value {
                Value::Bool(true) => "enabled",
                Value::Bool(false) => "disabled",
                Value::String(word) if word == "enabled" || word == "disabled" => word,
                _ => "auto",
            };
            rewrite_if_new(key, value, Some(today.into()), change)
        }
        ("semanticPrefix", Value::String(word)) => {
            let (kind, scope) = semantic(word);
            change.set_if_free("semanticCommitType", kind.into());
            change.set_if_free("semanticCommitScope", scope.map_or(Value::Null, Value::from));
            Found::Name("semanticCommitType")
        }
        ("separateMajorReleases", _) => {
            change.set_if_free("separateMajorMinor", value.clone());
            Found::Nothing
        }
        ("separateMultipleMajor", _) if change.old.contains_key("separateMajorReleases") => Found::Form,
        _ => Found::Nothing,
    }
}

/// Lists whose entries have changed.
fn lists(key: &str, value: &Value, change: &mut Change<'_>) -> Found {
    let today = match key {
        "customManagers" => custom_managers(value),
        "enabledManagers" | "matchManagers" => managers(value),
        "extends" => presets(value),
        "hostRules" => host_rules(value),
        "matchStrings" => match_strings(value),
        "packageRules" => {
            let list = change.list(key);
            (!list.is_empty()).then(|| list.iter().map(rules::today).collect())
        }
        "suppressNotifications" => {
            let old = |item: &Value| item == "prEditNotification";
            let list = value.as_array().filter(|list| list.iter().any(old));
            list.map(|list| list.iter().filter(|item| !old(item)).cloned().collect())
        }
        "fileMatch" => return extend("managerFilePatterns", value, |text| format!("/{text}/"), change),
        "packages" | "pathRules" => {
            let mut list = change.list("packageRules");
            list.extend(value.as_array().cloned().unwrap_or_default());
            change.new.insert("packageRules".to_owned(), Value::Array(list));
            return Found::Name("packageRules");
        }
        _ => None,
    };
    rewrite_if_new(key, value, today, change)
}

fn others(key: &str, value: &Value, change: &mut Change<'_>) -> Found {
    match key {
        "ignoreNodeModules" => {
            change.set_if_free("ignorePaths", if truthy(value) { json!(["node_modules/"]) } else { json!([]) });
            Found::Name("ignorePaths")
        }
        "packageName" | "packagePattern" => {
            let name = if key == "packageName" { "packageNames" } else { "packagePatterns" };
            change.set_if_free(name, json!([value]));
            Found::Name(name)
        }
        "trustLevel" => {
            for name in ["allowCustomCrateGitRegistries", "allowScripts", "exposeAllEnv"].into_iter().filter(|_| value == "high") {
                change.set_if_free(name, true.into());
            }
            Found::Name("allowScripts")
        }
        "pinVersions" | "upgradeInRange" | "versionStrategy" => {
            let strategy = match (key, value) {
                ("pinVersions", Value::Bool(pin)) => Some(if *pin { "pin" } else { "replace" }),
                ("upgradeInRange", Value::Bool(true)) => Some("bump"),
                ("versionStrategy", Value::String(word)) if word == "widen" => Some("widen"),
                _ => None,
            };
            if let Some(strategy) = strategy {
                change.set_if_free("rangeStrategy", strategy.into());
            }
            Found::Name("rangeStrategy")
        }
        _ => Found::Nothing,
    }
}

fn age(days: u64) -> Value {
    match days {
        0 => Value::Null,
        1 => "1 day".into(),
        days => format!("{days} days").into(),
    }
}

fn match_strings(value: &Value) -> Option<Value> {
    let today = |text: &Value| text.as_str().map_or_else(|| text.clone(), |text| text.replace("(?<lookupName>", "(?<packageName>").into());
    Some(value.as_array()?.iter().map(today).collect())
}

fn truthy(value: &Value) -> bool {
    value.as_bool().unwrap_or(!value.is_null())
}

fn rewrite(key: &str, value: Value, change: &mut Change<'_>) -> Found {
    change.new.insert(key.to_owned(), value);
    Found::Form
}

fn rewrite_if_new(key: &str, old: &Value, new: Option<Value>, change: &mut Change<'_>) -> Found {
    match new {
        Some(new) if new != *old => rewrite(key, new, change),
        _ => Found::Nothing,
    }
}

/// Adds texts to a list under another name.
fn extend(name: &'static str, value: &Value, form: fn(&str) -> String, change: &mut Change<'_>) -> Found {
    let mut list = change.list(name);
    let texts =
        value.as_str().map(|text| vec![text]).unwrap_or_else(|| value.as_array().into_iter().flatten().filter_map(Value::as_str).collect());
    list.extend(texts.into_iter().map(|text| Value::from(form(text))));
    change.new.insert(name.to_owned(), Value::Array(list));
    Found::Name(name)
}

fn set_automerge(name: &str, automerge: bool, change: &mut Change<'_>) {
    let mut block = change.block(name);
    block.insert("automerge".to_owned(), automerge.into());
    change.new.insert(name.to_owned(), Value::Object(block));
}

/// `automerge` once named the greatest step.
fn automerge(word: Option<&str>, change: &mut Change<'_>) -> Found {
    let steps: &[(&str, bool)] = match word {
        Some("none") => return rewrite("automerge", false.into(), change),
        Some("any") => return rewrite("automerge", true.into(), change),
        Some("patch") => &[("patch", true), ("minor", false), ("major", false)],
        Some("minor") => &[("minor", true), ("major", false)],
        _ => return Found::Nothing,
    };
    steps.iter().for_each(|(name, automerge)| set_automerge(name, *automerge, change));
    Found::Form
}

fn managers(value: &Value) -> Option<Value> {
    let today = |name: &Value| match name.as_str() {
        Some("regex") => "custom.regex".into(),
        Some("yarn") => "npm".into(),
        Some("renovate-config-presets") => "renovate-config".into(),
        _ => name.clone(),
    };
    Some(value.as_array()?.iter().map(today).collect())
}

fn custom_managers(value: &Value) -> Option<Value> {
    let today = |manager: &Value| match manager {
        Value::Object(map) if !map.contains_key("customType") => {
            let mut map = map.clone();
            map.insert("customType".to_owned(), "regex".into());
            Value::Object(map)
        }
        other => other.clone(),
    };
    Some(value.as_array()?.iter().map(today).collect())
}

fn presets(value: &Value) -> Option<Value> {
    let list = value.as_str().map_or_else(|| value.as_array().cloned(), |text| Some(vec![text.into()]))?;
    let today = |preset: &Value| {
        let name = preset.as_str()?;
        match names::PRESETS.iter().find(|(known, _)| *known == name) {
            Some((_, today)) => today.map(Value::from),
            None => Some(name.into()),
        }
    };
    Some(list.iter().filter_map(today).collect())
}

fn host_rules(value: &Value) -> Option<Value> {
    let today = |rule: &Value| {
        let Value::Object(rule) = rule else { return rule.clone() };
        let mut new = Map::new();
        for (key, value) in rule {
            let name = match key.as_str() {
                "platform" => "hostType",
                "endpoint" | "host" | "baseUrl" | "hostName" | "domainName" => "matchHost",
                other => other,
            };
            new.entry(name).or_insert_with(|| value.clone());
        }
        Value::Object(new)
    };
    Some(value.as_array()?.iter().map(today).collect())
}

/// Takes `fix(deps):` apart.
fn semantic(prefix: &str) -> (&str, Option<&str>) {
    let text = prefix.split(':').next().unwrap_or_default();
    match text.split_once('(') {
        Some((kind, scope)) => (kind, Some(scope.split(')').next().unwrap_or_default())),
        None => (text, None),
    }
}
