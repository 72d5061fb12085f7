use std::sync::LazyLock;

use base64::Engine as _;
use regex::Regex;

use crate::Type;

/// The formats of texts that are looked at, without the dashes that their names may have.
const SPELLED: [&str; 25] = [
    "bsonobjectid",
    "byte",
    "cidr",
    "creditcard",
    "date",
    "datetime",
    "duration",
    "email",
    "hexcolor",
    "hostname",
    "ipv4",
    "ipv6",
    "isbn",
    "isbn10",
    "isbn13",
    "k8slongname",
    "k8sshortname",
    "mac",
    "password",
    "rgbcolor",
    "ssn",
    "uri",
    "uuid",
    "uuid3",
    "uuid4",
];

/// Returns the format as far as it is looked at for a value of these types (apiextensions-apiserver
/// `pkg/apiserver/validation/formats.go`).
pub(crate) fn known<'a>(types: &[Type], format: &'a str) -> Option<&'a str> {
    let looked_at = match types {
        [Type::Integer] => matches!(format, "int32" | "int64"),
        [Type::Number] => matches!(format, "float" | "double"),
        [] | [Type::String] | [_, _, ..] => is_spelled(format),
        [Type::Boolean | Type::Array | Type::Object] => false,
    };
    looked_at.then_some(format)
}

/// Tells whether it is a format of texts.
pub(crate) fn is_spelled(format: &str) -> bool {
    let plain = format.replace('-', "");
    plain == "uuid5" || SPELLED.contains(&plain.as_str())
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file is a regular expression")
}

/// Tells whether a text has the format; formats that Kubernetes does not check are always right. Follows kube-openapi
/// `pkg/validation/strfmt` and `pkg/internal/third_party/govalidator`.
pub fn holds(format: &str, text: &str) -> bool {
    static HEX_COLOR: LazyLock<Regex> = LazyLock::new(|| pattern("^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"));
    static RGB_COLOR: LazyLock<Regex> = LazyLock::new(|| {
        let part = r"\s*(0|[1-9][0-9]?|1[0-9][0-9]?|2[0-4][0-9]|25[0-5])\s*";
        pattern(&format!(r"^rgb\({part},{part},{part}\)$"))
    });
    static SOCIAL: LazyLock<Regex> = LazyLock::new(|| pattern("^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$"));
    match format.replace('-', "").as_str() {
        "datetime" => date_time(text),
        "date" => date(text),
        "byte" => base64(text),
        "duration" => duration(text),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "cidr" => cidr(text),
        "mac" => mac(text),
        "uuid" => uuid(text, None),
        "uuid3" => uuid(text, Some('3')),
        "uuid4" => uuid(text, Some('4')),
        "uuid5" => uuid(text, Some('5')),
        "email" => email(text),
        "uri" => request_uri(text),
        "hostname" => hostname(text),
        "bsonobjectid" => text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "isbn" => isbn10(text) || isbn13(text),
        "isbn10" => isbn10(text),
        "isbn13" => isbn13(text),
        "creditcard" => credit_card(text),
        "ssn" => SOCIAL.is_match(text),
        "hexcolor" => HEX_COLOR.is_match(text),
        "rgbcolor" => RGB_COLOR.is_match(text),
        "k8sshortname" => text.len() <= 63 && name_part(text),
        "k8slongname" => text.len() <= 253 && text.split('.').all(name_part),
        _ => true,
    }
}

/// A part of a Kubernetes name: lower case letters, digits, dashes within.
fn name_part(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().all(|byte| plain(byte) || byte == b'-') && text.bytes().next().is_some_and(plain) && text.bytes().last().is_some_and(plain)
}

fn base64(text: &str) -> bool {
    !text.is_empty() && base64::engine::general_purpose::STANDARD.decode(text).is_ok()
}

/// An address as `net/mail` reads it: `a@b`, also `Name <a@b>`.
fn email(text: &str) -> bool {
    let address = match text.trim().strip_suffix('>') {
        Some(inner) => match inner.split_once('<') {
            Some((name, address)) if !name.contains(['@', ',', ';', ':']) => address,
            _ => return false,
        },
        None => text.trim(),
    };
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let atom = |part: &str| {
        !part.is_empty() && part.chars().all(|one| !one.is_ascii() || one.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(one))
    };
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|inner| !inner.is_empty());
    (quoted || local.split('.').all(atom)) && (literal || domain.split('.').all(atom))
}

/// What Go's `url.ParseRequestURI` takes: an absolute address or an absolute path.
fn request_uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return false;
    }
    let percent = |text: &str| {
        let mut parts = text.split('%');
        parts.next();
        parts.all(|part| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
    };
    let path = text.split('?').next().unwrap_or_default();
    if text.starts_with('/') {
        return percent(path);
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let named = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|one| one.is_ascii_alphanumeric() || "+-.".contains(one));
    let host = rest.strip_prefix("//").map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    let host_holds = host.is_none_or(|host| {
        let host = host.rsplit('@').next().unwrap_or_default();
        let port = if host.starts_with('[') {
            host.split_once(']').map_or("", |(_, port)| port.strip_prefix(':').unwrap_or(port))
        } else {
            host.split_once(':').map_or("", |(_, port)| port)
        };
        !host.contains([' ', '"', '<', '>', '^', '`', '{', '}', '|', '\\']) && port.bytes().all(|byte| byte.is_ascii_digit())
    });
    named && host_holds && percent(path)
}

/// Names of computers, in which letters and symbols of any language may stand.
fn hostname(text: &str) -> bool {
    static HOST: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$",
        )
    });
    text.len() <= 255 && text.split('.').all(|part| part.len() <= 63) && HOST.is_match(text)
}

