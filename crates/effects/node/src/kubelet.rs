//! What an API server asks the nodes of its cluster: logs of containers and connections into them, at the paths of a kubelet's own
//! HTTP API. Read first: [`Kubelet`]. Follows kubernetes/kubernetes `pkg/kubelet/server/server.go` and
//! `pkg/kubelet/kubelet_pods.go` (validateContainerLogStatus).

use std::io::{Read as _, Seek as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use http::{Request, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use model::{ClusterName, ObjectRef, Timestamp};
use serde_json::Value;

use crate::connection::{self, Channel, Session};
use crate::exec::{Exec, Sandboxed, Streams};
use crate::logs::{Place, Wanted};
use crate::node::{Live, Node, runs};

/// Answers an API server.
pub type Kubelet = Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Answer> + Send + Sync>;
/// An answer that may go on as long as a container does.
pub type Answer = Response<BoxStream<'static, Bytes>>;

type Refused = (StatusCode, String);

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(100);

impl Node {
    /// Returns who answers for the nodes of one cluster.
    pub fn kubelet(&self, cluster: ClusterName) -> Kubelet {
        let node = self.clone();
        Arc::new(move |request| {
            let (node, cluster) = (node.clone(), cluster.clone());
            Box::pin(async move {
                node.answer(&cluster, request).await.unwrap_or_else(|(status, why)| {
                    let mut answer = Response::new(stream::once(async { Bytes::from(why) }).boxed());
                    *answer.status_mut() = status;
                    answer
                })
            })
        })
    }

    async fn answer(&self, cluster: &ClusterName, request: Request<Bytes>) -> Result<Answer, Refused> {
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (what, namespace, name, container) = match parts[..] {
            [what, namespace, name, container] => (what, namespace, name, container),
            ["portForward", ..] => {
                let why = "port-forward is not supported: containers here share the host's network, where their ports are open already";
                return Err((StatusCode::NOT_IMPLEMENTED, why.to_owned()));
            }
            _ => return Err((StatusCode::NOT_FOUND, format!("there is nothing at {path}"))),
        };
        let reference = ObjectRef { api_version: "v1".into(), kind: "Pod".into(), namespace: namespace.into(), name: name.into() };
        let asked = async { self.options.clusters.get(cluster)?.get(&reference).await };
        let pod = asked.await.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        let pod = pod.ok_or_else(|| (StatusCode::NOT_FOUND, format!("pod \"{namespace}/{name}\" not found")))?;
        if !runs(&pod) {
            return Err((StatusCode::NOT_IMPLEMENTED, simulated(&pod, container)));
        }
        match what {
            "containerLogs" => self.log(cluster, &pod, container, &Query::parse(request.uri().query().unwrap_or_default())),
            "exec" => self.exec(cluster, &pod, container, request),
            "attach" => {
                let why = format!("attach is not supported: see what the container writes with `kubectl logs -f {name} -c {container}`");
                Err((StatusCode::NOT_IMPLEMENTED, why))
            }
            _ => Err((StatusCode::NOT_FOUND, format!("there is nothing at {path}"))),
        }
    }

    fn log(&self, cluster: &ClusterName, pod: &Value, container: &str, query: &Query) -> Result<Answer, Refused> {
        let mut wanted = query.wanted(self.options.clock.now())?;
        let name = api::name(pod);
        let bad = |why: String| (StatusCode::BAD_REQUEST, why);
        let place = Place::new(&self.options.logs, &cluster.0, pod, container);
        let Some(path) = place.path(wanted.previous) else {
            if wanted.previous {
                return Err(bad(format!("previous terminated container {container:?} in pod {name:?} not found")));
            }
            let state = &pod["status"]["containerStatuses"][0]["state"];
            return Err(bad(match (&state["terminated"]["message"], &state["running"]) {
                (Value::String(why), _) => format!("container {container:?} in pod {name:?} did not run: {why}"),
                (_, Value::Object(_)) => format!("the log of container {container:?} in pod {name:?} is not kept any more"),
                _ if state["terminated"].is_object() => format!("the log of container {container:?} in pod {name:?} is not kept any more"),
                _ => format!("container {container:?} in pod {name:?} is waiting to start: ContainerCreating"),
            }));
        };
        let read = |path: &PathBuf| std::fs::read(path).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()));
        let log = read(&path)?;
        // A line that is being written comes whole, or with the next look.
        let whole = log.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let first = Bytes::from(wanted.pick(&log[..whole]));
        let body = if wanted.follow && !wanted.previous {
            let following =
                Following { node: self.clone(), cluster: cluster.clone(), uid: api::uid(pod).to_owned(), path, at: whole as u64, wanted };
            stream::once(async { first }).chain(stream::unfold(following, Following::next)).boxed()
        } else {
            stream::once(async { first }).boxed()
        };
        let mut answer = Response::new(body);
        answer.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain"));
        Ok(answer)
    }

    fn exec(&self, cluster: &ClusterName, pod: &Value, container: &str, mut request: Request<Bytes>) -> Result<Answer, Refused> {
        let live = match self.live(cluster, api::uid(pod)) {
            Some(Live::Sandboxed(live)) => live,
            Some(Live::Plain) => {
                let why = "exec is not supported here: the container is a plain process of the host without a sandbox (--allow-host-jobs)";
                return Err((StatusCode::NOT_IMPLEMENTED, why.to_owned()));
            }
            None => {
                return Err((
                    StatusCode::INTERNAL_SERVER_ERROR,
                    format!("unable to upgrade connection: container not found ({container:?})"),
                ));
            }
        };
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let exec = Exec { arguments: query.all("command"), terminal: query.flag("tty") };
        if exec.arguments.is_empty() {
            return Err((StatusCode::BAD_REQUEST, "you must specify at least one command for the container".to_owned()));
        }
        let accepted = connection::accept(request.headers())?;
        let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
            return Err((StatusCode::BAD_REQUEST, "this connection cannot be upgraded".to_owned()));
        };
        tokio::spawn(async move {
            match upgrade.await {
                Ok(upgraded) => serve(upgraded, &live, &exec, &query).await,
                Err(error) => tracing::debug!(%error, "a connection into a container was not made"),
            }
        });
        Ok(accepted.map(|()| stream::empty().boxed()))
    }
}

