//! `renovate.json` as far as it is known. Read first: [`Config`].
//!
//! Of the preset `config:recommended` this is taken: the ignored paths, and `chore` as the type of semantic commits. Its groups,
//! replacements and workarounds concern packages that no registry image of one's own is; a dashboard issue is not kept.

use std::sync::Arc;

use model::{Code, Tree};
use serde_json::{Map, Value};

use crate::matchers::texts;
use crate::memo::Memo;
use crate::migration::migrate;
use crate::package_rules::{PackageRules, merge};
use crate::pattern::Patterns;
use crate::settings::{check, flag};

/// The file that is read.
pub(crate) const FILE: &str = "renovate.json";
/// Largest file, in bytes.
const SIZE: usize = 4 << 20;
/// How many configurations stay compiled.
const KEPT: usize = 8;
const RECOMMENDED: &str = "config:recommended";
const IGNORED: &str = "**/{node_modules,bower_components,vendor,examples,__tests__,test,tests,__fixtures__}/**";

/// A configuration that was read.
#[derive(Debug)]
pub(crate) struct Config {
    /// What holds where no rule says otherwise.
    pub base: Map<String, Value>,
    /// The package rules, in order.
    pub rules: PackageRules,
    /// Whether titles have a semantic prefix.
    pub semantic: Semantic,
    /// What was taken from where, for the summary.
    pub taken: Vec<String>,
    /// Whether there is anything to do.
    pub enabled: bool,
    files: Patterns,
    ignored: Vec<String>,
    ignored_globs: Patterns,
}

/// Whether titles have a semantic prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Semantic {
    /// If the newest commits have one.
    Auto,
    /// Always.
    Enabled,
    /// Never.
    Disabled,
}

/// Why a configuration is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError {
    pub code: Code,
    pub why: String,
}

type Read = Result<Arc<Config>, ConfigError>;

/// What was read of files last.
static READ: Memo<Vec<u8>, Read> = Memo::new();

impl Config {
    /// Reads the repository's file; `None` when there is none.
    pub(crate) fn read(tree: &Tree) -> Option<Read> {
        let bytes = tree.bytes(FILE)?;
        if let Some(read) = READ.get(|known| known == bytes) {
            return Some(read);
        }
        let read = Self::parse(bytes).map(Arc::new);
        READ.put(bytes.to_vec(), read.clone(), KEPT);
        Some(read)
    }

    /// Tells whether the manager reads a file.
    pub(crate) fn reads(&self, path: &str) -> bool {
        let ignored = self.ignored.iter().any(|part| path.contains(part.as_str())) || self.ignored_globs.any(path);
        self.enabled && !ignored && self.files.any(path)
    }

    fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.len() > SIZE {
            return Err(malformed("it is too large"));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => Self::of(&map),
            Ok(_) => Err(malformed("it must be a map")),
            Err(error) => Err(malformed(&error.to_string())),
        }
    }

    fn of(map: &Map<String, Value>) -> Result<Self, ConfigError> {
        let mut reader = Reader::default();
        let migrated = migrate(map);
        for (key, value) in &migrated.config {
            reader.option(key, value)?;
        }
        reader.taken.extend(migrated.notes);
        let mut base = reader.top;
        merge(&mut base, &reader.manager);
        let parse = |list: &[String], field: &str| Patterns::parse(list).map_err(|why| unsupported(field, &why));
        Ok(Self {
            enabled: base.get("enabled") != Some(&Value::Bool(false)),
            base,
            rules: reader.rules,
            semantic: reader.semantic.unwrap_or(Semantic::Auto),
            taken: reader.taken,
            files: parse(&reader.files, "kubernetes.managerFilePatterns")?,
            ignored_globs: parse(&reader.ignored, "ignorePaths")?,
            ignored: reader.ignored.iter().filter(|path| path.as_str() != IGNORED && !path.is_empty()).cloned().collect(),
        })
    }
}

#[derive(Default)]
struct Reader {
    files: Vec<String>,
    ignored: Vec<String>,
    taken: Vec<String>,
    rules: PackageRules,
    semantic: Option<Semantic>,
    top: Map<String, Value>,
    manager: Map<String, Value>,
}

