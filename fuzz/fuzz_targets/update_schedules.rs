//! No text makes a schedule panic or run for long, and it is open when it says that it opens.
#![no_main]

use libfuzzer_sys::fuzz_target;
use update::schedule::{Schedule, Zone};

fuzz_target!(|input: (&str, &str, u32)| {
    let (text, zone, seconds) = input;
    let zone = Zone::parse(zone).unwrap_or_default();
    let Ok(now) = model::Timestamp::from_second(i64::from(seconds)) else { return };
    let Ok(schedule) = Schedule::parse(&[text.to_owned()]) else { return };
    let open = schedule.is_open(now, &zone);
    assert!(open || !schedule.is_always());
    if let Some(opens) = schedule.opens(now, &zone) {
        assert!(opens > now && schedule.is_open(opens, &zone));
    }
});
