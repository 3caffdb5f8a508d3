//! Whose turn it is: of those who wait, whoever was asked for first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// Gives turns, to a fixed number at once.
#[derive(Clone)]
pub(super) struct Turns(Arc<Mutex<Queue>>);

struct Queue {
    free: usize,
    waiting: BTreeMap<u64, oneshot::Sender<Turn>>,
}

/// Somebody's place in the queue.
pub(super) struct Place(oneshot::Receiver<Turn>);

/// A turn. It goes to the next when it is dropped.
pub(super) struct Turn(Option<Turns>);

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            free: at_once,
            waiting: BTreeMap::new(),
        })))
    }

    /// Takes a place: those with lower numbers come first.
    pub(super) fn queue(&self, number: u64) -> Place {
        let (sender, receiver) = oneshot::channel();
        self.with(|queue| queue.waiting.insert(number, sender));
        if self
            .with(|queue| queue.free.checked_sub(1).map(|free| queue.free = free))
            .is_some()
        {
            self.give();
        }
        Place(receiver)
    }

    /// Gives a turn that nobody has to the first who still waits.
    fn give(&self) {
        let first = self.with(|queue| match queue.waiting.pop_first() {
            Some((_, first)) => Some(first),
            None => {
                queue.free += 1;
                None
            }
        });
        if let Some(first) = first {
            // Where nobody waits any more, the turn is dropped, and goes on.
            drop(first.send(Turn(Some(self.clone()))));
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Queue) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Place {
    /// Waits for the turn.
    pub(super) async fn turn(&mut self) -> Turn {
        (&mut self.0).await.unwrap_or(Turn(None))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.give();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_go_to_the_first_that_still_waits() {
        let turns = Turns::new(1);
        let mut first = turns.queue(5);
        let (mut last, mut earlier, gone) = (turns.queue(9), turns.queue(7), turns.queue(6));
        let turn = first.turn().await;
        drop(gone);
        let mut waits = tokio::spawn(async move { last.turn().await });
        assert!((&mut waits).now_or_none().await.is_none());
        drop(turn);
        let turn = earlier.turn().await;
        drop(turn);
        drop(waits.await.unwrap());
        drop(turns.queue(1).turn().await);
    }

    trait NowOrNone: Future + Sized + Unpin {
        async fn now_or_none(self) -> Option<Self::Output> {
            let soon = std::time::Duration::from_millis(20);
            tokio::time::timeout(soon, self).await.ok()
        }
    }
    impl<F: Future + Unpin> NowOrNone for F {}
}
