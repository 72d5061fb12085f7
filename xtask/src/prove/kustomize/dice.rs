//! Chance from a seed: the same seed makes the same tree.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// A source of choices.
pub struct Dice {
    random: StdRng,
    /// Whether only what is likely to build is made. Three of four trees are calm; the others try what may be refused.
    pub calm: bool,
}

impl Dice {
    /// Returns the dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), calm: !seed.is_multiple_of(4) }
    }

    /// Tells whether a one in so many chance came true.
    pub fn one_in(&mut self, many: u32) -> bool {
        self.random.random_range(0..many) == 0
    }

    /// Returns a number from 0 up to, but not including, this one.
    pub fn below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end.max(1))
    }

    /// Returns one of several.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Returns one of several words.
    pub fn word(&mut self, all: &[&str]) -> String {
        (*self.pick(all)).to_owned()
    }

    /// Returns some of several, in their order, at least one where there is one.
    pub fn some<T: Clone>(&mut self, all: &[T], most: usize) -> Vec<T> {
        let mut left = 1 + self.below(most);
        let mut found = Vec::new();
        for (at, item) in all.iter().enumerate() {
            let rest = all.len() - at;
            if left > 0 && self.below(rest) < left {
                found.push(item.clone());
                left -= 1;
            }
        }
        found
    }

    /// Puts things into a random order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            let other = self.below(at + 1);
            all.swap(at, other);
        }
    }
}
