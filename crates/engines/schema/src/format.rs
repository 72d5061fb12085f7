use base64::Engine as _;

/// Tells whether a text has the format; formats that Kubernetes does not check are always right.
pub fn holds(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => date_time(text),
        "date" => date(text),
        "byte" => base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
        "duration" => duration(text),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "cidr" => cidr(text),
        "mac" => mac(text),
        "uuid" | "uuid3" | "uuid4" | "uuid5" => uuid(text),
        "email" => text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !text.contains(' ')),
        "uri" => {
            text.split_once(':').is_some_and(|(scheme, _)| {
                scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                    && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            }) || text.starts_with('/')
        }
        "hostname" => {
            !text.is_empty()
                && text.len() <= 253
                && text
                    .split('.')
                    .all(|part| !part.is_empty() && part.len() <= 63 && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        }
        _ => true,
    }
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
    let Some((day, time)) = text.split_once(['T', 't', ' ']) else { return false };
    let zone = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let hours: Vec<&str> = clock.split(':').collect();
    let within = |text: &str, most: u32| digits(text, 2) && text.parse::<u32>().is_ok_and(|number| number <= most);
    let zone_holds = match zone.as_bytes().first() {
        Some(b'Z' | b'z') => zone.len() == 1,
        Some(_) => zone[1..].split_once(':').is_some_and(|(hour, minute)| within(hour, 23) && within(minute, 59)),
        None => false,
    };
    date(day)
        && matches!(hours[..], [hour, minute, second] if within(hour, 23) && within(minute, 59) && within(second, 60))
        && fraction.is_none_or(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        && zone_holds
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

fn cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    match (address.parse::<std::net::IpAddr>(), bits.parse::<u8>()) {
        (Ok(std::net::IpAddr::V4(_)), Ok(bits)) => bits <= 32,
        (Ok(std::net::IpAddr::V6(_)), Ok(bits)) => bits <= 128,
        _ => false,
    }
}

fn mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    parts.len() == 6 && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn uuid(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| *c != '-').collect();
    plain.len() == 32 && plain.bytes().all(|byte| byte.is_ascii_hexdigit())
}
