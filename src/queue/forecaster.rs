//! One forecast for everybody who asks: made anew at most once a second, and never twice at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::MEMORY;
use super::decide::Limits;
use super::forecast::{Forecast, Wait};
use crate::model::{BuildId, Timestamp};
use crate::store::{QueueView, Store, StoreError};

/// How long a forecast is good.
const GOOD: Duration = Duration::from_secs(1);
/// How soon one is made anew for whoever looks at everything, or for a build that is not in it: it came just now.
const AGAIN: Duration = Duration::from_millis(100);
/// From how many attempts it is told how long they take.
const ATTEMPTS: u32 = 500;

/// Keeps the last forecast.
#[derive(Debug)]
pub struct Forecaster {
    limits: Limits,
    last: Mutex<Option<(Instant, Arc<Overview>)>>,
}

/// What waits and what runs, and how everything waits.
#[derive(Debug, Default)]
pub struct Overview {
    /// What waits and what runs.
    pub view: QueueView,
    /// How it waits.
    pub forecast: Forecast,
}

impl Forecaster {
    /// Nothing is forecast yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            last: Mutex::new(None),
        }
    }

    /// What there is, as of a moment ago.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn all(&self, store: &Store, now: Timestamp) -> Result<Arc<Overview>, StoreError> {
        self.newer_than(AGAIN, store, now).await
    }

    /// How a build waits; `None` if it does not.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn of(
        &self,
        store: &Store,
        build: &BuildId,
        now: Timestamp,
    ) -> Result<Option<Wait>, StoreError> {
        let all = self.newer_than(GOOD, store, now).await?;
        if let Some(wait) = all.forecast.of(build) {
            return Ok(Some(wait.clone()));
        }
        let all = self.newer_than(AGAIN, store, now).await?;
        Ok(all.forecast.of(build).cloned())
    }

    async fn newer_than(
        &self,
        age: Duration,
        store: &Store,
        now: Timestamp,
    ) -> Result<Arc<Overview>, StoreError> {
        let mut last = self.last.lock().await;
        if let Some((made, all)) = &*last
            && made.elapsed() < age
        {
            return Ok(Arc::clone(all));
        }
        let made = Instant::now();
        let since = Timestamp::from_seconds(now.seconds() - MEMORY);
        let (view, took) = (store.queue(since).await?, store.took(ATTEMPTS).await?);
        let limits = self.limits;
        // Thousands of builds take a moment: nobody else's answer waits for that.
        let all = tokio::task::spawn_blocking(move || Overview {
            forecast: Forecast::new(&view, &took, limits, now),
            view,
        });
        let all = Arc::new(all.await.unwrap_or_default());
        *last = Some((made, Arc::clone(&all)));
        Ok(all)
    }
}
