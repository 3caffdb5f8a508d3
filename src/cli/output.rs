//! What users see: progress and log lines on standard error, results on standard output. Colour and the moving line
//! only on a terminal.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::model::{Blame, CommitId, Finding, LogLine, Severity, Stage};
use crate::pipeline::{Conclusion, Observer};
use crate::repo::Progress;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default().bold();

/// Shows a build to a person.
pub(super) struct Terminal {
    /// The moving line; hidden where there is no terminal.
    line: ProgressBar,
}

impl Terminal {
    pub(super) fn new() -> Self {
        let line = if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{spinner} {msg:<9} {elapsed}");
            let line = ProgressBar::new_spinner();
            line.enable_steady_tick(Duration::from_millis(120));
            line.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        } else {
            ProgressBar::hidden()
        };
        Self { line }
    }

    /// Takes the moving line away; what follows is the result.
    pub(super) fn close(&self) {
        self.line.finish_and_clear();
    }

    fn print(&self, text: &str) {
        self.line.suspend(|| anstream::eprintln!("{text}"));
    }
}

/// Shows on a terminal how much of a publication was sent to an object store, where it takes long enough to be seen.
pub(super) fn uploads(json: bool) -> Option<Progress> {
    const SMALL: u64 = 4 << 20;
    if json || !std::io::stderr().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("  {bar:30} {bytes} of {total_bytes} sent");
    let line =
        ProgressBar::hidden().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    Some(Progress(Arc::new(move |sent, total| {
        if total < SMALL {
            return;
        }
        line.set_draw_target(ProgressDrawTarget::stderr());
        line.set_length(total);
        line.set_position(sent);
        if sent >= total {
            line.finish_and_clear();
            line.reset();
        }
    })))
}

impl Observer for Terminal {
    fn started(&self, stage: Stage) {
        self.line.reset_elapsed();
        self.line.set_message(stage.word());
    }

    fn resolved(&self, _: &CommitId) {}

    fn finished(&self, stage: Stage, took: Duration, summary: &str) {
        let seconds = took.as_secs_f64();
        let word = stage.word();
        self.print(&format!(
            "{GREEN}✓{GREEN:#} {BOLD}{word:<9}{BOLD:#} {summary} {DIM}{seconds:.1} s{DIM:#}"
        ));
    }

    fn log(&self, line: &LogLine) {
        self.print(&format!("{DIM}{:>5} │{DIM:#} {}", line.number, line.text));
    }

    fn finding(&self, finding: &Finding) {
        self.print(&finding_in_words(finding));
    }
}

/// Shows nothing: for `--json`.
pub(super) struct Silent;

impl Observer for Silent {
    fn started(&self, _: Stage) {}
    fn resolved(&self, _: &CommitId) {}
    fn finished(&self, _: Stage, _: Duration, _: &str) {}
    fn log(&self, _: &LogLine) {}
    fn finding(&self, _: &Finding) {}
}

/// A finding, with its place and its fix.
pub(super) fn finding_in_words(finding: &Finding) -> String {
    let (style, word) = match finding.severity {
        Severity::Warn => (YELLOW, "warning"),
        Severity::Hold => (RED, "held"),
        Severity::Refuse => (RED, "refused"),
    };
    let place = match (&finding.file, finding.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: "),
        (Some(file), None) => format!("{file}: "),
        (None, _) => String::new(),
    };
    let Finding {
        code, message, fix, ..
    } = finding;
    format!("{style}{word}{style:#} [{code}] {place}{message}\n        {DIM}fix:{DIM:#} {fix}")
}

/// Something that does not stop a command, and that whoever called it should know.
pub(super) fn warning(text: &str) -> String {
    format!("{YELLOW}warning{YELLOW:#} {text}")
}

/// One line of a result.
pub(super) fn line(text: &str) {
    anstream::println!("{text}");
}

/// One line of what goes on meanwhile.
pub(super) fn progress(text: &str) {
    anstream::eprintln!("{DIM}{text}{DIM:#}");
}

/// One thing that `doctor` looked at.
pub(super) fn examined(mark: &str, text: &dyn std::fmt::Display) -> String {
    let style = match mark {
        "ok" => GREEN,
        "warning" => YELLOW,
        _ => RED,
    };
    format!("{style}{mark:<8}{style:#} {text}")
}

/// What did not succeed: where, the lines that show it, whose fault it is, and what to do.
pub(super) fn conclusion(conclusion: &Conclusion, log: Option<&Path>) {
    anstream::eprintln!("{}", render_conclusion(conclusion));
    if let Some(log) = log {
        anstream::eprintln!("  whole log:   {}", log.display());
    }
}

fn render_conclusion(conclusion: &Conclusion) -> String {
    let Conclusion { code, message, .. } = conclusion;
    let mut text = match (conclusion.stage, code) {
        (Some(stage), Some(code)) => {
            format!("{RED}✗ {stage} failed{RED:#} [{code}] {message}")
        }
        _ => format!("{RED}error:{RED:#} {message}"),
    };
    for line in &conclusion.lines {
        text.push_str(&format!("\n{DIM}{:>5} │{DIM:#} {}", line.number, line.text));
    }
    // Outside of a build nobody asks whether it was the plugin.
    let blame = conclusion.stage.and(conclusion.blame);
    if let Some(blame) = blame {
        text.push_str(&format!("\n  whose fault: {}", blame_words(blame)));
    }
    if let Some(hint) = &conclusion.hint {
        text.push_str(&format!("\n  what to do:  {hint}"));
    }
    text
}

fn blame_words(blame: Blame) -> &'static str {
    match blame {
        Blame::Partner => "the plugin's",
        Blame::Farm => "this farm's, not the plugin's",
        Blame::Upstream => {
            "somebody else's (a host or a mirror), neither the plugin's nor the farm's"
        }
        Blame::Caller => "the command's",
    }
}
