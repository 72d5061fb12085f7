//! What may go wrong between two parts of a world: a request that does not arrive, an answer that does not come back. For whoever
//! simulates it; nobody disturbs a real world. Read first: [`Network`].

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use ports::{Handler, WebError};

/// What becomes of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It goes well.
    Good,
    /// The request does not arrive.
    NoRequest,
    /// The request arrives and is answered, and the answer is lost.
    NoAnswer,
    /// It is taken, answered as if all were well, and forgotten. Only news of hosts meet this.
    Forgotten,
}

/// Decides what becomes of an exchange with a host of this name.
pub type Network = Arc<dyn Fn(&str) -> Passage + Send + Sync>;

fn lost(host: &str) -> WebError {
    WebError::Unreachable { host: host.to_owned(), text: "the connection was lost".to_owned() }
}

/// Puts a network between a host and whoever asks it.
pub(super) fn across(network: &Network, host: &str, handler: Handler) -> Handler {
    let (network, host) = (network.clone(), host.to_owned());
    Arc::new(move |request: Request<Bytes>| {
        let (passage, host, handler) = (network(&host), host.clone(), handler.clone());
        // An admission review is a question; only news can be taken and forgotten.
        let passage =
            if passage == Passage::Forgotten && request.uri().path().starts_with("/admission") { Passage::NoRequest } else { passage };
        Box::pin(async move {
            match passage {
                Passage::Good => handler(request).await,
                Passage::NoRequest => Err(lost(&host)),
                Passage::NoAnswer => {
                    let _ = handler(request).await;
                    Err(lost(&host))
                }
                Passage::Forgotten => Ok(Response::builder().status(204).body(Bytes::new()).expect("a status makes an answer")),
            }
        })
    })
}

/// A cluster's API behind a network, as a client's service.
#[derive(Clone)]
pub(super) struct Behind<S> {
    pub(super) service: S,
    pub(super) network: Network,
    pub(super) name: String,
}

impl<S, B, A> tower::Service<Request<B>> for Behind<S>
where
    S: tower::Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::error::Error + Send + Sync + 'static,
    B: Send + 'static,
    A: Send + 'static,
{
    type Response = Response<A>;
    type Error = tower::BoxError;
    type Future = futures::future::BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let passage = (self.network)(&self.name);
        // The clone is ready in its place; what was made ready is used.
        let fresh = self.service.clone();
        let mut service = std::mem::replace(&mut self.service, fresh);
        let lost = lost(&self.name);
        Box::pin(async move {
            match passage {
                Passage::Good | Passage::Forgotten => service.call(request).await.map_err(Into::into),
                Passage::NoRequest => Err(lost.into()),
                Passage::NoAnswer => {
                    let _ = service.call(request).await;
                    Err(lost.into())
                }
            }
        })
    }
}
