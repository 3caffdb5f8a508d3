//! A part of a log, on a page: each line with an anchor.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;

use maud::{Markup, html};

use super::Web;
use super::fault::Fault;
use crate::model::LogLine;
use crate::model::colours::{self, Colour, Style};
use crate::store::{Attempt, Build};

/// How many lines a page has.
const LINES: usize = 2000;
/// The most bytes of them.
const BYTES: usize = 1 << 20;
/// The most bytes of a log that are read; what a build may print is less.
const MAX_LOG: u64 = 64 << 20;

/// A part of a log.
pub(super) struct Part {
    lines: VecDeque<LogLine>,
    /// Whether there are lines before these, and after.
    before: bool,
    after: bool,
    /// Whether nobody asked for a part of it that is to stay as it is.
    goes_on: bool,
}

/// The lines of an attempt's log from line `from` on; without that, the last ones.
pub(super) async fn part(
    web: &Web,
    build: &Build,
    attempt: &Attempt,
    from: Option<usize>,
) -> Result<Part, Fault> {
    if let Some(live) = web.live.log(&build.id)
        && live.number == attempt.number
    {
        let first = from.map_or_else(|| live.len().saturating_sub(LINES), |from| from - 1);
        let lines: VecDeque<_> = live.after(first, LINES, BYTES).into();
        return Ok(Part {
            before: first > 0,
            after: live.len() > first + lines.len(),
            lines,
            goes_on: from.is_none(),
        });
    }
    let name = attempt.log.as_deref().unwrap_or("log");
    let path = web.builds.join(attempt.id.as_str()).join(name);
    let permit = web.readers.acquire().await;
    let read = tokio::task::spawn_blocking(move || read(path, from)).await;
    drop(permit);
    match read {
        Ok(Ok(part)) => Ok(part),
        Ok(Err(error)) => {
            tracing::debug!(%error, build.id = %build.id, "a log is not there");
            Ok(Part {
                lines: VecDeque::new(),
                before: false,
                after: false,
                goes_on: true,
            })
        }
        Err(_) => Err(Fault::slow()),
    }
}

fn read(path: PathBuf, from: Option<usize>) -> std::io::Result<Part> {
    let file = BufReader::new(fs_err::File::open(path)?.take(MAX_LOG));
    let (mut lines, mut bytes, mut after) = (VecDeque::<LogLine>::new(), 0, false);
    for (at, text) in file.lines().enumerate() {
        if from.is_some_and(|from| at + 1 < from) {
            continue;
        }
        let (number, text) = (at as u64 + 1, text?);
        bytes += text.len();
        lines.push_back(LogLine { number, text });
        let fits = |lines: &VecDeque<_>, bytes| lines.len() <= LINES && bytes <= BYTES;
        if from.is_some() && !fits(&lines, bytes) {
            lines.pop_back();
            after = true;
            break;
        }
        while !fits(&lines, bytes) {
            bytes -= lines.pop_front().map_or(0, |line| line.text.len());
        }
    }
    let before = lines.front().is_some_and(|line| line.number > 1);
    Ok(Part {
        lines,
        before,
        after,
        goes_on: from.is_none(),
    })
}

impl Part {
    /// The lines, in a region that the script goes on with where the build still runs.
    pub(super) fn markup(&self, build: &Build, attempt: &Attempt) -> Markup {
        let runs = !build.state.is_final();
        let first = self.lines.front().map_or(1, |line| line.number);
        let last = self.lines.back().map_or(0, |line| line.number);
        let live = (runs && self.goes_on).then(|| {
            let after = format!("{}:{last}", attempt.number);
            format!("/builds/{}/log/live?after={after}", build.id)
        });
        let place = |from: u64| format!("?attempt={}&from={from}#log", attempt.number);
        html! {
            @if self.before {
                p.more { a href=(place(first.saturating_sub(LINES as u64).max(1))) { "Earlier lines" } }
            }
            div.log #lines role="log" aria-live="off" tabindex="0" aria-label="Log"
                data-live=[&live] data-attempt=(attempt.number) {
                @for line in &self.lines { (markup(line)) }
                @if self.lines.is_empty() {
                    p.nothing { @if runs { "Nothing has been printed yet." } @else { "Nothing was printed." } }
                }
            }
            @if self.after && live.is_none() { p.more { a href=(place(last + 1)) { "Later lines" } } }
        }
    }
}

/// One line. It is a stranger's: what it says is text, whatever it looks like.
fn markup(line: &LogLine) -> Markup {
    let anchor = format!("L{}", line.number);
    html! {
        div.l id=(anchor) {
            a href={ "#" (anchor) } { (line.number) }
            span { @for part in colours::parts(&line.text) { (coloured(&part)) } }
        }
    }
}

/// A part of a line: the script makes the same of what comes later.
fn coloured(part: &colours::Part) -> Markup {
    let Style { bold, colour } = part.style;
    if part.style == Style::default() {
        return html! { (part.text) };
    }
    let classes = colour.map(Colour::word).into_iter();
    let classes: Vec<_> = classes.chain(bold.then_some("bold")).collect();
    html! { span class=(classes.join(" ")) { (part.text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(count: usize) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let text: String = (1..=count)
            .map(|number| format!("line {number}\n"))
            .collect();
        fs_err::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn of_a_long_log_the_end_is_shown_unless_somebody_asks_for_another_part() {
        let (_folder, path) = log(LINES + 10);
        let end = read(path.clone(), None).unwrap();
        assert_eq!(
            (end.lines.len(), end.before, end.after),
            (LINES, true, false)
        );
        assert_eq!(end.lines[0].number, 11);
        let begin = read(path.clone(), Some(1)).unwrap();
        assert_eq!(
            (begin.lines.len(), begin.before, begin.after),
            (LINES, false, true)
        );
        let last = read(path, Some(LINES + 10)).unwrap();
        assert_eq!(
            (last.lines.len(), last.before, last.after),
            (1, true, false)
        );
        assert_eq!(last.lines[0].text, format!("line {}", LINES + 10));
    }

    #[test]
    fn what_looks_like_markup_is_text() {
        let line = LogLine {
            number: 7,
            text: "</span><script>alert(1)</script>\" onload=\"x".to_owned(),
        };
        insta::assert_snapshot!(markup(&line).into_string(), @r##"<div class="l" id="L7"><a href="#L7">7</a><span>&lt;/span&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x</span></div>"##);
    }

    #[test]
    fn colours_are_classes_around_text() {
        let of = |text: &str| {
            let text = text.to_owned();
            let line = markup(&LogLine { number: 1, text }).into_string();
            line.split("</a>").nth(1).unwrap().to_owned()
        };
        insta::assert_snapshot!(of("a \u{1b}[1;31m<b>\u{1b}[0m\u{1b}[36mc\u{1b}[0m"), @r##"<span>a <span class="red bold">&lt;b&gt;</span><span class="cyan">c</span></span></div>"##);
        insta::assert_snapshot!(of("\u{1b}[31\" onload=\"xm<b>\u{1b}[0m"), @r##"<span>&lt;b&gt;</span></div>"##);
    }
}
