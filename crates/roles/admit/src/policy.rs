//! A `ClusterImagePolicy` as far as it is known. Read first: [`Policy`].
//! Follows sigstore/policy-controller `pkg/apis/policy/v1beta1` and `pkg/apis/glob`.

use golang::regexp;
use oci::Reference;
use regex::Regex;
use serde_json::{Map, Value};

/// Most patterns, authorities or identities of one list.
const ITEMS: usize = 200;

/// Whose signature is enough. Exactly one of each pair is set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Identity {
    /// Who vouches, as the whole text.
    pub issuer: Option<String>,
    /// Who signed, as the whole text.
    pub subject: Option<String>,
    /// Who vouches, as a pattern that is searched for.
    pub issuer_regexp: Option<String>,
    /// Who signed, as a pattern that is searched for.
    pub subject_regexp: Option<String>,
}

/// A policy that was read.
#[derive(Debug)]
pub(crate) struct Policy {
    pub name: String,
    /// What it covers, or why that cannot be told.
    globs: Result<Vec<Regex>, String>,
    /// What it demands, or why that cannot be told.
    pub rules: Result<Rules, String>,
}

/// What a policy demands of the images it covers.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Any one of them is enough.
    pub authorities: Vec<Vec<Identity>>,
    /// Whether a failure only warns.
    pub warn: bool,
}

impl Policy {
    pub(crate) fn read(object: &Value) -> Self {
        Self { name: api::name(object).to_owned(), globs: globs(&object["spec"]["images"]), rules: rules(&object["spec"]) }
    }

    /// Tells whether the policy covers an image; one whose patterns cannot be read covers everything.
    pub(crate) fn covers(&self, reference: &Reference) -> bool {
        self.globs.as_ref().map_or(true, |globs| globs.iter().any(|glob| glob.is_match(&full_name(reference))))
    }

    /// Returns why the policy can be satisfied by nothing, if that is so.
    pub(crate) fn defect(&self) -> Option<&str> {
        self.globs.as_ref().err().or(self.rules.as_ref().err()).map(String::as_str)
    }
}

/// The name that patterns are held against, as go-containerregistry prints it: with the digest if there is one, else the tag.
fn full_name(reference: &Reference) -> String {
    let host = if reference.host == "docker.io" { "index.docker.io" } else { &reference.host };
    let version = match (&reference.digest, &reference.tag) {
        (Some(digest), _) => format!("@{digest}"),
        (None, Some(tag)) => format!(":{tag}"),
        (None, None) => ":latest".to_owned(),
    };
    format!("{host}/{}{version}", reference.repository)
}

fn globs(list: &Value) -> Result<Vec<Regex>, String> {
    let mut globs = Vec::new();
    for (at, item) in items(list, "spec.images")?.iter().enumerate() {
        let path = format!("spec.images[{at}]");
        known(item, &path, &["glob"])?;
        let glob = item["glob"].as_str().filter(|glob| !glob.is_empty()).ok_or_else(|| format!("{path}.glob: required"))?;
        globs.push(pattern(glob).map_err(|why| format!("{path}.glob: {why}"))?);
    }
    Ok(globs)
}

