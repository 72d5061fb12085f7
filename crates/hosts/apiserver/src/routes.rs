//! From a request to its answer: who calls, may they, what is at this path, and which verb is it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{Method, StatusCode};
use model::Caller;
use serde_json::json;

use crate::audit::Trail;
use crate::catalog::{Catalog, Resource};
use crate::deadline::Deadline;
use crate::finishing::Finishing;
use crate::rbac::Attributes;
use crate::request::{Place, Query, WriteOptions, place, verb};
use crate::selector::Selector;
use crate::status::{ApiError, ApiResult, json_response};
use crate::typed;
use crate::write::Call;
use crate::{Server, accept, auth, decode, delete, patches, paths, pods, read, reviews, scale, token, watch, write};

/// Returns the router: everything goes through one function, in the order of the real server.
pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new().fallback(answer).with_state(server)
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let place = place(request.uri().path());
    let deadline = Deadline::of(request.method(), request.uri(), place.as_ref(), server.longest());
    let lasting = matches!(deadline, Ok(None));
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let compressed = reads && !lasting && accept::gzip(request.headers());
    let durable = server.store.is_durable();
    // It is a large one, and would be copied wherever it is handed on.
    let work = Box::pin(respond(server, request, place, deadline.clone()));
    let work = async move {
        if reads || !durable {
            work.await
        } else {
            let unfinished = || ApiError::internal("the request was not carried out to its end").into_response();
            Finishing::new(work).await.unwrap_or_else(unfinished)
        }
    };
    let response = match deadline {
        Ok(Some(deadline)) => tokio::time::timeout(deadline.after, work).await.unwrap_or_else(|_| deadline.missed().into_response()),
        Ok(None) | Err(_) => work.await,
    };
    if compressed { accept::compressed(response).await } else { response }
}

async fn respond(server: Arc<Server>, request: Request, place: Option<Place>, deadline: ApiResult<Option<Deadline>>) -> Response {
    let catalog = server.catalog();
    let found = place.as_ref().and_then(|place| catalog.find(&place.group, &place.version, &place.resource));
    let encodings = found.map_or(accept::Encodings::All, |resource| resource.encodings());
    // Who wants what nobody has is told so in JSON. An answer that goes on is JSON, too: to be written anew it would have to end.
    let wanted = if matches!(deadline, Ok(None)) { None } else { accept::negotiate(request.headers(), encodings).ok() };
    let media = wanted.map_or(accept::Media::Json, |(_, media)| media);
    let mut trail = Trail::begin(&server, &request, place.as_ref());
    let handled = match deadline {
        Ok(_) => handle(server, request, &mut trail).await,
        Err(error) => Err(error),
    };
    let response = handled.unwrap_or_else(ApiError::into_response);
    trail.end(accept::encoded(response, media).await)
}

