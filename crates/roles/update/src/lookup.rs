//! Which updates there are. Read first: [`updates`], [`Update`].

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Code, Timestamp};
use serde_json::{Map, Value, json};

use crate::branch_name::branch_name;
use crate::config::Config;
use crate::kubernetes::Dependency;
use crate::memo::Memo;
use crate::observed::{Answer, Observed, Question};
use crate::pattern::{Pattern, Subject};
use crate::settings::Settings;
use crate::template::render;
use crate::update_type::UpdateType;
use crate::versioning::{Change, Part, Strategy, Versioning, scheme};

/// Most versions whose age is asked for: below these nothing is young any more, or nothing tells an age.
const CANDIDATES: usize = 20;

/// One dependency's way to a newer version.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub dependency: Dependency,
    pub kind: UpdateType,
    pub from: String,
    pub to: String,
    /// The new digest, where there was one.
    pub digest: Option<String>,
    /// The version as titles show it.
    pub shown: String,
    /// The fields that templates may use.
    pub fields: Map<String, Value>,
    /// The name of its branch, or why it has none.
    pub branch: Result<String, String>,
    pub settings: Settings,
    /// Why it may not come in yet.
    pub hold: Option<Hold>,
}

/// Why an update may not come in yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub code: Code,
    pub why: String,
    pub until: Option<Timestamp>,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// All dependencies, with the reason why one was not looked up.
    pub dependencies: Vec<Dependency>,
    pub updates: Vec<Arc<Update>>,
    /// Look-ups that failed, by what was asked.
    pub failed: BTreeMap<String, String>,
}

/// The schemes that are used, each made once.
struct Schemes {
    now: Timestamp,
    known: BTreeMap<String, Option<Arc<dyn Versioning>>>,
}

impl Schemes {
    fn get(&mut self, name: &str) -> Option<Arc<dyn Versioning>> {
        let now = self.now;
        self.known.entry(name.to_owned()).or_insert_with(|| scheme(name, now).ok().map(Arc::from)).clone()
    }
}

/// What a look-up is about: when nothing of it is different, neither is what is found.
struct Asked {
    config: Arc<Config>,
    dependencies: Arc<Vec<Dependency>>,
    name: String,
    branch: Option<String>,
    now: Timestamp,
    answers: Vec<(Question, Answer)>,
}

/// What was found last.
static FOUND: Memo<Asked, Arc<Found>> = Memo::new();
/// How many look-ups are remembered.
const KEPT: usize = 4;

/// The answers that a look-up is about.
fn answers(seen: &Observed) -> impl Iterator<Item = (&Question, &Answer)> {
    seen.answers
        .iter()
        .filter(|(question, _)| matches!(question, Question::Tags { .. } | Question::Digest { .. } | Question::Created { .. }))
}

/// Looks all dependencies up: for each the newest version of its own major, and the newest one of a greater major.
pub(crate) fn updates(config: &Arc<Config>, dependencies: &Arc<Vec<Dependency>>, seen: &Observed) -> Result<Arc<Found>, Question> {
    let branch = seen.base.as_ref().map(|base| base.0.as_str());
    let same = |asked: &Asked| {
        Arc::ptr_eq(&asked.config, config)
            && Arc::ptr_eq(&asked.dependencies, dependencies)
            && (asked.name.as_str(), asked.branch.as_deref(), asked.now) == (seen.name.as_str(), branch, seen.now)
            && asked.answers.iter().map(|(question, answer)| (question, answer)).eq(answers(seen))
    };
    if let Some(found) = FOUND.get(same) {
        return Ok(found);
    }
    let found = Arc::new(look_up(config, dependencies.to_vec(), seen)?);
    let asked = Asked {
        config: config.clone(),
        dependencies: dependencies.clone(),
        name: seen.name.clone(),
        branch: branch.map(str::to_owned),
        now: seen.now,
        answers: answers(seen).map(|(question, answer)| (question.clone(), answer.clone())).collect(),
    };
    FOUND.put(asked, found.clone(), KEPT);
    Ok(found)
}

