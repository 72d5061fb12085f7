//! WATCH: the store's log, told as events in JSON lines to whoever asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header;
use serde_json::{Value, json};
use store::{Change, Entry};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, Sleep};

use crate::Server;
use crate::accept::{Form, form};
use crate::catalog::Resource;
use crate::converter;
use crate::object::{self, meta_mut};
use crate::request::Query;
use crate::selector::Selector;
use crate::status::{ApiError, ApiResult};
use crate::table::{self, Columns};
use crate::write::Call;

/// A watch without a limit of its own ends after this.
const LONGEST: Duration = Duration::from_secs(3600);
/// How often a quiet watch is told how far it is.
const BOOKMARKS: Duration = Duration::from_secs(60);
/// So many objects of the beginning are made ready at once.
const PAGE: usize = 200;
/// So long before its end a watch is told how far it is.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);

struct Watch {
    server: Arc<Server>,
    resource: Arc<Resource>,
    prefix: String,
    selector: Selector,
    form: Form,
    query: Query,
    /// Everything up to this revision has been told.
    position: u64,
    receiver: Receiver<u64>,
    pending: VecDeque<Bytes>,
    /// From which key on objects of the beginning are still to be told, as they were at `position`.
    initial: Option<String>,
    /// Whether the end of the beginning is told, too.
    announced: bool,
    bookmarks: bool,
    next_bookmark: Instant,
    end: Instant,
    alarm: Pin<Box<Sleep>>,
    /// Whether a Table with its columns was sent.
    columns: bool,
    ended: bool,
    /// Its place among all watches of the server.
    _place: OwnedSemaphorePermit,
}

