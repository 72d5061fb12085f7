use std::io::SeekFrom;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{StatusCode, header};
use model::Digest;
use oci::{AnyDigest, Name};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};
use store::{Batch, BlobWriter};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::access::Permission;
use crate::answer::{Answer, Refusal, Reply};
use crate::route::{Ask, named};
use crate::token::Session;
use crate::uploads::digest_refusal;
use crate::{Inner, keys};

/// How much of a file is read at once.
const PIECE: usize = 256 << 10;

/// What a repository knows about one of its blobs.
#[derive(Serialize, Deserialize)]
pub(crate) struct Held {
    /// The content's name in the blob store, whatever algorithm the client uses.
    content: Digest,
    pub size: u64,
}

impl Inner {
    /// Returns a repository's own blob: what other repositories have is invisible.
    pub(crate) fn held(&self, name: &Name, digest: &AnyDigest) -> Option<Held> {
        let entry = self.options.store.get(&keys::blob(name, digest))?;
        serde_json::from_slice(&entry.value).ok()
    }

    pub(crate) async fn get_blob(&self, ask: &Ask, name: &Name, digest: &AnyDigest) -> Answer {
        let unknown = || Refusal::missing("BLOB_UNKNOWN", format!("{name} has no blob {digest}"));
        let held = self.held(name, digest).ok_or_else(unknown)?;
        let reply = |status| {
            Reply::new(status)
                .header("docker-content-digest", digest.as_str())
                .header(header::ETAG, format!("\"{digest}\""))
                .header(header::ACCEPT_RANGES, "bytes")
                .header(header::CACHE_CONTROL, "max-age=31536000")
        };
        if not_modified(ask, digest) {
            return Ok(reply(StatusCode::NOT_MODIFIED).body(Body::empty()));
        }
        let reply_with = |status| reply(status).header(header::CONTENT_TYPE, "application/octet-stream");
        let (response, first, length) = match ask.header(header::RANGE).map_or(Span::Whole, |text| span(text, held.size)) {
            Span::Whole => (reply_with(StatusCode::OK), 0, held.size),
            Span::Part(first, last) => {
                let shown = format!("bytes {first}-{last}/{}", held.size);
                (reply_with(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, shown), first, last - first + 1)
            }
            Span::Beyond => {
                let refusal = Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID", "the range lies beyond the blob's end");
                return Err(refusal.with(header::CONTENT_RANGE, format!("bytes */{}", held.size)));
            }
        };
        let response = response.header(header::CONTENT_LENGTH, length.to_string());
        if ask.is_head() {
            return Ok(response.body(Body::empty()));
        }
        let body = match self.options.blobs.path(&held.content) {
            Some(path) => file(path, first, length).await.map_err(|error| {
                tracing::error!(%error, %digest, "a blob's file cannot be read");
                Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "the blob's content cannot be read")
            })?,
            None => {
                let bytes = self.options.blobs.get(&held.content)?.ok_or_else(unknown)?;
                let range = usize::try_from(first).ok().zip(usize::try_from(first + length).ok());
                let (from, to) = range.filter(|(_, to)| *to <= bytes.len()).ok_or_else(unknown)?;
                Body::from(bytes.slice(from..to))
            }
        };
        Ok(response.body(body))
    }

    /// Stores what was uploaded and links it to its repository. Blocking.
    pub(crate) fn keep_blob(&self, name: &Name, writer: BlobWriter, digest: &AnyDigest) -> Result<(), Refusal> {
        let size = writer.length();
        let reading = self.content.read().unwrap_or_else(PoisonError::into_inner);
        let content = match digest.sha256() {
            Some(expected) => writer.finish(Some(&expected)).map_err(digest_refusal)?,
            None => {
                let content = writer.finish(None)?;
                let found = self.sha512(&content)?;
                if found != *digest {
                    drop(reading);
                    self.remove_unheld(&content)?;
                    return Err(Refusal::bad("DIGEST_INVALID", format!("the content has digest {found}, not {digest}")));
                }
                content
            }
        };
        self.link(name, digest, &Held { content, size })
    }

    fn link(&self, name: &Name, digest: &AnyDigest, held: &Held) -> Result<(), Refusal> {
        if self.held(name, digest).is_some() {
            return Ok(());
        }
        let value = serde_json::to_vec(held).expect("a digest and a number serialise");
        let batch = Batch::new().put(keys::blob(name, digest), value).put(keys::holder(&held.content, name, digest), "");
        self.options.store.commit(batch)?;
        Ok(())
    }

    fn sha512(&self, content: &Digest) -> Result<AnyDigest, Refusal> {
        let unreadable = |error: std::io::Error| {
            tracing::error!(%error, %content, "a blob's file cannot be read");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "the blob's content cannot be read")
        };
        let Some(path) = self.options.blobs.path(content) else {
            return Ok(AnyDigest::sha512_of(&self.options.blobs.get(content)?.unwrap_or_default()));
        };
        let mut hash = Sha512::new();
        std::io::copy(&mut std::fs::File::open(path).map_err(unreadable)?, &mut hash).map_err(unreadable)?;
        format!("sha512:{}", hex::encode(hash.finalize())).parse().map_err(|why: String| Refusal::bad("DIGEST_INVALID", why))
    }

    /// Links a blob that a readable repository has; false when there is none, and the client uploads.
    pub(crate) fn mount(&self, ask: &Ask, session: &Session, name: &Name, digest: &AnyDigest) -> Result<bool, Refusal> {
        let _reading = self.content.read().unwrap_or_else(PoisonError::into_inner);
        let from = match ask.first("from") {
            Some(from) => named(from).ok(),
            None => digest.sha256().and_then(|content| {
                let (holders, _) = self.options.store.scan(&keys::holders(&content));
                let holders = holders.iter().filter_map(|(key, _)| key.split(':').nth(2)?.parse::<Name>().ok());
                holders
                    .into_iter()
                    .find(|holder| self.may(session, holder.as_str(), Permission::Pull) && self.held(holder, digest).is_some())
            }),
        };
        let Some(from) = from.filter(|from| self.may(session, from.as_str(), Permission::Pull)) else { return Ok(false) };
        let Some(held) = self.held(&from, digest) else { return Ok(false) };
        self.link(name, digest, &held)?;
        Ok(true)
    }

    pub(crate) async fn delete_blob(self: &Arc<Self>, name: Name, digest: AnyDigest) -> Answer {
        let inner = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || inner.unlink(&name, &digest)).await;
        done.map_err(|_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "removing the blob broke off"))??;
        Ok(Reply::new(StatusCode::ACCEPTED).empty())
    }

    fn unlink(&self, name: &Name, digest: &AnyDigest) -> Result<(), Refusal> {
        let _references = self.references.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.held(name, digest).ok_or_else(|| Refusal::missing("BLOB_UNKNOWN", format!("{name} has no blob {digest}")))?;
        self.refuse_while_used(name, digest)?;
        self.options.store.commit(Batch::new().delete(keys::blob(name, digest)).delete(keys::holder(&held.content, name, digest)))?;
        self.remove_unheld(&held.content)
    }

    pub(crate) fn refuse_while_used(&self, name: &Name, digest: &AnyDigest) -> Result<(), Refusal> {
        let (users, _) = self.options.store.scan(&keys::users(name, digest));
        let Some((key, _)) = users.first() else { return Ok(()) };
        let user = key.strip_prefix(&keys::users(name, digest)).unwrap_or_default();
        let message = format!("{digest} is in use by the manifest {user}; delete that first");
        Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "DENIED", message))
    }

    fn remove_unheld(&self, content: &Digest) -> Result<(), Refusal> {
        let _writing = self.content.write().unwrap_or_else(PoisonError::into_inner);
        if self.options.store.scan(&keys::holders(content)).0.is_empty() {
            self.options.blobs.remove(content)?;
        }
        Ok(())
    }
}

