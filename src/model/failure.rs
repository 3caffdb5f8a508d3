//! What can go wrong, where, and whose fault it is: the stages, the failure codes and the findings of checks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One step of a build's journey, in order. `Build` and `Package` are the rules' own two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The repository becomes a source tar.
    Fetch,
    /// The manifest and the rules are read and checked.
    Check,
    /// `rules build`, in the sandbox.
    Build,
    /// `rules package`, in the sandbox.
    Package,
    /// The file tree that came back is read and judged.
    Inspect,
    /// The .deb is written.
    Assemble,
    /// The evidence is signed.
    Sign,
    /// The package enters the apt repository.
    Publish,
}

impl Stage {
    /// Every stage, in their order.
    pub const ALL: [Self; 8] = [
        Self::Fetch,
        Self::Check,
        Self::Build,
        Self::Package,
        Self::Inspect,
        Self::Assemble,
        Self::Sign,
        Self::Publish,
    ];

    /// The stage with this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.word() == word)
    }

    /// The stage's word, as in logs and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Check => "check",
            Self::Build => "build",
            Self::Package => "package",
            Self::Inspect => "inspect",
            Self::Assemble => "assemble",
            Self::Sign => "sign",
            Self::Publish => "publish",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whose fault a failure is. A farm's fault is never billed to a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// The plugin's author.
    Partner,
    /// This farm.
    Farm,
    /// Somebody whom both depend on: a mirror, a git host.
    Upstream,
    /// Whoever gave the command.
    Caller,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Partner => "partner",
            Self::Farm => "farm",
            Self::Upstream => "upstream",
            Self::Caller => "caller",
        })
    }
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The artifact exists.
    Succeeded,
    /// A stage refused or broke.
    Failed,
    /// Somebody asked for it to stop.
    Cancelled,
}

macro_rules! failure_codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $blame:ident;)*) => {
        /// Why a stage failed. The code is stable: programs may compare it. Each code has one blame.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FailureCode { $($(#[$doc])* $variant,)* }

        impl FailureCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code's word, as in logs and in JSON.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Whose fault it is.
            #[must_use]
            pub fn blame(self) -> Blame {
                match self { $(Self::$variant => Blame::$blame,)* }
            }
        }
    };
}

