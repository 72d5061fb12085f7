//! A client on a connection of its own, and the processor time of the server's process.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The server that is measured.
#[derive(Clone)]
pub struct Server {
    /// Its process.
    pub pid: u32,
    /// Host and port.
    pub address: String,
    /// A token of an administrator.
    pub token: String,
    /// What trusts its certificate.
    pub tls: Arc<rustls::ClientConfig>,
}

impl Server {
    /// Reads what trusts the server's certificate from a file.
    pub fn new(pid: u32, address: &str, token: &str, authority: &str) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).expect("the authority's certificate")).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
        let tls = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Self { pid, address: address.to_owned(), token: token.to_owned(), tls }
    }

    /// Opens a connection that carries one request at a time.
    pub async fn connect(&self) -> Client {
        let (sender, connection) = http1::handshake(self.stream(b"http/1.1").await).await.expect("speaks HTTP");
        tokio::spawn(connection);
        Client { sender: Sender::One(sender), server: self.clone() }
    }

    /// Opens an HTTP/2 connection, which clones share, as client-go's informers do.
    pub async fn connect_shared(&self) -> Client {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), self.stream(b"h2").await).await.expect("speaks HTTP/2");
        tokio::spawn(connection);
        Client { sender: Sender::Many(sender), server: self.clone() }
    }

    async fn stream(&self, protocol: &[u8]) -> TokioIo<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(&self.address).await.expect("connects");
        stream.set_nodelay(true).expect("a socket");
        let name = ServerName::try_from("localhost").expect("a name");
        let mut tls = self.tls.as_ref().clone();
        tls.alpn_protocols = vec![protocol.to_vec()];
        TokioIo::new(TlsConnector::from(Arc::new(tls)).connect(name, stream).await.expect("shakes hands"))
    }

    /// Seconds of processor time of the process so far, in steps of 10 ms.
    pub fn cpu(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("the process lives");
        let fields: Vec<u64> =
            text.rsplit(')').next().into_iter().flat_map(str::split_whitespace).map(|one| one.parse().unwrap_or(0)).collect();
        (fields[11] + fields[12]) as f64 / 100.0
    }

    /// Its resident memory in MiB.
    pub fn memory(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the process lives");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1_024.0
    }
}

enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Many(http2::SendRequest<Full<Bytes>>),
}

/// One connection.
pub struct Client {
    sender: Sender,
    server: Server,
}

impl Client {
    /// Returns another user of a shared connection.
    pub fn share(&self) -> Self {
        let Sender::Many(sender) = &self.sender else { panic!("a connection of one request at a time is not shared") };
        Self { sender: Sender::Many(sender.clone()), server: self.server.clone() }
    }

    /// Sends a request and returns the answer's head, its body still to come.
    pub async fn open(&mut self, method: Method, path: &str, media: &str, body: impl Into<Bytes>) -> http::Response<Incoming> {
        let request = Request::builder()
            .method(method)
            .uri(if matches!(self.sender, Sender::One(_)) { path.to_owned() } else { format!("https://localhost{path}") })
            .header(header::HOST, "localhost")
            .header(header::USER_AGENT, "figures/1")
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, media)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.server.token))
            .body(Full::new(body.into()))
            .expect("a request");
        match &mut self.sender {
            Sender::One(sender) => {
                sender.ready().await.expect("the connection lives");
                sender.send_request(request).await.expect("an answer")
            }
            Sender::Many(sender) => {
                sender.ready().await.expect("the connection lives");
                sender.send_request(request).await.expect("an answer")
            }
        }
    }

    /// Sends a request, demands that it goes well, and returns the answer's body.
    pub async fn send(&mut self, method: Method, path: &str, media: &str, body: impl Into<Bytes>) -> Bytes {
        let response = self.open(method, path, media, body).await;
        let code = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert!(code.is_success(), "{path}: {code}: {}", String::from_utf8_lossy(&body));
        body
    }

    /// Gets a path.
    pub async fn get(&mut self, path: &str) -> Bytes {
        self.send(Method::GET, path, "application/json", Bytes::new()).await
    }

    /// Posts JSON.
    pub async fn post(&mut self, path: &str, body: String) -> Bytes {
        self.send(Method::POST, path, "application/json", body).await
    }
}