fn simulated(pod: &Value, container: &str) -> String {
    let (name, node) = (api::name(pod), api::text(pod, &["spec", "nodeName"]));
    format!(
        "container {container:?} of pod {name:?} is simulated on node {node:?}: no program runs, so there is no log and nothing to connect to. \
         The Pods of Jobs that no rule of the simulation touches really run"
    )
}

/// Runs a program for one client.
async fn serve(upgraded: hyper::upgrade::Upgraded, live: &Sandboxed, exec: &Exec, query: &Query) {
    let first = if query.flag("output") { Some(Channel::Output) } else { query.flag("error").then_some(Channel::Error) };
    let session = Session::new(upgraded, first).await;
    let told = if exec.terminal { on_terminal(session, live, exec, query).await } else { piped(session, live, exec, query).await };
    if let Err((session, why)) = told {
        session.talk(None, |_, _| {}, async { Err(why) }).await;
    }
}

/// A session and why it has no program.
type NotStarted = (Session, String);

async fn piped(session: Session, live: &Sandboxed, exec: &Exec, query: &Query) -> Result<(), NotStarted> {
    let pipe = |wanted: bool| if wanted { Stdio::piped() } else { Stdio::null() };
    let streams = Streams { input: pipe(query.flag("input")), output: pipe(query.flag("output")), error: pipe(query.flag("error")) };
    let mut started = match live.start(exec, streams).await {
        Ok(started) => started,
        Err(why) => return Err((session, why)),
    };
    if let Some(output) = started.child.stdout.take() {
        session.forward(Channel::Output, output);
    }
    if let Some(error) = started.child.stderr.take() {
        session.forward(Channel::Error, error);
    }
    let input = started.child.stdin.take().map(|input| Box::new(input) as _);
    if !session.talk(input, |_, _| {}, started.end()).await {
        started.stop();
    }
    Ok(())
}

