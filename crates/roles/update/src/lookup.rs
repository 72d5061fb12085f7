//! Which updates there are. Read first: [`updates`], [`Update`].

use std::collections::BTreeMap;

use model::{Code, Timestamp};

use crate::config::Config;
use crate::docker::{UpdateType, Version};
use crate::kubernetes::Dependency;
use crate::observed::{Observed, Question};
use crate::rules::{Settings, settle};

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
    pub major: u64,
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
    pub updates: Vec<Update>,
    /// Look-ups that failed, by what was asked.
    pub failed: BTreeMap<String, String>,
}

/// Looks all dependencies up: for each the newest version of its own major, and the newest one of a greater major.
pub(crate) fn updates(config: &Config, mut dependencies: Vec<Dependency>, seen: &Observed) -> Result<Found, Question> {
    let mut found = Found::default();
    for dependency in &mut dependencies {
        if dependency.skip.is_none() && !settle(&config.base, &config.rules, dependency, None).enabled {
            dependency.skip = Some("package-rules".to_owned());
        }
        let current = dependency.value.as_deref().and_then(Version::parse);
        if dependency.skip.is_none() && current.is_none() {
            dependency.skip = Some("invalid-value".to_owned());
        }
        let (None, Some(current)) = (&dependency.skip, current) else { continue };
        match seen.tags(Question::Tags { repository: dependency.repository.clone() })? {
            Err(why) => drop(found.failed.insert(dependency.repository.clone(), why.clone())),
            Ok(tags) => {
                let mut look = Look { config, seen, dependency, current: &current, failed: &mut found.failed };
                found.updates.extend(look.up(tags)?);
            }
        }
    }
    found.dependencies = dependencies;
    Ok(found)
}

struct Look<'a> {
    config: &'a Config,
    seen: &'a Observed,
    dependency: &'a Dependency,
    current: &'a Version,
    failed: &'a mut BTreeMap<String, String>,
}

impl Look<'_> {
    fn up(&mut self, tags: &[String]) -> Result<Vec<Update>, Question> {
        let current = self.current;
        let mut candidates: Vec<Version> = tags.iter().filter_map(|tag| Version::parse(tag)).collect();
        candidates.retain(|new| {
            let stable_enough = new.stable() || (!current.stable() && new.same_release(current));
            new > current && stable_enough && new.compatible(current)
        });
        candidates.sort_by(|a, b| b.cmp(a).then_with(|| a.tag.cmp(&b.tag)));
        let (majors, others): (Vec<Version>, Vec<Version>) =
            candidates.into_iter().partition(|new| current.step_to(new) == UpdateType::Major);
        let mut updates = Vec::new();
        for bucket in [others, majors] {
            updates.extend(self.newest(&bucket)?);
        }
        Ok(updates)
    }

    /// The newest version that is old enough; if none is, the newest one, held.
    fn newest(&mut self, bucket: &[Version]) -> Result<Option<Update>, Question> {
        let mut held: Option<Update> = None;
        for new in bucket.iter().take(CANDIDATES) {
            let kind = self.current.step_to(new);
            let settings = settle(&self.config.base, &self.config.rules, self.dependency, Some(kind));
            if !settings.enabled {
                continue;
            }
            let update = Update {
                dependency: self.dependency.clone(),
                kind,
                from: self.current.tag.clone(),
                to: new.tag.clone(),
                digest: None,
                shown: if kind == UpdateType::Major { format!("v{}", new.major()) } else { new.shown() },
                major: new.major(),
                hold: self.too_young(&new.tag, &settings)?,
                settings,
            };
            if update.hold.is_none() {
                return self.with_digest(update);
            }
            held.get_or_insert(update);
        }
        Ok(held)
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