fn pattern(glob: &str) -> Result<Regex, String> {
    let glob = match glob {
        "*" => "index.docker.io/library/*",
        "*/*" => "index.docker.io/*/*",
        glob => glob,
    };
    if glob.len() > 1_000 || !glob.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:/*.@".contains(&byte)) {
        return Err(format!("{:?} is no pattern", glob.chars().take(100).collect::<String>()));
    }
    let translated = regex::escape(glob).replace(r"\*\*", ".*").replace(r"\*", "[^/]*");
    Regex::new(&format!("^{translated}$")).map_err(|error| error.to_string())
}

fn rules(spec: &Value) -> Result<Rules, String> {
    known(spec, "spec", &["images", "authorities", "mode"])?;
    let warn = match &spec["mode"] {
        Value::Null => false,
        Value::String(mode) if mode == "enforce" => false,
        Value::String(mode) if mode == "warn" => true,
        other => return Err(format!("spec.mode: unsupported value {other}")),
    };
    let mut authorities = Vec::new();
    for (at, authority) in items(&spec["authorities"], "spec.authorities")?.iter().enumerate() {
        let path = format!("spec.authorities[{at}]");
        known(authority, &path, &["name", "keyless", "signatureFormat"])?;
        if !authority["signatureFormat"].is_null() && authority["signatureFormat"] != "bundle" {
            return Err(format!("{path}.signatureFormat: unsupported value {}", authority["signatureFormat"]));
        }
        known(&authority["keyless"], &format!("{path}.keyless"), &["identities"])?;
        let path = format!("{path}.keyless.identities");
        let list = items(&authority["keyless"]["identities"], &path)?;
        authorities.push(list.iter().enumerate().map(|(at, item)| identity(item, &format!("{path}[{at}]"))).collect::<Result<_, _>>()?);
    }
    Ok(Rules { authorities, warn })
}

fn identity(item: &Value, path: &str) -> Result<Identity, String> {
    known(item, path, &["issuer", "subject", "issuerRegExp", "subjectRegExp"])?;
    let field = |name: &str| match &item[name] {
        Value::Null => Ok(None),
        Value::String(value) => Ok(Some(value.clone()).filter(|value| !value.is_empty())),
        _ => Err(format!("{path}.{name}: must be a text")),
    };
    let read = Identity {
        issuer: field("issuer")?,
        subject: field("subject")?,
        issuer_regexp: field("issuerRegExp")?,
        subject_regexp: field("subjectRegExp")?,
    };
    for (plain, exact, expression) in [("issuer", &read.issuer, &read.issuer_regexp), ("subject", &read.subject, &read.subject_regexp)] {
        match (exact, expression) {
            (Some(_), None) => {}
            (None, Some(expression)) => drop(regexp(expression).map_err(|error| format!("{path}.{plain}RegExp: {error}"))?),
            (Some(_), Some(_)) => return Err(format!("{path}: {plain} and {plain}RegExp exclude each other")),
            (None, None) => return Err(format!("{path}: {plain} or {plain}RegExp is required")),
        }
    }
    Ok(read)
}

/// Returns a list that must not be empty: a policy without demands would let everything in.
fn items<'a>(list: &'a Value, path: &str) -> Result<&'a [Value], String> {
    match list.as_array() {
        Some(items) if items.len() > ITEMS => Err(format!("{path}: more than {ITEMS} items")),
        Some(items) if !items.is_empty() => Ok(items),
        _ => Err(format!("{path}: at least one is required")),
    }
}

/// Refuses the first field of a map that is not known.
fn known(value: &Value, path: &str, fields: &[&str]) -> Result<(), String> {
    let map: &Map<String, Value> = value.as_object().ok_or_else(|| format!("{path}: required"))?;
    let unknown = map.keys().find(|key| !fields.contains(&key.as_str()));
    unknown.map_or(Ok(()), |key| Err(format!("{path}.{}: not supported", key.chars().take(100).collect::<String>())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_are_held_against_whole_names() {
        let digest = format!("@sha256:{}", "a".repeat(64));
        for (glob, image, expected) in [
            ("registry.internal/*", "registry.internal/myapp:1", true),
            ("registry.internal/*", "registry.internal/team/myapp:1", false),
            ("registry.internal/**", "registry.internal/team/myapp", true),
            ("registry.internal/**", "registry-internal/team/myapp", false),
            ("**", "anything/at/all", true),
            ("*", "nginx", true),
            ("*", "org/nginx", false),
            ("*/*", "org/nginx", true),
            ("*/*", "registry.internal/nginx", false),
            ("registry.internal/myapp:1.*", "registry.internal/myapp:1.4", true),
            ("registry.internal/myapp:1.*", &format!("registry.internal/myapp:1.4{digest}"), false),
            ("registry.internal/myapp", "registry.internal/myapp:1", false),
            ("**/myapp:*", "myapp:1", true),
        ] {
            let reference: Reference =
                if image.starts_with("registry-") { "registry-internal.x/team/myapp".parse() } else { image.parse() }.expect(image);
            assert_eq!(pattern(glob).expect(glob).is_match(&full_name(&reference)), expected, "{glob} {image}");
        }
        assert!(pattern("a?b").is_err() && pattern("a(b").is_err());
    }

    #[test]
    fn what_is_not_known_is_named() {
        let good = json!({"issuer": "https://i", "subject": "s"});
        let keyless = json!({"keyless": {"identities": [good]}});
        let images = json!([{"glob": "**"}]);
        for (spec, why) in [
            (json!({"images": images, "authorities": [{"key": {"data": "x"}}]}), "spec.authorities[0].key: not supported"),
            (json!({"images": images, "authorities": [{"static": {"action": "pass"}}]}), "spec.authorities[0].static: not supported"),
            (json!({"images": images, "authorities": [keyless], "match": []}), "spec.match: not supported"),
            (json!({"images": images, "authorities": []}), "spec.authorities: at least one is required"),
            (json!({"images": [], "authorities": [keyless]}), "spec.images: at least one is required"),
            (json!({"images": images, "authorities": [{"keyless": {"url": "x"}}]}), "spec.authorities[0].keyless.url: not supported"),
            (
                json!({"images": images, "authorities": [{"keyless": {"identities": [{"subject": "s"}]}}]}),
                "spec.authorities[0].keyless.identities[0]: issuer or issuerRegExp is required",
            ),
            (
                json!({"images": images, "authorities": [{"keyless": {"identities": [{"issuer": "i", "subjectRegExp": "("}]}}]}),
                "spec.authorities[0].keyless.identities[0].subjectRegExp: \"(\" is no regular expression: missing closing ): `(`",
            ),
            (json!({"images": images, "authorities": [keyless], "mode": "audit"}), "spec.mode: unsupported value \"audit\""),
            (Value::Null, "spec.images: at least one is required"),
        ] {
            let policy = Policy::read(&json!({"metadata": {"name": "p"}, "spec": spec}));
            assert_eq!(policy.defect(), Some(why), "{spec}");
        }
    }
}
