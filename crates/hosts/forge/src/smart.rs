//! Git over smart HTTP. Pushes are always handled here; fetches too, unless they ask for what only the git program can do
//! (protocol v0 and v1, shallow, filtered) and the repository lies in a folder.

use std::process::Stdio;

use axum::response::Response;
use bytes::Bytes;
use flate2::read::GzDecoder;
use git::server::{self, Request as GitRequest};
use git::{GitError, ObjectId, Overlay, pack};
use http::{HeaderMap, StatusCode, header};
use std::io::Read as _;
use tokio::io::AsyncWriteExt as _;

use crate::access::{Actor, repo};
use crate::api::{Blocking, Exchange, refuse};
use crate::moves::{By, NotMoved, RefMove};
use crate::records::{Access, Repo};
use crate::{Forge, ForgeError, Repositories};

/// Most bytes of a push, as sent and unpacked from gzip.
pub(crate) const PUSH: usize = 512 << 20;
/// How long the git program may take.
const PROGRAM: std::time::Duration = std::time::Duration::from_secs(600);

/// Which service a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Advertise,
    UploadPack,
    ReceivePack,
}

/// What answers a fetch.
enum Answer {
    Bytes(Vec<u8>),
    /// The git program, with these arguments before the folder and this input.
    Program {
        repo: Box<Repo>,
        arguments: Vec<&'static str>,
        input: Vec<u8>,
        prefix: Vec<u8>,
    },
}