impl Reader {
    fn option(&mut self, key: &str, value: &Value) -> Result<(), ConfigError> {
        let list = |value: &Value| texts(value).map_err(|why| unsupported(key, &why));
        match key {
            "$schema" | "description" => {}
            "extends" => {
                for preset in list(value)? {
                    self.preset(&preset)?;
                }
            }
            // The own list replaces the preset's, whatever their order.
            "ignorePaths" => self.ignored = list(value)?,
            "kubernetes" => self.manager(value)?,
            "semanticCommits" => {
                self.semantic = Some(match value.as_str() {
                    Some("auto") => Semantic::Auto,
                    Some("enabled") => Semantic::Enabled,
                    Some("disabled") => Semantic::Disabled,
                    _ => return Err(unsupported(key, &format!("the value {value} is not supported"))),
                });
            }
            "dependencyDashboard" if flag(value) == Ok(false) => {}
            "packageRules" => self.rules = rules(value)?,
            _ => {
                if !check(key, value).map_err(|why| unsupported(key, &why))? {
                    return Err(unsupported(key, "is not supported"));
                }
                self.top.insert(key.to_owned(), value.clone());
            }
        }
        Ok(())
    }

    fn preset(&mut self, preset: &str) -> Result<(), ConfigError> {
        match preset {
            RECOMMENDED => {
                if self.ignored.is_empty() {
                    self.ignored = vec![IGNORED.to_owned()];
                }
                self.taken.push(format!("{preset}: ignorePaths, semantic commit type chore"));
                Ok(())
            }
            _ => Err(unsupported("extends", &format!("the preset {preset:?} is not supported"))),
        }
    }

    fn manager(&mut self, value: &Value) -> Result<(), ConfigError> {
        let map = value.as_object().ok_or_else(|| unsupported("kubernetes", "must be a map"))?;
        for (key, value) in map {
            let field = format!("kubernetes.{key}");
            let list = || texts(value).map_err(|why| unsupported(&field, &why));
            match key.as_str() {
                "managerFilePatterns" => self.files.extend(list()?),
                "description" => {}
                _ => {
                    if !check(key, value).map_err(|why| unsupported(&field, &why))? {
                        return Err(unsupported(&field, "is not supported"));
                    }
                    self.manager.insert(key.clone(), value.clone());
                }
            }
        }
        Ok(())
    }
}

/// Conditions about what this role does not know of an image: a rule with one would never hold.
const UNKNOWN: [&str; 2] = ["matchSourceUrls", "matchRegistryUrls"];

fn rules(value: &Value) -> Result<PackageRules, ConfigError> {
    let list = value.as_array().ok_or_else(|| unsupported("packageRules", "expected a list of rules"))?;
    for (at, rule) in list.iter().enumerate() {
        if let Some(key) = UNKNOWN.iter().find(|key| rule.get(**key).is_some()) {
            return Err(unsupported(&format!("packageRules[{at}].{key}"), "is not supported"));
        }
    }
    let rules = PackageRules::parse(list).map_err(|error| ConfigError { code: Code::Unsupported, why: format!("{FILE}: {error}") })?;
    for (at, settings) in rules.settings() {
        for (key, value) in settings.iter().filter(|(key, _)| *key != "description") {
            let field = format!("packageRules[{at}].{key}");
            if !check(key, value).map_err(|why| unsupported(&field, &why))? {
                return Err(unsupported(&field, "is not supported"));
            }
        }
    }
    Ok(rules)
}

fn unsupported(field: &str, why: &str) -> ConfigError {
    let field: String = field.chars().take(200).collect();
    ConfigError { code: Code::Unsupported, why: format!("{FILE}: {field}: {why}") }
}

