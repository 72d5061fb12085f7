use http::{StatusCode, header};
use oci::{AnyDigest, Name, media_type};
use serde::Deserialize;
use serde_json::json;

use crate::access::Permission;
use crate::answer::{Answer, Refusal, Reply};
use crate::route::Ask;
use crate::{Inner, keys};

/// A referrers page stays below the size that clients accept for a manifest.
const REFERRERS_PAGE: usize = 3 << 20;

impl Inner {
    /// `GET tags/list`: sorted by bytes, a page at a time if `n` says so.
    pub(crate) fn tags(&self, ask: &Ask, name: &Name) -> Answer {
        if self.options.store.get(&keys::repository(name)).is_none() {
            return Err(Refusal::missing("NAME_UNKNOWN", format!("there is no repository {name}")));
        }
        let prefix = keys::tags(name);
        let (found, _) = self.options.store.scan(&prefix);
        let page = page(ask, found.iter().map(|(key, _)| &key[prefix.len()..]))?;
        let reply = Reply::new(StatusCode::OK).header(header::CONTENT_TYPE, "application/json");
        let reply = page.link(reply, &format!("/v2/{name}/tags/list"));
        Ok(reply.bytes(ask.is_head(), json!({ "name": name.as_str(), "tags": page.shown }).to_string().into()))
    }

    /// `GET _catalog`: the repositories that the caller may read.
    pub(crate) fn catalog(&self, ask: &Ask) -> Answer {
        let session = self.session(ask)?;
        let (found, _) = self.options.store.scan(keys::REPOSITORIES);
        let names = found.iter().map(|(key, _)| &key[keys::REPOSITORIES.len()..]);
        let page = page(ask, names.filter(|name| self.options.access.allows(&session.identity, name, Permission::Pull)))?;
        let reply = page.link(Reply::new(StatusCode::OK).header(header::CONTENT_TYPE, "application/json"), "/v2/_catalog");
        Ok(reply.bytes(ask.is_head(), json!({ "repositories": page.shown }).to_string().into()))
    }

    /// `GET referrers/<digest>`: what was pushed about a manifest, whether or not the manifest itself is here.
    pub(crate) fn referrers(&self, ask: &Ask, name: &Name, digest: &AnyDigest) -> Answer {
        let (prefix, last, wanted) = (keys::referrers(name, digest), ask.first("last").unwrap_or_default(), ask.first("artifactType"));
        let (found, _) = self.options.store.scan(&prefix);
        let mut body = format!("{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"manifests\":[", media_type::INDEX).into_bytes();
        let mut next = None;
        let mut shown = "";
        for (key, entry) in &found {
            let own = &key[prefix.len()..];
            if own <= last || wanted.is_some_and(|wanted| !is_kind(&entry.value, wanted)) {
                continue;
            }
            if body.len() + entry.value.len() > REFERRERS_PAGE && !shown.is_empty() {
                next = Some(shown);
                break;
            }
            if !shown.is_empty() {
                body.push(b',');
            }
            body.extend_from_slice(&entry.value);
            shown = own;
        }
        body.extend_from_slice(b"]}");
        let mut reply = Reply::new(StatusCode::OK).header(header::CONTENT_TYPE, media_type::INDEX);
        if wanted.is_some() {
            reply = reply.header("oci-filters-applied", "artifactType");
        }
        if let Some(next) = next {
            let filter = wanted.map(|wanted| format!("&artifactType={}", encode(wanted))).unwrap_or_default();
            reply = reply.header(header::LINK, format!("</v2/{name}/referrers/{digest}?last={next}{filter}>; rel=\"next\""));
        }
        Ok(reply.bytes(ask.is_head(), body.into()))
    }
}

fn is_kind(descriptor: &[u8], wanted: &str) -> bool {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "artifactType", default)]
        kind: String,
    }
    serde_json::from_slice::<Kind>(descriptor).is_ok_and(|found| found.kind == wanted)
}

struct Page<'a> {
    shown: Vec<&'a str>,
    size: usize,
    more: bool,
}

fn page<'a>(ask: &Ask, all: impl Iterator<Item = &'a str>) -> Result<Page<'a>, Refusal> {
    let invalid = |_| Refusal::bad("PAGINATION_NUMBER_INVALID", "n must be a number, 0 or more");
    let size = ask.first("n").map(str::parse::<usize>).transpose().map_err(invalid)?.unwrap_or(usize::MAX);
    let last = ask.first("last").unwrap_or_default();
    let mut rest = all.filter(|each| *each > last);
    let shown: Vec<&str> = rest.by_ref().take(size).collect();
    Ok(Page { more: size > 0 && rest.next().is_some(), shown, size })
}

impl Page<'_> {
    fn link(&self, reply: Reply, path: &str) -> Reply {
        match self.shown.last() {
            Some(last) if self.more => reply.header(header::LINK, format!("<{path}?n={}&last={}>; rel=\"next\"", self.size, encode(last))),
            _ => reply,
        }
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}