/// Answers a watch.
pub(crate) async fn answer(call: &Call) -> ApiResult<Response> {
    crate::read::check_options(call, true)?;
    let (query, server) = (&call.query, &call.server);
    let form = form(&call.headers, call.resource.encodings())?;
    let mut selector = Selector::read(query.get("labelSelector"), query.get("fieldSelector"), &call.resource)?;
    if !call.place.name.is_empty() {
        selector = Selector::read(query.get("labelSelector"), Some(&format!("metadata.name={}", call.place.name)), &call.resource)?;
    }
    let from = query.get("resourceVersion").unwrap_or_default();
    let revision: u64 = match from {
        "" => 0,
        text => text.parse().map_err(|_| {
            let why = format!("resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax");
            ApiError::new(500, "", why)
        })?,
    };
    let length = query.number("timeoutSeconds")?.filter(|seconds| *seconds > 0).map_or(LONGEST, Duration::from_secs).min(LONGEST);
    let namespace = Some(call.place.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let place = server.watches.clone().try_acquire_owned().map_err(|_| {
        let mut busy = ApiError::new(429, "TooManyRequests", "too many watches are open, please try again later");
        busy.retry_after = Some(1);
        busy
    })?;
    let now = Instant::now();
    let end = now + length;
    let mut watch = Watch {
        server: server.clone(),
        resource: call.resource.clone(),
        prefix: call.resource.prefix(namespace),
        selector,
        form,
        query: query.clone(),
        position: revision,
        receiver: server.store.subscribe(),
        pending: VecDeque::new(),
        initial: None,
        announced: query.flag("sendInitialEvents"),
        _place: place,
        bookmarks: query.flag("allowWatchBookmarks"),
        next_bookmark: (now + BOOKMARKS).min(end.checked_sub(LAST_BOOKMARK).unwrap_or(end)),
        end,
        alarm: Box::pin(tokio::time::sleep_until(end)),
        columns: false,
        ended: false,
    };
    let all = if query.has("sendInitialEvents") { query.flag("sendInitialEvents") } else { revision == 0 };
    if all {
        watch.initial = Some(String::new());
        watch.tell_next().await?;
    } else if revision == 0 {
        watch.position = server.store.revision();
    }
    let stream = futures::stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((Ok::<Bytes, Infallible>(line), watch))
    });
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache, private")];
    Ok((headers, Body::from_stream(stream)).into_response())
}

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.pending.pop_front() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            if self.initial.is_some() {
                if let Err(error) = self.tell_next().await {
                    self.push("ERROR", error.status());
                    self.ended = true;
                }
                continue;
            }
            self.receiver.borrow_and_update();
            match self.server.store.changes_under(&self.prefix, self.position) {
                Ok((changes, revision)) => {
                    if !changes.is_empty() {
                        self.tell_all(changes).await;
                    }
                    self.position = revision;
                }
                Err(compacted) => {
                    self.push("ERROR", self.expired(compacted.oldest).status());
                    self.ended = true;
                }
            }
            if !self.follow_definition() {
                self.ended = true;
            }
            if !self.pending.is_empty() || self.ended {
                continue;
            }
            let wake = self.end.min(if self.bookmarks { self.next_bookmark } else { self.end });
            // One alarm for the whole watch: to set a new one for each change is half of what a change costs.
            if self.alarm.deadline() != wake {
                self.alarm.as_mut().reset(wake);
            }
            tokio::select! {
                changed = self.receiver.changed() => self.ended = changed.is_err(),
                () = &mut self.alarm => {
                    let now = Instant::now();
                    if now >= self.end {
                        self.ended = true;
                    } else if self.bookmarks && now >= self.next_bookmark {
                        self.bookmark(false);
                        self.next_bookmark = if self.end - now > LAST_BOOKMARK { (now + BOOKMARKS).min(self.end - LAST_BOOKMARK) } else { self.end };
                    }
                }
            }
        }
    }

    /// A custom kind may change while it is watched, or end; then the watch ends with it.
    fn follow_definition(&mut self) -> bool {
        if self.resource.custom.is_none() {
            return true;
        }
        let catalog = self.server.catalog();
        match catalog.find(&self.resource.group, &self.resource.version, &self.resource.plural) {
            Some(resource) => {
                self.resource = resource.clone();
                true
            }
            None => false,
        }
    }

    /// Tells some more of what was there when the watch began: not all at once, for there may be more than its client ever takes.
    async fn tell_next(&mut self) -> ApiResult<()> {
        let Some(start) = self.initial.take() else { return Ok(()) };
        // The first page says at which revision the watch begins.
        let at = Some(self.position).filter(|_| !start.is_empty());
        let page = self.server.store.page(&self.prefix, &start, PAGE, at).map_err(|compacted| self.expired(compacted.oldest))?;
        self.position = page.revision;
        self.initial = page.entries.last().map(|(key, _)| format!("{key}\0")).filter(|_| page.left > 0);
        let entries = converter::entries(&self.server, &self.resource, page.entries).await?;
        for (_, entry) in &entries {
            if self.matches(Some(entry)) {
                self.event("ADDED", entry, entry.revision);
            }
        }
        if self.initial.is_none() && self.announced && self.bookmarks {
            self.bookmark(true);
        }
        Ok(())
    }

    fn expired(&self, oldest: u64) -> ApiError {
        ApiError::new(410, "Expired", format!("too old resource version: {} ({oldest})", self.position))
    }

    /// Tells changes, in the version of the watch; one that cannot be converted ends it.
    async fn tell_all(&mut self, changes: Vec<Change>) {
        // What is stored may be of a version that the definition has only now.
        self.follow_definition();
        if self.resource.converter().is_none() {
            return changes.iter().for_each(|change| self.tell(change));
        }
        // Asked for all at once; what was not to be had is asked for once more, so that what comes before it is told.
        let all = changes.iter().flat_map(|change| change.after.clone().map(|after| (change.key.clone(), after))).collect();
        let _ = converter::entries(&self.server, &self.resource, all).await;
        for change in changes {
            match self.converted(change).await {
                Ok(change) => self.tell(&change),
                Err(error) => {
                    self.push("ERROR", ApiError::internal(error.message).status());
                    self.ended = true;
                    return;
                }
            }
        }
    }

    async fn converted(&self, mut change: Change) -> ApiResult<Change> {
        // What was before is only looked at by a selector, or shown when it went.
        if let Some(before) = change.before.take_if(|_| !self.selector.is_empty() || change.after.is_none()) {
            change.before = Some(converter::entry(&self.server, &self.resource, &change.key, before).await?);
        }
        if let Some(after) = change.after.take() {
            change.after = Some(converter::entry(&self.server, &self.resource, &change.key, after).await?);
        }
        Ok(change)
    }

    fn matches(&self, entry: Option<&Entry>) -> bool {
        match entry {
            None => false,
            Some(_) if self.selector.is_empty() => true,
            Some(entry) => self.selector.matches(&object::decode(entry, &self.resource), &self.resource),
        }
    }

    fn tell(&mut self, change: &Change) {
        match (self.matches(change.before.as_ref()), self.matches(change.after.as_ref()), &change.before, &change.after) {
            (false, true, _, Some(after)) => self.event("ADDED", after, after.revision),
            (true, true, _, Some(after)) => self.event("MODIFIED", after, after.revision),
            // It is shown as it was when it last matched, at the revision that ended that.
            (true, false, Some(before), _) => self.event("DELETED", before, change.revision),
            _ => {}
        }
    }

    fn event(&mut self, kind: &'static str, entry: &Entry, revision: u64) {
        match self.form {
            Form::Object => {
                self.pending.push_back(self.server.lines.line(kind, entry, revision, &self.resource));
            }
            Form::Table | Form::Metadata => {
                let mut object = object::decode(entry, &self.resource);
                meta_mut(&mut object).insert("resourceVersion".to_owned(), json!(revision.to_string()));
                let shown = self.shown(&object, revision);
                self.push(kind, shown);
            }
        }
    }

    fn shown(&mut self, object: &Value, revision: u64) -> Value {
        if self.form == Form::Metadata {
            return table::partial(object);
        }
        let columns = if self.columns { Columns::Known } else { Columns::Shown };
        self.columns = true;
        let metadata = json!({"resourceVersion": revision.to_string()});
        table::table(&self.resource, std::slice::from_ref(object), metadata, &self.query, self.server.clock.now(), columns)
            .unwrap_or_default()
    }

    fn bookmark(&mut self, initial: bool) {
        let mut metadata = json!({"resourceVersion": self.position.to_string()});
        if initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({"kind": self.resource.kind, "apiVersion": self.resource.api_version, "metadata": metadata});
        let shown = match self.form {
            Form::Object => object,
            Form::Metadata => table::partial(&object),
            Form::Table => self.shown(&object, self.position),
        };
        self.push("BOOKMARK", shown);
    }

    fn push(&mut self, kind: &str, object: Value) {
        self.pending.push_back(format!("{}\n", json!({"type": kind, "object": object})).into());
    }
}
