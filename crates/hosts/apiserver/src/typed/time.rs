//! Times as Go's `time.Parse` reads them, with its words for what is none (`time/format.go`).

use model::Timestamp;

/// What a time looks like in `metav1.Time` and in `metav1.MicroTime`.
pub(crate) const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
pub(crate) const MICROS: &str = "2006-01-02T15:04:05.000000Z07:00";

/// Reads a time by one of the two layouts; the error is Go's sentence.
pub(crate) fn parse(layout: &'static str, text: &str) -> Result<Timestamp, String> {
    let mut rest = text;
    for (element, width) in
        [("2006", 4), ("-", 0), ("01", 2), ("-", 0), ("02", 2), ("T", 0), ("15", 2), (":", 0), ("04", 2), (":", 0), ("05", 2)]
    {
        let fault = || format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {element:?}");
        if width == 0 {
            rest = rest.strip_prefix(element).ok_or_else(fault)?;
            continue;
        }
        let digits = rest.get(..width).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(fault)?;
        let number: u32 = digits.parse().map_err(|_| fault())?;
        let outside = match element {
            "01" => (!(1..=12).contains(&number)).then_some("month"),
            "15" => (number > 23).then_some("hour"),
            "04" => (number > 59).then_some("minute"),
            "05" => (number > 59).then_some("second"),
            _ => None,
        };
        if let Some(what) = outside {
            return Err(format!("parsing time {text:?}: {what} out of range"));
        }
        rest = &rest[width..];
    }
    if layout == MICROS {
        let fault = || format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as \".000000\"");
        let fraction = rest.get(..7).filter(|part| part.starts_with('.') && part[1..].bytes().all(|byte| byte.is_ascii_digit()));
        let length = fraction.ok_or_else(fault)?.len();
        rest = &rest[length..];
        // A seventh digit belongs to nothing.
        if rest.starts_with(|one: char| one.is_ascii_digit()) {
            return Err(format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as \"Z07:00\""));
        }
    } else if rest.starts_with(['.', ',']) {
        let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            rest = &rest[1 + digits..];
        }
    }
    let zone = || format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as \"Z07:00\"");
    let after = match rest.strip_prefix('Z') {
        Some(after) => after,
        None => {
            let shape: Vec<u8> = rest.bytes().take(6).collect();
            let holds = shape.len() == 6
                && matches!(shape[0], b'+' | b'-')
                && shape[3] == b':'
                && [1, 2, 4, 5].iter().all(|at| shape[*at].is_ascii_digit());
            if !holds {
                return Err(zone());
            }
            &rest[6..]
        }
    };
    if !after.is_empty() {
        return Err(format!("parsing time {text:?}: extra text: {after:?}"));
    }
    text.replacen(',', ".", 1).parse().map_err(|_| format!("parsing time {text:?}: day out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_time_is_told_in_gos_words() {
        for (layout, text, wanted) in [
            (SECONDS, "", r#"parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006""#),
            (SECONDS, "soon", r#"parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006""#),
            (SECONDS, "2024-13-01T00:00:00Z", r#"parsing time "2024-13-01T00:00:00Z": month out of range"#),
            (SECONDS, "2024-02-30T00:00:00Z", r#"parsing time "2024-02-30T00:00:00Z": day out of range"#),
            (SECONDS, "2024-01-01", r#"parsing time "2024-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T""#),
            (
                SECONDS,
                "2024-01-01T00:00:00",
                r#"parsing time "2024-01-01T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00""#,
            ),
            (SECONDS, "2024-01-01T00:00:00Zx", r#"parsing time "2024-01-01T00:00:00Zx": extra text: "x""#),
            (
                MICROS,
                "2024-01-01T00:00:00Z",
                r#"parsing time "2024-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000""#,
            ),
        ] {
            assert_eq!(parse(layout, text).expect_err(text), wanted);
        }
        for (layout, text) in [
            (SECONDS, "2024-01-02T03:04:05Z"),
            (SECONDS, "2024-01-02T03:04:05.123+02:00"),
            (MICROS, "2024-01-02T03:04:05.123456Z"),
            (MICROS, "2024-01-02T03:04:05.123456-07:00"),
        ] {
            assert!(parse(layout, text).is_ok(), "{text}");
        }
    }
}
