//! Objects of a custom kind in the version that is wanted, where a webhook has to make it. They lie in the store in the
//! version that was the storage version when they were written; reads ask the webhook once for each state of an object and
//! remember what it said. Kinds that need no webhook pass through untouched.
//!
//! Read first: [`entries`], [`stored`], [`Converter`]. Kubernetes
//! `apiextensions-apiserver/pkg/apiserver/{conversion/webhook_converter,customresource_handler}.go`.

pub(crate) mod fields;
mod review;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use patch::Shape;
use schema::Schema;
use serde_json::Value;
use store::Entry;

use crate::Server;
use crate::catalog::Resource;
use crate::object;
use crate::status::{ApiError, ApiResult};
use crate::webhook_client::Client;

/// What is remembered of one definition's objects takes no more than this.
const MOST: usize = 32 * 1024 * 1024;

/// One version of a kind, served or not.
pub(crate) struct Form {
    pub schema: Arc<Schema>,
    pub shape: Arc<Shape>,
}

/// The webhook of a definition.
pub(crate) struct Converter {
    client: Client,
    /// The version of the review that it understands.
    review: &'static str,
    kind: String,
    /// Every version of the definition, by apiVersion.
    pub forms: BTreeMap<String, Form>,
    known: Mutex<Known>,
}

/// Objects as the webhook has made them, by version and key, with the revision of their state.
#[derive(Default)]
struct Known {
    objects: HashMap<(String, String), (u64, Bytes)>,
    size: usize,
}

impl Converter {
    /// Reads `spec.conversion` of a definition; `None` where no webhook is asked.
    pub fn read(conversion: &Value, kind: &str, forms: BTreeMap<String, Form>) -> Option<Self> {
        if conversion.get("strategy").and_then(Value::as_str) != Some("Webhook") || forms.len() < 2 {
            return None;
        }
        let understood = conversion.pointer("/webhook/conversionReviewVersions").and_then(Value::as_array);
        let first = understood.into_iter().flatten().filter_map(Value::as_str).find(|version| matches!(*version, "v1" | "v1beta1"));
        Some(Self {
            client: Client::read(conversion.pointer("/webhook/clientConfig").unwrap_or(&Value::Null)),
            review: if first == Some("v1beta1") { "v1beta1" } else { "v1" },
            kind: kind.to_owned(),
            forms,
            known: Mutex::default(),
        })
    }

    fn remembered(&self, version: &str, key: &str, revision: u64) -> Option<Bytes> {
        let known = self.known.lock().expect("no holder of the conversions' lock panics");
        let (at, bytes) = known.objects.get(&(version.to_owned(), key.to_owned()))?;
        (*at == revision).then(|| bytes.clone())
    }

    fn remember(&self, version: &str, key: &str, revision: u64, bytes: Bytes) {
        let mut known = self.known.lock().expect("no holder of the conversions' lock panics");
        if known.size + bytes.len() > MOST {
            *known = Known::default();
        }
        known.size += bytes.len();
        if let Some((_, before)) = known.objects.insert((version.to_owned(), key.to_owned()), (revision, bytes)) {
            known.size -= before.len();
        }
    }

    /// Asks the webhook for objects in another version, all in one request; the bytes are as in the store.
    async fn convert(&self, server: &Server, objects: &[Bytes], version: &str) -> ApiResult<Vec<Value>> {
        let form =
            self.forms.get(version).ok_or_else(|| failure(format!("request to convert CR to an invalid group/version: {version}")))?;
        let originals: Vec<Value> = objects.iter().map(|bytes| serde_json::from_slice(bytes).unwrap_or_default()).collect();
        for original in &originals {
            let from = original.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
            if !self.forms.contains_key(from) {
                return Err(failure(format!("request to convert CR from an invalid group/version: {from}")));
            }
        }
        let mut converted = review::ask(server, self, objects, &originals, version).await.map_err(failure)?;
        for object in &mut converted {
            schema::prune(&form.schema, object, true);
            schema::default(&form.schema, object);
        }
        Ok(converted)
    }

