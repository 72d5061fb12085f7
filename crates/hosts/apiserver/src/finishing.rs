//! Work that goes on when nobody waits for it any more.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt as _;

/// A future that is carried on by the runtime when it was begun and is dropped before its end: whoever hangs up while something is written
/// must not keep from happening what follows the write. As long as somebody waits it costs no task of its own.
pub(crate) struct Finishing<T: Send + 'static> {
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    begun: bool,
}

impl<T: Send + 'static> Finishing<T> {
    pub fn new(work: Pin<Box<dyn Future<Output = T> + Send>>) -> Self {
        Self { work: Some(work), begun: false }
    }
}

impl<T: Send + 'static> Future for Finishing<T> {
    /// Nothing when the work has panicked.
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.begun = true;
        let Some(work) = &mut self.work else { return Poll::Ready(None) };
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| work.poll_unpin(context)));
        let answer = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => Some(answer),
            Err(_) => None,
        };
        self.work = None;
        Poll::Ready(answer)
    }
}

impl<T: Send + 'static> Drop for Finishing<T> {
    fn drop(&mut self) {
        // Where there is no runtime any more nothing is carried on.
        if let (true, Some(work), Ok(runtime)) = (self.begun, self.work.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_is_finished() {
        let done = Arc::new(AtomicUsize::new(0));
        let (begin, begun) = tokio::sync::oneshot::channel::<()>();
        let count = done.clone();
        let mut work = Finishing::new(Box::pin(async move {
            begun.await.expect("begins");
            count.fetch_add(1, Ordering::SeqCst);
        }));
        assert!(futures::poll!(&mut work).is_pending());
        drop(work);
        begin.send(()).expect("somebody goes on");
        while done.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_is_done_once_and_a_panic_is_told() {
        assert_eq!(Finishing::new(Box::pin(async { 1 })).await, Some(1));
        assert_eq!(Finishing::new(Box::pin(async { [1][std::hint::black_box(1)] })).await, None);
    }
}
