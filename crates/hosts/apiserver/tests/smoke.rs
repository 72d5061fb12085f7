//! A few hundred to a few thousand random inputs for each door of the server, from fixed seeds. The same functions are the targets
//! in `fuzz/`, where libFuzzer looks for inputs of its own.

#[path = "smoke/mod.rs"]
mod smoke;

use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};

/// Runs a check on so many inputs; a failure names the seed.
fn run(inputs: u64, check: fn(&[u8])) {
    // One input alone, to look at it: `SMOKE_SEED=17 cargo test …`; a hundred times as many: `SMOKE_TIMES=100 cargo test …`.
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let inputs = inputs * number("SMOKE_TIMES").unwrap_or(1);
    for seed in number("SMOKE_SEED").map_or(0..inputs, |seed| seed..seed + 1) {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = vec![0; 192];
        random.fill_bytes(&mut bytes);
        if let Err(panic) = std::panic::catch_unwind(|| check(&bytes)) {
            eprintln!("the input of seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn bodies_in_three_encodings() {
    run(250, smoke::bodies::check);
}

#[test]
fn patches_in_four_forms() {
    run(250, smoke::patches::check);
}

#[test]
fn selectors() {
    run(1_000, smoke::selectors::check);
}

#[test]
fn rules() {
    run(4_000, smoke::rules::check);
}

#[test]
fn definitions_and_objects_against_them() {
    run(80, smoke::definitions::check);
}
