//! Stopping what runs.

use tokio::sync::watch;

/// Asks everything that holds the matching [`Cancel`] to stop.
#[derive(Debug)]
pub struct Canceller(watch::Sender<bool>);

/// Tells whether somebody asked to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Receiver<bool>);

impl Canceller {
    /// A pair of which one asks and the other listens.
    #[must_use]
    pub fn new() -> (Self, Cancel) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Cancel(receiver))
    }

    /// Asks to stop. Asking twice is the same as asking once.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancel {
    /// For what nobody will ever ask to stop.
    #[must_use]
    pub fn never() -> Self {
        Canceller::new().1
    }

    /// Whether somebody has asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when somebody asks to stop.
    pub async fn cancelled(&mut self) {
        if self.0.wait_for(|cancelled| *cancelled).await.is_err() {
            // Whoever could have asked is gone.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_reaches_every_listener() {
        let (canceller, mut cancel) = Canceller::new();
        let mut other = cancel.clone();
        assert!(!cancel.is_cancelled());
        canceller.cancel();
        canceller.cancel();
        cancel.cancelled().await;
        other.cancelled().await;
        assert!(cancel.is_cancelled());
    }
}
