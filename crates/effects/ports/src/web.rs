//! HTTP to registries, forges and whatever else has a URL, by host name.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::Caller;
use tower::ServiceExt as _;

/// Longest answer that is read, in bytes.
const ANSWER: usize = 512 << 20;
/// How long one exchange may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Answers requests in this process.
pub type Handler = Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Result<Response<Bytes>, WebError>> + Send + Sync>;

/// Why a request has no answer. An answer with an error status is an answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WebError {
    /// The other side cannot be reached or broke off.
    #[error("{host} did not answer: {text}")]
    Unreachable {
        /// Which host.
        host: String,
        /// What happened.
        text: String,
    },
    /// The URL cannot be used.
    #[error("{0:?} is no http or https URL")]
    BadUrl(String),
}

/// Where a host name leads.
#[derive(Clone)]
enum Target {
    Here(Handler),
    /// Scheme and authority to put in place of the name, such as `http://127.0.0.1:5000`.
    There(String),
}

/// The world of HTTP: a table of host names, and the network for all others.
#[derive(Clone)]
pub struct Web {
    hosts: Arc<HashMap<String, Target>>,
    network: Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Web {
    /// Returns a web that reaches hosts through the network alone, trusting these certificate authorities (PEM) besides
    /// none: the embedded hosts have their own, public ones are not needed on one machine.
    pub fn new(authorities: &[Vec<u8>]) -> Self {
        Self { hosts: Arc::default(), network: network(authorities) }
    }

    /// Returns the same web, but trusting these certificate authorities (PEM) alone on the network.
    #[must_use]
    pub fn trusting(&self, authorities: &[u8]) -> Self {
        Self { hosts: self.hosts.clone(), network: network(&[authorities.to_vec()]) }
    }

    /// Lets a host name be answered in this process.
    #[must_use]
    pub fn with_handler(mut self, host: &str, handler: Handler) -> Self {
        Arc::make_mut(&mut self.hosts).insert(host.to_owned(), Target::Here(handler));
        self
    }

    /// Lets a host name be reached at another address, such as `http://127.0.0.1:5000`.
    #[must_use]
    pub fn with_address(mut self, host: &str, address: &str) -> Self {
        Arc::make_mut(&mut self.hosts).insert(host.to_owned(), Target::There(address.trim_end_matches('/').to_owned()));
        self
    }

    /// Sends a request whose URI is absolute. `caller` is who asks, where the host is in this process.
    pub async fn send(&self, mut request: Request<Bytes>, caller: Option<&Caller>) -> Result<Response<Bytes>, WebError> {
        let host = request.uri().authority().map(|authority| authority.as_str().to_owned());
        let Some(host) = host else { return Err(WebError::BadUrl(request.uri().to_string())) };
        match self.hosts.get(&host) {
            Some(Target::Here(handler)) => {
                if let Some(caller) = caller {
                    request.extensions_mut().insert(caller.clone());
                }
                if let Ok(value) = http::HeaderValue::from_str(&host) {
                    request.headers_mut().insert(http::header::HOST, value);
                }
                handler(request).await
            }
            Some(Target::There(address)) => {
                let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
                let uri: Uri = format!("{address}{path}").parse().map_err(|_| WebError::BadUrl(format!("{address}{path}")))?;
                *request.uri_mut() = uri;
                self.across(request, host).await
            }
            None => self.across(request, host).await,
        }
    }

    async fn across(&self, request: Request<Bytes>, host: String) -> Result<Response<Bytes>, WebError> {
        let unreachable = |text: String| WebError::Unreachable { host: host.clone(), text };
        let exchange = async {
            let response = self.network.request(request.map(Full::new)).await.map_err(|error| unreachable(model::chain(&error)))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER).collect().await.map_err(|error| unreachable(error.to_string()))?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        tokio::time::timeout(DEADLINE, exchange).await.unwrap_or_else(|_| Err(unreachable("no answer within 60 s".to_owned())))
    }
}

/// The network, for those who trust these certificate authorities (PEM).
fn network(authorities: &[Vec<u8>]) -> Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>> {
    let mut roots = rustls::RootCertStore::empty();
    for pem in authorities {
        let certificates = <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::pem_slice_iter(pem);
        roots.add_parsable_certificates(certificates.flatten());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Makes a handler of a tower service such as an axum `Router`.
pub fn handler_of<S, B>(service: S) -> Handler
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: std::fmt::Display,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    Arc::new(move |request| {
        let service = service.clone();
        Box::pin(async move {
            let host = request.uri().host().unwrap_or_default().to_owned();
            let unreachable = |text: String| WebError::Unreachable { host: host.clone(), text };
            let response = service.oneshot(request.map(Full::new)).await.map_err(|error| unreachable(error.to_string()))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| unreachable(error.to_string()))?;
            Ok(Response::from_parts(head, body.to_bytes()))
        })
    })
}