impl Forge {
    pub(crate) async fn smart(&self, exchange: Exchange, service: Service) -> Response {
        let forge = self.clone();
        let blocking = Blocking::of(self);
        let content = match service {
            Service::Advertise if exchange.query("service").as_deref() == Some("git-receive-pack") => {
                "application/x-git-receive-pack-advertisement"
            }
            Service::Advertise => "application/x-git-upload-pack-advertisement",
            Service::UploadPack => "application/x-git-upload-pack-result",
            Service::ReceivePack => "application/x-git-receive-pack-result",
        };
        let version = exchange.headers.get("git-protocol").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let answer = blocking.run(move || forge.smart_answer(&exchange, service)).await;
        let bytes = match answer {
            Ok(Answer::Bytes(bytes)) => Ok(bytes),
            Ok(Answer::Program { repo, arguments, input, prefix }) => {
                self.program(&repo, &arguments, input, &version).await.map(|output| [prefix, output].concat())
            }
            Err(error) => Err(error),
        };
        match bytes {
            Ok(bytes) => {
                let mut response = Response::new(bytes.into());
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content));
                headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-cache, max-age=0, must-revalidate"));
                response
            }
            Err(error) => refuse(&error),
        }
    }

    fn smart_answer(&self, exchange: &Exchange, service: Service) -> Result<Answer, ForgeError> {
        let rows = self.rows();
        let actor = self.actor(&rows, &exchange.headers, &exchange.extensions)?;
        let (owner, name) = exchange.repository()?;
        let v2 = exchange
            .headers
            .get("git-protocol")
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.split(':').any(|word| word == "version=2"));
        match service {
            Service::Advertise => match exchange.query("service").as_deref() {
                Some("git-upload-pack") => {
                    let repo = repo(&rows, &actor, owner, name, Access::Read)?;
                    self.advertise_upload(repo, v2)
                }
                Some("git-receive-pack") => {
                    let repo = repo(&rows, &actor, owner, name, Access::Write)?;
                    Ok(Answer::Bytes(server::advertise_receive(&self.refs(&rows, &repo))))
                }
                _ => {
                    Err(ForgeError::Forbidden("only smart HTTP is served: service must be git-upload-pack or git-receive-pack".to_owned()))
                }
            },
            Service::UploadPack => {
                let repo = repo(&rows, &actor, owner, name, Access::Read)?;
                self.upload(&rows, repo, body(exchange)?, v2)
            }
            Service::ReceivePack => {
                let repo = repo(&rows, &actor, owner, name, Access::Write)?;
                self.receive(&repo, &body(exchange)?, &actor).map(Answer::Bytes)
            }
        }
    }

    fn has_program(&self) -> bool {
        self.0.has_program && matches!(self.0.options.repositories, Repositories::Folder(_))
    }

    fn advertise_upload(&self, repo: Repo, v2: bool) -> Result<Answer, ForgeError> {
        if v2 {
            return Ok(Answer::Bytes(server::advertise_v2(self.has_program())));
        }
        self.need_program("protocol v0 and v1")?;
        let mut prefix = Vec::new();
        git::pktline::text(&mut prefix, "# service=git-upload-pack\n");
        git::pktline::flush(&mut prefix);
        Ok(Answer::Program { repo: Box::new(repo), arguments: vec!["--stateless-rpc", "--advertise-refs"], input: Vec::new(), prefix })
    }

    fn need_program(&self, what: &str) -> Result<(), ForgeError> {
        if self.has_program() {
            return Ok(());
        }
        Err(ForgeError::Git(GitError::Unsupported(format!("{what} without the git program and a repository in a folder"))))
    }

    fn upload(&self, rows: &crate::rows::Rows, repo: Repo, body: Bytes, v2: bool) -> Result<Answer, ForgeError> {
        let through_program = |repo: Repo, body: Bytes| Answer::Program {
            repo: Box::new(repo),
            arguments: vec!["--stateless-rpc"],
            input: body.to_vec(),
            prefix: Vec::new(),
        };
        if !v2 {
            self.need_program("protocol v0 and v1")?;
            return Ok(through_program(repo, body));
        }
        let objects = self.objects(rows, &repo);
        let refs = self.refs(rows, &repo);
        match server::parse_request(&body)? {
            GitRequest::LsRefs(request) => Ok(Answer::Bytes(server::ls_refs(&request, &refs, &objects)?)),
            GitRequest::Fetch(request) => match &request.needs_program {
                Some(argument) => {
                    self.need_program(&format!("the fetch argument {argument:?}"))?;
                    Ok(through_program(repo, body))
                }
                None => Ok(Answer::Bytes(server::fetch(&request, &refs, &objects)?)),
            },
        }
    }

    async fn program(&self, repo: &Repo, arguments: &[&str], input: Vec<u8>, version: &str) -> Result<Vec<u8>, ForgeError> {
        let folder = self.folder_of(repo).ok_or_else(|| ForgeError::Program("the repository has no folder".to_owned()))?;
        let wrong = |error: std::io::Error| ForgeError::Program(error.to_string());
        let mut command = tokio::process::Command::new("git");
        command.args(["-c", "safe.directory=*", "upload-pack"]).args(arguments).arg(&folder);
        command.env_clear().env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("HOME", &folder);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        if matches!(version, "version=1" | "version=2") {
            command.env("GIT_PROTOCOL", version);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(wrong)?;
        let mut stdin = child.stdin.take().ok_or_else(|| ForgeError::Program("it has no input".to_owned()))?;
        // A program that has seen enough closes its input: that is no failure of ours.
        let write = async move { drop(stdin.write_all(&input).await) };
        let both = async { tokio::join!(write, child.wait_with_output()).1 };
        let output =
            tokio::time::timeout(PROGRAM, both).await.map_err(|_| ForgeError::Program("it took too long".to_owned()))?.map_err(wrong)?;
        // A fetch that ends early (the client only wanted to negotiate) leaves a failure behind and a good answer.
        if !output.status.success() && output.stdout.is_empty() {
            return Err(ForgeError::Program(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Ok(output.stdout)
    }

    /// Takes a push: unpacks it apart from everything, asks the policy, and lets it in with the refs, or not at all.
    fn receive(&self, repo: &Repo, body: &Bytes, actor: &Actor) -> Result<Vec<u8>, ForgeError> {
        if body.as_ref() == b"0000" {
            // With a large push git first asks like this whether its credentials are good.
            return Ok(Vec::new());
        }
        let request = server::parse_push(body)?;
        let id = |id: ObjectId| (!id.is_zero()).then_some(id);
        let moves: Vec<RefMove> = request
            .commands
            .iter()
            .map(|command| RefMove { name: command.name.clone(), old: id(command.old), new: id(command.new) })
            .collect();
        let refuse_all = |reason: String| {
            let results: Vec<_> = moves.iter().map(|each| (each.name.clone(), Err("unpacker error".to_owned()))).collect();
            server::report(&request, Err(reason.clone()), &results, &[reason])
        };
        if moves.iter().any(|each| each.old.is_none() && each.new.is_none()) {
            return Ok(refuse_all("a command neither creates nor moves nor deletes".to_owned()));
        }
        // The pack is read before anybody has to wait for it; who pushed it pays with their own time.
        let rows = self.rows();
        let base = self.objects(&rows, repo);
        let mut new = Vec::new();
        if !request.pack.is_empty() {
            new = match pack::read(request.pack, &base, pack::Limits::default()) {
                Ok(objects) => objects,
                Err(error) => return Ok(refuse_all(error.to_string())),
            };
        }
        let moved = self.write(|rows| {
            let base = self.objects(rows, repo);
            let overlay = Overlay::over(&base);
            for (id, object) in &new {
                overlay.new.keep(*id, object.clone());
            }
            let current = crate::access::repo(rows, actor, &repo.owner, &repo.name, Access::Write)?;
            self.move_refs(rows, &current, &overlay, &moves, request.atomic, &By { actor, merging: None })
        });
        match moved {
            Ok(results) => {
                let lines: Vec<String> = results.iter().filter_map(|result| result.as_ref().err()).flat_map(explain).collect();
                let results: Vec<_> =
                    moves.iter().zip(results).map(|(each, result)| (each.name.clone(), result.map_err(|why| why.reason))).collect();
                Ok(server::report(&request, Ok(()), &results, &lines))
            }
            Err(ForgeError::Store(store::StoreError::Conflict { .. })) => {
                let results: Vec<_> = moves.iter().map(|each| (each.name.clone(), Err(crate::moves::LOST_RACE.to_owned()))).collect();
                Ok(server::report(&request, Ok(()), &results, &[]))
            }
            Err(ForgeError::Git(error)) => Ok(refuse_all(error.to_string())),
            Err(error) => Err(error),
        }
    }
}

/// Tells whether the git program can be found.
pub(crate) fn find_program() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("git").is_file())
}

fn explain(why: &NotMoved) -> Vec<String> {
    let mut lines = vec![format!("error: {}", why.reason)];
    lines.extend(why.remedy.iter().map(|remedy| format!("hint: {remedy}")));
    lines
}

fn body(exchange: &Exchange) -> Result<Bytes, ForgeError> {
    match content_encoding(&exchange.headers).as_deref() {
        None | Some("identity") => Ok(exchange.body.clone()),
        Some("gzip" | "x-gzip") => {
            let mut bytes = Vec::new();
            let read = GzDecoder::new(exchange.body.as_ref()).take(PUSH as u64 + 1).read_to_end(&mut bytes);
            read.map_err(|error| ForgeError::Invalid(format!("the body is no gzip: {error}")))?;
            if bytes.len() > PUSH { Err(ForgeError::TooLarge(PUSH as u64)) } else { Ok(bytes.into()) }
        }
        Some(other) => Err(ForgeError::Invalid(format!("Content-Encoding {other:?} is not supported"))),
    }
}

fn content_encoding(headers: &HeaderMap) -> Option<String> {
    headers.get(header::CONTENT_ENCODING).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase())
}

/// Returns the service that a request is for.
pub(crate) fn service_of(method: &http::Method, path: &[String]) -> Option<Service> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match (method.as_str(), path.as_slice()) {
        ("GET", [_, _, "info", "refs"]) => Some(Service::Advertise),
        ("POST", [_, _, "git-upload-pack"]) => Some(Service::UploadPack),
        ("POST", [_, _, "git-receive-pack"]) => Some(Service::ReceivePack),
        _ => None,
    }
}

/// Tells whether a status is one that git understands as "say who you are".
pub(crate) fn asks_for_credentials(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED
}
