//! Kargo's functions. What they need and what is not there yet they ask for; they fetch nothing.
//! Read first: [`Kargo`]. Source: akuity/kargo pkg/expressions/function, pkg/controller/freight/finder.go.

mod discovered;
mod freight;
mod kinds;
mod urls;

pub use discovered::{DISCOVERED, Discovered};
pub use kinds::{ARTIFACT, CHART, COMMIT, DISCOVERED_COMMIT, DISCOVERED_IMAGE, IMAGE, ORIGIN};
pub use urls::{normalize_git, normalize_image};

use std::sync::Arc;

use golang::Version;
use serde_json::Value as Json;

use crate::types::{Function, Type};
use crate::{Question, Refusal, Value};

const TEXT: fn() -> Type = || Type::Text;
const ORIGINS: fn() -> Type = || Type::Struct(&ORIGIN);
const COMMITS: fn() -> Type = || Type::Struct(&COMMIT);
const IMAGES: fn() -> Type = || Type::Struct(&IMAGE);
const CHARTS: fn() -> Type = || Type::Struct(&CHART);
const ARTIFACTS: fn() -> Type = || Type::Struct(&ARTIFACT);
const DATA: fn() -> Type = Type::map_of_texts;
const MAP: fn() -> Type = Type::map;
const BOOL: fn() -> Type = || Type::Bool;

/// The functions of Promotions and verifications.
pub const FUNCTIONS: &[Function] = &[
    Function { name: "warehouse", overloads: &[(&[TEXT], ORIGINS)] },
    Function { name: "commitFrom", overloads: &[(&[TEXT, ORIGINS], COMMITS), (&[TEXT], COMMITS)] },
    Function { name: "imageFrom", overloads: &[(&[TEXT, ORIGINS], IMAGES), (&[TEXT], IMAGES)] },
    Function {
        name: "chartFrom",
        overloads: &[(&[TEXT, TEXT, ORIGINS], CHARTS), (&[TEXT, TEXT], CHARTS), (&[TEXT, ORIGINS], CHARTS), (&[TEXT], CHARTS)],
    },
    Function { name: "artifactFrom", overloads: &[(&[TEXT, ORIGINS], ARTIFACTS), (&[TEXT], ARTIFACTS)] },
    Function { name: "freightMetadata", overloads: &[(&[TEXT], MAP)] },
    Function { name: "freightStatus", overloads: &[(&[TEXT], MAP)] },
    Function { name: "stageMetadata", overloads: &[(&[TEXT], MAP)] },
    Function { name: "configMap", overloads: &[(&[TEXT], DATA)] },
    Function { name: "sharedConfigMap", overloads: &[(&[TEXT], DATA)] },
    Function { name: "secret", overloads: &[(&[TEXT], DATA)] },
    Function { name: "sharedSecret", overloads: &[(&[TEXT], DATA)] },
    Function { name: "semverDiff", overloads: &[(&[TEXT, TEXT], TEXT)] },
    Function { name: "semverParse", overloads: &[(&[TEXT], || Type::Version)] },
];

/// The functions that a step has besides, in `if` and `config`.
pub const STATUS: &[Function] = &[
    Function { name: "always", overloads: &[(&[], BOOL)] },
    Function { name: "failure", overloads: &[(&[], BOOL)] },
    Function { name: "success", overloads: &[(&[], BOOL)] },
    Function { name: "status", overloads: &[(&[TEXT], TEXT)] },
];

/// What Kargo's functions look at. All of it is JSON as Kargo's API has it.
#[derive(Clone, Copy)]
pub struct Kargo<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The Stage's `requestedFreight`.
    pub requested: &'a [Json],
    /// References to the Freight at hand.
    pub freight: &'a [Json],
    /// What has been fetched: nothing yet is `None`, what is not there is `Some(None)`. A ConfigMap or Secret is the map of
    /// its data, decoded; the others are the objects.
    pub answers: &'a dyn Fn(&Question) -> Option<Option<Json>>,
    /// The step that asks, where there is one.
    pub step: Option<Step<'a>>,
}

/// The step that asks.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    /// Its alias.
    pub alias: &'a str,
    /// The Promotion's `stepExecutionMetadata`.
    pub metadata: &'a [Json],
}

type Called = Result<Value, Refusal>;

