//! In which form and in which encoding a client wants its answer.
//! Follows AS `pkg/endpoints/handlers/negotiation/negotiate.go`.

use std::io::Write as _;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::status::{ApiError, ApiResult};
use crate::typed;

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

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    Yaml,
    Protobuf,
}

/// Whether a kind can be written as protobuf: those of definitions cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encodings {
    All,
    Text,
}

struct Item<'a> {
    media: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl Item<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn weight(&self) -> f64 {
        self.parameter("q").and_then(|text| text.parse().ok()).unwrap_or(1.0)
    }

    fn is_json(&self) -> bool {
        matches!(self.media, "application/json" | "application/*" | "*/*")
    }

    fn media(&self, encodings: Encodings) -> Option<Media> {
        match self.media {
            "application/yaml" => Some(Media::Yaml),
            "application/vnd.kubernetes.protobuf" if encodings == Encodings::All => Some(Media::Protobuf),
            _ => self.is_json().then_some(Media::Json),
        }
    }
}

fn items(text: &str) -> Vec<Item<'_>> {
    let mut found: Vec<Item<'_>> = text
        .split(',')
        .filter_map(|part| {
            let mut words = part.split(';').map(str::trim);
            let media = words.next().filter(|media| !media.is_empty())?;
            let parameters = words.filter_map(|word| word.split_once('=')).map(|(key, value)| (key.trim(), value.trim())).collect();
            Some(Item { media, parameters })
        })
        .collect();
    found.sort_by(|left, right| right.weight().total_cmp(&left.weight()));
    found
}

fn accepted(headers: &HeaderMap) -> &str {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Returns the first form and encoding that are wanted and known.
pub(crate) fn negotiate(headers: &HeaderMap, encodings: Encodings) -> ApiResult<(Form, Media)> {
    let wanted = items(accepted(headers));
    if wanted.is_empty() {
        return Ok((Form::Object, Media::Json));
    }
    for item in &wanted {
        let Some(media) = item.media(encodings) else { continue };
        let meta = item.parameter("g") == Some("meta.k8s.io");
        let version = item.parameter("v");
        match item.parameter("as") {
            None => return Ok((Form::Object, media)),
            Some("Table") if meta && matches!(version, Some("v1" | "v1beta1")) && media != Media::Protobuf => {
                return Ok((Form::Table, media));
            }
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") if meta && version == Some("v1") => {
                return Ok((Form::Metadata, media));
            }
            Some(_) => {}
        }
    }
    Err(not_acceptable(encodings))
}

/// Returns the form alone.
pub(crate) fn form(headers: &HeaderMap, encodings: Encodings) -> ApiResult<Form> {
    negotiate(headers, encodings).map(|(form, _)| form)
}

/// Refuses a client that takes none of the encodings of a thing without other forms.
pub(crate) fn plain(headers: &HeaderMap) -> ApiResult<()> {
    let wanted = items(accepted(headers));
    let fits = wanted.is_empty() || wanted.iter().any(|item| item.media(Encodings::All).is_some() && item.parameter("as").is_none());
    if fits { Ok(()) } else { Err(not_acceptable(Encodings::All)) }
}

fn not_acceptable(encodings: Encodings) -> ApiError {
    let all = match encodings {
        Encodings::All => "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        Encodings::Text => "application/json, application/yaml",
    };
    ApiError::new(406, "NotAcceptable", format!("only the following media types are accepted: {all}"))
}

/// Tells whether discovery is wanted in one piece.
pub(crate) fn aggregated(headers: &HeaderMap) -> bool {
    items(accepted(headers)).iter().find(|item| item.is_json()).is_some_and(|item| {
        item.parameter("as") == Some("APIGroupDiscoveryList")
            && item.parameter("g") == Some("apidiscovery.k8s.io")
            && item.parameter("v") == Some("v2")
    })
}

/// Writes an answer that was made as JSON in the encoding that is wanted. What has no other form stays JSON.
pub(crate) async fn encoded(response: Response, media: Media) -> Response {
    let json = response.headers().get(header::CONTENT_TYPE) == Some(&HeaderValue::from_static("application/json"));
    if media == Media::Json || !json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else { return Response::from_parts(parts, Body::empty()) };
    let written = serde_json::from_slice::<Value>(&bytes).ok().and_then(|value| match media {
        Media::Yaml => Some((yaml::write(&value).into_bytes(), "application/yaml")),
        Media::Protobuf => typed::encode(&value).map(|bytes| (bytes, "application/vnd.kubernetes.protobuf")),
        Media::Json => None,
    });
    let Some((bytes, name)) = written else { return Response::from_parts(parts, Body::from(bytes)) };
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(name));
    Response::from_parts(parts, Body::from(bytes))
}

/// Answers of this size and more are compressed where the client takes that
/// (kubernetes/apiserver:pkg/endpoints/handlers/responsewriters/writers.go, `defaultGzipThresholdBytes`).
const COMPRESSED: u64 = 128 * 1024;

/// Tells whether the client takes gzip.
pub(crate) fn gzip(headers: &HeaderMap) -> bool {
    let given = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(',').any(|one| one.trim() == "gzip")
}

/// Compresses an answer that is large enough.
pub(crate) async fn compressed(response: Response) -> Response {
    let size = http_body::Body::size_hint(response.body()).exact().unwrap_or(0);
    if size < COMPRESSED || response.status() != StatusCode::OK || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else { return Response::from_parts(parts, Body::empty()) };
    let mut writer = flate2::write::GzEncoder::new(Vec::with_capacity(bytes.len() / 4), flate2::Compression::fast());
    let written = writer.write_all(&bytes).and_then(|()| writer.finish());
    let Ok(written) = written else { return Response::from_parts(parts, Body::from(bytes)) };
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(written))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, wanted: Option<(Form, Media)>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().expect("a header"));
        assert_eq!(negotiate(&headers, Encodings::All).ok(), wanted, "{accept}");
    }

    #[test]
    fn the_first_known_form_is_taken() {
        check("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Some((Form::Table, Media::Json)));
        check("application/vnd.kubernetes.protobuf,application/json", Some((Form::Object, Media::Protobuf)));
        check("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json", Some((Form::Object, Media::Json)));
        check("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Some((Form::Metadata, Media::Json)));
        check("application/json;q=0.5,application/yaml", Some((Form::Object, Media::Yaml)));
        check("*/*", Some((Form::Object, Media::Json)));
        check("image/png", None);
    }

    #[test]
    fn custom_kinds_are_never_protobuf() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/vnd.kubernetes.protobuf,application/json"));
        assert_eq!(negotiate(&headers, Encodings::Text).ok(), Some((Form::Object, Media::Json)));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/vnd.kubernetes.protobuf"));
        assert!(negotiate(&headers, Encodings::Text).is_err_and(|error| error.code == 406));
    }
}
