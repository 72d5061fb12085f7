//! `debian`: `12`, `bookworm`, `stable`, `bookworm-20240101`. Read first: [`Debian`].

use std::cmp::Ordering;

use model::Timestamp;

use super::distribution::{Dated, Distribution, Release, key};
use super::generic::{by_zeros, dotted, told};
use super::{Change, Part, VersionError, Versioning};

/// See the module.
#[derive(Debug)]
pub(crate) struct Debian {
    distribution: Distribution,
    /// What `stable`, `oldstable` and `oldoldstable` mean at the moment.
    rolling: Vec<(&'static str, &'static Release)>,
}

/// All releases, old ones first.
const RELEASES: [Release; 20] = [
    release("1.1", "buzz", "1993-08-16", "1996-06-17", "1997-06-05"),
    release("1.2", "rex", "1996-06-17", "1996-12-12", "1998-06-05"),
    release("1.3", "bo", "1996-12-12", "1997-06-05", "1999-03-09"),
    release("2", "hamm", "1997-06-05", "1998-07-24", "2000-03-09"),
    release("2.1", "slink", "1998-07-24", "1999-03-09", "2000-10-30"),
    release("2.2", "potato", "1999-03-09", "2000-08-15", "2003-06-30"),
    release("3", "woody", "2000-08-15", "2002-07-19", "2006-06-30"),
    release("3.1", "sarge", "2002-07-19", "2005-06-06", "2008-03-31"),
    release("4", "etch", "2005-06-06", "2007-04-08", "2010-02-15"),
    release("5", "lenny", "2007-04-08", "2009-02-14", "2012-02-06"),
    release("6", "squeeze", "2009-02-14", "2011-02-06", "2016-02-29"),
    release("7", "wheezy", "2011-02-06", "2013-05-04", "2018-05-31"),
    release("8", "jessie", "2013-05-04", "2015-04-26", "2020-06-30"),
    release("9", "stretch", "2015-04-26", "2017-06-17", "2022-06-30"),
    release("10", "buster", "2017-06-17", "2019-07-06", "2024-06-30"),
    release("11", "bullseye", "2019-07-06", "2021-08-14", "2026-08-31"),
    release("12", "bookworm", "2021-08-14", "2023-06-10", "2028-06-30"),
    release("13", "trixie", "2023-06-10", "2025-08-09", "2030-06-30"),
    release("14", "forky", "2025-08-09", "", ""),
    release("15", "duke", "2027-08-01", "", ""),
];

const fn release(version: &'static str, name: &'static str, created: &'static str, released: &'static str, ends: &'static str) -> Release {
    Release { version, name, created, released, ends }
}

impl Debian {
    pub(crate) fn at(now: Timestamp) -> Self {
        let distribution = Distribution { releases: &RELEASES, now };
        let names = ["stable", "oldstable", "oldoldstable"];
        let rolling = names.into_iter().enumerate().map_while(|(before, name)| Some((name, distribution.newest(before)?))).collect();
        Self { distribution, rolling }
    }

    fn rolling(&self, name: &str) -> Option<&'static Release> {
        self.rolling.iter().find(|(known, _)| *known == name).map(|(_, release)| *release)
    }

    fn dated<'a>(&self, text: &'a str) -> Option<Dated<'a>> {
        Dated::parse(text).filter(|dated| self.distribution.by_name(dated.name).is_some())
    }

    /// Returns the number that a name, rolling or not, stands for; any other text stays.
    fn version<'a>(&self, text: &'a str) -> &'a str {
        self.rolling(text).map_or_else(|| self.distribution.version(text), |release| release.version)
    }

    /// Returns the number behind an image of a day; any other text stays.
    fn base<'a>(&self, text: &'a str) -> &'a str {
        self.dated(text).map_or(text, |dated| self.distribution.version(dated.name))
    }

    fn parse(&self, text: &str) -> Option<Vec<u128>> {
        let version = self.version(self.base(text));
        self.distribution.by_version(version).and_then(|release| dotted(release.version))
    }

    fn numbers(&self, text: &str) -> Option<Vec<u128>> {
        let base = self.base(text);
        if self.is_valid(base) { self.parse(base) } else { None }
    }

    fn order(&self, a: &str, b: &str) -> Ordering {
        self.parse(a).zip(self.parse(b)).map_or(Ordering::Greater, |(a, b)| by_zeros(&a, &b))
    }
}

impl Versioning for Debian {
    fn is_valid(&self, text: &str) -> bool {
        self.dated(text).is_some() || self.distribution.is_created(self.version(text))
    }

    fn is_stable(&self, text: &str) -> bool {
        let version = self.version(self.base(text));
        self.distribution.is_released(version) && !self.distribution.is_ended(version)
    }

    fn number(&self, version: &str, part: Part) -> Result<Option<u64>, VersionError> {
        Ok(self.numbers(version).and_then(|numbers| numbers.get(part.at()).map(|number| told(*number))))
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        Ok(self.order(a, b))
    }

    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        let day = |text| Dated::parse(text).map(|dated| (dated.day, dated.suffix));
        Ok(day(a) == day(b) && self.order(self.base(a), self.base(b)).is_eq())
    }

    fn is_greater(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        if self.dated(a).is_none() && self.dated(b).is_none() {
            return Ok(self.order(a, b).is_gt());
        }
        let numbers = |text: &str| {
            let numbers = self.numbers(text).unwrap_or_default();
            [0, 1, 2].map(|at| numbers.get(at).map_or(0, |number| told(*number)))
        };
        Ok(key(a, numbers(a)) > key(b, numbers(b)))
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        self.equals(version, range) == Ok(true)
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(versions.iter().find(|version| self.matches(version, range)).map(|version| (*version).to_owned()))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        self.newest(versions, range)
    }

    /// A rolling name stays one, a name stays a name, a number stays a number.
    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        let new = change.new_version;
        if self.rolling(change.current_value).is_some() {
            let name = self.rolling.iter().find(|(_, release)| release.version == new).map(|(name, _)| *name);
            return Ok(Some(name.unwrap_or(new).to_owned()));
        }
        let rolled = self.rolling(new).map(|release| release.version);
        if self.distribution.by_name(change.current_value).is_some() {
            let version = rolled.unwrap_or_else(|| self.base(new));
            return Ok(Some(self.distribution.name(version).to_owned()));
        }
        let dated = self.dated(new).map(|dated| self.distribution.version(dated.name));
        Ok(Some(rolled.or(dated).unwrap_or_else(|| self.distribution.version(new)).to_owned()))
    }
}