fn look_up(config: &Config, mut dependencies: Vec<Dependency>, seen: &Observed) -> Result<Found, Question> {
    let mut found = Found::default();
    let mut schemes = Schemes { now: seen.now, known: BTreeMap::new() };
    let mut chosen = Vec::new();
    // All tags are asked for before any are looked through.
    for (at, dependency) in dependencies.iter_mut().enumerate() {
        let fields = fields(config, dependency, seen);
        let settings = settle(config, fields.clone(), None, seen.now);
        if dependency.skip.is_none() && !settings.enabled {
            dependency.skip = Some("package-rules".to_owned());
        }
        let name = settings.versioning.as_deref().unwrap_or(dependency.versioning);
        let scheme = schemes.get(name).filter(|scheme| dependency.value.as_deref().is_some_and(|value| scheme.is_version(value)));
        if dependency.skip.is_none() && scheme.is_none() {
            dependency.skip = Some("invalid-value".to_owned());
        }
        let (None, Some(scheme), Some(current)) = (&dependency.skip, scheme, dependency.value.clone()) else { continue };
        match seen.tags(Question::Tags { repository: dependency.repository.clone() })? {
            Err(why) => drop(found.failed.insert(dependency.repository.clone(), why.clone())),
            Ok(tags) => chosen.push((at, fields, settings, scheme, current, tags)),
        }
    }
    for (at, fields, settings, scheme, current, tags) in chosen {
        let dependency = &dependencies[at];
        let mut look = Look { config, seen, dependency, fields, scheme: &*scheme, current: &current, failed: &mut found.failed };
        found.updates.extend(look.up(tags, &settings)?.into_iter().map(Arc::new));
    }
    found.dependencies = dependencies;
    Ok(found)
}

/// Returns what rules are held against and templates may use.
fn fields(config: &Config, dependency: &Dependency, seen: &Observed) -> Map<String, Value> {
    let mut fields = config.base.clone();
    let folder = dependency.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let own = json!({
        "depName": dependency.name,
        "packageName": dependency.package,
        "manager": "kubernetes",
        "categories": ["kubernetes"],
        "datasource": "docker",
        "packageFile": dependency.file,
        "packageFileDir": folder,
        "parentDir": folder.rsplit('/').next(),
        "currentValue": dependency.value,
        "currentVersion": dependency.value,
        "repository": seen.name,
        "baseBranch": seen.base.as_ref().map(|base| base.0.as_str()),
    });
    fields.extend(own.as_object().cloned().unwrap_or_default());
    if let Some((digest, _)) = &dependency.digest {
        fields.insert("currentDigest".to_owned(), digest.as_str().into());
    }
    // What an image suggests comes before what the configuration names for all, and that before the datasource's own.
    if dependency.versioning != "docker" || !fields.contains_key("versioning") {
        fields.insert("versioning".to_owned(), dependency.versioning.into());
    }
    fields
}

/// Settles what holds: first the rules, then the settings of the kind of update, then the rules again, as upstream does.
fn settle(config: &Config, mut fields: Map<String, Value>, kind: Option<UpdateType>, now: Timestamp) -> Settings {
    config.rules.apply(&mut fields, now);
    if let Some(block) = kind.and_then(|kind| fields.get(kind.word())).and_then(Value::as_object).cloned() {
        crate::package_rules::merge(&mut fields, &block);
        config.rules.apply(&mut fields, now);
    }
    Settings::of(&fields)
}

/// The tags of a repository that are versions in a scheme, small ones first.
struct Sorted {
    scheme: String,
    now: Timestamp,
    repository: String,
    tags: Vec<String>,
}

/// What was sorted last.
static SORTED: Memo<Sorted, Arc<Vec<String>>> = Memo::new();
/// How many repositories' tags are remembered.
const REPOSITORIES: usize = 500;

fn sorted(scheme: &dyn Versioning, name: &str, now: Timestamp, repository: &str, tags: &[String]) -> Option<Arc<Vec<String>>> {
    // Only what `stable` means changes its place with time.
    let now = if name == "debian" { now } else { Timestamp::UNIX_EPOCH };
    let same = |known: &Sorted| known.repository == repository && known.scheme == name && known.now == now && *known.tags == *tags;
    if let Some(sorted) = SORTED.get(same) {
        return Some(sorted);
    }
    let mut all: Vec<String> = tags.iter().filter(|tag| scheme.is_version(tag)).cloned().collect();
    // Of equal ones the first by name comes first when they are gone through from behind.
    all.sort_by(|a, b| b.cmp(a));
    scheme.sort(&mut all).ok()?;
    let all = Arc::new(all);
    let key = Sorted { scheme: name.to_owned(), now, repository: repository.to_owned(), tags: tags.to_vec() };
    SORTED.put(key, all.clone(), REPOSITORIES);
    Some(all)
}

