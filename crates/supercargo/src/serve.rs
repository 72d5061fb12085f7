//! Listeners on loopback: each speaks TLS and plain HTTP on the same port, as the first byte tells.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::tls::{HTTP2, caller_of};

/// First byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;
/// Whoever has not said who it is by then is sent away: until then nobody knows whether it may be here.
const GREETING: Duration = Duration::from_secs(10);
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(60);
/// How many connections one listener has at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 8_192;
/// How many requests one HTTP/2 connection has at a time, as kube-apiserver has it.
const STREAMS: u32 = 100;

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
        return exchange(TokioIo::new(stream), router.layer(Extension(registry::Scheme("http"))), false).await;
    }
    match timeout(GREETING, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            let http2 = session.alpn_protocol() == Some(HTTP2);
            let mut router = router.layer(Extension(registry::Scheme("https")));
            if let Some(caller) = session.peer_certificates().and_then(|chain| caller_of(chain.first()?)) {
                router = router.layer(Extension(caller));
            }
            exchange(TokioIo::new(stream), router, http2).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake was not finished in time"),
    }
}

async fn exchange<I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static>(io: I, router: Router, http2: bool) {
    let service = TowerToHyperService::new(router);
    let ended = if http2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS);
        // A client that vanished without a word is noticed, as kube-apiserver does it.
        builder.keep_alive_interval(Duration::from_secs(30)).keep_alive_timeout(Duration::from_secs(15));
        builder.serve_connection(io, service).await
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
        builder.serve_connection(io, service).with_upgrades().await
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}
