//! How things are said on pages: states, times, sizes.

use std::time::Duration;

use maud::{Markup, html};

use crate::model::{BuildState, Timestamp};

/// The sign of a state, which is said in words beside it.
fn sign(word: &str) -> &'static str {
    match word {
        "succeeded" => "✓",
        "failed" => "✕",
        "running" => "●",
        "queued" => "○",
        "parked" => "◇",
        "cancelled" => "–",
        "superseded" => "↷",
        "lost" => "?",
        _ => "!",
    }
}

/// A state, as a word with a sign and a colour.
pub(super) fn state(word: &str) -> Markup {
    html! {
        span.state data-state=(word) { span aria-hidden="true" { (sign(word)) } " " (word) }
    }
}

/// The state of a build.
pub(super) fn build_state(of: BuildState) -> Markup {
    state(of.word())
}

/// A moment, by how long ago it was.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> Markup {
    let text = distance(then, now);
    html! { time datetime=(then.rfc3339()) title=(exact(then)) { (text) } }
}

/// A moment, to the second.
pub(super) fn exact(then: Timestamp) -> String {
    then.rfc3339().replace('T', " ").replace('Z', " UTC")
}

fn distance(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.seconds() - then.seconds();
    let length = match seconds.unsigned_abs() {
        0..45 => return "just now".to_owned(),
        near @ 45..5400 => format!("{} min", (near + 30) / 60),
        hours @ 5400..129_600 => format!("{} h", (hours + 1800) / 3600),
        days @ 129_600..5_184_000 => format!("{} days", (days + 43_200) / 86_400),
        _ => return then.rfc3339().chars().take(10).collect(),
    };
    if seconds < 0 {
        format!("in {length}")
    } else {
        format!("{length} ago")
    }
}

/// How long something took.
pub(super) fn took(duration: Duration) -> String {
    let millis = duration.as_millis();
    let seconds = duration.as_secs();
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{}.{} s", seconds, (millis % 1000) / 100),
        60_000..3_600_000 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A number of bytes.
pub(super) fn size(bytes: u64) -> String {
    bytesize::ByteSize(bytes).to_string()
}

/// How many of something there are.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        other => format!("{other} {many}"),
    }
}

/// The first digits of a commit.
pub(super) fn short(commit: &str) -> String {
    commit.chars().take(10).collect()
}

/// A sentence of the farm's own, with what stands between backquotes as code.
pub(super) fn marked(text: &str) -> Markup {
    let parts: Vec<_> = text.split('`').collect();
    if parts.len() % 2 == 0 {
        return html! { (text) };
    }
    html! {
        @for (at, part) in parts.iter().enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// One word of a command line, for a shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_769_860_800 + seconds)
    }

    #[test]
    fn moments_are_as_far_as_people_say() {
        for (seconds, said) in [
            (0, "just now"),
            (-3, "just now"),
            (60, "1 min ago"),
            (-600, "in 10 min"),
            (7200, "2 h ago"),
            (3 * 86_400, "3 days ago"),
            (100 * 86_400, "2026-01-31"),
        ] {
            assert_eq!(distance(at(0), at(seconds)), said);
        }
        assert_eq!(exact(at(0)), "2026-01-31 12:00:00 UTC");
    }

    #[test]
    fn durations_are_read_at_a_glance() {
        let said = [7, 1234, 61_000, 7_260_000].map(|ms| took(Duration::from_millis(ms)));
        assert_eq!(said, ["7 ms", "1.2 s", "1 min 1 s", "2 h 1 min"]);
    }

    #[test]
    fn what_stands_between_backquotes_is_code() {
        let of = |text| marked(text).into_string();
        assert_eq!(of("`a` & b"), "<code>a</code> &amp; b");
        assert_eq!(of("a ` <b>"), "a ` &lt;b&gt;");
    }

    #[test]
    fn a_word_for_a_shell_is_one_word() {
        assert_eq!(quoted("v1.2"), "v1.2");
        assert_eq!(quoted("a b'; rm"), r"'a b'\''; rm'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$(id)"), "'$(id)'");
    }
}
