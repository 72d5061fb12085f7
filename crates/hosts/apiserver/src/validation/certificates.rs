//! CertificateSigningRequest. Follows kubernetes `pkg/apis/certificates/validation/validation.go` and
//! `pkg/apis/core/validation/names.go` `ValidateSignerName`. What stands inside of the request is for its signer to judge.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, set, text};
use super::{csr_conditions, metadata};
use crate::names::{self, Rule};

const USAGES: &[&str] = &[
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];
/// A signer's name from before there were any.
const LEGACY: &str = "kubernetes.io/legacy-unknown";

/// Checks a CertificateSigningRequest.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    metadata::create(subject.resource, subject.object, Rule::Any, faults);
    let spec = subject.spec();
    let old = subject.old.and_then(|old| old.get("spec"));
    if !is_request(text(spec, "request")) {
        faults.invalid("spec.request", spec.get("request").unwrap_or(&Value::Null), "PEM block type must be CERTIFICATE REQUEST");
    }
    usages(spec, old, faults);
    signer(text(spec, "signerName"), old, faults);
    if let Some(seconds) = set(spec, "expirationSeconds").filter(|seconds| seconds.as_i64().is_some_and(|number| number < 600)) {
        faults.invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 600 seconds (10 minutes)");
    }
    csr_conditions::check(subject, faults);
    csr_conditions::certificate(subject, faults);
    csr_conditions::changed(subject, faults);
    subject.metadata_update(faults);
}

/// Returns the PEM blocks of some base64 text: what each is, and whether it begins with headers.
pub(crate) fn blocks(encoded: &str) -> Vec<(String, bool)> {
    const BEGIN: &str = "-----BEGIN ";
    let Ok(bytes) = STANDARD.decode(encoded) else { return Vec::new() };
    let pem = String::from_utf8_lossy(&bytes);
    let starts = pem.match_indices(BEGIN).filter(|(at, _)| *at == 0 || pem[..*at].ends_with('\n'));
    let blocks = starts.filter_map(|(at, _)| {
        let (label, rest) = pem[at + BEGIN.len()..].split_once('\n')?;
        let label = label.trim_end().strip_suffix("-----")?;
        let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
        let headed = body.lines().next().is_some_and(|line| line.contains(": "));
        let body: String = body.lines().filter(|line| !line.contains(": ")).flat_map(str::split_whitespace).collect();
        STANDARD.decode(body).is_ok().then(|| (label.to_owned(), headed))
    });
    blocks.collect()
}

/// Tells whether the first PEM block of some base64 text is a request.
fn is_request(encoded: &str) -> bool {
    blocks(encoded).first().is_some_and(|(label, _)| label == "CERTIFICATE REQUEST")
}

/// What stood in the object before is let be.
fn usages(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    let all = list(spec, "usages");
    let unknown = |spec: &Value| list(spec, "usages").iter().any(|usage| !USAGES.contains(&usage.as_str().unwrap_or_default()));
    let twice = |spec: &Value| {
        let all = list(spec, "usages");
        all.iter().filter_map(Value::as_str).collect::<BTreeSet<_>>().len() < all.len()
    };
    if all.is_empty() {
        faults.required("spec.usages", "");
    }
    for (index, usage) in all.iter().enumerate().filter(|_| !old.is_some_and(unknown)) {
        if !USAGES.contains(&usage.as_str().unwrap_or_default()) {
            faults.not_supported(&format!("spec.usages[{index}]"), usage, USAGES);
        }
    }
    for (index, usage) in all.iter().enumerate().filter(|_| !old.is_some_and(twice)) {
        if all[..index].contains(usage) {
            faults.duplicate(&format!("spec.usages[{index}]"), usage);
        }
    }
}

fn signer(name: &str, old: Option<&Value>, faults: &mut Faults) {
    let field = "spec.signerName";
    if name == LEGACY && old.is_none_or(|old| text(old, "signerName") != LEGACY) {
        return faults.invalid(field, &json!(name), "the legacy signerName is not allowed via this API version");
    }
    if name.is_empty() {
        return faults.required(field, "");
    }
    let Some((domain, path)) = name.split_once('/').filter(|(_, path)| !path.contains('/')) else {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return faults.invalid(field, &json!(name), why);
    };
    if domain.len() > 253 {
        faults.too_long(field, 253);
    }
    labels(domain, Rule::Label, field, faults);
    if !domain.contains('.') {
        faults.invalid(field, &json!(domain), "should be a domain with at least two segments separated by dots");
    }
    labels(path, Rule::Subdomain, field, faults);
    // A domain, and a label and a subdomain with a dot between.
    let most = 253 + 1 + (253 + 63 + 1);
    if name.len() > most {
        faults.too_long(field, most as u64);
    }
}

/// Tells of the first part that is wrong.
fn labels(name: &str, rule: Rule, field: &str, faults: &mut Faults) {
    let wrong = name.split('.').map(|label| (label, names::faults(rule, label))).find(|(_, wrong)| !wrong.is_empty());
    let Some((label, wrong)) = wrong else { return };
    wrong.iter().for_each(|why| faults.invalid(field, &json!(name), &format!("validating label {label:?}: {why}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_by_its_frame() {
        let framed = |label: &str| STANDARD.encode(format!("text\n-----BEGIN {label}-----\nYWJj\n-----END {label}-----\n"));
        assert!(is_request(&framed("CERTIFICATE REQUEST")));
        assert!(!is_request(&framed("CERTIFICATE")));
        assert!(!is_request("YWJj"));
        assert!(!is_request(""));
    }

    #[test]
    fn signers_have_a_domain_and_a_path() {
        for (name, wanted) in [
            ("example.com/a.b", vec![]),
            ("", vec!["Required value"]),
            ("a.b", vec!["Invalid value: \"a.b\": must be a fully qualified domain and path of the form 'example.com/signer-name'"]),
            ("a/b", vec!["Invalid value: \"a\": should be a domain with at least two segments separated by dots"]),
            (
                "kubernetes.io/legacy-unknown",
                vec!["Invalid value: \"kubernetes.io/legacy-unknown\": the legacy signerName is not allowed via this API version"],
            ),
        ] {
            let mut faults = Faults::default();
            signer(name, None, &mut faults);
            let found: Vec<&str> = faults.0.iter().map(|one| one.text.as_str()).collect();
            assert_eq!(found, wanted, "{name}");
        }
    }
}
