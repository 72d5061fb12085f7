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
    let mut body = Vec::with_capacity(entry.value.len() + 40);
    splice(&mut body, &entry, entry.revision, resource, Identity::Whole);
    Ok(json_response(StatusCode::OK, body))
}

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

/// Returns everything under a prefix as it was at a revision.
fn at_revision(call: &Call, prefix: &str, revision: u64) -> Option<Vec<(String, Entry)>> {
    let store = &call.server.store;
    let (entries, now) = store.scan(prefix);
    let mut found: std::collections::BTreeMap<String, Entry> = entries.into_iter().collect();
    // What was written between the scan and this look is undone too, which changes nothing.
    for change in store.changes_after(revision.min(now)).ok()?.into_iter().rev().filter(|change| change.key.starts_with(prefix)) {
        match change.before {
            Some(before) => found.insert(change.key, before),
            None => found.remove(&change.key),
        };
    }
    Some(found.into_iter().collect())
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
    let mut start = String::new();
    let (entries, revision) = if let Some(text) = query.get("continue") {
        if query.get("resourceVersion").is_some_and(|revision| revision != "0") {
            return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
        }
        let page = read_page(text)?;
        start = page.start;
        if page.revision == 0 {
            store.scan(&prefix)
        } else {
            let past = at_revision(call, &prefix, page.revision).ok_or_else(|| expired(&start))?;
            (past, page.revision)
        }
    } else {
        let asked = match query.get("resourceVersion") {
            None => 0,
            Some(text) => text
                .parse()
                .map_err(|_| ApiError::bad_request(format!("invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax")))?,
        };
        reach(call, asked).await.map_err(|error| ApiError { message: format!("Timeout: {}", error.message), ..error })?;
        if query.get("resourceVersionMatch") == Some("Exact") {
            let past = at_revision(call, &prefix, asked)
                .ok_or_else(|| ApiError::new(410, "Expired", "The resourceVersion for the provided list is too old."))?;
            (past, asked)
        } else {
            store.scan(&prefix)
        }
    };
    let entries = if resource.converter().is_some() {
        let mut later: Vec<(String, Entry)> = entries.into_iter().filter(|(key, _)| key[prefix.len()..] >= *start).collect();
        // A page without a selector shows the first ones, and nobody looks at the others.
        let seen = limit.filter(|_| selector.is_empty()).map_or(later.len(), |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let rest = later.split_off(seen.min(later.len()));
        let mut shown = converter::entries(&call.server, resource, later).await?;
        shown.extend(rest);
        shown
    } else {
        entries
    };
    let mut taken: Vec<&(String, Entry)> = Vec::new();
    let mut objects: Vec<Value> = Vec::new();
    let mut rest = entries.iter().filter(|(key, _)| key[prefix.len()..] >= *start).peekable();
    let parse = !selector.is_empty() || wanted != Form::Object;
    while let Some(one) = rest.peek() {
        if limit.is_some_and(|limit| taken.len() as u64 >= limit) {
            break;
        }
        if parse && selector.may_match(&one.1.value) {
            let object = object::decode(&one.1, resource);
            if selector.matches(&object, resource) {
                objects.push(object);
                taken.push(one);
            }
        } else if !parse {
            taken.push(one);
        }
        rest.next();
    }
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    let left = rest.count();
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
            body.extend_from_slice(b"]}");
            body
        }
        Form::Table => table::table(resource, &objects, metadata, &call.query, call.server.clock.now(), table::Columns::Shown)?
            .to_string()
            .into_bytes(),
        Form::Metadata => {
            let items: Vec<Value> = objects.iter().map(table::partial).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items})
                .to_string()
                .into_bytes()
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
