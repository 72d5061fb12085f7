//! In which form a client wants its answer.

use http::{HeaderMap, header};

use crate::status::{ApiError, ApiResult};

/// The forms in which objects are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are.
    Object,
    /// As rows with printer columns.
    Table,
    /// Only their metadata.
    Metadata,
}

struct Item<'a> {
    media: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl Item<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn is_json(&self) -> bool {
        matches!(self.media, "application/json" | "application/*" | "*/*")
    }
}

fn items(text: &str) -> Vec<Item<'_>> {
    text.split(',')
        .filter_map(|part| {
            let mut words = part.split(';').map(str::trim);
            let media = words.next().filter(|media| !media.is_empty())?;
            let parameters = words.filter_map(|word| word.split_once('=')).map(|(key, value)| (key.trim(), value.trim())).collect();
            Some(Item { media, parameters })
        })
        .collect()
}

fn accepted(headers: &HeaderMap) -> &str {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Returns the first form that is wanted and known; all of them are written as JSON.
pub(crate) fn form(headers: &HeaderMap) -> ApiResult<Form> {
    let wanted = items(accepted(headers));
    if wanted.is_empty() {
        return Ok(Form::Object);
    }
    for item in wanted.iter().filter(|item| item.is_json()) {
        let meta = item.parameter("g") == Some("meta.k8s.io") && matches!(item.parameter("v"), Some("v1"));
        match item.parameter("as") {
            None => return Ok(Form::Object),
            Some("Table") if meta => return Ok(Form::Table),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") if meta => return Ok(Form::Metadata),
            Some(_) => {}
        }
    }
    Err(not_acceptable())
}

pub(crate) fn not_acceptable() -> ApiError {
    ApiError::new(406, "NotAcceptable", "only the following media types are accepted: application/json").with(serde_json::json!({}))
}

/// Tells whether discovery is wanted in one piece.
pub(crate) fn aggregated(headers: &HeaderMap) -> bool {
    items(accepted(headers)).iter().find(|item| item.is_json()).is_some_and(|item| {
        item.parameter("as") == Some("APIGroupDiscoveryList")
            && item.parameter("g") == Some("apidiscovery.k8s.io")
            && item.parameter("v") == Some("v2")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, wanted: Option<Form>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().expect("a header"));
        assert_eq!(form(&headers).ok(), wanted, "{accept}");
    }

    #[test]
    fn the_first_known_form_is_taken() {
        check("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Some(Form::Table));
        check("application/vnd.kubernetes.protobuf,application/json", Some(Form::Object));
        check("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Some(Form::Metadata));
        check("*/*", Some(Form::Object));
        check("image/png", None);
    }
}
