//! ConfigMaps and Secrets from literals, files and env files, and GKE service accounts.
//! Source: kustomize `api/kv`, `api/internal/generators`, `kyaml/yaml/datamap.go`.

use std::rc::Rc;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use crate::arguments::Generated;
use crate::decode::Fields;
use crate::error::{Result, Wrap as _, fail};
use crate::loader::Loader;
use crate::resource::{Behavior, Resource};
use crate::schema::Schemas;
use crate::value::{self, set};

/// Where base64 texts break, as upstream wraps them.
const LINE: usize = 70;

/// Makes the ConfigMap or Secret.
pub(crate) fn make(told: &Generated, loader: &Loader<'_>, schemas: &Rc<Schemas>) -> Result<Resource> {
    if told.name.is_empty() {
        return fail("a configmap must have a name");
    }
    let kind = if told.secret { "Secret" } else { "ConfigMap" };
    let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": told.name}});
    if !told.namespace.is_empty() {
        set(&mut object, &["metadata", "namespace"], json!(told.namespace));
    }
    let pairs = pairs(told, loader).wrap(|| "loading KV pairs".to_owned())?;
    if told.secret {
        let of_type = if told.of_type.is_empty() { "Opaque" } else { &told.of_type };
        object["type"] = json!(of_type);
        object["data"] = json!({});
    }
    let mut seen = std::collections::BTreeSet::new();
    for (key, bytes) in pairs {
        if !seen.insert(key.clone()) {
            return fail(format!("configmap {} illegally repeats the key `{key}`", told.name));
        }
        match String::from_utf8(bytes) {
            Ok(text) if !told.secret => set(&mut object, &["data", &key], value::generated(text)),
            Ok(text) => set(&mut object, &["data", &key], value::generated(encoded(text.as_bytes()))),
            Err(bytes) if told.secret => set(&mut object, &["data", &key], value::generated(encoded(bytes.as_bytes()))),
            Err(bytes) => set(&mut object, &["binaryData", &key], value::generated(encoded(bytes.as_bytes()))),
        }
    }
    for (field, texts) in [("labels", &told.options.labels), ("annotations", &told.options.annotations)] {
        if !texts.is_empty() {
            set(&mut object, &["metadata", field], Value::Object(texts.clone()));
        }
    }
    if told.options.immutable {
        object["immutable"] = json!(true);
    }
    let mut resource = Resource::new(object, schemas);
    resource.notes.needs_hash = !told.options.no_hash;
    resource.notes.behavior = Some(Behavior::parse(&told.behavior));
    Ok(resource)
}

/// Keys and contents: env files first, then literals, then files.
fn pairs(told: &Generated, loader: &Loader<'_>) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for path in &told.envs {
        let bytes = loader.load(path).wrap(|| format!("env source files: [{}]", told.envs.join(" ")))?;
        found.extend(lines(&bytes)?);
    }
    for literal in &told.literals {
        let Some((key, value)) = literal.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return fail(format!("literal sources [{}]: invalid literal source {literal}, expected key=value", told.literals.join(" ")));
        };
        found.push((key.to_owned(), unquoted(value).as_bytes().to_vec()));
    }
    for source in &told.files {
        let (key, path) = file_source(source)?;
        let bytes = loader.load(&path).wrap(|| format!("file sources: [{}]", told.files.join(" ")))?;
        found.push((key, bytes));
    }
    Ok(found)
}

fn lines(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let Ok(line) = std::str::from_utf8(line) else { return fail(format!("line {number} has invalid utf8 bytes")) };
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = if number == 0 { line.trim_start_matches('\u{feff}') } else { line }.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            found.push((key.to_owned(), value.as_bytes().to_vec()));
        }
    }
    Ok(found)
}

fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        if text.len() >= 2
            && let Some(inner) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote))
        {
            return inner;
        }
    }
    text
}

fn file_source(source: &str) -> Result<(String, String)> {
    match source.split('=').collect::<Vec<_>>()[..] {
        [path] => Ok((path.trim_end_matches('/').rsplit('/').next().unwrap_or(path).to_owned(), path.to_owned())),
        ["", path] => fail(format!("missing key name for file path {path:?} in source {source:?}")),
        [key, ""] => fail(format!("missing file path for key name {key:?} in source {source:?}")),
        [key, path] => Ok((key.to_owned(), path.to_owned())),
        _ => fail(format!("source {source:?} key name or file path contains '='")),
    }
}

/// Base64, in lines of 70 characters where there is more than one.
fn encoded(bytes: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    if text.len() < LINE {
        return text;
    }
    text.as_bytes().chunks(LINE).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

/// The ServiceAccount of an `IAMPolicyGenerator`.
pub(crate) fn service_account(fields: &Fields, schemas: &Rc<Schemas>) -> Result<Resource> {
    let cloud = fields.text("cloud")?;
    if cloud != "gke" {
        return fail(format!("cloud provider {cloud} not supported yet"));
    }
    let kubernetes = fields.inner("kubernetesService", &["name", "namespace"])?.unwrap_or_default();
    let account = fields.inner("serviceAccount", &["name", "projectId"])?.unwrap_or_default();
    let annotation = format!("{}@{}.iam.gserviceaccount.com", account.text("name")?, account.text("projectId")?);
    let mut metadata = Map::new();
    metadata.insert("annotations".to_owned(), json!({"iam.gke.io/gcp-service-account": annotation}));
    metadata.insert("name".to_owned(), json!(kubernetes.text("name")?));
    let namespace = kubernetes.text("namespace")?;
    if !namespace.is_empty() {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    Ok(Resource::new(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}), schemas))
}
