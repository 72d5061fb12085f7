//! What rules are held against: the fields of a dependency and its update. Read first: [`Facts`], [`Field`].

use serde_json::{Map, Value};

use crate::pattern::Subject;

/// Something that a list of patterns can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    UpdateType,
    Datasource,
    Manager,
    Category,
    DepType,
    Repository,
    BaseBranch,
    FileName,
    PackageName,
    DepName,
    SourceUrl,
    RegistryUrl,
}

/// How many fields there are.
const FIELDS: usize = 12;

/// The values of one dependency or update, prepared for matching.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    lists: [Vec<Subject>; FIELDS],
    pub current_value: Option<String>,
    pub new_value: Option<String>,
    pub current_version: Option<String>,
    pub locked_version: Option<String>,
    pub versioning: Option<String>,
}

impl Facts {
    /// Takes the fields out of a dependency's settings.
    pub(crate) fn of(settings: &Map<String, Value>) -> Self {
        let text = |key: &str| settings.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let list = |key: &str| {
            let items = settings.get(key).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(Subject::new).collect::<Vec<_>>()
        };
        let one = |key: &str| text(key).map(Subject::new).into_iter().collect::<Vec<_>>();
        let mut facts = Self::default();
        let mut set = |field: Field, subjects: Vec<Subject>| facts.lists[field as usize] = subjects;
        set(Field::UpdateType, one("updateType"));
        set(Field::Datasource, one("datasource"));
        // Managers of one's own have a name before theirs.
        let manager =
            text("manager").map(|name| if matches!(name, "regex" | "jsonata") { format!("custom.{name}") } else { name.to_owned() });
        set(Field::Manager, manager.iter().map(|name| Subject::new(name)).collect());
        set(Field::Category, list("categories"));
        set(Field::DepType, if text("depType").is_some() { one("depType") } else { list("depTypes") });
        set(Field::Repository, one("repository"));
        set(Field::BaseBranch, one("baseBranch"));
        set(Field::FileName, if text("packageFile").is_some() { [one("packageFile"), list("lockFiles")].concat() } else { Vec::new() });
        set(Field::PackageName, one("packageName"));
        set(Field::DepName, one("depName"));
        set(Field::SourceUrl, one("sourceUrl"));
        set(Field::RegistryUrl, list("registryUrls"));
        let own = |key: &str| text(key).map(str::to_owned);
        Self {
            current_value: own("currentValue"),
            new_value: own("newValue"),
            current_version: own("currentVersion"),
            locked_version: own("lockedVersion"),
            versioning: own("versioning"),
            ..facts
        }
    }

    /// Returns the values of a field; none when it is not known.
    pub(crate) fn get(&self, field: Field) -> &[Subject] {
        &self.lists[field as usize]
    }
}
