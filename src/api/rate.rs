//! How often somebody may ask: a bucket of tokens each, which fills with time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many askers are remembered. Beyond it those are forgotten who may ask as often as anybody.
const REMEMBERED: usize = 10_000;

/// A bucket for each asker: a full one may be taken at once, and fills again; within a minute, unless that is said.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    most: f64,
    per_minute: f64,
    /// What each had left, and when.
    left: Mutex<HashMap<K, (f64, Instant)>>,
}

impl<K: Hash + Eq> Buckets<K> {
    pub(super) fn new(per_minute: u32) -> Self {
        Self::of(per_minute, per_minute)
    }

    /// Buckets that hold `most`, and get `per_minute`.
    pub(super) fn of(most: u32, per_minute: u32) -> Self {
        Self {
            most: f64::from(most),
            per_minute: f64::from(per_minute),
            left: Mutex::default(),
        }
    }

    /// Takes one from the bucket of `who`, or says how long until there is one.
    pub(super) fn take(&self, who: K, now: Instant) -> Result<(), Duration> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.len() >= REMEMBERED && !left.contains_key(&who) {
            left.retain(|_, (count, at)| self.filled(*count, *at, now) < self.most);
            if left.len() >= REMEMBERED {
                // More askers than anybody counts: memory has a limit, and they begin anew.
                left.clear();
            }
        }
        let (count, at) = left.entry(who).or_insert((self.most, now));
        *count = self.filled(*count, *at, now);
        *at = now;
        if *count < 1.0 {
            let missing = (1.0 - *count) * 60.0 / self.per_minute;
            return Err(Duration::from_secs_f64(missing));
        }
        *count -= 1.0;
        Ok(())
    }

    fn filled(&self, count: f64, at: Instant, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(at).as_secs_f64();
        (count + passed * self.per_minute / 60.0).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_comes_at_once_and_then_one_by_one() {
        let (buckets, now) = (Buckets::new(60), Instant::now());
        let taken = (0..100).filter(|_| buckets.take("a", now).is_ok()).count();
        assert_eq!(taken, 60);
        assert_eq!(buckets.take("a", now), Err(Duration::from_secs(1)));
        assert_eq!(buckets.take("b", now), Ok(()), "others have their own");
        let later = now + Duration::from_secs(3);
        let taken = (0..9).filter(|_| buckets.take("a", later).is_ok()).count();
        assert_eq!(taken, 3);
        let slow = Buckets::of(9, 1);
        let take = |now| (0..20).filter(|_| slow.take("a", now).is_ok()).count();
        assert_eq!((take(now), take(now + Duration::from_secs(120))), (9, 2));
    }

    #[test]
    fn however_many_ask_the_memory_has_a_limit() {
        let (buckets, now) = (Buckets::new(1), Instant::now());
        for who in 0..3 * REMEMBERED {
            buckets.take(who, now).unwrap();
        }
        assert!(buckets.left.lock().unwrap().len() <= REMEMBERED);
    }
}