fn isbn_digits(text: &str) -> Vec<char> {
    text.chars().filter(|one| !(one.is_whitespace() || *one == '-')).collect()
}

fn isbn10(text: &str) -> bool {
    let found = isbn_digits(text);
    let values = found.iter().enumerate().map(|(index, one)| match one {
        'X' if index == 9 => Some(10),
        one => one.to_digit(10),
    });
    let Some(values) = values.collect::<Option<Vec<u32>>>() else { return false };
    values.len() == 10 && values.iter().zip(1..).map(|(value, place)| value * place).sum::<u32>() % 11 == 0
}

fn isbn13(text: &str) -> bool {
    let Some(values) = isbn_digits(text).into_iter().map(|one| one.to_digit(10)).collect::<Option<Vec<u32>>>() else { return false };
    let sum: u32 = values.iter().take(12).enumerate().map(|(index, value)| value * if index % 2 == 0 { 1 } else { 3 }).sum();
    values.len() == 13 && values[12] == (10 - sum % 10) % 10
}

fn credit_card(text: &str) -> bool {
    static CARD: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            "^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35[0-9]{3})[0-9]{11})$",
        )
    });
    let plain: String = text.chars().filter(char::is_ascii_digit).collect();
    let sum: u32 = plain
        .chars()
        .rev()
        .filter_map(|one| one.to_digit(10))
        .enumerate()
        .map(|(index, digit)| match index % 2 {
            0 => digit,
            _ if digit < 5 => digit * 2,
            _ => digit * 2 - 9,
        })
        .sum();
    CARD.is_match(&plain) && sum.is_multiple_of(10)
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
        return false;
    }
    let (year, month, day): (u32, u32, u32) = (year.parse().unwrap_or(0), month.parse().unwrap_or(0), day.parse().unwrap_or(0));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let most = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=most).contains(&day)
}

fn date_time(text: &str) -> bool {
    static CLOCK: LazyLock<Regex> = LazyLock::new(|| pattern("^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$"));
    let lower = text.to_lowercase();
    let mut parts = lower.split('t');
    let (Some(day), Some(clock)) = (parts.next(), parts.next()) else { return false };
    let Some(found) = CLOCK.captures(clock).filter(|_| date(day)) else { return false };
    &found[1] <= "23" && &found[2] <= "59" && &found[3] <= "59"
}

fn duration(text: &str) -> bool {
    nanoseconds(text).is_some()
}

/// Reads Go's durations (`1h30m`) and the words that go-openapi adds (`3 days`).
pub(crate) fn nanoseconds(text: &str) -> Option<i64> {
    if let Ok(nanoseconds) = golang::parse_duration_signed(text) {
        return Some(nanoseconds);
    }
    const UNITS: &[(&[&str], f64)] = &[
        (&["ns", "nano"], 1.0),
        (&["us", "µs", "μs", "micro"], 1e3),
        (&["ms", "milli"], 1e6),
        (&["s", "sec", "second"], 1e9),
        (&["m", "min", "minute"], 60e9),
        (&["h", "hr", "hour"], 3600e9),
        (&["d", "day"], 86_400e9),
        (&["w", "wk", "week"], 604_800e9),
    ];
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text).trim();
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let number: f64 = number.parse().ok()?;
        let tail = tail.trim_start();
        let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let singular = unit.strip_suffix('s').filter(|short| short.len() > 1).unwrap_or(unit);
        let (_, factor) = UNITS.iter().find(|(names, _)| names.contains(&unit) || names.contains(&singular))?;
        sum += number * factor;
        rest = tail.trim_start();
    }
    Some(if negative { -sum } else { sum } as i64)
}

/// Reads what Go's `net.ParseCIDR` takes.
fn cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let plain = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit()) && (bits.len() == 1 || !bits.starts_with('0'));
    match (address.parse::<std::net::IpAddr>(), bits.parse::<u8>()) {
        (Ok(std::net::IpAddr::V4(_)), Ok(bits)) => plain && bits <= 32,
        (Ok(std::net::IpAddr::V6(_)), Ok(bits)) => plain && bits <= 128,
        _ => false,
    }
}

/// Reads what Go's `net.ParseMAC` takes: 6, 8 or 20 bytes, by twos, by fours between dots, or with nothing between.
fn mac(text: &str) -> bool {
    let of = |sign: char, width: usize, counts: [usize; 3]| {
        let parts: Vec<&str> = text.split(sign).collect();
        counts.contains(&parts.len()) && parts.iter().all(|part| part.len() == width && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let bare = matches!(text.len(), 12 | 16 | 40) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    bare || of(':', 2, [6, 8, 20]) || of('-', 2, [6, 8, 20]) || of('.', 4, [3, 4, 10])
}

/// Each of the dashes may be missing.
fn uuid(text: &str, version: Option<char>) -> bool {
    let mut plain = String::new();
    let mut at = 0;
    for one in text.chars() {
        match one {
            '-' if matches!(at, 8 | 12 | 16 | 20) && !plain.ends_with('-') => plain.push('-'),
            one if one.is_ascii_hexdigit() => {
                plain.push(one.to_ascii_lowercase());
                at += 1;
            }
            _ => return false,
        }
    }
    let digits: Vec<char> = plain.chars().filter(|one| *one != '-').collect();
    let variant = |one: char| matches!(one, '8' | '9' | 'a' | 'b');
    digits.len() == 32
        && !plain.ends_with('-')
        && version.is_none_or(|version| digits[12] == version && (version == '3' || variant(digits[16])))
}
