//! Blob uploads: streamed to the store as they come. An upload lives in memory; after a restart the client begins again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use http::{Method, StatusCode, header};
use http_body_util::BodyExt as _;
use model::Timestamp;
use oci::{AnyDigest, Name};
use store::{BlobWriter, StoreError};

use crate::Inner;
use crate::answer::{Answer, Refusal, Reply};
use crate::route::{Ask, digest_of, not_allowed};
use crate::token::Session;

/// A blob is not larger: beyond any layer there is, below what fills a disk by mistake.
const LARGEST_BLOB: u64 = 32 << 30;
/// How many uploads may be open; each is one file.
const MOST_UPLOADS: usize = 1_000;
/// An upload that nobody touched for so long is given up when room is needed.
const IDLE_SECONDS: i64 = 3_600;

#[derive(Default)]
pub(crate) struct Uploads(Mutex<HashMap<String, Arc<Upload>>>);

struct Upload {
    repository: Name,
    touched: Mutex<Timestamp>,
    writer: tokio::sync::Mutex<Option<BlobWriter>>,
}

impl Uploads {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Upload>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, repository: Name, writer: BlobWriter, now: Timestamp) -> Result<String, Refusal> {
        let mut all = self.all();
        if all.len() >= MOST_UPLOADS {
            all.retain(|_, upload| {
                now.as_second() - upload.touched.lock().unwrap_or_else(PoisonError::into_inner).as_second() < IDLE_SECONDS
            });
        }
        if all.len() >= MOST_UPLOADS {
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "too many uploads are open; try again later"));
        }
        let id = hex::encode(rand::random::<[u8; 16]>());
        let upload = Upload { repository, touched: Mutex::new(now), writer: tokio::sync::Mutex::new(Some(writer)) };
        all.insert(id.clone(), Arc::new(upload));
        Ok(id)
    }

    fn find(&self, repository: &Name, id: &str, now: Timestamp) -> Result<Arc<Upload>, Refusal> {
        let found = self.all().get(id).filter(|upload| upload.repository == *repository).cloned();
        let upload = found.ok_or_else(gone)?;
        *upload.touched.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(upload)
    }

    fn close(&self, id: &str) {
        self.all().remove(id);
    }
}

fn gone() -> Refusal {
    Refusal::missing("BLOB_UPLOAD_UNKNOWN", "there is no such upload; start again")
}

impl Inner {
    /// `POST`: a mount, a whole blob, or the start of an upload.
    pub(crate) async fn start_upload(self: &Arc<Self>, ask: &Ask, session: &Session, name: Name, body: Body) -> Answer {
        if let Some(digest) = ask.first("mount").and_then(|text| text.parse::<AnyDigest>().ok())
            && self.mount(ask, session, &name, &digest)?
        {
            return Ok(created(&name, &digest));
        }
        let mut writer = self.options.blobs.writer()?;
        if let Some(digest) = ask.first("digest") {
            let digest = digest_of(digest)?;
            receive(&mut writer, body, None).await?;
            return self.finish(name, writer, digest).await;
        }
        let id = self.uploads.open(name.clone(), writer, self.options.clock.now())?;
        Ok(Reply::new(StatusCode::ACCEPTED)
            .header(header::LOCATION, location(&name, &id))
            .header(header::RANGE, "0-0")
            .header("docker-upload-uuid", &id)
            .empty())
    }

