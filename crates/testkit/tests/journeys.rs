//! The whole journey from a merged commit to prod, over and over: seeds of shuffled wake-ups, late, duplicate and lost
//! deliveries, lost requests and answers, and crashes; and two releases that must not arrive. A seed that fails names itself and tells how it is run again.

use testkit::{Release, Report, journey};

/// The program's own: a journey makes and drops many small values.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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

/// How many seeds are tried where nobody asks for more.
const SEEDS: u64 = 10;
/// So many run side by side.
const LANES: u64 = 8;

/// Tries every seed of one lane: up to the number in `SUPERCARGO_SEEDS`, else up to ten. All that fail are told.
fn lane(at: u64) {
    let seeds = std::env::var("SUPERCARGO_SEEDS").map_or(SEEDS, |text| text.parse().expect("SUPERCARGO_SEEDS is a number"));
    let failed: Vec<String> = (1..=seeds)
        .filter(|seed| seed % LANES == at)
        .filter_map(|seed| journey(seed, Release::Good).err().map(|error| (seed, error)))
        .map(|(seed, error)| {
            format!("SEED={seed}\n{error:#}\nrun it again: SUPERCARGO_SEED={seed} cargo test -p supercargo-testkit one_seed")
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

macro_rules! lanes {
    ($($name:ident: $at:expr),* $(,)?) => {
        $(#[test]
        fn $name() {
            lane($at);
        })*
    };
}

lanes! {
    seeds_of_lane_0: 0,
    seeds_of_lane_1: 1,
    seeds_of_lane_2: 2,
    seeds_of_lane_3: 3,
    seeds_of_lane_4: 4,
    seeds_of_lane_5: 5,
    seeds_of_lane_6: 6,
    seeds_of_lane_7: 7,
}

#[test]
fn a_version_that_crashes_gets_as_far_as_dev() {
    travel(101, Release::Crashing, "cargo test -p supercargo-testkit a_version_that_crashes");
}

#[test]
fn a_version_that_fails_its_tests_gets_as_far_as_dev() {
    travel(102, Release::Wrong, "cargo test -p supercargo-testkit a_version_that_fails");
}

#[test]
fn a_version_whose_tests_never_end_gets_as_far_as_dev() {
    travel(103, Release::Hanging, "cargo test -p supercargo-testkit a_version_whose_tests");
}

/// Tests that pass say nothing of a version while another one runs.
#[test]
fn a_version_that_is_not_delivered_is_not_verified() {
    travel(104, Release::Undelivered, "cargo test -p supercargo-testkit a_version_that_is_not_delivered");
}
