//! GET and LIST, from the store as it is or, for later pages, as it was.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD};
use http::StatusCode;
use schema::Violation;
use serde_json::{Value, json};
use store::Entry;

use crate::accept::{Form, form};
use crate::converter;
use crate::object::{self, Identity, splice};
use crate::selector::Selector;
use crate::status::{ApiError, ApiResult, json_response};
use crate::table;
use crate::typed;
use crate::write::Call;

/// How long a read of a revision that is not there yet waits for it.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// Answers GET on an object.
pub(crate) async fn get(call: &Call) -> ApiResult<Response> {
    let wanted = form(&call.headers, call.resource.encodings())?;
    if let Some(text) = call.query.get("resourceVersion") {
        let revision: u64 =
            text.parse().map_err(|_| ApiError::new(500, "", format!("strconv.ParseUint: parsing {text:?}: invalid syntax")))?;
        reach(call, revision).await?;
    }
    let (resource, name) = (&call.resource, call.place.name.as_str());
    let key = call.key();
    let entry = call.server.store.get(&key).ok_or_else(|| ApiError::not_found(resource, name))?;
    let entry = converter::entry(&call.server, resource, &key, entry).await?;
    if wanted != Form::Object {
        return call.answer(StatusCode::OK, &object::decode(&entry, resource), &[]);
    }
    Ok(json_response(StatusCode::OK, object::whole(&entry, resource)))
}

/// At least so many objects are looked at between two looks at the store.
const PIECE: usize = 500;

/// Waits until the store has reached a revision.
async fn reach(call: &Call, revision: u64) -> ApiResult<()> {
    let mut receiver = call.server.store.subscribe();
    if call.server.store.revision() >= revision {
        return Ok(());
    }
    if tokio::time::timeout(PATIENCE, receiver.wait_for(|latest| *latest >= revision)).await.is_ok() {
        return Ok(());
    }
    let message = format!("Too large resource version: {revision}, current: {}", call.server.store.revision());
    let causes = json!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]);
    let mut error = ApiError::new(504, "Timeout", message).with(json!({"causes": causes, "retryAfterSeconds": 1}));
    error.retry_after = Some(1);
    Err(error)
}

/// Go's base64 does not look at the bits that are left over at the end.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&base64::alphabet::URL_SAFE, base64::engine::general_purpose::NO_PAD.with_decode_allow_trailing_bits(true));

/// Where a list goes on.
struct Page {
    revision: u64,
    start: String,
}

fn read_page(text: &str) -> ApiResult<Page> {
    let wrong = |why: &str| ApiError::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
    let bytes = LENIENT
        .decode(text)
        .map_err(|error| match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            base64::DecodeError::InvalidLength(length) => length,
            base64::DecodeError::InvalidPadding => text.len(),
        })
        .map_err(|at| wrong(&format!("illegal base64 data at input byte {at}")))?;
    let value = crate::typed::json::parse(&bytes).map_err(|why| wrong(&why))?.value();
    let version = value.get("v").and_then(Value::as_str).unwrap_or_default();
    if version != "meta.k8s.io/v1" {
        return Err(wrong(&format!("server does not recognize this encoded version {version:?}")));
    }
    let revision = value.get("rv").and_then(Value::as_i64).unwrap_or(0);
    if revision == 0 {
        return Err(wrong("incorrect encoded start resourceVersion (version meta.k8s.io/v1)"));
    }
    let start = value.get("start").and_then(Value::as_str).unwrap_or_default().to_owned();
    if start.is_empty() {
        return Err(wrong("empty start key (version meta.k8s.io/v1)"));
    }
    Ok(Page { revision: u64::try_from(revision).unwrap_or(0), start })
}

fn token(revision: i64, start: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": revision, "start": start}).to_string())
}