async fn on_terminal(session: Session, live: &Sandboxed, exec: &Exec, query: &Query) -> Result<(), NotStarted> {
    let open = || -> std::io::Result<_> {
        let pair = nix::pty::openpty(None, None)?;
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::fchown(&pair.slave, Some(live.user.0), Some(live.user.1))?;
        }
        let streams = Streams { input: pair.slave.try_clone()?.into(), output: pair.slave.try_clone()?.into(), error: pair.slave.into() };
        let master = std::fs::File::from(pair.master);
        Ok((streams, master.try_clone()?, master.try_clone()?, master))
    };
    let (streams, reader, writer, size) = match open() {
        Ok(opened) => opened,
        Err(error) => return Err((session, format!("there is no terminal: {error}"))),
    };
    let mut started = match live.start(exec, streams).await {
        Ok(started) => started,
        Err(why) => return Err((session, why)),
    };
    session.forward(Channel::Output, tokio::fs::File::from_std(reader));
    let resize = |width: u16, height: u16| {
        let size_now = rustix::termios::Winsize { ws_row: height, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 };
        let _ = rustix::termios::tcsetwinsize(&size, size_now);
    };
    let input = query.flag("input").then(|| Box::new(tokio::fs::File::from_std(writer)) as _);
    if !session.talk(input, resize, started.end()).await {
        started.stop();
    }
    Ok(())
}

/// A log that is followed.
struct Following {
    node: Node,
    cluster: ClusterName,
    uid: String,
    path: PathBuf,
    /// So far it was read.
    at: u64,
    wanted: Wanted,
}

impl Following {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            if self.wanted.limit == Some(0) {
                return None;
            }
            // Asked first: what was written before the end is still read below.
            let runs = self.node.is_running(&self.cluster, &self.uid);
            let new = self.read().ok()?;
            if !new.is_empty() {
                let shown = Bytes::from(self.wanted.pick(&new));
                return Some((shown, self));
            }
            if !runs {
                return None;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads the whole lines that are new.
    fn read(&mut self) -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(&self.path)?;
        file.seek(std::io::SeekFrom::Start(self.at))?;
        let mut new = Vec::new();
        file.read_to_end(&mut new)?;
        new.truncate(new.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
        self.at += new.len() as u64;
        Ok(new)
    }
}

/// The query of a request, in order.
#[derive(Debug)]
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (decode(name), decode(value))).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value != "false" && value != "0")
    }

    fn wanted(&self, now: Timestamp) -> Result<Wanted, Refused> {
        let bad = |name: &str| (StatusCode::BAD_REQUEST, format!("{name} cannot be read"));
        let number = |name: &str| self.get(name).map(|text| text.parse::<u64>().map_err(|_| bad(name))).transpose();
        let size = |number: Option<u64>| number.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        let ago = number("sinceSeconds")?.map(|seconds| now.checked_sub(Duration::from_secs(seconds)).unwrap_or(Timestamp::MIN));
        let since = self.get("sinceTime").map(|text| text.parse::<Timestamp>().map_err(|_| bad("sinceTime"))).transpose()?;
        Ok(Wanted {
            previous: self.flag("previous"),
            follow: self.flag("follow"),
            timestamps: self.flag("timestamps"),
            since: ago.or(since),
            tail: size(number("tailLines")?),
            limit: size(number("limitBytes")?),
        })
    }
}

fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut rest = bytes.clone();
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        match (byte, digit(rest.next()), digit(rest.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                bytes = rest;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let query = Query::parse("command=sh&command=-c&command=echo+a%26b%3D%C3%A9&input=1&tty=false&tailLines=3&sinceSeconds=60");
        assert_eq!(query.all("command"), ["sh", "-c", "echo a&b=é"]);
        assert_eq!((query.flag("input"), query.flag("tty"), query.flag("output")), (true, false, false));
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().expect("a time");
        let wanted = Wanted { since: "2026-01-01T00:00:00Z".parse().ok(), tail: Some(3), ..Wanted::default() };
        assert_eq!(query.wanted(now), Ok(wanted));
        assert!(Query::parse("sinceTime=yesterday").wanted(now).is_err());
    }
}
