//! The keys that sign tokens: one signs, and those before it verify until the last token that they have signed is over.
//! They lie in the store where no kind is served from. Read first: [`sign`], [`claims`], [`rotate`].

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use rand::Rng as _;
use serde_json::{Value, json};
use sha2::Sha256;
use store::{Batch, Store, StoreError};

/// Where the keys lie, by their name.
const KEYS: &str = "/internal/token-keys/";
/// Where the only key lay in earlier releases.
const FORMER: &str = "/internal/token-key";
/// A key's last token is noted so much later than it ends, in seconds, so that not every token writes.
const SLACK: i64 = 24 * 3600;
/// How long tokens of the former key may last: they were not noted.
const FORMERLY: i64 = 366 * 24 * 3600;

/// A key as it lies in the store.
struct Key {
    name: String,
    revision: u64,
    secret: Vec<u8>,
    /// The second of its creation.
    created: i64,
    /// Since when another one signs.
    retired: Option<i64>,
    /// No token that it has signed lasts longer.
    until: i64,
}

impl Key {
    fn read(name: &str, entry: &store::Entry) -> Option<Self> {
        let value: Value = serde_json::from_slice(&entry.value).ok()?;
        let number = |field: &str| value.get(field).and_then(Value::as_i64);
        Some(Self {
            name: name.strip_prefix(KEYS)?.to_owned(),
            revision: entry.revision,
            secret: STANDARD.decode(value.get("secret")?.as_str()?).ok()?,
            created: number("created")?,
            retired: number("retired"),
            until: number("until")?,
        })
    }

    fn new(secret: Vec<u8>, created: i64, until: i64) -> Self {
        let name = hex::encode(&super::digest(&secret)[..8]);
        Self { name, revision: 0, secret, created, retired: None, until }
    }

    fn written(&self, batch: Batch) -> Batch {
        let mut value = json!({"secret": STANDARD.encode(&self.secret), "created": self.created, "until": self.until});
        if let Some(retired) = self.retired {
            value["retired"] = json!(retired);
        }
        let place = format!("{KEYS}{}", self.name);
        batch.expect(&place, self.revision).put(&place, value.to_string())
    }

    fn signer(&self) -> Option<Hmac<Sha256>> {
        Hmac::new_from_slice(&self.secret).ok()
    }
}

fn all(store: &Store) -> Vec<Key> {
    store.scan(KEYS).0.iter().filter_map(|(name, entry)| Key::read(name, entry)).collect()
}

/// Returns the key that signs.
fn signing(store: &Store) -> Option<Key> {
    all(store).into_iter().filter(|key| key.retired.is_none()).max_by_key(|key| (key.created, key.revision))
}

fn fresh(now: i64) -> Key {
    let secret: [u8; 32] = rand::rng().random();
    Key::new(secret.to_vec(), now, 0)
}

/// Makes the first key, of that of an earlier release when there is one.
pub(crate) fn ensure(store: &Store, now: i64) -> Result<(), StoreError> {
    if signing(store).is_some() {
        return Ok(());
    }
    let batch = match store.get(FORMER) {
        Some(former) => {
            let key = Key::new(former.value.to_vec(), now, now.saturating_add(FORMERLY));
            key.written(Batch::new().expect(FORMER, former.revision).delete(FORMER))
        }
        None => fresh(now).written(Batch::new()),
    };
    store.commit(batch).map(drop)
}

/// Lets a new key sign from now on.
pub(crate) fn rotate(store: &Store, now: i64) -> Result<(), StoreError> {
    let mut batch = fresh(now).written(Batch::new());
    for mut key in all(store).into_iter().filter(|key| key.retired.is_none()) {
        key.retired = Some(now);
        batch = key.written(batch);
    }
    store.commit(batch).map(drop)
}

/// Forgets the keys whose last token is over.
pub(crate) fn sweep(store: &Store, now: i64) -> Result<(), StoreError> {
    for key in all(store).into_iter().filter(|key| key.retired.is_some() && key.until <= now) {
        let place = format!("{KEYS}{}", key.name);
        match store.commit(Batch::new().expect(&place, key.revision).delete(&place)) {
            Ok(_) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Signs claims. The key lasts as long as they do.
pub(crate) fn sign(store: &Store, claims: &Value) -> Option<String> {
    let end = claims.get("exp").and_then(Value::as_i64).unwrap_or(0);
    let mut key = signing(store)?;
    while key.until < end {
        key.until = end.saturating_add(SLACK);
        match store.commit(key.written(Batch::new())) {
            Ok(_) => break,
            Err(StoreError::Conflict { .. }) => key = signing(store)?,
            Err(error) => {
                tracing::error!(%error, "the end of a token was not noted");
                return None;
            }
        }
    }
    let header = json!({"alg": super::ALGORITHM, "kid": key.name}).to_string();
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signer = key.signer()?;
    signer.update(text.as_bytes());
    Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signer.finalize().into_bytes())))
}

fn header(token: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?).ok()
}

/// Tells whether the key that signs now has signed this token.
pub(crate) fn is_current(store: &Store, token: &str) -> bool {
    let kid = header(token).and_then(|header| header.get("kid").and_then(Value::as_str).map(str::to_owned));
    kid.is_some() && kid == signing(store).map(|key| key.name)
}

/// Returns the claims of a token that one of the keys has signed.
pub(crate) fn claims(store: &Store, token: &str) -> Option<Value> {
    let (text, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let signed = |key: &Key| {
        let Some(mut signer) = key.signer() else { return false };
        signer.update(text.as_bytes());
        signer.verify_slice(&signature).is_ok()
    };
    let known = match header(token)?.get("kid").and_then(Value::as_str) {
        Some(name) => {
            let place = format!("{KEYS}{name}");
            store.get(&place).and_then(|entry| Key::read(&place, &entry)).is_some_and(|key| signed(&key))
        }
        // Tokens of earlier releases name no key.
        None => all(store).iter().any(signed),
    };
    if !known {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split_once('.')?.1).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_former_key_becomes_the_first_and_goes_with_its_last_token() {
        let store = Store::memory();
        store.commit(Batch::new().put(FORMER, vec![7; 32])).expect("commits");
        let old = {
            let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(r#"{"a":1}"#));
            let mut signer = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("a key");
            signer.update(text.as_bytes());
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(signer.finalize().into_bytes()))
        };
        ensure(&store, 1000).expect("is there");
        assert_eq!((claims(&store, &old), store.get(FORMER)), (Some(json!({"a": 1})), None));
        let first = sign(&store, &json!({"exp": 5000})).expect("signs");
        rotate(&store, 2000).expect("rotates");
        let second = sign(&store, &json!({"exp": 9000})).expect("signs");
        assert!(claims(&store, &first).is_some() && claims(&store, &second).is_some());
        assert!(is_current(&store, &second) && !is_current(&store, &first));
        sweep(&store, 1000 + FORMERLY - 1).expect("sweeps");
        assert!(claims(&store, &first).is_some());
        sweep(&store, 1000 + FORMERLY).expect("sweeps");
        assert!(claims(&store, &first).is_none() && claims(&store, &second).is_some());
        // Somebody else's signature is no signature.
        let forged = format!("{}x", &second[..second.len() - 1]);
        assert!(claims(&store, &forged).is_none());
    }
}