async fn handle(server: Arc<Server>, request: Request, trail: &mut Trail) -> ApiResult<Response> {
    let (parts, body) = request.into_parts();
    let caller = auth::caller(&server, &parts, trail)?;
    let path = parts.uri.path().to_owned();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let Some(place) = place(&path) else {
        let attributes = Attributes { verb: parts.method.as_str().to_lowercase(), path: Some(path.clone()), ..Attributes::default() };
        authorize(&server, &caller, &attributes, trail)?;
        if paths::only_read(&path) && !matches!(parts.method, Method::GET | Method::HEAD) {
            return Err(ApiError::method_not_allowed());
        }
        return paths::answer(&server, &path, &query, &parts.headers)?.ok_or_else(|| {
            let group = path.strip_prefix("/apis/").and_then(|rest| rest.split_once('/')).map(|(group, _)| group);
            let known = group.or_else(|| path.starts_with("/api/").then_some(""));
            known.map_or_else(ApiError::no_such_path, |group| nothing(&server.catalog(), group))
        });
    };
    authorize(&server, &caller, &attributes(&server, &parts.method, &place, &query), trail)?;
    let body = bytes(body).await?;
    if let Some(kind) = reviews::kind(&place) {
        if parts.method != Method::POST {
            return Err(ApiError::method_not_allowed());
        }
        let document = decode::body(&parts.headers, &body, kind)?;
        let validation = WriteOptions::read(&query, "", "CreateOptions", false)?.validation;
        return reviews::answer(&server, &caller, &place, kind, &document, validation);
    }
    let catalog = server.catalog();
    let mut place = place;
    if place.group.is_empty() && place.resource == "bindings" && place.name.is_empty() {
        if parts.method != Method::POST {
            return Err(ApiError::method_not_allowed());
        }
        // A Binding names its Pod by its own name.
        let binding = decode::body(&parts.headers, &body, "Binding")?.value();
        place.resource = "pods".to_owned();
        place.name = crate::object::meta(&binding, "name").to_owned();
        place.subresource = "binding".to_owned();
    }
    let Some(resource) = catalog.find(&place.group, &place.version, &place.resource).cloned() else {
        return Err(nothing(&catalog, &place.group));
    };
    let call = Call {
        server,
        resource,
        place,
        query,
        headers: parts.headers,
        extensions: parts.extensions,
        caller,
        body,
        said: Mutex::default(),
        named: Mutex::default(),
        notes: Mutex::default(),
    };
    let mut response = match dispatch(&call, parts.method).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    call.tell(&mut response);
    if let Some((name, uid)) = call.named.lock().expect("no holder of the name's lock panics").take() {
        trail.named(&name, &uid);
    }
    for (key, value) in call.notes.lock().expect("no holder of the notes' lock panics").drain(..) {
        trail.annotate(key, || value);
    }
    Ok(response)
}

/// A group of Kubernetes' own answers with a Status, all others do not know the path.
fn nothing(catalog: &Catalog, group: &str) -> ApiError {
    let own = reviews::KINDS.iter().any(|(name, ..)| *name == group)
        || catalog
            .groups
            .iter()
            .any(|one| one.name == group && one.versions.iter().flat_map(|(_, kinds)| kinds).any(|kind| kind.custom.is_none()));
    if own { ApiError::no_such_way() } else { ApiError::no_such_path() }
}

async fn bytes(body: Body) -> ApiResult<Bytes> {
    to_bytes(body, decode::LARGEST).await.map_err(|_| {
        let message = format!("Request entity too large: limit is {}", decode::LARGEST);
        ApiError::new(413, "RequestEntityTooLarge", message).with(json!({}))
    })
}

fn attributes(server: &Server, method: &Method, place: &Place, query: &Query) -> Attributes {
    let mut name = place.name.clone();
    let verb = verb(method, place, query);
    if name.is_empty() && matches!(verb, "list" | "watch" | "deletecollection") {
        // Whoever may read one object may list it by its name.
        let catalog = server.catalog();
        let resource = catalog.find(&place.group, &place.version, &place.resource);
        let selector = resource.and_then(|resource| Selector::read(None, query.get("fieldSelector"), resource).ok());
        name = selector.as_ref().and_then(Selector::name).unwrap_or_default().to_owned();
    }
    Attributes {
        verb: verb.to_owned(),
        group: place.group.clone(),
        resource: place.resource.clone(),
        subresource: place.subresource.clone(),
        namespace: place.namespace.clone(),
        name,
        path: None,
    }
}

fn authorize(server: &Server, caller: &Caller, attributes: &Attributes, trail: &mut Trail) -> ApiResult<()> {
    if let Some(allowed) = server.rules().decide(caller, attributes) {
        trail.decided(true, || allowed.reason());
        return Ok(());
    }
    trail.decided(false, String::new);
    Err(forbidden(caller, attributes))
}

