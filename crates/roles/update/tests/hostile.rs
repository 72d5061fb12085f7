//! Texts that nobody means well with, and the laws that hold for any: patterns, schedules, templates, rules, configurations.

#[allow(dead_code, reason = "the journeys beside this need more of it")]
mod world;

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use update::package_rules::PackageRules;
use update::pattern::{Pattern, Patterns, Subject};
use update::schedule::{Schedule, Zone};
use update::template::{Template, render};
use world::World;

/// Longer than anything here may take, even unoptimised on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn within_patience<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < PATIENCE, "{} took {:?}", what.chars().take(60).collect::<String>(), start.elapsed());
    result
}

fn entries(text: &str) -> Vec<String> {
    text.split(';').map(str::to_owned).collect()
}

#[test]
fn patterns_keep_their_budget() {
    let text = "a".repeat(2_000) + "/b";
    for pattern in [
        "*a".repeat(500),
        "**/".repeat(500) + "c",
        "+(a|+(a|+(a)))".repeat(50) + "c",
        format!("/{}b$/", "(a*)*".repeat(100)),
        "/(a{1,1000}){1,1000}/".to_owned(),
        format!("/{}{}/", "(".repeat(900), ")".repeat(900)),
        "{a,b}".repeat(200),
        "{1..1000000}".to_owned(),
        "!".repeat(3_000),
        "[a-z]".repeat(700),
    ] {
        within_patience(&pattern, || Pattern::parse(&pattern).is_ok_and(|pattern| pattern.matches(&Subject::new(&text))));
    }
}

#[test]
fn schedules_keep_their_budget() {
    let zone = Zone::parse("Europe/Berlin").expect("a zone");
    let now = "2026-06-01T00:00:00Z".parse().expect("a time");
    for text in [
        "every 1 years ".repeat(30),
        "on the 1 through 2999 day of the month ".repeat(10),
        "on monday and ".repeat(30),
        "after 10pm and before 5am also ".repeat(12),
        format!("* {} * * *", (0..24).map(|hour| hour.to_string()).collect::<Vec<_>>().join(",")),
        "* * 31 2 *".to_owned(),
        "* * * * * * 1-9999".to_owned(),
        "* * 1W,2W,3W,L * mon#1,tue#2,5L".to_owned(),
    ] {
        within_patience(&text, || {
            if let Ok(schedule) = Schedule::parse(&[text.trim().to_owned()]) {
                let _ = (schedule.is_open(now, &zone), schedule.opens(now, &zone));
            }
        });
    }
    // Each entry names times of its own, and none is ever reached.
    let times = |at: usize| (0..40).map(|minute| format!("{}:{:02}", at % 24, minute % 60)).collect::<Vec<_>>().join(" and ");
    let never: Vec<String> = (0..100).map(|at| format!("after 10pm and before 5am at {}", times(at))).collect();
    within_patience("many times", || Schedule::parse(&never).expect("a schedule").opens(now, &zone));
    let many = vec!["on monday".to_owned(); 1_000];
    assert!(Schedule::parse(&many).is_err());
}

#[test]
fn templates_keep_their_budget() {
    let input =
        json!({"labels": vec!["x".repeat(1_000); 1_000], "upgrades": vec![json!({"depName": "a"}); 1_000], "depName": "a".repeat(10_000)});
    for text in [
        "{{#each upgrades}}{{#each ../upgrades}}{{toJSON ../../labels}}{{/each}}{{/each}}".to_owned(),
        "{{#each labels}}{{this}}{{@root.labels}}{{/each}}".to_owned(),
        format!("{{{{{}depName{}}}}}", "(uppercase ".repeat(49), ")".repeat(49)),
        "{{replace '(a*)*b' 'x' depName}}".repeat(20),
        "{{replace '(a{1,70}){1,70}b' 'x' depName}}".repeat(20),
        format!("{{{{replace '' '{}' depName}}}}", "$`".repeat(20_000)),
        format!("{{{{stringToPrettyJSON '{}'}}}}", "[".repeat(500)),
        "{{{{".repeat(1_000),
        "{{#if depName}}{{else}}".repeat(1_000),
        "{{!--".repeat(5_000),
        "{{depName".repeat(5_000),
        "{{(".repeat(5_000),
    ] {
        within_patience(&text, || render(&text, &input).is_ok());
    }
}