/// Refuses combinations of list options that mean nothing.
pub(crate) fn check_options(call: &Call, watch: bool) -> ApiResult<()> {
    const FIELD: &str = "resourceVersionMatch";
    let query = &call.query;
    let mut found = Vec::new();
    let matching = query.get(FIELD);
    let initial = query.has("sendInitialEvents");
    if watch {
        if initial && matching != Some("NotOlderThan") {
            found.push(Violation::forbidden(FIELD, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
        }
        if let Some(matching) = matching {
            if !initial {
                found.push(Violation::forbidden(FIELD, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
            }
            if matching != "NotOlderThan" {
                found.push(Violation::not_supported(FIELD, &json!(matching), &["NotOlderThan".to_owned()]));
            }
            if query.get("continue").is_some() {
                found.push(Violation::forbidden(FIELD, "resourceVersionMatch is forbidden when continue is provided"));
            }
        }
    } else {
        if let Some(matching) = matching {
            let revision = query.get("resourceVersion");
            if revision.is_none() {
                found.push(Violation::forbidden(FIELD, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
            }
            if query.get("continue").is_some() {
                found.push(Violation::forbidden(FIELD, "resourceVersionMatch is forbidden when continue is provided"));
            }
            if !matches!(matching, "Exact" | "NotOlderThan") {
                let allowed = ["Exact", "NotOlderThan", ""].map(str::to_owned);
                found.push(Violation::not_supported(FIELD, &json!(matching), &allowed));
            }
            if matching == "Exact" && revision == Some("0") {
                found.push(Violation::forbidden(FIELD, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
            }
        }
        if initial {
            found.push(Violation::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(ApiError::invalid("meta.k8s.io", "ListOptions", "", &found)) }
}

/// Answers GET on a collection.
pub(crate) async fn list(call: &Call) -> ApiResult<Response> {
    let wanted = form(&call.headers, call.resource.encodings())?;
    check_options(call, false)?;
    let (resource, query, store) = (&call.resource, &call.query, &call.server.store);
    let selector = Selector::read(query.get("labelSelector"), query.get("fieldSelector"), resource)?;
    query.number("timeoutSeconds")?;
    let limit = query.number("limit")?.filter(|limit| *limit > 0);
    let namespace = Some(call.place.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let prefix = resource.prefix(namespace);
    let mut from = prefix.clone();
    let mut at: Option<u64>;
    if let Some(text) = query.get("continue") {
        if query.get("resourceVersion").is_some_and(|revision| revision != "0") {
            return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
        }
        let page = read_page(text)?;
        from.push_str(&page.start);
        // A token without a revision goes on with the present state.
        at = Some(page.revision).filter(|revision| *revision > 0);
    } else {
        let asked = match query.get("resourceVersion") {
            None => 0,
            Some(text) => text
                .parse()
                .map_err(|_| ApiError::bad_request(format!("invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax")))?,
        };
        reach(call, asked).await.map_err(|error| ApiError { message: format!("Timeout: {}", error.message), ..error })?;
        at = Some(asked).filter(|_| query.get("resourceVersionMatch") == Some("Exact"));
    }
    let forgotten = |start: &str| match query.get("continue") {
        Some(_) => expired(&start[prefix.len()..]),
        None => ApiError::new(410, "Expired", "The resourceVersion for the provided list is too old."),
    };
    let most = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let parse = !selector.is_empty() || wanted != Form::Object;
    let mut taken: Vec<(String, Entry)> = Vec::new();
    let mut objects: Vec<Value> = Vec::new();
    let (revision, left) = loop {
        // A selector may pass over many; they are looked at in pieces, so that a page costs what it shows.
        let piece = if selector.is_empty() { most - taken.len() } else { most.saturating_mul(2).max(PIECE) };
        let page = store.page(&prefix, &from, piece, at).map_err(|_| forgotten(&from))?;
        at = Some(page.revision);
        let more = page.left > 0;
        let mut left = page.left;
        let mut entries = converter::entries(&call.server, resource, page.entries).await?.into_iter();
        while taken.len() < most
            && let Some(one) = entries.next()
        {
            from = format!("{}\0", one.0);
            if !parse {
                taken.push(one);
            } else if selector.may_match(&one.1.value) {
                let object = object::decode(&one.1, resource);
                if selector.matches(&object, resource) {
                    objects.push(object);
                    taken.push(one);
                }
            }
        }
        left += entries.len();
        if !more || taken.len() >= most {
            break (page.revision, left);
        }
    };
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if left > 0
        && let Some((last, _)) = taken.last()
    {
        metadata["continue"] = json!(token(i64::try_from(revision).unwrap_or(i64::MAX), &format!("{}\0", &last[prefix.len()..])));
        if selector.is_empty() {
            metadata["remainingItemCount"] = json!(left);
        }
    } else if resource.custom.is_some() && wanted == Form::Object {
        metadata["continue"] = json!("");
    }
    let body = match wanted {
        Form::Object => {
            let size = taken.iter().map(|(_, entry)| entry.value.len() + 40).sum::<usize>();
            let mut body = Vec::with_capacity(size + 200);
            body.extend_from_slice(
                format!(
                    "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{metadata},\"items\":[",
                    json!(resource.list_kind),
                    json!(resource.api_version)
                )
                .as_bytes(),
            );
            let identity = if resource.custom.is_some() { Identity::Whole } else { Identity::Without };
            for (index, (_, entry)) in taken.iter().enumerate() {
                if index > 0 {
                    body.push(b',');
                }
                splice(&mut body, entry, entry.revision, resource, identity);
            }
            body.extend_from_slice(b"]}\n");
            body
        }
        Form::Table => table::table(resource, &objects, metadata, &call.query, call.server.clock.now(), table::Columns::Shown)
            .map(|table| typed::encoded(&table))?,
        Form::Metadata => {
            let items: Vec<Value> = objects.iter().map(table::partial).collect();
            typed::encoded(
                &json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items}),
            )
        }
    };
    Ok(json_response(StatusCode::OK, body))
}

/// A page of a state that is forgotten: the answer holds a token that goes on with the present state.
fn expired(start: &str) -> ApiError {
    let message = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";
    let mut error = ApiError::new(410, "Expired", message);
    error.metadata = Some(Box::new(json!({"continue": token(-1, start)})));
    error
}
