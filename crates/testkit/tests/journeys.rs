//! The whole journey from a merged commit to prod, over and over: fifty seeds of shuffled wake-ups, late and duplicate
//! deliveries and crashes, and two releases that must not arrive. A seed that fails names itself and tells how it is run again.

use testkit::{Release, Report, journey};

/// Lets one release travel; `again` is the command that does exactly this once more.
fn travel(seed: u64, release: Release, again: &str) -> Report {
    match journey(seed, release) {
        Ok(report) => report,
        Err(error) => panic!("SEED={seed}\n{error:#}\nrun it again: {again}"),
    }
}

fn arrives(seed: u64) -> Report {
    travel(seed, Release::Good, &format!("SUPERCARGO_SEED={seed} cargo test -p supercargo-testkit one_seed"))
}

/// Runs the seed of the variable `SUPERCARGO_SEED`. Without one: that a seed tells the same story twice is what a replay needs.
#[test]
fn one_seed() {
    match std::env::var("SUPERCARGO_SEED") {
        Ok(text) => {
            arrives(text.parse().expect("SUPERCARGO_SEED is a number"));
        }
        Err(_) => assert_eq!(arrives(0), arrives(0)),
    }
}

/// Ten seeds each, so that they run side by side.
macro_rules! seeds {
    ($($name:ident: $range:expr),* $(,)?) => {
        $(#[test]
        fn $name() {
            for seed in $range {
                arrives(seed);
            }
        })*
    };
}

seeds! {
    seeds_1_to_10: 1..=10,
    seeds_11_to_20: 11..=20,
    seeds_21_to_30: 21..=30,
    seeds_31_to_40: 31..=40,
    seeds_41_to_50: 41..=50,
}

#[test]
fn a_version_that_crashes_gets_as_far_as_dev() {
    travel(101, Release::Crashing, "cargo test -p supercargo-testkit a_version_that_crashes");
}

#[test]
fn a_version_that_fails_its_tests_gets_as_far_as_dev() {
    travel(102, Release::Wrong, "cargo test -p supercargo-testkit a_version_that_fails");
}
