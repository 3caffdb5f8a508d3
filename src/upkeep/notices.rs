//! What the farm's operator has to know, as long as it is so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Timestamp;
use crate::pipeline::now;

/// Something that the farm's operator has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about, in a word.
    pub about: &'static str,
    /// What is wrong, and what to do.
    pub words: String,
    /// Since when it is so.
    pub since: Timestamp,
}

/// The notices there are. Clones share them. They are found out again by a farm that starts, and are stored nowhere.
#[derive(Debug, Clone, Default)]
pub struct Notices(Arc<Mutex<BTreeMap<&'static str, Notice>>>);

impl Notices {
    /// What there is to know, by subject.
    #[must_use]
    pub fn all(&self) -> Vec<Notice> {
        self.map().values().cloned().collect()
    }

    /// Says what is so about something now; nothing, if all is well. What is new is logged.
    pub fn set(&self, about: &'static str, words: Option<String>) {
        let mut map = self.map();
        match words {
            None => {
                if map.remove(about).is_some() {
                    tracing::info!(about, "all is well again");
                }
            }
            Some(words) => {
                let before = map.get(about);
                if before.is_none_or(|before| before.words != words) {
                    tracing::warn!(about, "{words}");
                }
                let since = before.map_or_else(now, |before| before.since);
                let notice = Notice {
                    about,
                    words,
                    since,
                };
                map.insert(about, notice);
            }
        }
    }

    /// Whether there is something to know about one of these.
    pub(super) fn any(&self, subjects: &[&str]) -> bool {
        let map = self.map();
        subjects.iter().any(|about| map.contains_key(about))
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<&'static str, Notice>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_there_as_long_as_it_is_so_and_keeps_its_beginning() {
        let notices = Notices::default();
        notices.set("keys", Some("one".to_owned()));
        let since = notices.all()[0].since;
        notices.set("keys", Some("two".to_owned()));
        let all = notices.all();
        assert_eq!(
            (all.len(), all[0].words.as_str(), all[0].since),
            (1, "two", since)
        );
        assert!(notices.any(&["disk", "keys"]) && !notices.any(&["disk"]));
        notices.set("keys", None);
        assert_eq!(notices.all(), []);
    }
}
