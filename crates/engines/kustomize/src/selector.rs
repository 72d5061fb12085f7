//! Choosing resources by regular expressions, labels and annotations. Source: kustomize `api/types/selector.go` and the copy
//! of apimachinery's label selectors in `kyaml/yaml/internal/k8sgen`.

use regex::Regex;
use serde_json::Value;

use crate::error::{Result, fail};
use crate::id::Gvk;
use crate::value::{at, text};

/// A target of a patch or replacement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    pub group: Option<Regex>,
    pub version: Option<Regex>,
    pub kind: Option<Regex>,
    pub name: Option<Regex>,
    pub namespace: Option<Regex>,
    pub has_texts: bool,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

#[derive(Debug, Clone)]
struct Requirement {
    key: String,
    values: Vec<String>,
    sense: Sense,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    In,
    NotIn,
    Exists,
    Missing,
}

/// The texts of a selector, as the file has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct SelectorTexts {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub name: String,
    pub namespace: String,
    pub labels: String,
    pub annotations: String,
}

impl Selector {
    pub(crate) fn new(texts: &SelectorTexts) -> Result<Self> {
        Ok(Self {
            group: anchored(&texts.group)?,
            version: anchored(&texts.version)?,
            kind: anchored(&texts.kind)?,
            name: anchored(&texts.name)?,
            namespace: anchored(&texts.namespace)?,
            has_texts: !texts.labels.is_empty() || !texts.annotations.is_empty(),
            labels: requirements(&texts.labels)?,
            annotations: requirements(&texts.annotations)?,
        })
    }

    pub(crate) fn gvk_fits(&self, gvk: &Gvk) -> bool {
        fits(self.group.as_ref(), &gvk.group) && fits(self.version.as_ref(), &gvk.version) && fits(self.kind.as_ref(), &gvk.kind)
    }

    pub(crate) fn name_fits(&self, name: &str) -> bool {
        fits(self.name.as_ref(), name)
    }

    pub(crate) fn namespace_fits(&self, namespace: &str) -> bool {
        fits(self.namespace.as_ref(), namespace)
    }

    /// Tells whether labels and annotations fit.
    pub(crate) fn texts_fit(&self, value: &Value) -> bool {
        let holds = |field: &str, requirements: &[Requirement]| {
            let texts = at(value, &["metadata", field]);
            requirements
                .iter()
                .all(|requirement| requirement.holds(texts.and_then(|texts| texts.get(&requirement.key)).map(text).as_deref()))
        };
        holds("labels", &self.labels) && holds("annotations", &self.annotations)
    }

    /// Tells whether no part by name or kind is set.
    pub(crate) fn names_nothing(&self) -> bool {
        [&self.group, &self.version, &self.kind, &self.name, &self.namespace].iter().all(|part| part.is_none())
    }
}

fn fits(pattern: Option<&Regex>, text: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.is_match(text))
}

fn anchored(pattern: &str) -> Result<Option<Regex>> {
    if pattern.is_empty() {
        return Ok(None);
    }
    match golang::regexp(&format!("^(?:{pattern})$")) {
        Ok(regex) => Ok(Some(regex)),
        Err(error) => fail(format!("error parsing regexp: {error}")),
    }
}

impl Requirement {
    fn holds(&self, found: Option<&str>) -> bool {
        match self.sense {
            Sense::Exists => found.is_some(),
            Sense::Missing => found.is_none(),
            Sense::In => found.is_some_and(|found| self.values.iter().any(|value| value == found)),
            Sense::NotIn => found.is_none_or(|found| self.values.iter().all(|value| value != found)),
        }
    }
}

/// Parses `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
fn requirements(text: &str) -> Result<Vec<Requirement>> {
    let mut parts = Vec::new();
    let (mut depth, mut current) = (0, String::new());
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut current));
                continue;
            }
            _ => {}
        }
        current.push(character);
    }
    parts.push(current);
    parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).map(|part| requirement(part, text)).collect()
}

fn requirement(part: &str, whole: &str) -> Result<Requirement> {
    let make = |key: &str, sense: Sense, values: Vec<String>| Requirement { key: key.trim().to_owned(), values, sense };
    let found = if let Some((key, value)) = part.split_once("!=") {
        make(key, Sense::NotIn, vec![value.trim().to_owned()])
    } else if let Some((key, value)) = part.split_once('=') {
        make(key, Sense::In, vec![value.trim_start_matches('=').trim().to_owned()])
    } else if let Some(key) = part.strip_prefix('!') {
        make(key, Sense::Missing, Vec::new())
    } else if let Some((head, values)) = part.strip_suffix(')').and_then(|part| part.split_once('(')) {
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        match head.trim().rsplit_once(char::is_whitespace) {
            Some((key, "in")) => make(key, Sense::In, values),
            Some((key, "notin")) => make(key, Sense::NotIn, values),
            _ => return fail(format!("unable to parse requirement: {whole:?}")),
        }
    } else {
        make(part, Sense::Exists, Vec::new())
    };
    if found.key.is_empty() || found.key.contains(char::is_whitespace) {
        return fail(format!("unable to parse requirement: {whole:?}"));
    }
    Ok(found)
}
