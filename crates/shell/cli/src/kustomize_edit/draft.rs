//! A kustomization file that is being edited.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;
use yaml::{Dialect, Step};

/// Largest file that is edited.
const SIZE: u64 = 16 << 20;

/// The file with all changes so far.
pub(super) struct Draft {
    pub(super) folder: PathBuf,
    path: PathBuf,
    pub(super) text: String,
    /// What the text says now.
    pub(super) value: Value,
}

/// A step to a place in the file.
pub(super) enum At<'a> {
    Key(&'a str),
    Item(usize),
}

impl Draft {
    /// Reads the one kustomization file of a folder.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let found: Vec<PathBuf> = kustomize::FILES.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect();
        let path = match found.as_slice() {
            [] => bail!("Missing kustomization file '{}'", kustomize::FILES[0]),
            [path] => path.clone(),
            _ => bail!("Found multiple kustomization files in {}", folder.display()),
        };
        if std::fs::metadata(&path).with_context(|| path.display().to_string())?.len() > SIZE {
            bail!("{} exceeds the limit of 16 MiB", path.display());
        }
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let value = yaml::read(&text, Dialect::Sigs).with_context(|| path.display().to_string())?;
        if !value.is_object() && !value.is_null() {
            bail!("{} is no mapping", path.display());
        }
        Ok(Self { folder: folder.to_owned(), path, text, value })
    }

    /// Writes the file, whole or not at all.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        let part = self.path.with_extension("supercargo-part");
        let written = std::fs::write(&part, &self.text).and_then(|()| {
            std::fs::set_permissions(&part, std::fs::metadata(&self.path)?.permissions())?;
            std::fs::rename(&part, &self.path)
        });
        written.with_context(|| self.path.display().to_string())
    }

    /// The items of a list; none where it is missing.
    pub(super) fn items(&self, field: &str) -> &[Value] {
        self.value[field].as_array().map_or(&[], Vec::as_slice)
    }

    /// Where the item of a list with this name stands.
    pub(super) fn named(&self, field: &str, name: &str) -> Option<usize> {
        self.items(field).iter().position(|item| item["name"] == name)
    }

    pub(super) fn set(&mut self, place: &[At<'_>], value: &Value) -> anyhow::Result<()> {
        self.change(yaml::set(&self.text, &path(place), value))
    }

    pub(super) fn append(&mut self, place: &[At<'_>], item: &Value) -> anyhow::Result<()> {
        self.change(yaml::append(&self.text, &path(place), item))
    }

    /// Takes something away, and the list or mapping as well when it is empty then.
    pub(super) fn delete(&mut self, place: &[At<'_>]) -> anyhow::Result<()> {
        let mut steps = path(place);
        loop {
            let parents = &steps.steps[..steps.steps.len().saturating_sub(1)];
            let parent = parents.iter().try_fold(&self.value, |value, step| match step {
                Step::Key(key) => value.get(key),
                Step::Index(at) => value.get(*at),
            });
            let only = match parent {
                Some(Value::Array(items)) => items.len() == 1,
                Some(Value::Object(map)) => map.len() == 1,
                _ => false,
            };
            if !only || parents.is_empty() {
                break;
            }
            steps.steps.pop();
        }
        self.change(yaml::delete(&self.text, &steps))
    }

    fn change(&mut self, edited: Result<String, yaml::EditError>) -> anyhow::Result<()> {
        self.text = edited.with_context(|| self.path.display().to_string())?;
        self.value = yaml::read(&self.text, Dialect::Sigs).with_context(|| self.path.display().to_string())?;
        Ok(())
    }
}

fn path(place: &[At<'_>]) -> yaml::Path {
    let step = |at: &At<'_>| match at {
        At::Key(key) => Step::Key((*key).to_owned()),
        At::Item(at) => Step::Index(*at),
    };
    yaml::Path { document: None, steps: place.iter().map(step).collect() }
}
