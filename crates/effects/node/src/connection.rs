//! A connection into a container: the streams of a program in the channels of one WebSocket. Read first: [`accept`], [`Session`].
//! Follows kubernetes/kubernetes `staging/src/k8s.io/cri-streaming/pkg/streaming/remotecommand/websocket.go` and
//! `client-go/tools/remotecommand/websocket.go`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, Response, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// The protocols that are spoken here; they differ only in that the first can tell the end of the input.
const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
/// What is put behind the client's key; RFC 6455, 1.3.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Longest message that is taken, in bytes.
const MESSAGE: usize = 1 << 20;

/// Channels, by the first byte of a message.
const INPUT: u8 = 0;
const OUTPUT: u8 = 1;
const ERROR: u8 = 2;
const STATUS: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// Reads what a client offers: the answer that accepts it, or what is wrong.
pub(crate) fn accept(headers: &HeaderMap) -> Result<Response<()>, (StatusCode, String)> {
    let all = |name: &header::HeaderName| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(|word| word.trim().to_owned()).collect::<Vec<_>>()
    };
    let bad = |why: String| (StatusCode::BAD_REQUEST, why);
    let upgrade = all(&header::UPGRADE);
    if upgrade.iter().any(|word| word.eq_ignore_ascii_case("SPDY/3.1")) {
        let why = "this server speaks WebSocket (v5.channel.k8s.io, v4.channel.k8s.io) and not SPDY/3.1: \
                   use kubectl 1.31 or newer, or 1.29 and 1.30 with KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true";
        return Err(bad(why.to_owned()));
    }
    if !upgrade.iter().any(|word| word.eq_ignore_ascii_case("websocket")) {
        return Err(bad("Upgrade request required".to_owned()));
    }
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| all(&header::SEC_WEBSOCKET_VERSION) == ["13"]) else {
        return Err(bad("the request is no WebSocket handshake of version 13".to_owned()));
    };
    let offered = all(&header::SEC_WEBSOCKET_PROTOCOL);
    let Some(protocol) = offered.iter().find(|protocol| PROTOCOLS.contains(&protocol.as_str())) else {
        let (offered, known) = (offered.join(", "), PROTOCOLS.join(", "));
        return Err(bad(format!("unable to negotiate protocol: client supports [{offered}], server accepts [{known}]")));
    };
    let digest = Sha1::new().chain_update(key.as_bytes()).chain_update(MAGIC).finalize();
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_ACCEPT, STANDARD.encode(digest))
        .header(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    answer.body(()).map_err(|error| bad(error.to_string()))
}

/// How a program ended, as the client is told.
pub(crate) fn ended(result: &Result<i32, String>) -> Value {
    match result {
        Ok(0) => json!({"metadata": {}, "status": "Success"}),
        Ok(code) => json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        Err(why) => {
            let message = format!("error executing command in container: {why}");
            json!({
                "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
                "message": format!("Internal error occurred: {message}"), "details": {"causes": [{"message": message}]},
            })
        }
    }
}

/// What a client sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Input(Bytes),
    /// There is no more input.
    End,
    Resize {
        width: u16,
        height: u16,
    },
}

fn read(message: &Bytes) -> Option<Sent> {
    let (&channel, _) = message.split_first()?;
    let rest = message.slice(1..);
    match channel {
        INPUT => Some(Sent::Input(rest)),
        CLOSE if rest.first() == Some(&INPUT) => Some(Sent::End),
        RESIZE => {
            let size: Value = serde_json::from_slice(&rest).ok()?;
            let number = |name: &str| size[name].as_u64().and_then(|number| u16::try_from(number).ok());
            Some(Sent::Resize { width: number("Width")?, height: number("Height")? })
        }
        _ => None,
    }
}

/// One client and the streams that it sees.
pub(crate) struct Session {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    /// What is to be sent: channel and bytes.
    outgoing: mpsc::Receiver<(u8, Bytes)>,
    sender: mpsc::Sender<(u8, Bytes)>,
}

/// Where a stream goes to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Output,
    Error,
}

impl Channel {
    fn number(self) -> u8 {
        match self {
            Self::Output => OUTPUT,
            Self::Error => ERROR,
        }
    }
}

impl Session {
    /// Begins. The first message of a server is empty and tells that the connection is there.
    pub async fn new(upgraded: Upgraded, first: Option<Channel>) -> Self {
        let config = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        let (sender, outgoing) = mpsc::channel(16);
        let first = first.map_or(STATUS, Channel::number);
        let _ = sender.send((first, Bytes::new())).await;
        Self { socket, outgoing, sender }
    }

