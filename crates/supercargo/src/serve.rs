//! Listeners on loopback: each speaks TLS and plain HTTP on the same port, as the first byte tells.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// First byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

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
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, router.clone(), acceptor.clone()))),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, acceptor: TlsAcceptor) {
    let _ = stream.set_nodelay(true);
    let mut first = [0u8; 1];
    if !matches!(stream.peek(&mut first).await, Ok(1)) {
        return;
    }
    if first[0] == HANDSHAKE {
        match acceptor.accept(stream).await {
            Ok(stream) => exchange(TokioIo::new(stream), router.layer(axum::Extension(registry::Scheme("https")))).await,
            Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
        }
    } else {
        exchange(TokioIo::new(stream), router.layer(axum::Extension(registry::Scheme("http")))).await;
    }
}

async fn exchange<I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static>(io: I, router: Router) {
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(std::time::Duration::from_secs(60));
    if let Err(error) = builder.serve_connection(io, TowerToHyperService::new(router)).with_upgrades().await {
        tracing::debug!(%error, "a connection ended");
    }
}
