//! The whole journey from a merged commit to prod, over and over: fifty seeds of shuffled wake-ups, duplicate deliveries and
//! crashes, and two releases that must not arrive. A seed that fails names itself:
//! `SUPERCARGO_SEED=n cargo test -p supercargo-testkit one_seed` runs exactly that one again.

use testkit::{Release, journey};

fn travel(seed: u64, release: Release) {
    let started = std::time::Instant::now();
    match journey(seed, release) {
        Ok(report) => eprintln!("seed {seed}: {report:?} in {:?}", started.elapsed()),
        Err(error) => panic!("SEED={seed} ({release:?})\n{error:#}\nSUPERCARGO_SEED={seed} cargo test -p supercargo-testkit one_seed"),
    }
}

#[test]
fn one_seed() {
    let seed = std::env::var("SUPERCARGO_SEED").ok().map_or(0, |text| text.parse().expect("SUPERCARGO_SEED is a number"));
    travel(seed, Release::Good);
}

/// Ten seeds each, so that they run side by side.
macro_rules! seeds {
    ($($name:ident: $range:expr),* $(,)?) => {
        $(#[test]
        fn $name() {
            $range.for_each(|seed| travel(seed, Release::Good));
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
    travel(101, Release::Crashing);
}

#[test]
fn a_version_that_fails_its_tests_gets_as_far_as_dev() {
    travel(102, Release::Wrong);
}
