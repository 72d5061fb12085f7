//! The kustomization file: known fields, read as Go's JSON decoder reads them.

use model::Tree;
use serde_json::{Map, Value};

use crate::{BuildError, FILES, resources};

/// A kustomization file with the fields that are known.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub path: String,
    pub resources: Vec<String>,
    pub namespace: Option<String>,
    pub labels: Vec<Labels>,
    pub common_annotations: Map<String, Value>,
    pub images: Vec<Image>,
    pub replicas: Vec<(String, i64)>,
    pub patches: Vec<Patch>,
}

#[derive(Debug)]
pub(crate) struct Labels {
    pub pairs: Map<String, Value>,
    pub selectors: bool,
    pub templates: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Image {
    pub name: String,
    pub new_name: Option<String>,
    pub new_tag: Option<String>,
    pub digest: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Patch {
    pub text: String,
    pub place: String,
    pub target: Option<Map<String, Value>>,
}

pub(crate) fn read(tree: &Tree, folder: &str) -> Result<File, BuildError> {
    let found: Vec<String> = FILES.iter().map(|name| resources::join(folder, name)).filter(|path| tree.get(path).is_some()).collect();
    let path = match found.as_slice() {
        [] => return Err(BuildError::NoKustomization(folder.to_owned())),
        [path] => path.clone(),
        _ => return Err(BuildError::ManyKustomizations(folder.to_owned())),
    };
    let text = resources::text(tree, &path)?;
    let value = yaml::read(&text, yaml::Dialect::Sigs).map_err(|source| BuildError::Yaml { path: path.clone(), source })?;
    let Value::Object(fields) = value else {
        return Err(BuildError::Field { path, text: "kustomization.yaml is empty".to_owned() });
    };
    Reader { path: path.clone() }.file(tree, folder, &fields)
}

struct Reader {
    path: String,
}

impl Reader {
    fn refuse<T>(&self, text: impl Into<String>) -> Result<T, BuildError> {
        Err(BuildError::Field { path: self.path.clone(), text: text.into() })
    }

    fn file(&self, tree: &Tree, folder: &str, fields: &Map<String, Value>) -> Result<File, BuildError> {
        let mut file = File { path: self.path.clone(), ..File::default() };
        for (field, value) in fields {
            match field.as_str() {
                "apiVersion" if value.as_str().is_some_and(|v| v == "kustomize.config.k8s.io/v1beta1" || v == "kustomize.config.k8s.io/v1") => {}
                "kind" if value == "Kustomization" => {}
                "metadata" => {}
                "resources" => file.resources = self.strings(field, value)?,
                "namespace" => file.namespace = Some(self.string(field, value)?),
                "labels" => file.labels.extend(self.list(field, value)?.iter().map(|item| self.labels(item)).collect::<Result<Vec<_>, _>>()?),
                "commonLabels" => {
                    let pairs = self.object(field, value)?.clone();
                    file.labels.push(Labels { pairs, selectors: true, templates: true });
                }
                "commonAnnotations" => file.common_annotations = self.object(field, value)?.clone(),
                "images" => file.images = self.list(field, value)?.iter().map(|item| self.image(item)).collect::<Result<_, _>>()?,
                "replicas" => file.replicas = self.list(field, value)?.iter().map(|item| self.replica(item)).collect::<Result<_, _>>()?,
                "patches" => file.patches = self.list(field, value)?.iter().map(|item| self.patch(tree, folder, item)).collect::<Result<_, _>>()?,
                _ => return self.refuse(format!("field {field:?} is not supported")),
            }
        }
        Ok(file)
    }

    fn only(&self, place: &str, object: &Map<String, Value>, known: &[&str]) -> Result<(), BuildError> {
        match object.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => self.refuse(format!("field \"{place}.{key}\" is not supported")),
            None => Ok(()),
        }
    }

    fn string(&self, field: &str, value: &Value) -> Result<String, BuildError> {
        value.as_str().map(str::to_owned).map_or_else(|| self.refuse(format!("{field} must be a string")), Ok)
    }

    fn list<'a>(&self, field: &str, value: &'a Value) -> Result<&'a [Value], BuildError> {
        match value {
            Value::Null => Ok(&[]),
            Value::Array(items) => Ok(items),
            _ => self.refuse(format!("{field} must be a list")),
        }
    }

    fn strings(&self, field: &str, value: &Value) -> Result<Vec<String>, BuildError> {
        self.list(field, value)?.iter().map(|item| self.string(field, item)).collect()
    }

    fn object<'a>(&self, field: &str, value: &'a Value) -> Result<&'a Map<String, Value>, BuildError> {
        value.as_object().map_or_else(|| self.refuse(format!("{field} must be a map")), Ok)
    }

    fn labels(&self, item: &Value) -> Result<Labels, BuildError> {
        let object = self.object("labels", item)?;
        self.only("labels", object, &["pairs", "includeSelectors", "includeTemplates"])?;
        let pairs = self.object("labels.pairs", &item["pairs"])?.clone();
        let selectors = item["includeSelectors"] == true;
        Ok(Labels { pairs, selectors, templates: selectors || item["includeTemplates"] == true })
    }

    fn image(&self, item: &Value) -> Result<Image, BuildError> {
        let object = self.object("images", item)?;
        self.only("images", object, &["name", "newName", "newTag", "digest"])?;
        let text = |field: &str| item.get(field).map(|value| self.string(&format!("images.{field}"), value)).transpose();
        let name = text("name")?.map_or_else(|| self.refuse("images.name is missing"), Ok)?;
        Ok(Image { name, new_name: text("newName")?, new_tag: text("newTag")?, digest: text("digest")? })
    }

    fn replica(&self, item: &Value) -> Result<(String, i64), BuildError> {
        let object = self.object("replicas", item)?;
        self.only("replicas", object, &["name", "count"])?;
        match (item["name"].as_str(), item["count"].as_i64()) {
            (Some(name), Some(count)) => Ok((name.to_owned(), count)),
            _ => self.refuse("replicas needs a name and a count"),
        }
    }

    fn patch(&self, tree: &Tree, folder: &str, item: &Value) -> Result<Patch, BuildError> {
        let object = self.object("patches", item)?;
        self.only("patches", object, &["patch", "path", "target"])?;
        let target = match item.get("target") {
            None | Some(Value::Null) => None,
            Some(target) => {
                let target = self.object("patches.target", target)?;
                self.only("patches.target", target, &["group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector"])?;
                Some(target.clone())
            }
        };
        match (item.get("patch"), item.get("path")) {
            (Some(patch), None) => Ok(Patch { text: self.string("patches.patch", patch)?, place: format!("{}: patches.patch", self.path), target }),
            (None, Some(path)) => {
                let path = self.string("patches.path", path)?;
                let whole = resources::normal(&resources::join(folder, &path)).map_err(|text| BuildError::Path { path: path.clone(), text })?;
                Ok(Patch { text: resources::text(tree, &whole)?, place: whole, target })
            }
            _ => self.refuse("patches needs either patch or path"),
        }
    }
}
