//! What users see: progress and log lines on standard error, results on standard output. Colour and the moving line
//! only on a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

use crate::model::{Blame, Failure, Finding, LogLine, Outcome, Severity, Stage};
use crate::pipeline::{Observer, Report};

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

impl Observer for Terminal {
    fn started(&self, stage: Stage) {
        self.line.reset_elapsed();
        self.line.set_message(stage.word());
    }

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
        self.print(&render_finding(finding));
    }
}

/// Shows nothing: for `--json`.
pub(super) struct Silent;

impl Observer for Silent {
    fn started(&self, _: Stage) {}
    fn finished(&self, _: Stage, _: Duration, _: &str) {}
    fn log(&self, _: &LogLine) {}
    fn finding(&self, _: &Finding) {}
}

/// A finding, with its place and its fix.
pub(super) fn render_finding(finding: &Finding) -> String {
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

/// One line of a result.
pub(super) fn line(text: &str) {
    anstream::println!("{text}");
}

/// A result for machines.
pub(super) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    line(&text);
    Ok(())
}

/// One line of what goes on meanwhile.
pub(super) fn progress(text: &str) {
    anstream::eprintln!("{DIM}{text}{DIM:#}");
}

/// What went wrong, and why.
pub(super) fn error(error: &anyhow::Error) {
    let mut said = error.to_string();
    anstream::eprintln!("{RED}error:{RED:#} {said}");
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some errors say their cause themselves.
        if !said.contains(&cause) {
            anstream::eprintln!("  because: {cause}");
            said = cause;
        }
    }
}

/// The object that a program gets when a command could not be carried out at all.
pub(super) fn json_error(error: &anyhow::Error, usage: bool) {
    let (code, blame) = if usage {
        ("usage", "caller")
    } else {
        ("farm-unavailable", "farm")
    };
    let object = serde_json::json!({
        "outcome": "failed",
        "code": code,
        "blame": blame,
        "message": error.to_string(),
    });
    line(&object.to_string());
}

/// A failure.
pub(super) fn failure(failure: &Failure) {
    anstream::eprintln!("{}", render_failure(failure));
}

/// How a build ended, and where everything is.
pub(super) fn report(report: &Report) {
    if report.outcome == Outcome::Succeeded {
        for artifact in &report.artifacts {
            line(&artifact.path.display().to_string());
        }
    } else if let (Some(stage), Some(code)) = (report.stage, report.code) {
        failure(&Failure {
            stage,
            code,
            message: report.message.clone(),
            hint: report.hint.clone().unwrap_or_default(),
            lines: report.lines.clone(),
        });
        if let Some(log) = &report.log {
            anstream::eprintln!("  whole log:   {}", log.display());
        }
    }
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

/// A failure: where, whose fault, the lines that show it, and what to do.
fn render_failure(failure: &Failure) -> String {
    let Failure {
        stage,
        code,
        message,
        hint,
        lines,
    } = failure;
    let mut text = format!("{RED}✗ {stage} failed{RED:#} [{code}] {message}\n");
    for line in lines {
        text.push_str(&format!("{DIM}{:>5} │{DIM:#} {}\n", line.number, line.text));
    }
    text.push_str(&format!(
        "  whose fault: {}\n  what to do:  {hint}",
        blame_words(failure)
    ));
    text
}

fn blame_words(failure: &Failure) -> &'static str {
    match failure.blame() {
        Blame::Partner => "the plugin's",
        Blame::Farm => "this farm's, not the plugin's",
        Blame::Upstream => {
            "somebody else's (a host or a mirror), neither the plugin's nor the farm's"
        }
    }
}