failure_codes! {
    /// The repository's host did not answer, or not in time.
    SourceUnreachable = "source-unreachable", Upstream;
    /// The repository's host asked for credentials or said that there is no such repository.
    SourceDenied = "source-denied", Partner;
    /// The repository has no such branch, tag or commit.
    RefGone = "ref-gone", Partner;
    /// What a package was built from is kept nowhere any more.
    SourceGone = "source-gone", Farm;
    /// The source has more bytes or files than allowed.
    SourceTooLarge = "source-too-large", Partner;
    /// The source holds something that the farm does not take (an escaping subdirectory, a broken object).
    SourceInvalid = "source-invalid", Partner;
    /// The farm's policy refuses the URL (scheme, address range, unpinned host key).
    PolicyRejected = "policy-rejected", Partner;
    /// It depends on plugins that are not published yet.
    DependencyMissing = "dep-wait", Partner;
    /// It depends on itself, by way of other plugins.
    DependencyCycle = "dep-cycle", Partner;
    /// A check of severity `refuse` found something.
    CheckRefused = "check-refused", Partner;
    /// The rules exited with a status other than 0.
    RulesExit = "rules-exit", Partner;
    /// The rules were killed by a signal.
    RulesSignal = "rules-signal", Partner;
    /// The rules could not be executed at all.
    RulesNotExecutable = "rules-not-executable", Partner;
    /// The attempt took longer than allowed.
    TimeoutTotal = "timeout-total", Partner;
    /// The attempt printed nothing for longer than allowed.
    TimeoutSilent = "timeout-silent", Partner;
    /// The attempt needed more memory than allowed.
    OutOfMemory = "oom", Partner;
    /// The attempt wrote more bytes than allowed.
    DiskLimit = "disk", Partner;
    /// The attempt made more files than allowed.
    InodeLimit = "inodes", Partner;
    /// A step failed after it was refused more processes than allowed.
    ProcessLimit = "processes", Partner;
    /// The attempt printed more than allowed.
    LogLimit = "log-limit", Partner;
    /// The file tree is larger than allowed.
    OutputLimit = "output-limit", Partner;
    /// The step ended well but left no file tree.
    OutputMissing = "output-missing", Partner;
    /// The file tree holds an entry that no package may have.
    OutputUnsafe = "output-unsafe", Partner;
    /// The file tree is safe, and yet looks like a build that failed without saying so.
    PayloadHeld = "payload-held", Partner;
    /// A `build_depends` package does not exist in the target.
    BuildDependsUnknown = "build-depends-unknown", Partner;
    /// The version is published already, from another commit.
    VersionUsed = "version-used", Partner;
    /// The version is not higher than the one that is published.
    VersionNotHigher = "version-not-higher", Partner;
    /// The version was withdrawn, and is never used again.
    VersionWithdrawn = "version-withdrawn", Partner;
    /// No channel that was asked about has the package.
    NotPublished = "not-published", Caller;
    /// The channel takes only what somebody, or one more person, has approved.
    ApprovalNeeded = "approval-needed", Caller;
    /// The source is a dirty folder, or none of a repository, and publishing it was not asked for expressly.
    SourceNotPinned = "source-not-pinned", Partner;
    /// A build that was done again gave another package.
    NotReproducible = "not-reproducible", Partner;
    /// The package mirror did not answer.
    MirrorError = "mirror-error", Upstream;
    /// An image of the farm has not been made yet.
    ImageMissing = "image-missing", Farm;
    /// The engine did not do what it was asked.
    EngineError = "engine-api", Farm;
    /// The farm has too little disk space left to start or go on.
    FarmDiskFull = "farm-disk-full", Farm;
    /// The container's result could not be read.
    ExtractError = "extract-io", Farm;
    /// A file of the farm could not be read or written.
    StorageError = "storage-io", Farm;
    /// The repository's object store did not answer, or not well.
    StorageUnreachable = "storage-unreachable", Upstream;
    /// The repository's object store does not let the farm in, or is not where it should be.
    StorageDenied = "storage-denied", Farm;
    /// The evidence does not verify.
    EvidenceInvalid = "evidence-invalid", Partner;
    /// The signer did not sign.
    SignUnavailable = "sign-unavailable", Farm;
    /// Another publication was faster, or holds the lock.
    PublishConflict = "publish-conflict", Farm;
    /// Somebody asked for the build to stop.
    Cancelled = "cancelled", Farm;
    /// A newer build of the same plugin took its place in the queue.
    Superseded = "superseded", Farm;
    /// The command was used wrongly.
    Usage = "usage", Caller;
    /// The machine lacks something that builds need.
    NotReady = "not-ready", Farm;
    /// A published byte is not what it was when it was published.
    RepositoryDamaged = "repository-damaged", Farm;
    /// The farm could not do anything at all.
    FarmUnavailable = "farm-unavailable", Farm;
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for FailureCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// One line of an attempt's log: its number (from 1) and its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The line's number in the whole log, from 1.
    pub number: u64,
    /// The text, without its line end; control characters are escaped already. In a log, as against a failure, it has its
    /// colours ([`colours`](super::colours)).
    pub text: String,
}

/// Why a build failed, in words for the person who must act on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{stage} failed ({code}): {message}")]
pub struct Failure {
    /// Where.
    pub stage: Stage,
    /// Why, for programs; also says whose fault it is.
    pub code: FailureCode,
    /// What happened, in one sentence.
    pub message: String,
    /// What to do next, in one sentence.
    pub hint: String,
    /// The lines of the log that show it, oldest first; may be empty.
    pub lines: Vec<LogLine>,
}

impl Failure {
    /// A failure that needs no log lines.
    #[must_use]
    pub fn new(
        stage: Stage,
        code: FailureCode,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            stage,
            code,
            message: message.into(),
            hint: hint.into(),
            lines: Vec::new(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        self.code.blame()
    }
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the build goes on.
    Warn,
    /// The build stops unless the operator or the author allows this code by name.
    Hold,
    /// The build stops.
    Refuse,
}

/// One thing that a check found, in words that say how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable name of the rule, such as `manifest-version-invalid`.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// What was found, in one sentence.
    pub message: String,
    /// What to do about it, in one sentence.
    pub fix: String,
    /// The file that it is about, relative to the plugin's root, if it is about one.
    pub file: Option<String>,
    /// The line in that file, from 1, if it is about one.
    pub line: Option<u64>,
    /// The field of the manifest that it is about, such as `depends[0].name`, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_word() {
        let mut words: Vec<_> = FailureCode::ALL.iter().map(|code| code.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), FailureCode::ALL.len());
    }
}
