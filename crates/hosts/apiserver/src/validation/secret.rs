//! Secret. Follows kubernetes `pkg/apis/core/validation/validation.go` and `pkg/registry/core/secret/strategy.go`.

use schema::Violation;
use serde_json::{Value, json};

use super::Subject;
use super::config_map::{MOST, decoded, frozen, key};
use super::faults::{Faults, text};
use crate::object::pairs;
use crate::typed::json::{Node, parse};

/// Checks a Secret.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let object = subject.object;
    if subject.old.is_some_and(|old| text(old, "type") != text(object, "type")) {
        faults.invalid("type", &json!(text(object, "type")), "field is immutable");
    }
    frozen(object, subject.old, &["data"], faults);
    subject.metadata(faults);
    let mut size = 0;
    for (name, value) in object.get("data").and_then(Value::as_object).into_iter().flatten() {
        key("data", name, faults);
        size += decoded(value).len();
    }
    if size > MOST {
        faults.0.push(Violation::too_long("data", MOST as u64));
    }
    by_type(object, faults);
}

/// Says why the certificate and the key of a Secret are none, as far as their frames tell.
/// Follows Go's `crypto/tls` `X509KeyPair`.
pub(crate) fn warnings(object: &Value) -> Vec<String> {
    if text(object, "type") != "kubernetes.io/tls" {
        return Vec::new();
    }
    let framed = |name: &str| {
        let text = value(object, name).map(decoded).unwrap_or_default();
        frames(&String::from_utf8_lossy(&text))
    };
    let certificates = framed("tls.crt");
    if certificates.is_empty() {
        return vec!["tls: failed to find any PEM data in certificate input".to_owned()];
    }
    if !certificates.iter().any(|frame| frame == "CERTIFICATE") {
        return vec![match &certificates[..] {
            [only] if only.ends_with("PRIVATE KEY") => "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched".to_owned(),
            all => format!(
                "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the following types: [{}]",
                all.join(" ")
            ),
        }];
    }
    let keys = framed("tls.key");
    if keys.iter().any(|frame| frame.ends_with("PRIVATE KEY")) {
        return Vec::new();
    }
    vec![match &keys[..] {
        [] => "tls: failed to find any PEM data in key input".to_owned(),
        [only] if only == "CERTIFICATE" => "tls: found a certificate rather than a key in the PEM for the private key".to_owned(),
        all => format!(
            "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks of the following types: [{}]",
            all.join(" ")
        ),
    }]
}

/// Returns the types of the blocks that have an end.
fn frames(text: &str) -> Vec<String> {
    let begun = text.split("-----BEGIN ").skip(1);
    let whole = begun.filter_map(|rest| {
        let (kind, rest) = rest.split_once("-----")?;
        rest.contains(&format!("-----END {kind}-----")).then(|| kind.to_owned())
    });
    whole.collect()
}

fn value<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    object.get("data").and_then(|data| data.get(key))
}

fn by_type(object: &Value, faults: &mut Faults) {
    let mut needs = |key: &str, there: bool| {
        if !there {
            faults.required(&format!("data[{key}]"), "");
        }
    };
    let has = |key: &str| value(object, key).is_some();
    match text(object, "type") {
        "kubernetes.io/service-account-token" => {
            let account =
                pairs(object, "annotations").and_then(|all| all.get("kubernetes.io/service-account.name")).and_then(Value::as_str);
            if account.unwrap_or_default().is_empty() {
                faults.required("metadata.annotations[kubernetes.io/service-account.name]", "");
            }
        }
        "kubernetes.io/dockerconfigjson" => docker(object, ".dockerconfigjson", faults),
        "kubernetes.io/dockercfg" => docker(object, ".dockercfg", faults),
        "kubernetes.io/ssh-auth" => needs("ssh-privatekey", value(object, "ssh-privatekey").is_some_and(|key| !decoded(key).is_empty())),
        "kubernetes.io/tls" => {
            needs("tls.crt", has("tls.crt"));
            needs("tls.key", has("tls.key"));
        }
        "kubernetes.io/basic-auth" => {
            let either = has("username") || has("password");
            needs("username", either);
            needs("password", either);
        }
        _ => {}
    }
}

fn docker(object: &Value, name: &str, faults: &mut Faults) {
    let field = format!("data[{name}]");
    let Some(value) = value(object, name) else { return faults.required(&field, "") };
    match parse(&decoded(value)) {
        Ok(Node::Map(_) | Node::Null) => {}
        Ok(other) => {
            let why = format!("json: cannot unmarshal {} into Go value of type map[string]interface {{}}", other.word());
            faults.invalid(&field, &json!("<secret contents redacted>"), &why);
        }
        Err(why) => faults.invalid(&field, &json!("<secret contents redacted>"), &why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_needs_its_keys() {
        for (kind, data, wanted) in [
            ("Opaque", json!({}), vec![]),
            ("kubernetes.io/tls", json!({"tls.crt": "", "tls.key": ""}), vec![]),
            ("kubernetes.io/tls", json!({"tls.crt": ""}), vec!["data[tls.key]: Required value"]),
            ("kubernetes.io/ssh-auth", json!({"ssh-privatekey": ""}), vec!["data[ssh-privatekey]: Required value"]),
            ("kubernetes.io/basic-auth", json!({"username": ""}), vec![]),
            ("kubernetes.io/basic-auth", json!({}), vec!["data[username]: Required value", "data[password]: Required value"]),
            ("kubernetes.io/dockercfg", json!({}), vec!["data[.dockercfg]: Required value"]),
        ] {
            let mut faults = Faults::default();
            by_type(&json!({"type": kind, "data": data}), &mut faults);
            assert_eq!(faults.0.iter().map(Violation::sentence).collect::<Vec<_>>(), wanted, "{kind}");
        }
    }

    #[test]
    fn what_is_no_pair_is_told() {
        let encode = |text: &str| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(text)
        };
        let block = |kind: &str| encode(&format!("-----BEGIN {kind}-----\nYQ==\n-----END {kind}-----\n"));
        for (certificate, key, wanted) in [
            (block("CERTIFICATE"), block("RSA PRIVATE KEY"), None),
            (encode("abc"), encode("abc"), Some("tls: failed to find any PEM data in certificate input")),
            (block("CERTIFICATE"), encode("abc"), Some("tls: failed to find any PEM data in key input")),
            (block("CERTIFICATE"), block("CERTIFICATE"), Some("tls: found a certificate rather than a key in the PEM for the private key")),
        ] {
            let told = warnings(&json!({"type": "kubernetes.io/tls", "data": {"tls.crt": certificate, "tls.key": key}}));
            assert_eq!(told.first().map(String::as_str), wanted);
        }
    }
}