    pub(crate) async fn continue_upload(self: &Arc<Self>, ask: &Ask, name: Name, id: &str, body: Body) -> Answer {
        let upload = self.uploads.find(&name, id, self.options.clock.now())?;
        let mut slot = upload.writer.lock().await;
        let length = slot.as_ref().map(BlobWriter::length).ok_or_else(gone)?;
        let progress = |status: StatusCode, length: u64| {
            Reply::new(status)
                .header(header::LOCATION, location(&name, id))
                .header(header::RANGE, format!("0-{}", length.saturating_sub(1)))
                .header("docker-upload-uuid", id)
        };
        match ask.method {
            Method::GET | Method::HEAD => Ok(progress(StatusCode::NO_CONTENT, length).body(Body::empty())),
            Method::DELETE => {
                self.uploads.close(id);
                *slot = None;
                Ok(Reply::new(StatusCode::NO_CONTENT).body(Body::empty()))
            }
            Method::PATCH => {
                let wanted = chunk(ask, length).map_err(|refusal| refusal.with(header::LOCATION, location(&name, id)))?;
                let writer = slot.as_mut().ok_or_else(gone)?;
                let received = receive(writer, body, wanted).await;
                let now = writer.length();
                if let Err(refusal) = received {
                    // Bytes beyond what was announced cannot be taken back.
                    if wanted.is_some_and(|wanted| now - length > wanted) {
                        self.uploads.close(id);
                        *slot = None;
                    }
                    return Err(refusal);
                }
                Ok(progress(StatusCode::ACCEPTED, now).empty())
            }
            Method::PUT => {
                let digest =
                    digest_of(ask.first("digest").ok_or_else(|| Refusal::bad("DIGEST_INVALID", "the query parameter digest is missing"))?)?;
                let wanted = chunk(ask, length).map_err(|refusal| refusal.with(header::LOCATION, location(&name, id)))?;
                let mut writer = slot.take().ok_or_else(gone)?;
                if let Err(refusal) = receive(&mut writer, body, wanted).await {
                    self.uploads.close(id);
                    return Err(refusal);
                }
                self.uploads.close(id);
                self.finish(name.clone(), writer, digest).await
            }
            _ => Err(not_allowed("DELETE, GET, HEAD, PATCH, PUT")),
        }
    }

    async fn finish(self: &Arc<Self>, name: Name, writer: BlobWriter, digest: AnyDigest) -> Answer {
        let inner = Arc::clone(self);
        let (repository, named) = (name.clone(), digest.clone());
        tokio::task::spawn_blocking(move || inner.keep_blob(&repository, writer, &named)).await.map_err(|error| {
            tracing::error!(%error, "storing a blob broke off");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "storing the blob broke off")
        })??;
        Ok(created(&name, &digest))
    }
}

fn created(name: &Name, digest: &AnyDigest) -> axum::response::Response {
    Reply::new(StatusCode::CREATED)
        .header(header::LOCATION, format!("/v2/{name}/blobs/{digest}"))
        .header("docker-content-digest", digest.as_str())
        .empty()
}

fn location(name: &Name, id: &str) -> String {
    format!("/v2/{name}/blobs/uploads/{id}")
}

/// Reads `Content-Range: <first>-<last>` and returns how many bytes it announces; a chunk must begin where the last one ended.
fn chunk(ask: &Ask, length: u64) -> Result<Option<u64>, Refusal> {
    let Some(text) = ask.header(header::CONTENT_RANGE) else {
        if ask.headers.contains_key(header::CONTENT_RANGE) {
            return Err(out_of_range("Content-Range is not readable", length));
        }
        return Ok(None);
    };
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let range = text.split_once('-').and_then(|(first, last)| Some((number(first)?, number(last)?)));
    let Some((first, last)) = range.filter(|(first, last)| last >= first && *last < LARGEST_BLOB) else {
        return Err(out_of_range("Content-Range must be <first>-<last>", length));
    };
    if first != length {
        return Err(out_of_range(&format!("the chunk begins at {first}, but {length} bytes are here"), length));
    }
    let announced = last - first + 1;
    let body = ask.header(header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    if body.is_some_and(|body| body != announced) {
        return Err(out_of_range("Content-Range and Content-Length do not agree", length));
    }
    Ok(Some(announced))
}

fn out_of_range(why: &str, length: u64) -> Refusal {
    Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", why)
        .with(header::RANGE, format!("0-{}", length.saturating_sub(1)))
}

/// Appends a body as it comes.
async fn receive(writer: &mut BlobWriter, mut body: Body, wanted: Option<u64>) -> Result<(), Refusal> {
    let start = writer.length();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::bad("BLOB_UPLOAD_INVALID", "the body broke off"))?;
        let Ok(bytes) = frame.into_data() else { continue };
        writer.write(&bytes)?;
        if writer.length() > LARGEST_BLOB {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", "the blob is larger than 32 GiB"));
        }
        if wanted.is_some_and(|wanted| writer.length() - start > wanted) {
            return Err(Refusal::bad("SIZE_INVALID", "the chunk is longer than its Content-Range; start again"));
        }
    }
    match wanted {
        Some(wanted) if writer.length() - start < wanted => {
            Err(out_of_range("the chunk is shorter than its Content-Range", writer.length()))
        }
        _ => Ok(()),
    }
}

/// Names the client's fault where there is one.
pub(crate) fn digest_refusal(error: StoreError) -> Refusal {
    match error {
        StoreError::WrongDigest { .. } => Refusal::bad("DIGEST_INVALID", error.to_string()),
        other => other.into(),
    }
}
