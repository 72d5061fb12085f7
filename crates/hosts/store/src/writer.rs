//! The one thread that writes a store's file: whatever waits is written together, made durable once, and then told to everybody.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::disk::Disk;
use crate::state::{Group, Prepared, State};
use crate::{Batch, StoreError};

/// At most so many batches share one transaction.
const GROUP: usize = 256;

/// Told what became of a batch.
type Reply = Box<dyn FnOnce(Result<u64, StoreError>) + Send>;

/// A batch that waits.
pub(crate) struct Order {
    pub batch: Batch,
    pub reply: Reply,
}

/// The thread of one file. It ends, and the file is free for others, when this is dropped.
pub(crate) struct Writer {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(disk: Disk, state: Arc<RwLock<State>>, latest: Arc<watch::Sender<u64>>) -> std::io::Result<Self> {
        let (orders, waiting) = channel();
        let work = move || {
            write_all(disk, &state, &latest, &waiting);
        };
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(work)?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Lets a batch be written. The reply comes from the thread and must not wait for anything.
    pub(crate) fn order(&self, order: Order) {
        let orders = self.orders.as_ref().expect("it is there until this is dropped");
        orders.send(order).expect("the thread lives as long as this");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing more to do than to close the file; that it panicked was told where it did.
            let _ = thread.join();
        }
    }
}

/// Writes until nobody can order any more. Returns how many transactions that took.
fn write_all(mut disk: Disk, state: &RwLock<State>, latest: &watch::Sender<u64>, waiting: &Receiver<Order>) -> usize {
    let mut count = 0;
    while let Ok(first) = waiting.recv() {
        let orders: Vec<Order> = std::iter::once(first).chain(waiting.try_iter().take(GROUP - 1)).collect();
        count += write(&mut disk, state, latest, orders);
    }
    count
}

fn write(disk: &mut Disk, state: &RwLock<State>, latest: &watch::Sender<u64>, orders: Vec<Order>) -> usize {
    let mut answers: Vec<(Reply, Result<u64, StoreError>)> = Vec::with_capacity(orders.len());
    let mut prepared: Vec<Prepared> = Vec::new();
    {
        // Nobody else writes, so what is read here holds until it is applied.
        let seen = state.read().expect("no holder of the store's lock panics");
        let mut group = Group::new(&seen);
        for Order { batch, reply } in orders {
            let answer = group.add(batch).map(|made| {
                prepared.extend(made);
                group.revision()
            });
            answers.push((reply, answer));
        }
        if !prepared.is_empty()
            && let Err(error) = disk.persist(&prepared, seen.forgotten)
        {
            prepared.clear();
            // Also those that were refused: what stood in their way may be what was not written.
            for (_, answer) in &mut answers {
                *answer = Err(error.clone());
            }
        }
    }
    let written = usize::from(!prepared.is_empty());
    if written > 0 {
        let mut state = state.write().expect("no holder of the store's lock panics");
        prepared.into_iter().for_each(|one| state.apply(one));
        let revision = state.revision;
        drop(state);
        latest.send_replace(revision);
    }
    for (reply, answer) in answers {
        reply(answer);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_written_in_one_transaction_and_each_is_told_its_own_revision() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (disk, _) = Disk::open(&folder.path().join("a.db")).expect("opens");
        let (state, latest) = (RwLock::new(State::default()), watch::channel(0).0);
        let ((orders, waiting), (told, answers)) = (channel(), channel());
        for number in 0..40 {
            let told = told.clone();
            // Every fourth wants a key that the one before it takes.
            let batch = Batch::new().expect(format!("key/{}", number - i32::from(number % 4 == 3)), 0).put(format!("key/{number}"), "x");
            let reply = Box::new(move |answer| told.send((number, answer)).expect("somebody listens"));
            orders.send(Order { batch, reply }).expect("somebody listens");
        }
        drop((orders, told));
        assert_eq!(write_all(disk, &state, &latest, &waiting), 1);
        let (mut revisions, mut lost) = (Vec::new(), 0);
        for (number, answer) in answers {
            match answer {
                Ok(revision) => revisions.push(revision),
                Err(StoreError::Conflict { .. }) if number % 4 == 3 => lost += 1,
                Err(error) => panic!("{number}: {error}"),
            }
        }
        assert_eq!((revisions, lost, *latest.borrow()), ((1..=30).collect(), 10, 30));
        assert_eq!(Disk::open(&folder.path().join("a.db")).expect("opens").1.revision, 30);
    }
}
