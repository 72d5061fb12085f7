//! One HTTP/2 connection as one task: what its streams have to say at the same moment goes out in one write. A hundred watches that
//! see one change cost as many wake-ups and system calls as there are connections, not as there are watches.
//! Read first: [`serve`].

use std::future::poll_fn;
use std::io::{Error, IoSlice, Result};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker, ready};

use axum::Router;
use bytes::{Buf as _, BytesMut};
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::task::AtomicWaker;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::ServiceExt as _;

use crate::serve::{PATIENCE, QUIET, STREAMS};

/// So much is held back at most before it is written all the same.
const HELD: usize = 64 * 1024;

/// Serves a connection until it ends. Requests are answered on tasks of their own; only bodies are written by the connection's.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, router: Router) -> anyhow::Result<()> {
    let (begun, mut beginning) = unbounded();
    let mut builder = Builder::new(Together(begun));
    builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS).keep_alive_interval(QUIET).keep_alive_timeout(PATIENCE);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let answer = router.clone().oneshot(request);
        async move { tokio::spawn(answer).await.map_err(Error::other).map(|answer| answer.unwrap_or_else(|never| match never {})) }
    });
    let held = Held(Arc::new(Mutex::new(Inner { stream, out: BytesMut::new() })));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(held.clone()), service));
    let mut streams = FuturesUnordered::new();
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    poll_fn(move |context| {
        bell.task.register(context.waker());
        loop {
            while let Poll::Ready(Some(stream)) = beginning.poll_next_unpin(context) {
                streams.push(stream);
            }
            // They are looked at a few at a time; as long as some are left, nothing is written.
            for _ in 0..=STREAMS {
                bell.rung.store(false, Ordering::Relaxed);
                while let Poll::Ready(Some(())) = streams.poll_next_unpin(&mut Context::from_waker(&waker)) {}
                if !bell.rung.load(Ordering::Relaxed) {
                    break;
                }
            }
            let ended = connection.as_mut().poll(context);
            let written = held.lock().write_out(context);
            match (ended, written) {
                (Poll::Ready(ended), _) => return Poll::Ready(ended.map_err(anyhow::Error::from)),
                (Poll::Pending, Poll::Ready(Err(error))) => return Poll::Ready(Err(error.into())),
                (Poll::Pending, _) => {}
            }
            // What the connection has just begun is looked at before it rests.
            match beginning.try_recv() {
                Ok(stream) => streams.push(stream),
                Err(_) => return Poll::Pending,
            }
        }
    })
    .await
}

/// Wakes the connection's task for its streams, and tells whether they have asked for that.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Relaxed);
        self.task.wake();
    }
}

/// Hands a connection's streams to its own task.
#[derive(Clone)]
struct Together(UnboundedSender<BoxFuture<'static, ()>>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Together {
    fn execute(&self, stream: F) {
        // Nobody takes it when the connection has ended, and then nobody misses it.
        let _ = self.0.unbounded_send(Box::pin(stream));
    }
}

/// A stream that holds back what is written until its connection has nothing more to say.
struct Held<S>(Arc<Mutex<Inner<S>>>);

struct Inner<S> {
    stream: S,
    out: BytesMut,
}

impl<S> Clone for Held<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Held<S> {
    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        self.0.lock().expect("no holder of a stream's lock panics")
    }
}

impl<S: AsyncWrite + Unpin> Inner<S> {
    fn write_out(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn make_room(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.out.len() < HELD { Poll::Ready(Ok(())) } else { self.write_out(context) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Held<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.lock().stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Held<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let mut inner = self.lock();
        ready!(inner.make_room(context))?;
        inner.out.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let mut inner = self.lock();
        ready!(inner.make_room(context))?;
        parts.iter().for_each(|part| inner.out.extend_from_slice(part));
        Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The connection's task writes when all have spoken.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let mut inner = self.lock();
        ready!(inner.write_out(context))?;
        Pin::new(&mut inner.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use axum::body::Body;
    use axum::routing::get;
    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Empty};
    use hyper_util::rt::TokioExecutor;
    use tokio::sync::watch;

    use super::*;

    type Problem = Box<dyn std::error::Error>;

    /// Counts how often something is written to the wire.
    struct Counted<S>(S, Arc<AtomicUsize>);

    impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
        fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<Result<()>> {
            Pin::new(&mut self.0).poll_read(context, into)
        }
    }

    impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
        fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut self.0).poll_write(context, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
            Pin::new(&mut self.0).poll_flush(context)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(context)
        }
    }

    /// Every stream tells every change of a number.
    fn told(news: watch::Receiver<u64>) -> Router {
        let answer = move || {
            let news = news.clone();
            async move {
                Body::from_stream(futures::stream::unfold(news, async |mut news| {
                    news.changed().await.ok()?;
                    let line = format!("{:01000}\n", *news.borrow_and_update());
                    Some((Ok::<_, Error>(Bytes::from(line)), news))
                }))
            }
        };
        Router::new().route("/news", get(answer)).route("/large", get(async || "x".repeat(3 << 20)))
    }

    #[tokio::test]
    async fn what_all_streams_say_at_once_is_written_at_once_and_large_bodies_arrive_whole() -> std::result::Result<(), Problem> {
        let (news, seen) = watch::channel(0);
        let (ours, theirs) = tokio::io::duplex(128 * 1024);
        let count = Arc::new(AtomicUsize::new(0));
        let serving = tokio::spawn(serve(Counted(ours, count.clone()), told(seen)));
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(theirs)).await?;
        tokio::spawn(connection);
        let ask = async |path: &str| {
            let request = hyper::Request::get(format!("http://localhost{path}")).body(Empty::<Bytes>::new()).expect("a request");
            sender.clone().send_request(request).await
        };
        let mut bodies = Vec::new();
        for _ in 0..50 {
            bodies.push(ask("/news").await?.into_body());
        }
        let before = count.load(Ordering::Relaxed);
        for number in 1..=20u64 {
            news.send(number)?;
            for body in &mut bodies {
                let line = body.frame().await.ok_or("the body goes on")??.into_data().map_err(|_| "data")?;
                assert!(line.ends_with(format!("{number}\n").as_bytes()));
            }
        }
        // One for each change and some for what the client says meanwhile; one for each stream would be 1,000.
        let writes = count.load(Ordering::Relaxed) - before;
        assert!(writes < 200, "{writes} writes");
        // While the others stay open, and more at a time than their windows hold.
        let large = futures::future::try_join_all(
            (0..8).map(async |_| Ok::<_, Problem>(ask("/large").await?.into_body().collect().await?.to_bytes().len())),
        );
        assert_eq!(large.await?, [3 << 20; 8]);
        drop((bodies, sender));
        serving.await??;
        Ok(())
    }
}
