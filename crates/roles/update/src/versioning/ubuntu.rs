//! `ubuntu`: `24.04`, `noble`, `noble-20240101`; stable are the releases with long-term support. Read first: [`Ubuntu`].

use std::cmp::Ordering;

use model::Timestamp;

use super::distribution::{Dated, Distribution, Release, key};
use super::{Change, Part, VersionError, Versioning};

/// See the module.
#[derive(Debug)]
pub(crate) struct Ubuntu {
    pub now: Timestamp,
}

/// All releases, old ones first.
const RELEASES: [Release; 45] = [
    release("4.10", "warty", "2004-03-05", "2004-10-20", "2006-04-30"),
    release("5.04", "hoary", "2004-10-20", "2005-04-08", "2006-10-31"),
    release("5.10", "breezy", "2005-04-08", "2005-10-12", "2007-04-13"),
    release("6.06", "dapper", "2005-10-12", "2006-06-01", "2009-07-14"),
    release("6.10", "edgy", "2006-06-01", "2006-10-26", "2008-04-25"),
    release("7.04", "feisty", "2006-10-26", "2007-04-19", "2008-10-19"),
    release("7.10", "gutsy", "2007-04-19", "2007-10-18", "2009-04-18"),
    release("8.04", "hardy", "2007-10-18", "2008-04-24", "2011-05-12"),
    release("8.10", "intrepid", "2008-04-24", "2008-10-30", "2010-04-30"),
    release("9.04", "jaunty", "2008-10-30", "2009-04-23", "2010-10-23"),
    release("9.10", "karmic", "2009-04-23", "2009-10-29", "2011-04-30"),
    release("10.04", "lucid", "2009-10-29", "2010-04-29", "2013-05-09"),
    release("10.10", "maverick", "2010-04-29", "2010-10-10", "2012-04-10"),
    release("11.04", "natty", "2010-10-10", "2011-04-28", "2012-10-28"),
    release("11.10", "oneiric", "2011-04-28", "2011-10-13", "2013-05-09"),
    release("12.04", "precise", "2011-10-13", "2012-04-26", "2017-04-28"),
    release("12.10", "quantal", "2012-04-26", "2012-10-18", "2014-05-16"),
    release("13.04", "raring", "2012-10-18", "2013-04-25", "2014-01-27"),
    release("13.10", "saucy", "2013-04-25", "2013-10-17", "2014-07-17"),
    release("14.04", "trusty", "2013-10-17", "2014-04-17", "2019-04-25"),
    release("14.10", "utopic", "2014-04-17", "2014-10-23", "2015-07-23"),
    release("15.04", "vivid", "2014-10-23", "2015-04-23", "2016-02-04"),
    release("15.10", "wily", "2015-04-23", "2015-10-22", "2016-07-28"),
    release("16.04", "xenial", "2015-10-22", "2016-04-21", "2021-04-30"),
    release("16.10", "yakkety", "2016-04-21", "2016-10-13", "2017-07-20"),
    release("17.04", "zesty", "2016-10-13", "2017-04-13", "2018-01-13"),
    release("17.10", "artful", "2017-04-13", "2017-10-19", "2018-07-19"),
    release("18.04", "bionic", "2017-10-19", "2018-04-26", "2023-05-31"),
    release("18.10", "cosmic", "2018-04-26", "2018-10-18", "2019-07-18"),
    release("19.04", "disco", "2018-10-18", "2019-04-18", "2020-01-23"),
    release("19.10", "eoan", "2019-04-18", "2019-10-17", "2020-07-17"),
    release("20.04", "focal", "2019-10-17", "2020-04-23", "2025-05-29"),
    release("20.10", "groovy", "2020-04-23", "2020-10-22", "2021-07-22"),
    release("21.04", "hirsute", "2020-10-22", "2021-04-22", "2022-01-20"),
    release("21.10", "impish", "2021-04-22", "2021-10-14", "2022-07-14"),
    release("22.04", "jammy", "2021-10-14", "2022-04-21", "2027-06-01"),
    release("22.10", "kinetic", "2022-04-21", "2022-10-20", "2023-07-20"),
    release("23.04", "lunar", "2022-10-20", "2023-04-20", "2024-01-25"),
    release("23.10", "mantic", "2023-04-20", "2023-10-12", "2024-07-11"),
    release("24.04", "noble", "2023-10-12", "2024-04-25", "2029-05-31"),
    release("24.10", "oracular", "2024-04-25", "2024-10-10", "2025-07-10"),
    release("25.04", "plucky", "2024-10-10", "2025-04-17", "2026-01-15"),
    release("25.10", "questing", "2025-04-17", "2025-10-09", "2026-07-09"),
    release("26.04", "resolute", "2025-10-09", "2026-04-23", "2031-05-29"),
    release("26.10", "stonking", "2026-04-24", "2026-10-15", "2027-07-15"),
];

