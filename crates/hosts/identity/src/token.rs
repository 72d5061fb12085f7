//! Identity tokens: making and checking them. Read first: [`issue`], [`verify`].

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::Inner;

/// How long a token is good.
const LIFE_SECONDS: i64 = 600;
/// A job has about twenty claims.
const MOST_CLAIMS: usize = 64;
/// All claims together.
const LONGEST_TOKEN: usize = 16 << 10;

/// Makes a token.
pub(crate) fn issue(inner: &Inner, claims: Value, audience: &str) -> Result<String, String> {
    let Value::Object(given) = claims else { return Err("the claims are no object".to_owned()) };
    if given.len() > MOST_CLAIMS {
        return Err(format!("there are more than {MOST_CLAIMS} claims"));
    }
    if audience.is_empty() {
        return Err("the audience is empty".to_owned());
    }
    text(&given, "sub").ok_or("the claim sub is missing or empty")?;
    let now = inner.options.clock.now().as_second();
    let own = [
        ("iss", json!(inner.options.issuer_url)),
        ("aud", json!(audience)),
        ("iat", json!(now)),
        ("nbf", json!(now)),
        ("exp", json!(now.saturating_add(LIFE_SECONDS))),
        ("jti", json!(hex::encode(rand::random::<[u8; 16]>()))),
    ];
    let mut all: BTreeMap<String, Value> = given.into_iter().collect();
    all.extend(own.map(|(name, value)| (name.to_owned(), value)));
    let header = json!({ "alg": "RS256", "kid": inner.keys.issuer.id, "typ": "JWT" });
    let encode = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
    let body = encode(serde_json::to_vec(&all).map_err(|error| error.to_string())?);
    let message = format!("{}.{body}", encode(header.to_string().into_bytes()));
    let signature = encode(inner.keys.issuer.sign(message.as_bytes()));
    let token = format!("{message}.{signature}");
    if token.len() > LONGEST_TOKEN { Err(format!("the token would be longer than {LONGEST_TOKEN} bytes")) } else { Ok(token) }
}

/// Checks a token and returns its claims.
pub(crate) fn verify(inner: &Inner, token: &str, audience: &str) -> Result<BTreeMap<String, Value>, String> {
    if token.len() > LONGEST_TOKEN {
        return Err(format!("the token is longer than {LONGEST_TOKEN} bytes"));
    }
    let malformed = || "the token is malformed".to_owned();
    let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let (header, body) = message.split_once('.').ok_or_else(malformed)?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
    let header: Map<String, Value> = serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?;
    if text(&header, "alg") != Some("RS256") {
        return Err("the token's alg is not RS256".to_owned());
    }
    if header.get("kid").is_some_and(|kid| kid.as_str() != Some(&inner.keys.issuer.id)) {
        return Err("the token is signed by a key that is not known".to_owned());
    }
    if !inner.keys.issuer.verifies(message.as_bytes(), &decode(signature)?) {
        return Err("the token's signature does not verify".to_owned());
    }
    let claims: Map<String, Value> = serde_json::from_slice(&decode(body)?).map_err(|_| malformed())?;
    check(inner, &claims, audience)?;
    Ok(claims.into_iter().collect())
}

fn check(inner: &Inner, claims: &Map<String, Value>, audience: &str) -> Result<(), String> {
    if text(claims, "iss") != Some(&inner.options.issuer_url) {
        return Err(format!("the token's iss is not {}", inner.options.issuer_url));
    }
    let meant = match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    };
    if !meant || audience.is_empty() {
        return Err(format!("the token's aud is not {audience:?}"));
    }
    let now = inner.options.clock.now().as_second();
    let time = |name: &str| claims.get(name).and_then(Value::as_i64).ok_or_else(|| format!("the token has no {name}"));
    if now >= time("exp")? {
        return Err("the token has expired".to_owned());
    }
    if now < time("nbf")? {
        return Err("the token is not valid yet".to_owned());
    }
    text(claims, "sub").ok_or("the claim sub is missing or empty")?;
    Ok(())
}

/// Returns a claim that is a text and not empty.
fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}