    async fn entries(&self, server: &Server, resource: &Resource, mut found: Vec<(String, Entry)>) -> ApiResult<Vec<(String, Entry)>> {
        let version = &resource.api_version;
        let mut asked: Vec<usize> = Vec::new();
        for (index, (key, entry)) in found.iter_mut().enumerate() {
            if entry.value.starts_with(resource.head.as_bytes()) {
                continue;
            }
            match self.remembered(version, key, entry.revision) {
                Some(bytes) => entry.value = bytes,
                None => asked.push(index),
            }
        }
        if asked.is_empty() {
            return Ok(found);
        }
        let objects: Vec<Bytes> = asked.iter().map(|index| found[*index].1.value.clone()).collect();
        for (index, object) in asked.into_iter().zip(self.convert(server, &objects, version).await?) {
            let (key, entry) = &mut found[index];
            entry.value = object::encode(&object, version).into();
            self.remember(version, key, entry.revision, entry.value.clone());
        }
        Ok(found)
    }
}

/// A conversion that failed is told as it is, without a reason.
fn failure(message: String) -> ApiError {
    ApiError::new(500, "", message)
}

/// Returns stored objects in the version of the resource.
pub(crate) async fn entries(server: &Server, resource: &Resource, found: Vec<(String, Entry)>) -> ApiResult<Vec<(String, Entry)>> {
    match resource.converter() {
        Some(converter) => converter.entries(server, resource, found).await,
        None => Ok(found),
    }
}

/// Returns one stored object in the version of the resource.
pub(crate) async fn entry(server: &Server, resource: &Resource, key: &str, entry: Entry) -> ApiResult<Entry> {
    let Some(converter) = resource.converter() else { return Ok(entry) };
    let found = converter.entries(server, resource, vec![(key.to_owned(), entry)]).await?;
    found.into_iter().next().map(|(_, entry)| entry).ok_or_else(|| ApiError::internal("a conversion lost its object"))
}

/// Returns an object in another version of its kind; its resourceVersion stays.
pub(crate) async fn object(server: &Server, resource: &Resource, object: &Value, version: &str) -> ApiResult<Value> {
    let is = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let Some(converter) = resource.converter().filter(|_| is != version) else { return Ok(object.clone()) };
    let sent = Bytes::from(object::encode(object, is));
    let mut made = converter.convert(server, &[sent], version).await?.into_iter().next().unwrap_or_default();
    if let Some(revision) = object.pointer("/metadata/resourceVersion") {
        object::meta_mut(&mut made).insert("resourceVersion".to_owned(), revision.clone());
    }
    Ok(made)
}

/// Returns the bytes to store of an object in the version of the resource.
pub(crate) async fn stored(server: &Server, resource: &Resource, new: &Value) -> ApiResult<Bytes> {
    let version = resource.storage_version();
    if resource.converter().is_none() {
        return Ok(object::encode(new, &version).into());
    }
    Ok(object::encode(&object(server, resource, new, &version).await?, &version).into())
}

/// Returns an object that was written as a reader sees it: it went through the webhook, and comes back through it.
pub(crate) async fn read_back(server: &Server, resource: &Resource, key: &str, written: Entry, new: Value) -> ApiResult<Value> {
    if resource.converter().is_none() || resource.storage_version() == resource.api_version {
        return Ok(new);
    }
    Ok(object::decode(&entry(server, resource, key, written).await?, resource))
}

/// Returns what a dry run would have written as a reader would see it.
pub(crate) async fn rehearse(server: &Server, resource: &Resource, new: Value) -> ApiResult<Value> {
    let version = resource.storage_version();
    if resource.converter().is_none() || version == resource.api_version {
        return Ok(new);
    }
    object(server, resource, &object(server, resource, &new, &version).await?, &resource.api_version).await
}
