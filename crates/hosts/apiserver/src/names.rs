//! Which texts may be names, labels and keys, and what is said of those that may not.

use schema::Violation;
use serde_json::json;

/// Said of a name that is no subdomain.
pub(crate) const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
/// Said of a name that is no label.
pub(crate) const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
/// Said of a name that is no label beginning with a letter.
pub(crate) const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const KEY_FORM: &str = "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_FORM: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

fn framed(text: &str, edge: impl Fn(u8) -> bool, inside: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => edge(*first) && edge(*last) && bytes.iter().all(|byte| inside(*byte)),
        _ => false,
    }
}

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn label_form(text: &str) -> bool {
    framed(text, lower, |byte| lower(byte) || byte == b'-')
}

/// Tells whether a text is a DNS label.
pub(crate) fn is_label(text: &str) -> bool {
    text.len() <= 63 && label_form(text)
}

/// Tells whether a text is a DNS label beginning with a letter.
pub(crate) fn is_label_1035(text: &str) -> bool {
    is_label(text) && text.starts_with(|first: char| first.is_ascii_lowercase())
}

/// Tells whether a text is a DNS subdomain.
pub(crate) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(label_form)
}

/// What a kind asks of its names.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    Subdomain,
    Label,
    Label1035,
    /// No `/` and `%`, not `.` or `..`.
    Segment,
    /// Whatever it is.
    Any,
    /// An address of the internet, written in the one canonical way.
    Address,
}

/// Returns what is wrong with a name.
pub(crate) fn faults(rule: Rule, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let most = match rule {
        Rule::Subdomain => 253,
        Rule::Label | Rule::Label1035 => 63,
        Rule::Segment | Rule::Any | Rule::Address => usize::MAX,
    };
    if name.len() > most {
        found.push(format!("must be no more than {most} characters"));
    }
    match rule {
        Rule::Subdomain if !name.split('.').all(label_form) => found.push(SUBDOMAIN.to_owned()),
        Rule::Label if !label_form(name) => {
            // What is right but for its dots is told so.
            let dotted = name.split('.').all(label_form);
            found.push(if dotted { "must not contain dots" } else { LABEL }.to_owned());
        }
        Rule::Label1035 if !(label_form(name) && name.starts_with(|first: char| first.is_ascii_lowercase())) => {
            found.push(LABEL_1035.to_owned())
        }
        Rule::Segment if name == "." || name == ".." => found.push(format!("may not be '{name}'")),
        Rule::Segment => found.extend(['/', '%'].iter().filter(|one| name.contains(**one)).map(|one| format!("may not contain '{one}'"))),
        Rule::Address => found.extend(crate::validation::address::canonical_fault(name)),
        Rule::Subdomain | Rule::Label | Rule::Label1035 | Rule::Any => {}
    }
    found
}

/// Returns everything that is wrong with a name, as one text.
pub(crate) fn joined(rule: Rule, name: &str) -> Option<String> {
    let faults = faults(rule, name);
    (!faults.is_empty()).then(|| faults.join(","))
}

/// Adds what is wrong with a name at a field.
pub(crate) fn tell(rule: Rule, field: &str, name: &str, found: &mut Vec<Violation>) {
    found.extend(faults(rule, name).iter().map(|why| Violation::invalid(field, &json!(name), why)));
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn key_form(text: &str) -> bool {
    framed(text, word, |byte| word(byte) || matches!(byte, b'-' | b'_' | b'.'))
}

/// Returns what is wrong with the key of a label or annotation.
pub(crate) fn key_faults(key: &str) -> Vec<String> {
    let mut found = Vec::new();
    let parts: Vec<&str> = key.split('/').collect();
    let name = match parts[..] {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                found.push("prefix part must be non-empty".to_owned());
            } else if !is_subdomain(prefix) {
                found.push(format!("prefix part {SUBDOMAIN}"));
            }
            name
        }
        _ => {
            return vec![format!(
                "a valid label key must consist of {KEY_FORM} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        found.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        found.push("name part must be no more than 63 bytes".to_owned());
    }
    if !key_form(name) {
        found.push(format!("name part must consist of {KEY_FORM}"));
    }
    found
}

/// Returns what is wrong with the value of a label.
pub(crate) fn value_faults(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    if value.len() > 63 {
        found.push("must be no more than 63 bytes".to_owned());
    }
    if !value.is_empty() && !key_form(value) {
        found.push(VALUE_FORM.to_owned());
    }
    found
}

/// Returns everything that is wrong with the key of a ConfigMap or Secret.
pub(crate) fn config_key_faults(key: &str) -> Vec<String> {
    let mut found = Vec::new();
    if key.len() > 253 {
        found.push("must be no more than 253 characters".to_owned());
    }
    if key.is_empty() || !key.bytes().all(|byte| word(byte) || matches!(byte, b'-' | b'_' | b'.')) {
        found.push(CONFIG_KEY.to_owned());
    }
    match key {
        "." | ".." => found.push(format!("must not be '{key}'")),
        _ if key.starts_with("..") => found.push("must not start with '..'".to_owned()),
        _ => {}
    }
    found
}

/// Tells whether a text may be a key of a ConfigMap or Secret.
pub(crate) fn config_key_fault(key: &str) -> Option<String> {
    match key {
        "." => Some("must not be '.'".to_owned()),
        ".." => Some("must not be '..'".to_owned()),
        _ if key.starts_with("..") => Some("must not start with '..'".to_owned()),
        _ if key.is_empty() || key.len() > 253 || !key.bytes().all(|byte| word(byte) || matches!(byte, b'-' | b'_' | b'.')) => {
            Some(CONFIG_KEY.to_owned())
        }
        _ => None,
    }
}
