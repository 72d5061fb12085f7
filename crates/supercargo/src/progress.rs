//! How far a release is, while somebody looks on: a bar below the story on a terminal, and nothing anywhere else, where the story's
//! own lines are the progress. Read first: [`Progress`].

use controllers::Entry;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The hops of a release, in order: what is going on until the next begins, and by which entry of the story it is known to have begun.
const HOPS: [(&str, fn(&Entry) -> bool); 9] = [
    ("the image is built and signed", |entry| {
        entry.controller == "Registry" && entry.about.ends_with("/myapp") && !entry.about.contains("/deployments/")
    }),
    ("the update comes into the repository", |entry| entry.controller == "Update" && !entry.done.is_empty()),
    ("the artifact is built and signed", |entry| entry.controller == "Registry" && entry.about.contains("/deployments/")),
    ("Freight is made of it", |entry| entry.controller == "Warehouse" && !entry.done.is_empty()),
    ("dev is promoted", |entry| is_promotion(entry, "dev")),
    ("dev is tested", |entry| is_run(entry, "dev")),
    ("staging is promoted", |entry| is_promotion(entry, "staging")),
    ("staging is tested", |entry| is_run(entry, "staging")),
    ("prod is promoted", |entry| is_promotion(entry, "prod")),
];

fn is_promotion(entry: &Entry, stage: &str) -> bool {
    entry.controller == "Promotion" && entry.about.contains(&format!("/{stage}."))
}

fn is_run(entry: &Entry, stage: &str) -> bool {
    entry.controller == "AnalysisRun" && entry.about.contains(&format!("/{stage}."))
}

/// Returns which hop an entry begins.
fn hop(entry: &Entry) -> Option<usize> {
    HOPS.iter().rposition(|(_, begins)| begins(entry))
}

/// The bar.
pub struct Progress {
    bar: ProgressBar,
    at: usize,
}

impl Progress {
    /// Makes a bar where standard output is a terminal, else nothing that is seen.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(HOPS.len() as u64), ProgressDrawTarget::stdout());
        let style = ProgressStyle::with_template("{bar:24.cyan/dim} {pos}/{len} {msg} {elapsed:.dim}");
        Self { bar: bar.with_style(style.expect("the template is known to be good")), at: 0 }
    }

    /// Prints a line of the story, above the bar.
    pub fn line(&self, line: &str) {
        if self.bar.is_hidden() {
            println!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Moves on, if an entry begins a later hop, and begins anew, if it begins the first.
    pub fn see(&mut self, entry: &Entry) {
        let Some(hop) = hop(entry) else { return };
        if hop + 1 < self.at && hop != 0 {
            return;
        }
        if hop == 0 {
            self.bar.reset_elapsed();
        }
        self.at = hop + 1;
        self.bar.set_position(self.at as u64);
        self.bar.set_message(HOPS[hop].0);
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_release_come_in_the_order_of_its_hops() {
        let entry = |who: &str, about: &str, done: bool| {
            let mut entry = Entry::news("2026-01-01T00:00:00Z".parse().expect("a time"), who, about, "x".into(), None);
            entry.done = if done { vec!["y".into()] } else { Vec::new() };
            entry
        };
        let journey = [
            entry("Registry", "registry.internal/myapp", false),
            entry("Update", "https://gitea.internal/org/deployment", true),
            entry("Registry", "registry.internal/deployments/myapp", false),
            entry("Warehouse", "management/kargo-myapp/myapp", true),
            entry("Promotion", "management/kargo-myapp/dev.01.abc", true),
            entry("AnalysisRun", "management/kargo-myapp/dev.01.abc", true),
            entry("Promotion", "management/kargo-myapp/staging.01.abc", true),
            entry("AnalysisRun", "management/kargo-myapp/staging.01.abc", true),
            entry("Promotion", "management/kargo-myapp/prod.01.abc", true),
        ];
        assert_eq!(journey.iter().map(hop).collect::<Vec<_>>(), (0..HOPS.len()).map(Some).collect::<Vec<_>>());
        assert_eq!(hop(&entry("Warehouse", "management/kargo-myapp/myapp", false)), None);
        let mut progress = Progress::new();
        journey.iter().for_each(|entry| progress.see(entry));
        assert_eq!(progress.at, HOPS.len());
        // Something late of an earlier hop does not move it back; a new release does.
        progress.see(&journey[4]);
        assert_eq!(progress.at, HOPS.len());
        progress.see(&journey[0]);
        assert_eq!(progress.at, 1);
    }
}
