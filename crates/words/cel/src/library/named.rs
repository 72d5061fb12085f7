//! Formats with names: what a label or a name may be. kubernetes `apiserver/pkg/cel/library/format.go`, apimachinery
//! `pkg/util/validation/validation.go`.

use std::sync::Arc;

use base64::Engine as _;

use crate::library::{Outcome, time, url};
use crate::value::Value;

const NAMES: &[&str] = &[
    "dns1123Label",
    "dns1123Subdomain",
    "dns1035Label",
    "qualifiedName",
    "dns1123LabelPrefix",
    "dns1123SubdomainPrefix",
    "dns1035LabelPrefix",
    "labelValue",
    "uri",
    "uuid",
    "byte",
    "date",
    "datetime",
];

pub(crate) fn call(function: &str, _member: bool, values: &[Value]) -> Option<Outcome> {
    let named = |name: &str| NAMES.iter().find(|one| **one == name).map(|one| Value::Format(one));
    Some(match (function, values) {
        ("format.named", [Value::String(name)]) => Ok(Value::Optional(named(name).map(Arc::new))),
        ("validate", [Value::Format(name), Value::String(text)]) => {
            let faults = faults(name, text);
            let list = Value::list(faults.iter().map(|fault| Value::text(fault)).collect());
            Ok(Value::Optional((!faults.is_empty()).then(|| Arc::new(list))))
        }
        (name, []) => return name.strip_prefix("format.").and_then(named).map(Ok),
        _ => return None,
    })
}

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

fn is_label(text: &str) -> bool {
    let edge = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit();
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(|one| edge(one) || one == '-')
}

fn is_word(text: &str) -> bool {
    let edge = |one: char| one.is_ascii_alphanumeric();
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(|one| edge(one) || matches!(one, '-' | '_' | '.'))
}

fn faults(name: &str, text: &str) -> Vec<String> {
    let unprefixed = if name.ends_with("Prefix") { masked(text) } else { text.to_owned() };
    let mut found = Vec::new();
    let long = |most: usize| (text.len() > most).then(|| format!("must be no more than {most} bytes"));
    match name.trim_end_matches("Prefix") {
        "dns1123Label" => {
            found.extend(long(63));
            if !is_label(&unprefixed) {
                found.push(if unprefixed.split('.').all(is_label) { "must not contain dots".to_owned() } else { LABEL.to_owned() });
            }
        }
        "dns1123Subdomain" => {
            found.extend(long(253));
            found.extend((!unprefixed.split('.').all(is_label)).then(|| SUBDOMAIN.to_owned()));
        }
        "dns1035Label" => {
            found.extend(long(63));
            let starts = unprefixed.starts_with(|one: char| one.is_ascii_lowercase());
            found.extend((!(starts && is_label(&unprefixed))).then(|| LABEL_1035.to_owned()));
        }
        "labelValue" => {
            found.extend(long(63));
            found.extend((!text.is_empty() && !is_word(text)).then(|| VALUE.to_owned()));
        }
        "qualifiedName" => qualified(text, &mut found),
        "uri" => found.extend(url::parse(text).err()),
        "uuid" => found.extend((!is_uuid(text)).then(|| "does not match the UUID format".to_owned())),
        "byte" => {
            let valid = !text.is_empty() && base64::engine::general_purpose::STANDARD.decode(text).is_ok();
            found.extend((!valid).then(|| "invalid base64".to_owned()));
        }
        "date" => found.extend(text.parse::<jiff::civil::Date>().is_err().then(|| "invalid date".to_owned())),
        _ => found.extend(time::timestamp(text).is_err().then(|| "invalid datetime".to_owned())),
    }
    found
}

/// A prefix may end in a dash: the rest of the name follows it.
fn masked(text: &str) -> String {
    match text.strip_suffix('-') {
        Some(front) if text.len() > 1 => format!("{front}a"),
        _ => text.to_owned(),
    }
}

fn qualified(text: &str, found: &mut Vec<String>) {
    let parts: Vec<&str> = text.split('/').collect();
    let name = match parts[..] {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                found.push("prefix part must be non-empty".to_owned());
            } else {
                found.extend((prefix.len() > 253).then(|| "prefix part must be no more than 253 bytes".to_owned()));
                found.extend((!prefix.split('.').all(is_label)).then(|| format!("prefix part {SUBDOMAIN}")));
            }
            name
        }
        _ => {
            found.push("a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')".to_owned());
            return;
        }
    };
    if name.is_empty() {
        found.push("name part must be non-empty".to_owned());
    } else {
        found.extend((name.len() > 63).then(|| "name part must be no more than 63 bytes".to_owned()));
    }
    found.extend((!is_word(name)).then(|| NAME.to_owned()));
}

fn is_uuid(text: &str) -> bool {
    let plain: String = text.chars().filter(|one| *one != '-').collect();
    plain.len() == 32 && plain.chars().all(|one| one.is_ascii_hexdigit())
}
