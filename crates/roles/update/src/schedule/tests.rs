use super::*;

fn schedule(text: &str) -> Result<Schedule, ScheduleError> {
    Schedule::parse(&text.split(';').map(str::to_owned).collect::<Vec<_>>())
}

fn check(text: &str, zone: &str, at: &str) -> bool {
    let zone = Zone::parse(zone).expect(zone);
    schedule(text).expect(text).is_open(at.parse().expect(at), &zone)
}

#[test]
fn moments_are_in_a_schedule_or_not() {
    // 2026-06-01 is a Monday.
    for (text, zone, at, expected) in [
        ("at any time", "UTC", "2026-06-01T12:00:00Z", true),
        ("before 5am", "UTC", "2026-06-01T04:59:59Z", true),
        ("before 5am", "UTC", "2026-06-01T05:00:00Z", false),
        ("before 5am", "Europe/Berlin", "2026-06-01T03:00:00Z", false),
        ("after 10pm;before 5am", "America/New_York", "2026-06-01T02:30:00Z", true),
        ("after 10pm and before 5am", "UTC", "2026-06-01T23:00:00Z", false),
        ("after 9:30am on friday", "UTC", "2026-06-05T09:30:00Z", true),
        ("after 9:30am on friday", "UTC", "2026-06-05T09:29:00Z", false),
        ("before 12:30am", "UTC", "2026-06-05T00:29:00Z", true),
        ("after 12pm", "UTC", "2026-06-05T11:59:00Z", false),
        ("on saturday and sunday", "UTC", "2026-06-06T12:00:00Z", true),
        ("on saturday and sunday", "UTC", "2026-06-07T12:00:00Z", true),
        ("on saturday and sunday", "UTC", "2026-06-01T12:00:00Z", false),
        ("on tue through thurs", "UTC", "2026-06-03T12:00:00Z", true),
        ("every weekend", "UTC", "2026-06-01T12:00:00Z", false),
        ("every weekday", "UTC", "2026-06-01T12:00:00Z", true),
        ("on the last day of the month", "UTC", "2026-06-30T12:00:00Z", true),
        ("on the last day of the month", "UTC", "2026-06-29T12:00:00Z", false),
        ("on the 1st and 15th day of the month", "UTC", "2026-06-15T12:00:00Z", true),
        ("on the first day instance on monday", "UTC", "2026-06-01T12:00:00Z", true),
        ("on the last day instance on monday", "UTC", "2026-06-29T12:00:00Z", true),
        ("on the last day instance on monday", "UTC", "2026-06-22T12:00:00Z", false),
        ("every 3 months on the first day of the month", "UTC", "2026-07-01T12:00:00Z", true),
        ("every 3 months on the first day of the month", "UTC", "2026-06-01T12:00:00Z", false),
        ("every 2 weeks starting on the 1st week on monday", "UTC", "2026-06-01T12:00:00Z", true),
        ("every month", "UTC", "2026-06-01T04:00:00Z", true),
        ("on friday also before 1am", "UTC", "2026-06-01T00:30:00Z", true),
        ("every weekday except on monday", "UTC", "2026-06-01T12:00:00Z", false),
        ("every weekday except on monday", "UTC", "2026-06-02T12:00:00Z", true),
        ("of june in 2026", "UTC", "2026-06-02T12:00:00Z", true),
        ("* 0-4 * * 1-5", "UTC", "2026-06-01T04:59:00Z", true),
        ("* 0-4 * * 1-5", "UTC", "2026-06-06T04:00:00Z", false),
        ("* * 1 * 1", "UTC", "2026-06-01T04:00:00Z", true),
        ("* * 2 * 1", "UTC", "2026-06-01T04:00:00Z", false),
        ("* * L * *", "UTC", "2026-06-30T04:00:00Z", true),
        ("* * * * mon#1", "UTC", "2026-06-01T04:00:00Z", true),
        ("* * * * 1L", "UTC", "2026-06-29T04:00:00Z", true),
        ("* * 6W * *", "UTC", "2026-06-05T04:00:00Z", true),
        ("* * LW jun *", "UTC", "2026-06-30T04:00:00Z", true),
        ("* */6 * * fri-sun", "UTC", "2026-06-07T18:00:00Z", true),
        ("* * * * * * 2027", "UTC", "2026-06-07T18:00:00Z", false),
        // The zone has this hour twice.
        ("* 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", true),
        ("* 2 * * *", "Europe/Berlin", "2026-10-25T01:30:00Z", true),
        ("on monday", "utc-3", "2026-06-02T02:00:00Z", true),
        ("on monday", "+05:30", "2026-05-31T18:30:00Z", true),
    ] {
        assert_eq!(check(text, zone, at), expected, "{text} {zone} {at}");
    }
}

#[test]
fn what_says_nothing_is_refused() {
    for (text, kind) in [
        ("0 5 * * *", "minutes"),
        ("@daily", "is no schedule"),
        ("before 25am", "is no schedule"),
        ("sometimes", "is no schedule"),
        ("on saturday through tuesday", "is no schedule"),
        ("of november through march", "is no schedule"),
        ("every day", "is no schedule"),
        ("on the 1st through 999999999 day of the month", "is no schedule"),
        ("* 24 * * *", "is no schedule"),
        ("every 5 minutes", "minutes"),
        ("every 2 hours", "names no month"),
        ("at 5:00am", "names no month"),
        ("before 5am;", "is no schedule"),
    ] {
        let error = schedule(text).expect_err(text).to_string();
        assert!(error.contains(kind), "{text}: {error}");
    }
    assert_eq!(schedule(&"x".repeat(600)), Err(ScheduleError::TooLong));
    for bad in ["Mars/Olympus", "utc+", "utc+3:0", "+99", ""] {
        assert_eq!(Zone::parse(bad), None, "{bad}");
    }
}

#[test]
fn openings_are_found() {
    for (text, zone, at, expected) in [
        ("before 5am on monday", "UTC", "2026-06-01T06:00:00Z", Some("2026-06-08T00:00:00Z")),
        ("after 9:30am", "Europe/Berlin", "2026-06-01T00:00:00Z", Some("2026-06-01T07:30:00Z")),
        // The zone skips this hour in 2026.
        ("* 2 29 3 *", "Europe/Berlin", "2026-03-01T00:00:00Z", Some("2027-03-29T00:00:00Z")),
        ("after 10pm and before 5am", "UTC", "2026-06-01T00:00:00Z", None),
    ] {
        let zone = Zone::parse(zone).expect(zone);
        let found = schedule(text).expect(text).opens(at.parse().expect(at), &zone);
        assert_eq!(found.map(|found| found.to_string()).as_deref(), expected, "{text}");
    }
}