impl Kargo<'_> {
    /// Calls a function; `None` when Kargo has none of that name.
    pub fn call(&self, name: &str, arguments: &[Value]) -> Option<Called> {
        Some(match name {
            "warehouse" => warehouse(arguments),
            "commitFrom" => self.commit(arguments),
            "imageFrom" => self.image(arguments),
            "chartFrom" => self.chart(arguments),
            "artifactFrom" => self.artifact(arguments),
            "freightMetadata" => self.metadata(arguments, Question::Freight, "first argument", "freight ref name"),
            "stageMetadata" => self.metadata(arguments, Question::Stage, "argument", "stage name"),
            "freightStatus" => self.freight_status(arguments),
            "configMap" => self.data(arguments, Question::ConfigMap),
            "sharedConfigMap" => self.data(arguments, Question::SharedConfigMap),
            "secret" => self.data(arguments, Question::Secret),
            "sharedSecret" => self.data(arguments, Question::SharedSecret),
            "semverDiff" => semver_diff(arguments),
            "semverParse" => semver_parse(arguments),
            "always" => none(arguments).map(|()| Value::Bool(true)),
            "failure" => none(arguments).and_then(|()| self.has_failures().map(Value::Bool)),
            "success" => none(arguments).and_then(|()| self.has_failures().map(|failed| Value::Bool(!failed))),
            "status" => self.status(arguments),
            _ => return None,
        })
    }

    fn ask(&self, question: Question) -> Result<Option<Json>, Refusal> {
        (self.answers)(&question).ok_or(Refusal::Need(question))
    }

    fn data(&self, arguments: &[Value], question: fn(String) -> Question) -> Called {
        let data = self.ask(question(one(arguments, "argument")?.to_owned()))?;
        let entries = data.as_ref().and_then(Json::as_object).into_iter().flatten();
        Ok(Value::texts(entries.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))))
    }

    fn metadata(&self, arguments: &[Value], question: fn(String) -> Question, place: &str, what: &str) -> Called {
        let name = one(arguments, place)?;
        if name.is_empty() {
            return Err(Refusal::Failed(format!("{what} must not be empty")));
        }
        let object = self.ask(question(name.to_owned()))?;
        let metadata = object.as_ref().map(|object| &object["status"]["metadata"]);
        Ok(metadata.map_or(Value::Nil, Value::from_json))
    }

    fn freight_status(&self, arguments: &[Value]) -> Called {
        let name = one(arguments, "first argument")?;
        if name.is_empty() {
            return Err("freight ref name must not be empty".into());
        }
        let object = self.ask(Question::Freight(name.to_owned()))?;
        Ok(match object.as_ref().map(|object| &object["status"]) {
            None => Value::Nil,
            Some(Json::Object(_)) => Value::from_json(object.as_ref().map_or(&Json::Null, |object| &object["status"])),
            Some(_) => Value::map::<&str>([]),
        })
    }

    fn steps(&self) -> Result<Step<'_>, Refusal> {
        self.step.ok_or_else(|| "is known in steps only".into())
    }

    fn has_failures(&self) -> Result<bool, Refusal> {
        let metadata = self.steps()?.metadata;
        let failed = |step: &Json| step["continueOnError"] != true && matches!(step["status"].as_str(), Some("Errored" | "Failed"));
        Ok(metadata.iter().any(failed))
    }

    /// Returns the status of a step by its alias, within the task that the asking step belongs to.
    fn status(&self, arguments: &[Value]) -> Called {
        let wanted = one(arguments, "argument")?;
        if wanted.is_empty() {
            return Err("argument must not be empty".into());
        }
        let step = self.steps()?;
        let here = split_alias(step.alias).0;
        let found = step.metadata.iter().find(|step| split_alias(step["alias"].as_str().unwrap_or_default()) == (here, wanted));
        Ok(Value::from(found.and_then(|step| step["status"].as_str()).unwrap_or_default()))
    }
}

/// Splits `task::step`; an alias that has not this form belongs to no task.
pub fn split_alias(alias: &str) -> (&str, &str) {
    match alias.split_once("::") {
        Some((task, step)) if !step.contains("::") => (task, step),
        _ => ("", alias),
    }
}

fn count(arguments: &[Value], wanted: usize) -> Result<(), Refusal> {
    let plural = if wanted == 1 { "argument" } else { "arguments" };
    if arguments.len() == wanted { Ok(()) } else { Err(Refusal::Failed(format!("expected {wanted} {plural}, got {}", arguments.len()))) }
}

fn none(arguments: &[Value]) -> Result<(), Refusal> {
    count(arguments, 0)
}

fn text<'a>(arguments: &'a [Value], at: usize, place: &str) -> Result<&'a str, Refusal> {
    arguments[at].as_text().ok_or_else(|| Refusal::Failed(format!("{place} must be string, got {}", arguments[at].type_name())))
}

fn one<'a>(arguments: &'a [Value], place: &str) -> Result<&'a str, Refusal> {
    count(arguments, 1)?;
    text(arguments, 0, place)
}

fn warehouse(arguments: &[Value]) -> Called {
    let name = one(arguments, "argument")?;
    if name.is_empty() {
        return Err("name must not be empty".into());
    }
    Ok(Value::record(&ORIGIN, vec![Value::from("Warehouse"), Value::from(name)]))
}

fn semver_diff(arguments: &[Value]) -> Called {
    count(arguments, 2)?;
    let (a, b) = (text(arguments, 0, "first argument")?, text(arguments, 1, "second argument")?);
    let (Some(a), Some(b)) = (Version::lenient(a), Version::lenient(b)) else { return Ok(Value::from("Incomparable")) };
    Ok(Value::from(match () {
        () if a.major != b.major => "Major",
        () if a.minor != b.minor => "Minor",
        () if a.patch != b.patch => "Patch",
        () if a.metadata != b.metadata => "Metadata",
        () => "None",
    }))
}

fn semver_parse(arguments: &[Value]) -> Called {
    let version = one(arguments, "argument")?;
    match Version::parse_lenient(version) {
        Ok(version) => Ok(Value::Version(Arc::new(version))),
        Err(why) => Err(Refusal::Failed(format!("invalid semantic version: {why}"))),
    }
}