fn malformed(why: &str) -> ConfigError {
    ConfigError { code: Code::Malformed, why: format!("{FILE}: {why}") }
}
#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Read {
        let mut tree = Tree::default();
        tree.put(FILE, text);
        Config::read(&tree).expect("is there")
    }

    #[test]
    fn files_are_chosen() {
        for (config, path, expected) in [
            (r#"{"kubernetes": {"fileMatch": ["apps/.+\\.ya?ml$"]}}"#, "apps/a/base/deployment.yaml", true),
            (r#"{"kubernetes": {"fileMatch": ["apps/.+\\.ya?ml$"]}}"#, "clusters/apps/x.yaml", true),
            (r#"{"kubernetes": {"managerFilePatterns": ["/^apps/.+\\.ya?ml$/"]}}"#, "clusters/apps/x.yaml", false),
            (r#"{"kubernetes": {"managerFilePatterns": ["apps/**/*.yaml"]}}"#, "apps/x.yaml", true),
            (r#"{"kubernetes": {"managerFilePatterns": ["**"]}}"#, "apps/test/x.yaml", true),
            (r#"{"extends": "config:recommended", "kubernetes": {"managerFilePatterns": ["**"]}}"#, "apps/test/x.yaml", false),
            (
                r#"{"extends": ["config:recommended"], "ignorePaths": ["charts"], "kubernetes": {"managerFilePatterns": ["**"]}}"#,
                "apps/test/x.yaml",
                true,
            ),
            (r#"{"ignorePaths": ["charts"], "kubernetes": {"managerFilePatterns": ["**"]}}"#, "apps/charts/x.yaml", false),
            (r#"{"kubernetes": {"managerFilePatterns": ["**"], "enabled": false}}"#, "x.yaml", false),
            (r#"{"extends": ["config:recommended"]}"#, "x.yaml", false),
        ] {
            assert_eq!(read(config).expect(config).reads(path), expected, "{config} {path}");
        }
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (config, why) in [
            (r#"{"schedule": ["before 5am", "sometimes"]}"#, "renovate.json: schedule: \"sometimes\" is no schedule"),
            (
                r#"{"automergeSchedule": "0 5 * * *"}"#,
                "renovate.json: automergeSchedule: \"0 5 * * *\" names minutes, and a schedule may not",
            ),
            (r#"{"timezone": "Mars"}"#, "renovate.json: timezone: \"Mars\" is no time zone"),
            (r#"{"prTitle": "x"}"#, "renovate.json: prTitle: is not supported"),
            (r#"{"branchTopic": "{{"}"#, "renovate.json: branchTopic: the template is malformed at byte 2: expected an expression"),
            (r#"{"major": {"enabled": 1}}"#, "renovate.json: major: enabled: expected true or false, found 1"),
            (r#"{"minor": {"prTitle": "x"}}"#, "renovate.json: minor: prTitle: is not supported"),
            (r#"{"extends": ["docker:pinDigests"]}"#, "renovate.json: extends: the preset \"docker:pinDigests\" is not supported"),
            (r#"{"flux": {}}"#, "renovate.json: flux: is not supported"),
            (
                r#"{"kubernetes": {"versioning": "maven"}}"#,
                "renovate.json: kubernetes.versioning: the versioning \"maven\" is not supported",
            ),
            (
                r#"{"packageRules": [{"versioning": "regex:("}]}"#,
                "renovate.json: packageRules[0].versioning: the versioning \"regex:(\" is not usable: it needs a group major, minor or patch",
            ),
            (
                r#"{"kubernetes": {"fileMatch": ["("]}}"#,
                "renovate.json: kubernetes.managerFilePatterns: \"(\" is no regular expression: missing closing ): `(`",
            ),
            (r#"{"packageRules": [{}, {"prTitle": "x"}]}"#, "renovate.json: packageRules[1].prTitle: is not supported"),
            (r#"{"packageRules": [{"matchSourceUrls": ["x"]}]}"#, "renovate.json: packageRules[0].matchSourceUrls: is not supported"),
            (
                r#"{"packageRules": [{"automergeType": "pr-comment"}]}"#,
                "renovate.json: packageRules[0].automergeType: the value \"pr-comment\" is not supported: only \"branch\" and \"pr\" are",
            ),
            (r#"{"packageRules": [3]}"#, "renovate.json: packageRules[0]: a rule must be a map"),
            (r#"{"minimumReleaseAge": "soon"}"#, "renovate.json: minimumReleaseAge: \"soon\" is no age: expected a form like \"7 days\""),
            (r#"{"automerge": "often"}"#, "renovate.json: automerge: expected true or false, found \"often\""),
            ("[]", "renovate.json: it must be a map"),
            ("{", "renovate.json: EOF while parsing an object at line 1 column 1"),
        ] {
            assert_eq!(read(config).map(|_| ()).map_err(|error| error.why), Err(why.to_owned()), "{config}");
        }
    }
}