#[test]
fn rules_keep_their_budget() {
    let rule = json!({"matchPackageNames": vec!["{a,b,c}/**"; 20], "matchUpdateTypes": ["minor"], "automerge": true});
    let rules = within_patience("parsing", || PackageRules::parse(&vec![rule; 1_000]).expect("rules"));
    let Value::Object(mut settings) = json!({"packageName": "a/b/c".repeat(100), "updateType": "minor"}) else { return };
    within_patience("matching", || rules.apply(&mut settings, "2026-06-01T00:00:00Z".parse().expect("a time")));
    assert_eq!(settings["automerge"], true);
    assert!(PackageRules::parse(&vec![json!({}); 5_001]).is_err());
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![".{0,20}", "[!/]{0,2}[ab*?{},()|+@!\\[\\]/.-]{0,12}/?i?"]
}

const WORDS: &str = "((every|after|before|on the|on|of|in|at|and|except|also|first|last|weekday|weekend|monday|june|2026|5am|10:30pm|3rd|2|day of the month|week|month|starting on|between|through|,|-) ){1,7}";
const CRON: &str = "\\* ([0-9*]{1,2}|[0-9]-[0-9]{1,2}|\\*/[0-9]) (\\*|L|LW|[0-9]{1,2}W?) (\\*|[0-9]{1,2}|jun-aug) (\\*|[0-7](#[0-6]|L)?|mon-fri)( \\*| 2026)?";

proptest! {
    #[test]
    fn patterns_are_their_own_opposites(pattern in pattern(), text in "[ab/.A-]{0,10}") {
        let subject = Subject::new(&text);
        let plain = Pattern::parse(&pattern).map(|pattern| pattern.matches(&subject));
        if let (Ok(plain), Ok(opposite)) = (&plain, Pattern::parse(&format!("!{pattern}"))) {
            // An exclamation mark before a star, an exclamation mark or nothing is another pattern.
            prop_assert!(pattern.starts_with(['!', '#']) || pattern.is_empty() || pattern == "*" || opposite.matches(&subject) != *plain, "{:?} {:?}", pattern, text);
        }
        let list = Patterns::parse(std::slice::from_ref(&pattern)).map(|list| list.matches(&subject));
        prop_assert_eq!(list, plain);
    }

    #[test]
    fn one_entry_of_a_schedule_is_enough(a in prop_oneof![WORDS, CRON, ".{0,20}"], b in prop_oneof![WORDS, CRON], zone in ".{0,8}", day in 1..366i64, minute in 0..1440i64) {
        let at = jiff::Timestamp::from_second(1_767_225_600 + day * 86_400 + minute * 60).expect("a time");
        let zone = Zone::parse(&zone).unwrap_or_default();
        let alone = |text: &str| Schedule::parse(&entries(text));
        if let (Ok(first), Ok(second), Ok(both)) = (alone(&a), alone(&b), alone(&format!("{a};{b}"))) {
            let always = both.is_always();
            prop_assert_eq!(both.is_open(at, &zone), always || first.is_open(at, &zone) || second.is_open(at, &zone));
            if let Some(opens) = both.opens(at, &zone) {
                prop_assert!(opens > at && both.is_open(opens, &zone), "{} {}", a, b);
            }
        }
    }

    #[test]
    fn any_template_ends(text in "(\\{\\{|\\}\\}|[#/^~!&>]|else|if|each|with|depName|labels|this|\\.|\\.\\./|@index|'x'|[ ()\\n\\\\]|.){0,25}") {
        let _ = render(&text, &json!({"depName": "a", "labels": ["b", "c"]}));
    }

    #[test]
    fn text_without_tags_stays(text in "[^{\\\\]{0,40}") {
        prop_assert_eq!(Template::parse(&text).and_then(|template| template.render(&json!({}))), Ok(text));
    }

    #[test]
    fn any_configuration_is_read_or_refused(text in ".{0,60}", key in "(schedule|timezone|versioning|automerge|allowedVersions|branchTopic|packageRules|major|extends|ignorePaths|kubernetes|labels)", value in "(true|3|\"[^\"\\\\]{0,12}\"|\\[\"[^\"\\\\]{0,12}\"\\]|\\{\"(enabled|automerge|matchPackageNames|managerFilePatterns)\": (true|\"[^\"\\\\]{0,12}\")\\}|\\[\\{\"(enabled|matchDepNames|matchCurrentVersion)\": (true|\"[^\"\\\\]{0,12}\")\\}\\])") {
        let manifest = "apiVersion: v1\nkind: Pod\nspec:\n  image: registry.internal/a:1.0.0\n";
        for config in [text, format!("{{\"kubernetes\": {{\"managerFilePatterns\": [\"**\"]}}, \"{key}\": {value}}}")] {
            let mut world = World::new(&[("renovate.json", &config), ("x.yaml", manifest)]).tags("registry.internal/a", &["1.0.1", "2.0.0", "x"]);
            let _ = world.pass();
        }
    }
}