/// Says who may not do what.
pub(crate) fn forbidden(caller: &Caller, attributes: &Attributes) -> ApiError {
    let refusal = attributes.refusal(caller);
    if attributes.path.is_some() {
        return ApiError::new(403, "Forbidden", format!("forbidden: {refusal}")).with(json!({}));
    }
    let qualified =
        if attributes.group.is_empty() { attributes.resource.clone() } else { format!("{}.{}", attributes.resource, attributes.group) };
    let message = if attributes.name.is_empty() {
        format!("{qualified} is forbidden: {refusal}")
    } else {
        format!("{qualified} {:?} is forbidden: {refusal}", attributes.name)
    };
    let mut details = json!({"kind": attributes.resource});
    for (field, value) in [("name", &attributes.name), ("group", &attributes.group)] {
        if !value.is_empty() {
            details[field] = json!(value);
        }
    }
    ApiError::new(403, "Forbidden", message).with(details)
}

async fn dispatch(call: &Call, method: Method) -> ApiResult<Response> {
    let (resource, place) = (&call.resource, &call.place);
    let misplaced = !resource.namespaced && !place.namespace.is_empty() && resource.plural != "namespaces";
    let nowhere = resource.namespaced && place.namespace.is_empty() && !place.name.is_empty() && !place.watch;
    if method == Method::HEAD {
        return Err(ApiError::method_not_allowed());
    }
    let further = place.subresource == "proxy";
    if (place.rest && !further) || misplaced || nowhere {
        return Err(if resource.custom.is_some() { ApiError::no_such_path() } else { ApiError::no_such_way() });
    }
    match place.subresource.as_str() {
        "" => whole(call, &method).await,
        part if (part == "status" && resource.subresources.status) || is_decision(resource, part) => match method {
            Method::GET | Method::HEAD => read::get(call).await,
            Method::PUT => write::update(call).await,
            Method::PATCH => patches::answer(call).await,
            _ => Err(ApiError::method_not_allowed()),
        },
        "status" if resource.custom.is_some() => Err(ApiError::not_found(resource, &place.name)),
        "scale" => scale::answer(call, &method).await,
        "finalize" if resource.subresources.others.iter().any(|one| one == "finalize") => match method {
            Method::PUT => write::update(call).await,
            _ => Err(ApiError::method_not_allowed()),
        },
        "token" if resource.subresources.others.iter().any(|one| one == "token") => match method {
            Method::POST => {
                let validation = call.options("CreateOptions", false)?.validation;
                let review = decode::spoken(call, validation, "authentication.k8s.io/v1", "TokenRequest")?;
                Ok(json_response(StatusCode::CREATED, typed::encoded(&token::request(call, &review)?)))
            }
            _ => Err(ApiError::method_not_allowed()),
        },
        _ if resource.kind == "Pod" && resource.custom.is_none() => {
            pods::answer(call, &method).await.unwrap_or_else(|| Err(ApiError::no_such_way()))
        }
        _ => Err(ApiError::no_such_way()),
    }
}

/// Tells whether this is where requests for certificates are decided.
fn is_decision(resource: &Resource, part: &str) -> bool {
    part == "approval" && resource.custom.is_none() && resource.subresources.others.iter().any(|one| one == "approval")
}

async fn whole(call: &Call, method: &Method) -> ApiResult<Response> {
    let named = !call.place.name.is_empty();
    match *method {
        Method::GET | Method::HEAD if call.place.watch => watch::answer(call).await,
        Method::GET | Method::HEAD if named => read::get(call).await,
        Method::GET | Method::HEAD if call.query.flag("watch") => watch::answer(call).await,
        Method::GET | Method::HEAD => read::list(call).await,
        Method::POST if !named => write::create(call).await,
        Method::PUT if named => write::update(call).await,
        Method::PATCH if named => patches::answer(call).await,
        Method::DELETE if named => delete::answer(call).await,
        Method::DELETE if call.resource.serves("deletecollection") && !(call.resource.namespaced && call.place.namespace.is_empty()) => {
            delete::collection(call).await
        }
        _ => Err(ApiError::method_not_allowed()),
    }
}
