//! Listeners on loopback: each speaks TLS and plain HTTP on the same port, as the first byte tells.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::tls::{HTTP2, caller_of};
use crate::together;

/// First byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;
/// Whoever has not said who it is by then is sent away: until then nobody knows whether it may be here.
const GREETING: Duration = Duration::from_secs(10);
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(60);
/// How many connections one listener has at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 8_192;
/// How many requests one HTTP/2 connection has at a time, as kube-apiserver has it.
pub(crate) const STREAMS: u32 = 100;
/// After so long a silence of an HTTP/2 client it is asked whether it is there, as kube-apiserver does it.
pub(crate) const QUIET: Duration = Duration::from_secs(30);
/// How long it may take to say so.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Takes the usual port, or where that is taken a free one.
pub async fn listen(port: u16) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port is free on loopback")?,
    };
    let address = listener.local_addr().context("a listener has an address")?;
    Ok((listener, address))
}

/// Serves a router until the listener fails.
pub async fn serve(listener: TcpListener, router: Router, tls: Arc<rustls::ServerConfig>) {
    let acceptor = TlsAcceptor::from(tls);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = places.clone().acquire_owned().await.expect("nobody closes it");
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (router, acceptor) = (router.clone().layer(Extension(ConnectInfo(peer))), acceptor.clone());
                tokio::spawn(async move {
                    connection(stream, router, acceptor).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, acceptor: TlsAcceptor) {
    let _ = stream.set_nodelay(true);
    let mut first = [0u8; 1];
    if !matches!(timeout(GREETING, stream.peek(&mut first)).await, Ok(Ok(1))) {
        return;
    }
    if first[0] != HANDSHAKE {
        return exchange(stream, router.layer(Extension(registry::Scheme("http"))), false).await;
    }
    match timeout(GREETING, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            let http2 = session.alpn_protocol() == Some(HTTP2);
            let mut router = router.layer(Extension(registry::Scheme("https")));
            if let Some(caller) = session.peer_certificates().and_then(|chain| caller_of(chain.first()?)) {
                router = router.layer(Extension(caller));
            }
            exchange(stream, router, http2).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake was not finished in time"),
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, router: Router, http2: bool) {
    let ended = if http2 {
        together::serve(stream, router).await
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
        let service = TowerToHyperService::new(router);
        builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await.map_err(anyhow::Error::from)
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use http_body_util::{BodyExt as _, Empty};
    use hyper_util::rt::TokioExecutor;
    use model::Caller;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    use rustls::pki_types::{PrivateKeyDer, ServerName};

    use super::*;
    use crate::tls::Tls;

    type Error = Box<dyn std::error::Error>;

    async fn told(http: http::Version, caller: Option<Extension<Caller>>) -> String {
        let caller =
            caller.map_or_else(|| "nobody".to_owned(), |Extension(caller)| format!("{} of {}", caller.name, caller.groups.join(", ")));
        format!("{http:?} {caller}")
    }

    /// Asks over TLS as the holder of a certificate.
    async fn ask(place: SocketAddr, mut tls: rustls::ClientConfig, protocol: &[u8]) -> Result<String, Error> {
        tls.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(place).await?;
        let stream = tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(ServerName::try_from("localhost")?, stream).await?;
        let request = hyper::Request::get("https://localhost/").body(Empty::<bytes::Bytes>::new())?;
        let response = if protocol == HTTP2 {
            let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            sender.send_request(request).await?
        } else {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            sender.send_request(request).await?
        };
        Ok(String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec())?)
    }

    #[tokio::test]
    async fn a_clusters_listener_knows_who_holds_a_certificate_of_its_authority() -> Result<(), Error> {
        let folder = tempfile::tempdir()?;
        let authority = |name: &str| -> Result<_, Error> {
            let (key, mut params) = (KeyPair::generate()?, CertificateParams::default());
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, name);
            Ok((params.self_signed(&key)?.pem(), Issuer::new(params, key)))
        };
        let ((ours, issuer), (_, stranger)) = (authority("clients")?, authority("somebody else")?);
        let file = folder.path().join("clients.pem");
        std::fs::write(&file, ours)?;
        let tls = Tls::open(folder.path(), &["localhost"], Some(&file))?;
        let (listener, place) = listen(0).await?;
        let serving = tokio::spawn(serve(listener, Router::new().route("/", get(told)), tls.cluster));

        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(tls.authority.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = || -> Result<_, Error> {
            let builder = rustls::ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
            Ok(builder.with_root_certificates(roots.clone()))
        };
        let holder = |issuer: &Issuer<'_, KeyPair>| -> Result<rustls::ClientConfig, Error> {
            let (key, mut params) = (KeyPair::generate()?, CertificateParams::default());
            params.distinguished_name.push(DnType::CommonName, "jane");
            params.distinguished_name.push(DnType::OrganizationName, "platform");
            let certificate = params.signed_by(&key, issuer)?;
            let key = PrivateKeyDer::try_from(key.serialize_der())?;
            Ok(builder()?.with_client_auth_cert(vec![certificate.der().clone()], key)?)
        };
        assert_eq!(ask(place, holder(&issuer)?, HTTP2).await?, "HTTP/2.0 jane of platform");
        assert_eq!(ask(place, holder(&issuer)?, b"http/1.1").await?, "HTTP/1.1 jane of platform");
        assert_eq!(ask(place, builder()?.with_no_client_auth(), HTTP2).await?, "HTTP/2.0 nobody");
        assert!(ask(place, holder(&stranger)?, HTTP2).await.is_err(), "another authority vouches for nobody");
        std::fs::write(&file, "no certificate at all")?;
        let error = Tls::open(folder.path(), &["localhost"], Some(&file)).err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(error.contains("clients.pem holds no authority for clients"), "{error}");
        serving.abort();
        Ok(())
    }
}