/// Tells whether the client says it already has this very content.
pub(crate) fn not_modified(ask: &Ask, digest: &AnyDigest) -> bool {
    let known = |each: &str| each == "*" || each.trim_start_matches("W/").trim_matches('"') == digest.as_str();
    ask.header(header::IF_NONE_MATCH).is_some_and(|text| text.split(',').any(|each| known(each.trim())))
}

#[derive(Debug, PartialEq, Eq)]
enum Span {
    Whole,
    /// First and last byte.
    Part(u64, u64),
    Beyond,
}

/// Reads a Range header; several ranges and other units are answered with the whole, as HTTP allows.
fn span(text: &str, size: u64) -> Span {
    let number = |text: &str| text.trim().bytes().all(|byte| byte.is_ascii_digit()).then(|| text.trim().parse::<u64>().ok()).flatten();
    let Some((first, last)) = text.strip_prefix("bytes=").filter(|rest| !rest.contains(',')).and_then(|rest| rest.split_once('-')) else {
        return Span::Whole;
    };
    match (first.trim().is_empty(), number(first), last.trim().is_empty(), number(last)) {
        (true, _, false, Some(0)) => Span::Beyond,
        (true, _, false, Some(count)) if size > 0 => Span::Part(size.saturating_sub(count), size - 1),
        (true, _, false, Some(_)) => Span::Beyond,
        (false, Some(first), ..) if first >= size => Span::Beyond,
        (false, Some(first), true, _) => Span::Part(first, size - 1),
        (false, Some(first), false, Some(last)) if last >= first => Span::Part(first, last.min(size - 1)),
        _ => Span::Whole,
    }
}

/// Streams a part of a file.
async fn file(path: PathBuf, first: u64, length: u64) -> std::io::Result<Body> {
    let mut file = tokio::fs::File::open(path).await?;
    file.set_max_buf_size(PIECE);
    if first > 0 {
        file.seek(SeekFrom::Start(first)).await?;
    }
    let pieces = futures::stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut buffer = BytesMut::with_capacity(usize::try_from(left).unwrap_or(PIECE).min(PIECE));
        let count = file.read_buf(&mut buffer).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        buffer.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        let piece: Bytes = buffer.freeze();
        let left = left - piece.len() as u64;
        Ok(Some((piece, (file, left))))
    });
    Ok(Body::from_stream(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_says() {
        let cases = [
            ("bytes=0-1", Span::Part(0, 1)),
            ("bytes=5-", Span::Part(5, 9)),
            ("bytes=-3", Span::Part(7, 9)),
            ("bytes=-30", Span::Part(0, 9)),
            ("bytes=3-99", Span::Part(3, 9)),
            ("bytes=10-", Span::Beyond),
            ("bytes=-0", Span::Beyond),
            ("bytes=5-2", Span::Whole),
            ("bytes=0-1,3-4", Span::Whole),
            ("lines=1-2", Span::Whole),
            ("bytes=a-", Span::Whole),
        ];
        for (text, wanted) in cases {
            assert_eq!(span(text, 10), wanted, "{text}");
        }
        assert_eq!(span("bytes=0-", 0), Span::Beyond);
    }
}
