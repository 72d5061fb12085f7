use serde::{Deserialize, Serialize};

use crate::{Action, Code, Timestamp, Verdict};

/// What a reconciler wants, as a value: performed by the driver, in order, each action safe to repeat.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<S> {
    /// What to do, in order.
    pub actions: Vec<Action>,
    /// What to tell the user; written once, after the actions.
    pub status: S,
    /// When to look again.
    pub next: Next,
    /// What each gate found.
    pub because: Vec<Reason>,
}

/// When to look again at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// When something that was looked at changes.
    OnChange,
    /// At this time, or when something changes before.
    At(Timestamp),
}

/// One gate's finding, as it is shown and kept in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What kind of finding; `None` when the gate passed.
    pub code: Option<Code>,
    /// The finding in words.
    pub text: String,
}

impl<S> Decision<S> {
    /// Starts with nothing to do but to tell this status.
    pub fn of(status: S) -> Self {
        Self { actions: Vec::new(), status, next: Next::OnChange, because: Vec::new() }
    }

    /// Adds an action.
    #[must_use]
    pub fn act(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// Adds a passed gate's finding.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.because.push(Reason { code: None, text: text.into() });
        self
    }

    /// Records that something is awaited.
    #[must_use]
    pub fn wait(mut self, code: Code, why: impl Into<String>, until: Option<Timestamp>) -> Self {
        self.because.push(Reason { code: Some(code), text: why.into() });
        if let Some(at) = until {
            self.look_again(at);
        }
        self
    }

    /// Records that nothing moves until somebody acts on the remedy.
    #[must_use]
    pub fn stall(mut self, code: Code, why: &str, remedy: &str) -> Self {
        self.because.push(Reason { code: Some(code), text: format!("{why}; {remedy}") });
        self
    }

    /// Records a gate's verdict; a pass leaves no trace.
    #[must_use]
    pub fn heed(self, verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Pass => self,
            Verdict::Wait { code, why, until } => self.wait(*code, why.clone(), *until),
            Verdict::Refuse { code, why, remedy } => self.stall(*code, why, remedy),
        }
    }

    /// Looks again at this time at the latest.
    pub fn look_again(&mut self, at: Timestamp) {
        self.next = match self.next {
            Next::At(earlier) if earlier <= at => Next::At(earlier),
            _ => Next::At(at),
        };
    }
}
