//! The server as a process that is killed, and connections to it that are lost.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The cluster that is put under load.
pub const CLUSTER: &str = "dev";
/// How long an answer may take before the connection counts as lost.
const ANSWER: Duration = Duration::from_secs(20);

/// A `supercargo up --empty` over one data folder.
pub struct Server {
    binary: PathBuf,
    pub data: PathBuf,
    ports: u16,
    child: Option<Child>,
}

impl Server {
    pub fn new(binary: &Path, data: &Path, ports: u16) -> Self {
        Self { binary: binary.to_owned(), data: data.to_owned(), ports, child: None }
    }

    pub fn start(&mut self) -> std::io::Result<()> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.data.with_extension("log"))?;
        let mut command = Command::new(&self.binary);
        command.arg("up").arg("--empty").arg("--data").arg(&self.data).args(["--port-base", &self.ports.to_string()]);
        self.child = Some(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?);
        Ok(())
    }

    /// Tells how it ended, if it has.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().ok().flatten())
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Returns where it is and how to speak to it, as soon as it has said so.
    pub fn place(&self) -> Option<Place> {
        let read = |name: &str| serde_json::from_slice::<Value>(&std::fs::read(self.data.join(name)).ok()?).ok();
        let (place, secrets) = (read("place.json")?, read("credentials.json")?);
        let address = place["clusters"][CLUSTER].as_str()?.strip_prefix("https://")?.to_owned();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(place["ca"].as_str()?).ok()?).ok()?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
        let tls = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Some(Place { address, token: secrets["clusters"][CLUSTER].as_str()?.to_owned(), tls })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where the cluster is. The ports and the token stay the same over its restarts.
#[derive(Clone)]
pub struct Place {
    address: String,
    token: String,
    tls: Arc<rustls::ClientConfig>,
}

/// The request may have been carried out or not.
#[derive(Debug)]
pub struct Lost;

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub value: Value,
}

impl Answer {
    pub fn is_good(&self) -> bool {
        self.code < 300
    }

    /// Returns the revision of the object that was answered.
    pub fn revision(&self) -> u64 {
        self.value["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// One connection, made again when it is lost.
pub struct Client {
    place: Place,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub fn new(place: &Place) -> Self {
        Self { place: place.clone(), sender: None }
    }

    async fn connected(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, Lost> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(&self.place.address).await.map_err(|_| Lost)?;
            let name = ServerName::try_from("localhost").map_err(|_| Lost)?;
            let stream = TlsConnector::from(self.place.tls.clone()).connect(name, stream).await.map_err(|_| Lost)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|_| Lost)?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        self.sender.as_mut().ok_or(Lost)
    }

    /// Sends a request and returns the head of the answer, its body still to come.
    pub async fn open(&mut self, method: Method, path: &str, media: &str, body: Value) -> Result<http::Response<Incoming>, Lost> {
        let token = self.place.token.clone();
        let sender = self.connected().await?;
        sender.ready().await.map_err(|_| Lost)?;
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::USER_AGENT, "soak/1")
            .header(header::CONTENT_TYPE, media)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::new(body))
            .map_err(|_| Lost)?;
        sender.send_request(request).await.map_err(|_| Lost)
    }

    pub async fn send(&mut self, method: Method, path: &str, media: &str, body: Value) -> Result<Answer, Lost> {
        let work = async {
            let response = self.open(method, path, media, body).await?;
            let code = response.status().as_u16();
            let bytes = response.into_body().collect().await.map_err(|_| Lost)?.to_bytes();
            Ok(Answer { code, value: serde_json::from_slice(&bytes).unwrap_or_default() })
        };
        let answer = tokio::time::timeout(ANSWER, work).await.unwrap_or(Err(Lost));
        if answer.is_err() {
            self.sender = None;
        }
        answer
    }

    /// Returns a client without a connection.
    pub fn again(&self) -> Self {
        Self::new(&self.place)
    }

    /// Reads until there is an answer.
    pub async fn get(&mut self, path: &str) -> Answer {
        loop {
            match self.send(Method::GET, path, "application/json", Value::Null).await {
                Ok(answer) if answer.code < 500 && answer.code != 429 => return answer,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}
