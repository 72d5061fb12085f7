//! Simulated time: it stands still until the simulation moves it. Read first: [`SimulatedClock`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use model::{Clock, Timestamp};

/// A clock that only the simulation moves. Cloning shares it.
#[derive(Clone)]
pub struct SimulatedClock(Arc<Mutex<State>>);

struct State {
    now: Timestamp,
    /// Who sleeps until when, by a number that nobody else has.
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    next: u64,
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }
}

impl SimulatedClock {
    /// Makes a clock that shows this moment.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State { now, sleepers: BTreeMap::new(), next: 0 })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of the clock panics")
    }

    /// Moves time on.
    pub fn advance(&self, by: Duration) {
        let until = self.now().checked_add(by).expect("a simulation ends long before time does");
        self.advance_to(until);
    }

    /// Moves time on to this moment, if it is not past, and wakes whoever slept until then.
    pub fn advance_to(&self, moment: Timestamp) {
        let mut woken = Vec::new();
        {
            let mut state = self.state();
            state.now = state.now.max(moment);
            while let Some(first) = state.sleepers.first_entry().filter(|first| first.key().0 <= moment) {
                woken.push(first.remove());
            }
        }
        woken.into_iter().for_each(Waker::wake);
    }

    /// Returns when the next sleeper wakes.
    pub fn next(&self) -> Option<Timestamp> {
        self.state().sleepers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Forgets who sleeps: they are gone.
    pub fn forget_sleepers(&self) {
        self.state().sleepers.clear();
    }

    /// Waits in simulated time.
    pub async fn sleep(&self, duration: Duration) {
        let until = self.now().checked_add(duration).expect("a simulation ends long before time does");
        let mut number = None;
        std::future::poll_fn(|context| {
            let mut state = self.state();
            if state.now >= until {
                return Poll::Ready(());
            }
            let number = *number.get_or_insert(state.next);
            state.next = state.next.max(number + 1);
            state.sleepers.insert((until, number), context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
