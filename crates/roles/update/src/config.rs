//! `renovate.json` as far as it is known. Read first: [`Config`].
//!
//! Of the preset `config:recommended` this is taken: the ignored paths, and `chore` as the type of semantic commits. Its groups,
//! replacements and workarounds concern packages that no registry image of one's own is; a dashboard issue is not kept.

use model::{Code, Tree};
use serde_json::{Map, Value};

use crate::pattern::Patterns;
use crate::rules::{Changes, Rule, Settings, flag, texts};

/// The file that is read.
pub(crate) const FILE: &str = "renovate.json";
/// Most package rules.
const RULES: usize = 1_000;
const RECOMMENDED: &str = "config:recommended";
const IGNORED: &str = "**/{node_modules,bower_components,vendor,examples,__tests__,test,tests,__fixtures__}/**";

/// A configuration that was read.
#[derive(Debug)]
pub(crate) struct Config {
    /// What holds where no rule says otherwise.
    pub base: Settings,
    /// The package rules, in order.
    pub rules: Vec<Rule>,
    /// Whether titles have a semantic prefix.
    pub semantic: Semantic,
    /// What was taken from where, for the summary.
    pub taken: Vec<String>,
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

impl Config {
    /// Reads the repository's file; `None` when there is none.
    pub(crate) fn read(tree: &Tree) -> Option<Result<Self, ConfigError>> {
        let bytes = tree.bytes(FILE)?;
        Some(match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => Self::of(&map),
            Ok(_) => Err(malformed("it must be a map")),
            Err(error) => Err(malformed(&error.to_string())),
        })
    }

    /// Tells whether the manager reads a file.
    pub(crate) fn reads(&self, path: &str) -> bool {
        let ignored = self.ignored.iter().any(|part| path.contains(part.as_str())) || self.ignored_globs.any(path);
        self.base.enabled && !ignored && self.files.any(path)
    }

    fn of(map: &Map<String, Value>) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            files: Vec::new(),
            ignored: Vec::new(),
            taken: Vec::new(),
            rules: Vec::new(),
            semantic: Semantic::Auto,
            top: Changes::default(),
            manager: Changes::default(),
        };
        for (key, value) in map {
            reader.option(key, value)?;
        }
        let mut base = Settings::default();
        reader.top.apply(&mut base);
        reader.manager.apply(&mut base);
        let parse = |list: &[String], field: &str| Patterns::parse(list).map_err(|why| unsupported(field, &why));
        Ok(Self {
            base,
            rules: reader.rules,
            semantic: reader.semantic,
            taken: reader.taken,
            files: parse(&reader.files, "kubernetes.managerFilePatterns")?,
            ignored_globs: parse(&reader.ignored, "ignorePaths")?,
            ignored: reader.ignored.iter().filter(|path| path.as_str() != IGNORED && !path.is_empty()).cloned().collect(),
        })
    }
}

struct Reader {
    files: Vec<String>,
    ignored: Vec<String>,
    taken: Vec<String>,
    rules: Vec<Rule>,
    semantic: Semantic,
    top: Changes,
    manager: Changes,
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
                self.semantic = match value.as_str() {
                    Some("auto") => Semantic::Auto,
                    Some("enabled") => Semantic::Enabled,
                    Some("disabled") => Semantic::Disabled,
                    _ => return Err(unsupported(key, &format!("the value {value} is not supported"))),
                };
            }
            "dependencyDashboard" if flag(value) == Ok(false) => {}
            "packageRules" => {
                let rules = value
                    .as_array()
                    .filter(|rules| rules.len() <= RULES)
                    .ok_or_else(|| unsupported(key, "expected a list of at most 1,000 rules"))?;
                for (at, rule) in rules.iter().enumerate() {
                    let read = Rule::read(rule)
                        .map_err(|(field, why)| unsupported(format!("packageRules[{at}].{field}").trim_end_matches('.'), &why))?;
                    self.rules.push(read);
                }
            }
            _ => {
                if !self.top.take(key, value).map_err(|why| unsupported(key, &why))? {
                    return Err(unsupported(key, "is not supported"));
                }
            }
        }
        Ok(())
    }

    fn preset(&mut self, preset: &str) -> Result<(), ConfigError> {
        match preset {
            RECOMMENDED | "config:base" => {
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
                // The old name: its entries are regular expressions without slashes around them.
                "fileMatch" => {
                    self.taken.push("kubernetes.fileMatch: the old name of managerFilePatterns".to_owned());
                    self.files.extend(list()?.iter().map(|pattern| format!("/{pattern}/")));
                }
                "managerFilePatterns" => self.files.extend(list()?),
                "description" => {}
                _ => {
                    if !self.manager.take(key, value).map_err(|why| unsupported(&field, &why))? {
                        return Err(unsupported(&field, "is not supported"));
                    }
                }
            }
        }
        Ok(())
    }
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

    fn read(text: &str) -> Result<Config, ConfigError> {
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
            (r#"{"schedule": ["before 5am"]}"#, "renovate.json: schedule: is not supported"),
            (r#"{"extends": ["docker:pinDigests"]}"#, "renovate.json: extends: the preset \"docker:pinDigests\" is not supported"),
            (r#"{"flux": {}}"#, "renovate.json: flux: is not supported"),
            (r#"{"kubernetes": {"versioning": "semver"}}"#, "renovate.json: kubernetes.versioning: is not supported"),
            (
                r#"{"kubernetes": {"fileMatch": ["("]}}"#,
                "renovate.json: kubernetes.managerFilePatterns: \"(\" is no regular expression: missing closing ): `(`",
            ),
            (r#"{"packageRules": [{}, {"groupName": "x"}]}"#, "renovate.json: packageRules[1].groupName: is not supported"),
            (r#"{"packageRules": [{"matchDepNames": ["x"]}]}"#, "renovate.json: packageRules[0].matchDepNames: is not supported"),
            (
                r#"{"packageRules": [{"automergeType": "pr-comment"}]}"#,
                "renovate.json: packageRules[0].automergeType: the value \"pr-comment\" is not supported: only \"branch\" and \"pr\" are",
            ),
            (r#"{"packageRules": [3]}"#, "renovate.json: packageRules[0]: a rule must be a map"),
            (r#"{"minimumReleaseAge": "soon"}"#, "renovate.json: minimumReleaseAge: \"soon\" is no age: expected a form like \"7 days\""),
            (r#"{"automerge": "minor"}"#, "renovate.json: automerge: expected true or false, found \"minor\""),
            ("[]", "renovate.json: it must be a map"),
            ("{", "renovate.json: EOF while parsing an object at line 1 column 1"),
        ] {
            assert_eq!(read(config).map(|_| ()).map_err(|error| error.why), Err(why.to_owned()), "{config}");
        }
    }
}
