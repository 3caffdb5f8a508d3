//! The server's clock, as its answers tell it: what it dates itself is compared with no other one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};

use crate::model::Timestamp;

/// What the last answer said, and when it came.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerClock(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl ServerClock {
    /// How long until the server's clock shows a second after `time`; up to a second too long, never too short. Nothing
    /// where no answer had a date.
    pub(super) fn until_after(&self, time: Timestamp) -> Option<Duration> {
        let (told, since) = self.told()?;
        let seconds = u64::try_from(time.seconds() + 1 - told.seconds()).unwrap_or(0);
        Some(Duration::from_secs(seconds).saturating_sub(since.elapsed()))
    }

    /// How long ago something was that the server dated so.
    pub(super) fn age(&self, time: Timestamp) -> Option<Duration> {
        let (told, since) = self.told()?;
        let seconds = u64::try_from(told.seconds() - time.seconds()).unwrap_or(0);
        Some(Duration::from_secs(seconds) + since.elapsed())
    }

    /// What it shows, to the second.
    pub(super) fn now(&self) -> Option<Timestamp> {
        let (told, since) = self.told()?;
        let seconds = since.elapsed().as_secs().cast_signed();
        Some(Timestamp::from_seconds(told.seconds() + seconds))
    }

    fn told(&self) -> Option<(Timestamp, Instant)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "ServerClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        if let Some(date) = date {
            let told = (Timestamp::from_seconds(date.secs()), Instant::now());
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_dated_long_ago_is_waited_for_no_longer() {
        let clock = ServerClock::default();
        let at = Timestamp::from_seconds;
        assert_eq!(clock.until_after(at(100)), None);
        *clock.0.lock().unwrap() = Some((at(100), Instant::now()));
        let wait = clock.until_after(at(100)).unwrap();
        assert!(wait > Duration::from_millis(500) && wait <= Duration::from_secs(1));
        assert_eq!(clock.until_after(at(99)).unwrap(), Duration::ZERO);
        assert!(clock.age(at(70)).unwrap() >= Duration::from_secs(30));
        assert_eq!(clock.now(), Some(at(100)));
    }
}
