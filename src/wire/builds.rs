//! Builds, and what they came to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::LogLine;
use crate::model::colours::{self, Style};

/// A build that somebody asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The repository's URL, without a credential: https, ssh or git.
    pub url: String,
    /// The plugin, as `namespace/name`; needed the first time that it is submitted.
    pub plugin: Option<String>,
    /// The plugin's folder in the repository, unless it is the root.
    pub subdirectory: Option<String>,
    /// A branch, a tag or a commit; without it, the default branch.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The Debian release; without it, bookworm.
    pub target: Option<String>,
    /// The channel; without it, the farm's first.
    pub channel: Option<String>,
    /// The preview of this branch, with a version below the release's, in a channel of its own: not with `channel`.
    pub preview: Option<String>,
    /// urgent (the operator's alone), normal or low; without it, normal.
    pub priority: Option<String>,
}

/// What became of a submission.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Submitted {
    /// The build's id.
    pub id: String,
    /// Whether it is new; else it is the one that the same idempotency key asked for before.
    pub fresh: bool,
    /// The builds whose place in the queue it took.
    pub superseded: Vec<String>,
}

/// A build.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Build {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub partner: String,
    /// The plugin, as `namespace/name`.
    pub plugin: String,
    /// The Debian release.
    pub target: String,
    /// The channel that it is published in.
    pub channel: String,
    /// urgent, normal or low.
    pub priority: String,
    /// queued, parked, running, succeeded, failed, cancelled, superseded or quarantined.
    pub state: String,
    /// The repository.
    pub url: String,
    /// The plugin's folder in it, unless it is the root.
    pub subdirectory: Option<String>,
    /// What was asked for: a branch, a tag or a commit.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The commit that it came to.
    pub commit: Option<String>,
    /// When it was asked for.
    pub created_at: String,
    /// When it came to its end.
    pub ended_at: Option<String>,
    /// The earliest time of its next attempt, while it waits.
    pub not_before: Option<String>,
    /// What its last attempt came to.
    pub result: Option<Verdict>,
}

/// What an attempt came to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// succeeded, failed or cancelled.
    pub outcome: String,
    /// The stage that failed.
    pub stage: Option<String>,
    /// Why; stable, for programs to compare.
    pub code: Option<String>,
    /// Whose fault it is: partner, farm, upstream or caller.
    pub blame: Option<String>,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The lines of the log that show it.
    #[serde(default)]
    pub lines: Vec<Line>,
    /// What the checks found.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// Its number in the attempt's whole log, from 1.
    pub number: u64,
    /// Its text, without its end; control characters are escaped.
    pub text: String,
}

/// A line that a log grew by: the data of an event `line`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grown {
    /// Which attempt's log, from 1.
    pub attempt: u32,
    /// The line.
    #[serde(flatten)]
    pub line: Line,
    /// The same text in parts, if it has colours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A part of a line that looks the same throughout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Part {
    /// What it says.
    pub text: String,
    /// Whether it is bold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bold: bool,
    /// red, green, yellow, blue, magenta, cyan or grey; without it, the text's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
}

impl Grown {
    /// A line of a log that keeps colours.
    #[must_use]
    pub fn new(attempt: u32, line: &LogLine) -> Self {
        let parts = colours::parts(&line.text);
        let text = parts.iter().map(|part| part.text.as_str()).collect();
        let is_plain = parts.iter().all(|part| part.style == Style::default());
        let told = |part: colours::Part| Part {
            text: part.text,
            bold: part.style.bold,
            colour: part.style.colour.map(|colour| colour.word().to_owned()),
        };
        Self {
            attempt,
            line: Line {
                number: line.number,
                text,
            },
            parts: match is_plain {
                true => Vec::new(),
                false => parts.into_iter().map(told).collect(),
            },
        }
    }

    /// The line as a log keeps it, whoever told of it: what a terminal would obey is escaped, but for colours.
    #[must_use]
    pub fn kept(&self) -> LogLine {
        let part = |part: &Part| colours::Part {
            style: Style {
                bold: part.bold,
                colour: part.colour.as_ref().and_then(|word| word.parse().ok()),
            },
            text: colours::harmless(&part.text),
        };
        let parts: Vec<_> = self.parts.iter().map(part).collect();
        LogLine {
            number: self.line.number,
            text: match parts.is_empty() {
                true => colours::harmless(&self.line.text),
                false => colours::coloured(&parts),
            },
        }
    }
}

/// One thing that a check found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// The rule; stable, for programs to compare.
    pub code: String,
    /// warn, hold or refuse.
    pub severity: String,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub fix: String,
    /// The file that it is about, relative to the plugin's root.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u64>,
    /// The field of the manifest that it is about, such as `depends[0].name`.
    #[serde(default)]
    pub field: Option<String>,
}

/// A build, with everything that is known of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Detailed {
    /// The build.
    #[serde(flatten)]
    pub build: Build,
    /// Its runs, in their order.
    pub attempts: Vec<Attempt>,
    /// The package first, then its evidence.
    pub artifacts: Vec<Artifact>,
    /// What hosts can install.
    pub publication: Option<Publication>,
    /// What happened when, from its submission to the moment from which hosts get it.
    pub timeline: Vec<Moment>,
}

/// One moment in a build's life.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Moment {
    /// received, queued, started, fetched, checked, built, packaged, inspected, packed, signed, published or visible.
    pub moment: String,
    /// When that was.
    pub at: String,
}

/// One run of a build.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// The id that its evidence has.
    pub id: String,
    /// Counts the build's attempts, from 1.
    pub number: u32,
    /// running, succeeded, failed, cancelled, or lost with its worker.
    pub state: String,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Why it failed.
    pub code: Option<String>,
    /// Whose fault that is.
    pub blame: Option<String>,
    /// Its stages, in their order.
    pub stages: Vec<Stage>,
    /// What the check found the plugin to be, once it has.
    #[serde(default)]
    pub plugin: Option<CheckedPlugin>,
}

/// What a plugin's manifest says that matters to whoever wants to install it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckedPlugin {
    /// The plugin, as `namespace/name`.
    pub plugin: String,
    /// Its version, as the manifest writes it.
    pub version: String,
    /// The lowest version of Wazo that it works with.
    pub min_wazo_version: Option<String>,
    /// The highest.
    pub max_wazo_version: Option<String>,
    /// The plugins that it needs, as `namespace/name`.
    pub depends: Vec<String>,
}

/// One stage of an attempt.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Stage {
    /// fetch, check, build, package, inspect, assemble, sign or publish.
    pub stage: String,
    /// When it began.
    pub started_at: String,
    /// In milliseconds, if it ended well.
    pub took_ms: Option<u64>,
    /// What it came to, in words.
    pub summary: Option<String>,
}

/// One file that a build left.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
}

/// What of a build hosts can install.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Publication {
    /// The apt suite.
    pub suite: String,
    /// The Debian package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// When it was published.
    pub published_at: String,
    /// When the farm saw, by its public address, that hosts get it.
    pub visible_at: Option<String>,
}

/// Why a build waits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Waits {
    /// The build's state.
    pub state: String,
    /// The reason, in a sentence.
    pub reason: String,
    /// How many builds are expected to begin before it.
    pub ahead: Option<usize>,
    /// When it is expected to begin: an estimate from how long builds took lately.
    pub expected_start: Option<String>,
    /// The plugins that it depends on and that are not published yet.
    #[serde(default)]
    pub awaits: Vec<String>,
}