const fn release(version: &'static str, name: &'static str, created: &'static str, released: &'static str, ends: &'static str) -> Release {
    Release { version, name, created, released, ends }
}

/// `24.04` or `24.04.1`, from 4.10 on.
fn numbered(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let year = |year: &str| match year.as_bytes() {
        [b'0', b'4' | b'5'] | [b'6'..=b'9'] => true,
        [b'1'..=b'9', last] => last.is_ascii_digit(),
        _ => false,
    };
    match parts.as_slice() {
        [first, month] => year(first) && digits(month, 2..=2),
        [first, month, point] => year(first) && digits(month, 2..=2) && digits(point, 1..=2),
        _ => false,
    }
}

impl Ubuntu {
    fn distribution(&self) -> Distribution {
        Distribution { releases: &RELEASES, now: self.now }
    }

    /// Returns the number behind a name or an image of a day; any other text stays.
    fn version<'a>(&self, text: &'a str) -> &'a str {
        self.distribution().version(Dated::parse(text).map_or(text, |dated| dated.name))
    }

    fn numbers(&self, text: &str) -> Option<Vec<Option<u64>>> {
        let version = self.version(text);
        self.is_valid(version).then(|| version.split('.').map(|part| part.parse().ok()).collect())
    }

    fn greater(&self, a: &str, b: &str) -> bool {
        let numbers = |text: &str| {
            let numbers = self.numbers(text).unwrap_or_default();
            [0, 1, 2].map(|at| numbers.get(at).copied().flatten().unwrap_or(0))
        };
        key(a, numbers(a)) > key(b, numbers(b))
    }

    fn same(&self, a: &str, b: &str) -> bool {
        let day = |text| Dated::parse(text).map(|dated| (dated.day, dated.suffix));
        let (first, second) = (self.version(a), self.version(b));
        day(a) == day(b) && self.is_valid(first) && first == second
    }
}

impl Versioning for Ubuntu {
    fn is_valid(&self, text: &str) -> bool {
        numbered(text) || self.distribution().by_name(text).is_some() || Dated::parse(text).is_some()
    }

    fn is_stable(&self, version: &str) -> bool {
        let version = self.distribution().version(version);
        let parts: Vec<&str> = version.split('.').collect();
        let [year, month, ..] = parts.as_slice() else { return false };
        let even = (1..=2).contains(&year.len()) && year.ends_with(['0', '2', '4', '6', '8']);
        numbered(version) && self.distribution().is_released(&format!("{year}.{month}")) && even && *month == "04"
    }

    fn number(&self, version: &str, part: Part) -> Result<Option<u64>, VersionError> {
        Ok(self.numbers(version).and_then(|numbers| numbers.get(part.at()).copied().flatten()))
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        Ok(match (self.same(a, b), self.greater(a, b)) {
            (true, _) => Ordering::Equal,
            (false, true) => Ordering::Greater,
            (false, false) => Ordering::Less,
        })
    }

    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Ok(self.same(a, b))
    }

    fn is_greater(&self, a: &str, b: &str) -> Result<bool, VersionError> {
        Ok(self.greater(a, b))
    }

    fn matches(&self, version: &str, range: &str) -> bool {
        self.same(version, range)
    }

    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        Ok(versions.iter().any(|version| self.same(version, range)).then(|| range.to_owned()))
    }

    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError> {
        self.newest(versions, range)
    }

    /// A name stays a name, a number stays a number.
    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError> {
        let distribution = self.distribution();
        let named = distribution.by_name(change.current_value).is_some();
        let value = if named { distribution.name(change.new_version) } else { distribution.version(change.new_version) };
        Ok(Some(value.to_owned()))
    }
}
