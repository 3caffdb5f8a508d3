//! Whether what somebody has of a file is what it is now. apt asks by the second (`If-Modified-Since`), and a file may be
//! replaced twice in one: so what changed just now is said to be a second older than it is, and is sent again when it is asked
//! for next. A date is that of the file's place (`ctime`), which a rename sets, and not only of its content.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::model::Timestamp;

/// How long after a change another one may have the same date, in seconds: one, and one for a clock that ticks coarsely.
const HOT: i64 = 1;

/// What tells one version of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    tag: String,
    /// When it came to its place.
    since: i64,
    /// The date that whoever gets it now is told.
    date: i64,
}

impl Version {
    /// The version of the file at `path` at the time `now`; none, if there is none.
    pub(super) async fn of(path: &Path, now: Timestamp) -> Option<Self> {
        let found = tokio::fs::metadata(path).await.ok()?;
        if !found.is_file() {
            return None;
        }
        let since = found.ctime().max(found.mtime());
        let tag = format!(
            "\"{:x}-{:x}-{:x}.{:x}-{:x}.{:x}\"",
            found.ino(),
            found.size(),
            found.mtime(),
            found.mtime_nsec(),
            found.ctime(),
            found.ctime_nsec()
        );
        Some(Self::new(tag, since, now.seconds()))
    }

    fn new(tag: String, since: i64, now: i64) -> Self {
        let hot = now <= since.saturating_add(HOT);
        let date = since - i64::from(hot);
        Self { tag, since, date }
    }

    /// Takes out of a request what is answered here (RFC 9110 13): what is left is asked for in any case. Says whether whoever
    /// asks has this version already.
    pub(super) fn settle(&self, headers: &mut HeaderMap) -> bool {
        let mut take = |name| headers.remove(name).and_then(text);
        let tags = take(header::IF_NONE_MATCH);
        let date = take(header::IF_MODIFIED_SINCE);
        let range = take(header::IF_RANGE);
        if range.is_some_and(|known| known != self.tag && seconds(&known) != Some(self.since)) {
            headers.remove(header::RANGE);
        }
        match (tags, date.and_then(|date| seconds(&date))) {
            (Some(tags), _) => tags
                .split(',')
                .map(|tag| tag.trim().trim_start_matches("W/"))
                .any(|tag| tag == self.tag || tag == "*"),
            (None, Some(date)) => date >= self.since,
            (None, None) => false,
        }
    }

    /// Says of an answer which version it is.
    pub(super) fn label(&self, headers: &mut HeaderMap) {
        let date = Timestamp::from_seconds(self.date).release_date();
        let date = HeaderValue::from_str(&date.replace("UTC", "GMT"));
        for (name, value) in [
            (header::LAST_MODIFIED, date),
            (header::ETAG, HeaderValue::from_str(&self.tag)),
        ] {
            headers.remove(&name);
            headers.extend(value.ok().map(|value| (name, value)));
        }
    }

    /// Says that nothing has changed.
    pub(super) fn unchanged(&self) -> Response {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        self.label(response.headers_mut());
        response
    }
}

fn text(value: HeaderValue) -> Option<String> {
    value.to_str().ok().map(str::to_owned)
}

/// The seconds of an HTTP date in the form that is sent today.
fn seconds(date: &str) -> Option<i64> {
    let date = date.trim().strip_suffix("GMT")?;
    let read = Timestamp::from_release_date(&format!("{date}UTC"));
    read.ok().map(Timestamp::seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_769_860_800;

    fn asked(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn date_of(version: &Version) -> String {
        let mut headers = HeaderMap::new();
        version.label(&mut headers);
        headers[header::LAST_MODIFIED].to_str().unwrap().to_owned()
    }

    #[test]
    fn whoever_got_a_file_in_the_second_of_its_change_gets_it_again() {
        let (first, second) = ("\"1\"".to_owned(), "\"2\"".to_owned());
        for (got, changed) in [(0, 0), (1, 1), (1, 2), (2, 2), (9, 9)] {
            // The first is there since noon, and asked for at `got`; then the second takes its place at `changed`.
            let known = date_of(&Version::new(first.clone(), NOON, NOON + got));
            let version = Version::new(second.clone(), NOON + changed, NOON + 100);
            let mut headers = asked(&[("if-modified-since", &known)]);
            assert!(!version.settle(&mut headers), "{got} {changed}");
            assert!(headers.is_empty());
        }
        let cold = Version::new(first, NOON, NOON + 100);
        assert_eq!(date_of(&cold), "Sat, 31 Jan 2026 12:00:00 GMT");
        assert!(cold.settle(&mut asked(&[("if-modified-since", &date_of(&cold))])));
    }

    #[test]
    fn a_tag_is_believed_before_a_date() {
        let version = Version::new("\"a\"".to_owned(), NOON, NOON + 100);
        let date = date_of(&version);
        for (tags, same) in [
            ("\"a\"", true),
            ("\"b\", W/\"a\"", true),
            ("*", true),
            ("\"b\"", false),
        ] {
            let mut headers = asked(&[("if-none-match", tags), ("if-modified-since", &date)]);
            assert_eq!(version.settle(&mut headers), same, "{tags}");
        }
    }

    #[test]
    fn a_part_is_given_only_of_what_the_other_part_is_of() {
        let version = Version::new("\"a\"".to_owned(), NOON, NOON + 100);
        for (known, part) in [
            ("\"a\"", true),
            ("\"b\"", false),
            ("Sat, 31 Jan 2026 12:00:00 GMT", true),
            ("Sat, 31 Jan 2026 11:59:59 GMT", false),
        ] {
            let mut headers = asked(&[("if-range", known), ("range", "bytes=5-")]);
            assert!(!version.settle(&mut headers));
            assert_eq!(headers.contains_key("range"), part, "{known}");
        }
    }
}
