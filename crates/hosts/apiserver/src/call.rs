//! One request to a kind, and what is said of it besides its answer: warnings to the client, notes to the audit log.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use model::Caller;
use patch::Writer;
use serde_json::Value;

use crate::accept::{Form, form};
use crate::catalog::Resource;
use crate::object::{self, meta};
use crate::request::{Place, Query, WriteOptions};
use crate::status::ApiResult;
use crate::write::Written;
use crate::{Server, kinds, table};

/// What is noted in the audit log, as names with values.
pub(crate) type Notes = Mutex<Vec<(Cow<'static, str>, String)>>;

/// One request to a kind, read and allowed.
pub(crate) struct Call {
    pub server: Arc<Server>,
    pub resource: Arc<Resource>,
    pub place: Place,
    pub query: Query,
    pub headers: HeaderMap,
    /// What came with the request, such as the connection itself.
    pub extensions: http::Extensions,
    pub caller: Caller,
    pub body: Bytes,
    /// What is said with the answer, whatever it is.
    pub said: Mutex<Vec<String>>,
    /// Name and uid of an object that the path does not name.
    pub named: Mutex<Option<(String, String)>>,
    /// What is noted in the audit log besides.
    pub notes: Notes,
}

impl Call {
    /// Reads the options of a write.
    pub fn options(&self, kind: &str, apply: bool) -> ApiResult<WriteOptions> {
        let agent = self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        WriteOptions::read(&self.query, agent, kind, apply)
    }

    /// Returns the key of the object that the path names.
    pub fn key(&self) -> String {
        self.resource.key(&self.place.namespace, &self.place.name)
    }

    /// Answers with an object in the form that the client wants.
    pub fn answer(&self, code: StatusCode, object: &Value, warnings: &[String]) -> ApiResult<Response> {
        let body = table::in_form(&self.headers, &self.resource, object, &self.query, self.server.clock.now())?;
        self.say(warnings);
        Ok(crate::status::json_response(code, body))
    }

    /// Answers with an object that was written, as it lies in the store where it is wanted whole.
    pub fn answer_written(&self, code: StatusCode, written: &Written, warnings: &[String]) -> ApiResult<Response> {
        match &written.entry {
            Some(entry) if form(&self.headers, self.resource.encodings())? == Form::Object => {
                self.say(warnings);
                Ok(crate::status::json_response(code, object::whole(entry, &self.resource)))
            }
            _ => self.answer(code, &written.object, warnings),
        }
    }

    /// Tells the log which object it is that the path does not name.
    pub fn name(&self, object: &Value) {
        let name = (meta(object, "name").to_owned(), meta(object, "uid").to_owned());
        *self.named.lock().expect("no holder of the name's lock panics") = Some(name);
    }

    /// Notes something in the audit log.
    pub fn note(&self, key: &'static str, value: String) {
        self.notes.lock().expect("no holder of the notes' lock panics").push((key.into(), value));
    }

    /// Says something with the answer, once.
    pub fn say(&self, warnings: &[String]) {
        let mut said = self.said.lock().expect("no holder of the warnings' lock panics");
        for warning in warnings {
            if said.len() < MOST_SAID && !said.contains(warning) {
                said.push(warning.clone());
            }
        }
    }

    /// Writes what was said into the answer's head, what is to be said of the kind first.
    pub fn tell(&self, response: &mut Response) {
        let custom = self.resource.custom.as_ref();
        let own = custom.map_or_else(
            || kinds::deprecation(&self.resource.group, &self.resource.kind).map(str::to_owned),
            |custom| custom.deprecation.clone(),
        );
        let said = self.said.lock().expect("no holder of the warnings' lock panics");
        warn(response, own.iter().chain(said.iter()));
    }

    pub fn writer<'a>(&'a self, options: &'a WriteOptions, subresource: &'a str, now: &'a str) -> Writer<'a> {
        self.resource.writer(&options.manager, subresource, now)
    }
}

/// So many warnings are kept of one request; far fewer are written.
const MOST_SAID: usize = 1_000;

/// Writes warnings into an answer's head: so much at most, and each cut short where all together are too long (apiserver
/// `pkg/endpoints/filters/warning.go`).
pub(crate) fn warn<'a>(response: &mut Response, warnings: impl IntoIterator<Item = &'a String>) {
    const MOST: usize = 4 * 1024;
    const MOST_OF_ONE: usize = 256;
    let mut all: Vec<String> = warnings.into_iter().map(|warning| warning.chars().filter(|one| !one.is_control()).collect()).collect();
    let length = |text: &String| text.chars().count();
    if all.iter().map(length).sum::<usize>() > MOST {
        let mut written = 0;
        all.retain_mut(|text| {
            *text = text.chars().take(MOST_OF_ONE).collect();
            let room = written < MOST;
            written += length(text);
            room
        });
    }
    for text in all {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = format!("299 - \"{quoted}\"").parse() {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_carries_so_many_warnings() {
        let lengths = |warnings: &[String]| {
            let mut response = Response::default();
            warn(&mut response, warnings);
            response.headers().get_all(header::WARNING).iter().map(|one| one.len() - "299 - \"\"".len()).collect::<Vec<_>>()
        };
        assert_eq!(lengths(&["a".repeat(4_096)]), [4_096]);
        assert_eq!(lengths(&["a".repeat(4_097)]), [256]);
        assert_eq!(lengths(&vec!["a".repeat(300); 20_000]), [256; 16]);
    }
}
