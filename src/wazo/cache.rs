//! Good answers, for a moment.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many answers are kept.
const MOST: usize = 1000;

/// What was answered within the last moment. Answers leave when they are too old, or all of them when there are too many.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    fresh: Duration,
    known: Mutex<HashMap<K, (Instant, V)>>,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    pub(super) fn new(fresh: Duration) -> Self {
        Self {
            fresh,
            known: Mutex::default(),
        }
    }

    pub(super) fn get(&self, key: &K, now: Instant) -> Option<V> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = known.get(key)?;
        (now.duration_since(*since) < self.fresh).then(|| value.clone())
    }

    pub(super) fn put(&self, key: K, value: V, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (since, _)| now.duration_since(*since) < self.fresh);
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, (now, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_get_old_and_never_too_many() {
        let cache = Cache::new(Duration::from_secs(2));
        let now = Instant::now();
        cache.put(0, "a", now);
        assert_eq!(cache.get(&0, now + Duration::from_secs(1)), Some("a"));
        assert_eq!(cache.get(&0, now + Duration::from_secs(2)), None);
        for key in 1..5 * MOST {
            cache.put(key, "b", now);
        }
        assert!(cache.known.lock().unwrap().len() <= MOST);
    }
}