    /// Sends a stream to the client as it comes.
    pub fn forward(&self, channel: Channel, mut stream: impl AsyncRead + Unpin + Send + 'static) -> tokio::task::JoinHandle<()> {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0u8; 32 << 10];
            // A terminal whose other side is closed gives an error; that is its end.
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                if sender.send((channel.number(), Bytes::copy_from_slice(&buffer[..count]))).await.is_err() {
                    return;
                }
            }
        })
    }

    /// Lets both sides talk until the program has ended and all it said is sent, or the client is gone; the result is the former.
    /// `done` gives how it ended.
    pub async fn talk(
        mut self,
        mut input: Option<Box<dyn AsyncWrite + Unpin + Send>>,
        resize: impl Fn(u16, u16),
        done: impl Future<Output = Result<i32, String>>,
    ) -> bool {
        let (feed, mut fed) = mpsc::channel::<Option<Bytes>>(4);
        // By itself, because a program that reads nothing must not keep its output from the client.
        let feeding = tokio::spawn(async move {
            // Where there is no more, the stream is closed.
            while let Some(Some(bytes)) = fed.recv().await {
                let Some(stream) = &mut input else { continue };
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    input = None;
                }
            }
        });
        let mut waiting: Option<Option<Bytes>> = None;
        let mut done = std::pin::pin!(done);
        let mut result = None;
        // Only the streams that are still open hold the channel.
        drop(std::mem::replace(&mut self.sender, mpsc::channel(1).0));
        let mut open = true;
        let there = loop {
            if let (Some(result), false) = (&result, open) {
                break self.finish(result).await;
            }
            tokio::select! {
                out = self.outgoing.recv(), if open => match out {
                    Some((channel, bytes)) => {
                        if self.send(channel, &bytes).await.is_err() {
                            break false;
                        }
                    }
                    None => open = false,
                },
                ended = &mut done, if result.is_none() => result = Some(ended),
                permit = feed.reserve(), if waiting.is_some() => {
                    if let (Ok(permit), Some(bytes)) = (permit, waiting.take()) {
                        permit.send(bytes);
                    }
                }
                message = self.socket.next(), if waiting.is_none() => match message {
                    Some(Ok(Message::Binary(bytes))) => match read(&bytes) {
                        Some(Sent::Input(bytes)) => waiting = Some(Some(bytes)),
                        Some(Sent::End) => waiting = Some(None),
                        Some(Sent::Resize { width, height }) => resize(width, height),
                        None => {}
                    },
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break false,
                    Some(Ok(_)) => {}
                },
            }
        };
        feeding.abort();
        there
    }

    async fn send(&mut self, channel: u8, bytes: &[u8]) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        let mut message = Vec::with_capacity(bytes.len() + 1);
        message.push(channel);
        message.extend_from_slice(bytes);
        self.socket.send(Message::Binary(message.into())).await
    }

    async fn finish(&mut self, result: &Result<i32, String>) -> bool {
        let sent = self.send(STATUS, ended(result).to_string().as_bytes()).await;
        let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let closed = self.socket.close(Some(close)).await;
        // The client answers with its own; who does not wait for that may cut what is still on the way.
        let rest = async { while let Some(Ok(_)) = self.socket.next().await {} };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), rest).await;
        sent.and(closed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &'static str)], wanted: Result<&str, &str>) {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))).collect();
        match (accept(&headers), wanted) {
            (Ok(answer), Ok(protocol)) => {
                assert_eq!(answer.headers()["sec-websocket-protocol"], protocol);
                assert_eq!(answer.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the example of the RFC");
            }
            (Err((_, why)), Err(wanted)) => assert!(why.contains(wanted), "{why}"),
            (told, _) => panic!("{told:?} is not {wanted:?}"),
        }
    }

    #[test]
    fn a_handshake_is_answered_or_told_what_is_wrong() {
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let (upgrade, version) = (("upgrade", "websocket"), ("sec-websocket-version", "13"));
        check(&[upgrade, key, version, ("sec-websocket-protocol", "v5.channel.k8s.io")], Ok("v5.channel.k8s.io"));
        check(&[upgrade, key, version, ("sec-websocket-protocol", "x, v4.channel.k8s.io")], Ok("v4.channel.k8s.io"));
        check(&[upgrade, key, version, ("sec-websocket-protocol", "channel.k8s.io")], Err("client supports [channel.k8s.io]"));
        check(&[upgrade, version], Err("no WebSocket handshake"));
        check(&[("upgrade", "SPDY/3.1")], Err("use kubectl 1.31 or newer"));
        check(&[], Err("Upgrade request required"));
    }

    #[test]
    fn messages_are_read() {
        let check = |bytes: &'static [u8], wanted: Option<Sent>| assert_eq!(read(&Bytes::from_static(bytes)), wanted);
        check(b"\0ls\n", Some(Sent::Input(Bytes::from_static(b"ls\n"))));
        check(b"\xff\0", Some(Sent::End));
        check(b"\xff\x01", None);
        check(b"\x04{\"Width\":80,\"Height\":24}", Some(Sent::Resize { width: 80, height: 24 }));
        check(b"\x04{}", None);
        check(b"", None);
    }

    #[test]
    fn ends_are_told_as_kubectl_reads_them() {
        assert_eq!(ended(&Ok(0))["status"], "Success");
        assert_eq!(ended(&Ok(3))["details"]["causes"][0], json!({"reason": "ExitCode", "message": "3"}));
        assert!(
            ended(&Err("exec: \"x\": permission denied".into()))["message"].as_str().is_some_and(|text| text.contains("permission denied"))
        );
    }

    /// A client and a server that runs `cat` by hand: what comes in goes out, and at the end of the input it exits with 3.
    async fn connected() -> WebSocketStream<TokioIo<Upgraded>> {
        let (here, there) = tokio::io::duplex(1 << 16);
        let service = hyper::service::service_fn(|mut request: http::Request<hyper::body::Incoming>| async move {
            let answer = accept(request.headers()).map_err(|(_, why)| why)?;
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let session = Session::new(upgrade.await.expect("an upgrade"), Some(Channel::Output)).await;
                let (input, mut output) = tokio::io::duplex(64);
                let (mut errors, error) = tokio::io::duplex(64);
                let (ends, ended) = tokio::sync::oneshot::channel();
                let (mut writer, reader) = tokio::io::duplex(64);
                tokio::spawn(async move {
                    errors.write_all(b"ready").await.expect("it is read");
                    drop(errors);
                    tokio::io::copy(&mut output, &mut writer).await.expect("it is copied");
                    drop(writer);
                    let _ = ends.send(Ok(3));
                });
                session.forward(Channel::Output, reader);
                session.forward(Channel::Error, error);
                session.talk(Some(Box::new(input)), |_, _| {}, async { ended.await.expect("it ends") }).await
            });
            Ok::<_, String>(answer.map(|()| http_body_util::Empty::<Bytes>::new()))
        });
        tokio::spawn(async move {
            let server = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(there), service);
            server.with_upgrades().await
        });
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(here)).await.expect("a connection");
        tokio::spawn(connection.with_upgrades());
        let request = http::Request::get("/exec")
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-protocol", PROTOCOLS[0])
            .body(http_body_util::Empty::<Bytes>::new());
        let answer = sender.send_request(request.expect("a request")).await.expect("an answer");
        assert_eq!(answer.status(), 101);
        let upgraded = hyper::upgrade::on(answer).await.expect("an upgrade");
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await
    }

    #[tokio::test]
    async fn both_sides_talk_until_the_program_ends() {
        let mut client = connected().await;
        client.send(Message::Binary(Bytes::from_static(b"\0hello "))).await.expect("it is taken");
        client.send(Message::Ping(Bytes::new())).await.expect("it is taken");
        let long = "x".repeat(1_000);
        client.send(Message::Binary(format!("\0{long}").into())).await.expect("it is taken");
        client.send(Message::Binary(Bytes::from_static(b"\xff\0"))).await.expect("it is taken");
        let (mut all, mut pongs, mut closed) = ([const { Vec::new() }; 4], 0, false);
        while let Some(Ok(message)) = client.next().await {
            match message {
                Message::Binary(bytes) => all[usize::from(bytes[0])].extend_from_slice(&bytes[1..]),
                Message::Pong(_) => pongs += 1,
                Message::Close(frame) => closed = frame.is_some_and(|frame| frame.code == CloseCode::Normal),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(String::from_utf8_lossy(&all[1]), format!("hello {long}"));
        assert_eq!((all[2].as_slice(), pongs, closed), (&b"ready"[..], 1, true));
        let status: Value = serde_json::from_slice(&all[3]).expect("a Status");
        assert_eq!(status["details"]["causes"][0]["message"], "3");
    }
}