struct Look<'a> {
    config: &'a Config,
    seen: &'a Observed,
    dependency: &'a Dependency,
    fields: Map<String, Value>,
    scheme: &'a dyn Versioning,
    current: &'a str,
    failed: &'a mut BTreeMap<String, String>,
}

impl Look<'_> {
    fn up(&mut self, tags: &[String], settings: &Settings) -> Result<Vec<Update>, Question> {
        let allowed = match self.allowed(settings) {
            Ok(allowed) => allowed,
            Err(why) => {
                self.failed.insert(format!("allowedVersions of {}", self.dependency.package), why);
                return Ok(Vec::new());
            }
        };
        let name = settings.versioning.as_deref().unwrap_or(self.dependency.versioning);
        let Some(sorted) = sorted(self.scheme, name, self.seen.now, &self.dependency.repository, tags) else { return Ok(Vec::new()) };
        // With images of a day not everything that is greater comes behind.
        let dated = matches!(name, "debian" | "ubuntu");
        let greater = |tag: &String| self.scheme.is_greater(tag, self.current) == Ok(true);
        let from = if dated { 0 } else { sorted.partition_point(|tag| !greater(tag)) };
        let (mut majors, mut others) = (Vec::new(), Vec::new());
        for tag in sorted[from..].iter().rev().filter(|tag| self.follows(tag) && allowed.holds(self.scheme, tag)) {
            let major = UpdateType::between(self.scheme, self.current, tag) == UpdateType::Major;
            let bucket = if major { &mut majors } else { &mut others };
            bucket.push(tag.as_str());
            if others.len() == CANDIDATES {
                break;
            }
        }
        let mut updates = Vec::new();
        for bucket in [others, majors] {
            updates.extend(self.newest(&bucket)?);
        }
        Ok(updates)
    }

    /// Tells whether a tag may follow the current one.
    fn follows(&self, new: &str) -> bool {
        let (scheme, current) = (self.scheme, self.current);
        let same = |part| scheme.number(new, part) == scheme.number(current, part);
        // A prerelease only follows one of the same release.
        let stable_enough =
            || scheme.is_stable(new) || (!scheme.is_stable(current) && same(Part::Major) && same(Part::Minor) && same(Part::Patch));
        scheme.is_version(new) && scheme.is_greater(new, current) == Ok(true) && stable_enough() && scheme.is_compatible(new, current)
    }

    fn allowed(&self, settings: &Settings) -> Result<Allowed, String> {
        let Some(text) = &settings.allowed_versions else { return Ok(Allowed::All) };
        let number = |part| self.scheme.number(self.current, part).ok().flatten();
        let fields = json!({
            "currentVersion": self.current, "major": number(Part::Major), "minor": number(Part::Minor), "patch": number(Part::Patch),
        });
        let text = render(text, &fields).map_err(|error| error.to_string())?;
        let pattern = Pattern::parse(&text)?;
        if pattern.is_expression() {
            return Ok(Allowed::Expression(pattern));
        }
        if self.scheme.is_valid(&text) {
            return Ok(Allowed::Range(text));
        }
        let npm = scheme("npm", self.seen.now).map_err(|error| error.to_string())?;
        if npm.is_valid(&text) { Ok(Allowed::NpmRange(text)) } else { Err(format!("{text:?} is neither an expression nor a range")) }
    }

    /// The newest version that is old enough; if none is, the newest one, held.
    fn newest(&mut self, bucket: &[&str]) -> Result<Option<Update>, Question> {
        let mut held: Option<Update> = None;
        for &new in bucket.iter().take(CANDIDATES) {
            let kind = UpdateType::between(self.scheme, self.current, new);
            let strategy = Strategy::Replace;
            let change = Change { current_value: self.current, current_version: Some(self.current), new_version: new, strategy };
            let Some(to) = self.scheme.new_value(&change).ok().flatten().filter(|to| to != self.current) else { continue };
            let fields = self.update_fields(kind, new, &to);
            let settings = settle(self.config, fields.clone(), Some(kind), self.seen.now);
            if !settings.enabled {
                continue;
            }
            let update = Update {
                dependency: self.dependency.clone(),
                kind,
                from: self.current.to_owned(),
                digest: None,
                shown: self.shown(kind, new),
                hold: self.too_young(&to, &settings)?,
                to,
                branch: branch_name(&settings.naming, &fields).map_err(|error| error.to_string()),
                fields,
                settings,
            };
            if update.hold.is_none() {
                return self.with_digest(update);
            }
            held.get_or_insert(update);
        }
        Ok(held)
    }

    fn shown(&self, kind: UpdateType, new: &str) -> String {
        let major = self.scheme.number(new, Part::Major).ok().flatten().filter(|_| kind == UpdateType::Major);
        let shown = major.map_or_else(|| self.scheme.shown(new), |major| major.to_string());
        // A name has no `v` before it.
        if shown.starts_with(|c: char| c.is_ascii_digit()) { format!("v{shown}") } else { shown }
    }

    fn update_fields(&self, kind: UpdateType, new: &str, value: &str) -> Map<String, Value> {
        let number = |part| self.scheme.number(new, part).ok().flatten();
        let own = json!({
            "updateType": kind.word(),
            "isMajor": kind == UpdateType::Major,
            "isMinor": kind == UpdateType::Minor,
            "isPatch": kind == UpdateType::Patch,
            "newValue": value,
            "newVersion": self.scheme.shown(new),
            "newMajor": number(Part::Major),
            "newMinor": number(Part::Minor),
            "newPatch": number(Part::Patch),
        });
        let mut fields = self.fields.clone();
        fields.extend(own.as_object().cloned().unwrap_or_default());
        fields
    }

    fn image(&self, tag: &str) -> String {
        format!("{}:{tag}", self.dependency.repository)
    }

    fn too_young(&self, tag: &str, settings: &Settings) -> Result<Option<Hold>, Question> {
        let Some(age) = settings.age else { return Ok(None) };
        let image = self.image(tag);
        let wait = |why: String, until| Some(Hold { code: Code::TooYoung, why, until });
        Ok(match self.seen.created(Question::Created { image: image.clone() })? {
            Err(why) => Some(Hold { code: Code::Unreachable, why: format!("the age of {image} cannot be read: {why}"), until: None }),
            Ok(None) if settings.age_optional => None,
            Ok(None) => {
                wait(format!("nothing tells when {image} was made; minimumReleaseAgeBehaviour timestamp-optional lets it in"), None)
            }
            Ok(Some(made)) => match made.checked_add(age) {
                Ok(ripe) if ripe <= self.seen.now => None,
                Ok(ripe) => wait(format!("{image} is younger than {} days until {ripe}", age.as_secs().div_ceil(86_400)), Some(ripe)),
                Err(_) => wait(format!("the time at which {image} was made is out of range"), None),
            },
        })
    }

    /// A reference with a digest gets the new tag's digest too.
    fn with_digest(&mut self, mut update: Update) -> Result<Option<Update>, Question> {
        if self.dependency.digest.is_none() {
            return Ok(Some(update));
        }
        let image = self.image(&update.to);
        match self.seen.digest(Question::Digest { image: image.clone() })? {
            Ok(digest) if digest.parse::<model::Digest>().is_ok() => update.digest = Some(digest.clone()),
            Ok(digest) => drop(self.failed.insert(image, format!("{digest:?} is no digest"))),
            Err(why) => drop(self.failed.insert(image, why.clone())),
        }
        Ok(Some(update).filter(|update| update.digest.is_some()))
    }
}

/// Which versions may come at all.
enum Allowed {
    All,
    Expression(Pattern),
    /// In the dependency's own scheme.
    Range(String),
    /// As npm writes ranges, where the dependency's own scheme has no such range.
    NpmRange(String),
}

impl Allowed {
    fn holds(&self, own: &dyn Versioning, version: &str) -> bool {
        match self {
            Self::All => true,
            Self::Expression(pattern) => pattern.matches(&Subject::new(version)),
            Self::Range(range) => own.matches(version, range),
            // What is no semantic version is taken for the one that is in it.
            Self::NpmRange(range) => {
                let name = if scheme("semver", Timestamp::UNIX_EPOCH).is_ok_and(|semver| semver.is_version(version)) {
                    "npm"
                } else {
                    "semver-coerced"
                };
                scheme(name, Timestamp::UNIX_EPOCH).is_ok_and(|scheme| scheme.matches(version, range))
            }
        }
    }
}
