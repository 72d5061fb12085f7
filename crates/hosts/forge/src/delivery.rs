//! Sends what is queued until it has arrived: at least once, in order for each URL.

use std::collections::BTreeMap;

use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use http::Request;
use jiff::{SignedDuration, Timestamp};
use sha1::Sha1;
use sha2::Sha256;

use crate::records::Delivery;
use crate::rows::DELIVERIES;
use crate::{Forge, ForgeError};

/// After this many failures an event is given up: a receiver that is gone for days looks at the forge anyway.
const ATTEMPTS: u32 = 16;

impl Forge {
    /// Sends everything whose time has come. Returns when something is to be sent again at the earliest; `None` when nothing
    /// waits. Several callers wait for each other.
    pub async fn deliver_pending(&self) -> Option<Timestamp> {
        let _pass = self.0.delivering.lock().await;
        loop {
            match self.deliver_once().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(%error, "deliveries cannot be read");
                    break;
                }
            }
        }
        let waiting = self.rows().list::<Delivery>(DELIVERIES).unwrap_or_default();
        waiting.into_iter().map(|delivery| delivery.not_before).min()
    }

    /// Sends the first event of each URL, side by side; tells whether there may be more to do.
    async fn deliver_once(&self) -> Result<bool, ForgeError> {
        let now = self.now();
        let mut first: BTreeMap<String, Delivery> = BTreeMap::new();
        for delivery in self.rows().list::<Delivery>(DELIVERIES)? {
            first.entry(delivery.url.clone()).or_insert(delivery);
        }
        first.retain(|_, delivery| delivery.not_before <= now);
        if first.is_empty() {
            return Ok(false);
        }
        let sent = futures::future::join_all(first.into_values().map(|delivery| async move {
            let result = match request(&delivery) {
                Ok(request) => (self.0.options.outgoing)(request).await,
                Err(text) => Err(text),
            };
            (delivery, result)
        }));
        for (delivery, result) in sent.await {
            let failure = match result {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(format!("HTTP {}", answer.status().as_u16())),
                Err(text) => Some(text),
            };
            self.settle_delivery(delivery, failure)?;
        }
        Ok(true)
    }

    fn settle_delivery(&self, mut delivery: Delivery, failure: Option<String>) -> Result<(), ForgeError> {
        let key = format!("delivery/{:016}", delivery.number);
        self.write(|rows| {
            let Some(why) = failure else {
                rows.delete(&key);
                return Ok(());
            };
            delivery.attempts += 1;
            if delivery.attempts >= ATTEMPTS {
                tracing::warn!(url = delivery.url, event = delivery.event, why, "an event is given up");
                rows.delete(&key);
                return Ok(());
            }
            // One second, two, four, … up to an hour.
            let pause = SignedDuration::from_secs(1 << delivery.attempts.min(12)).min(SignedDuration::from_hours(1)) / 2;
            delivery.not_before = self.now().saturating_add(pause).unwrap_or(Timestamp::MAX);
            rows.put(&key, &delivery);
            Ok(())
        })
    }
}

fn request(delivery: &Delivery) -> Result<Request<Bytes>, String> {
    let mut request = Request::post(&delivery.url).header("Content-Type", "application/json");
    for vendor in ["X-Gitea", "X-Gogs", "X-GitHub"] {
        request = request
            .header(format!("{vendor}-Delivery"), &delivery.uuid)
            .header(format!("{vendor}-Event"), &delivery.event)
            .header(format!("{vendor}-Event-Type"), &delivery.event);
    }
    if !delivery.secret.is_empty() {
        let sha256 = hmac_sha256(delivery.secret.as_bytes(), delivery.body.as_bytes());
        let mut sha1 = Hmac::<Sha1>::new_from_slice(delivery.secret.as_bytes()).expect("HMAC takes keys of any length");
        sha1.update(delivery.body.as_bytes());
        request = request
            .header("X-Gitea-Signature", &sha256)
            .header("X-Gogs-Signature", &sha256)
            .header("X-Signature", format!("sha256={sha256}"))
            .header("X-Hub-Signature", format!("sha1={}", hex::encode(sha1.finalize().into_bytes())))
            .header("X-Hub-Signature-256", format!("sha256={sha256}"));
    }
    request.body(Bytes::from(delivery.body.clone())).map_err(|error| error.to_string())
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    hex::encode(mac.finalize().into_bytes())
}
