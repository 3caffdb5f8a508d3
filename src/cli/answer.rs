//! What a command answers: one JSON object for programs, or words for people, and the exit code.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};

use super::output;
use super::usage::WrongUsage;
use crate::app::AppError;
use crate::backup::BackupError;
use crate::client::ClientError;
use crate::import::ImportError;
use crate::model::{Blame, FailureCode, InvalidValue, Outcome, Stage};
use crate::notify::SubscribeError;
use crate::pipeline::Conclusion;
use crate::repo::RepoError;
use crate::sandbox::SandboxError;
use crate::secrets::SecretsError;
use crate::source::{CredentialError, LocationError};
use crate::store::StoreError;
use crate::telemetry::FilterError;
use crate::watch::WatchError;

/// How a command ended, and what it found. Nothing of it is printed before it is complete.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    #[serde(flatten)]
    conclusion: Conclusion,
    /// What this command adds to the object: another object.
    #[serde(flatten)]
    details: Value,
    /// The result in words, a line each.
    #[serde(skip)]
    lines: Vec<String>,
    /// The file that says more about a failure.
    #[serde(skip)]
    log: Option<PathBuf>,
}

impl Answer {
    /// The command did its work.
    pub(super) fn done(message: impl Into<String>) -> Self {
        Conclusion::done(message).into()
    }

    /// The command did its work, and what it found is not good.
    pub(super) fn failed(code: FailureCode, message: impl Into<String>, hint: &str) -> Self {
        Conclusion::failed(code, message, Some(hint.to_owned())).into()
    }

    /// Likewise, with what the JSON object has besides: another object.
    pub(super) fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }

    /// Likewise, with more besides that.
    pub(super) fn with_more(mut self, more: Value) -> Self {
        if let (Value::Object(details), Value::Object(more)) = (&mut self.details, more) {
            details.extend(more);
        }
        self
    }

    /// Likewise, with the result in words.
    pub(super) fn saying(self, lines: impl IntoIterator<Item = String>) -> Self {
        let lines = lines.into_iter().collect();
        Self { lines, ..self }
    }

    /// Likewise, with a file that says more about a failure.
    pub(super) fn with_log(self, log: Option<PathBuf>) -> Self {
        Self { log, ..self }
    }

    /// Prints the answer, and gives the exit code: 0 done, 1 the plugin's fault, 2 wrong usage, 3 anybody else's.
    pub(super) fn give(&self, json: bool) -> ExitCode {
        let printed = if json {
            serde_json::to_string_pretty(self).map(|text| output::line(&text))
        } else {
            self.say();
            Ok(())
        };
        match (printed, self.conclusion.blame) {
            (Err(error), _) => {
                tracing::error!(%error, "the answer cannot be written as JSON");
                ExitCode::from(3)
            }
            (Ok(()), None) => ExitCode::SUCCESS,
            (Ok(()), Some(Blame::Partner)) => ExitCode::from(1),
            (Ok(()), Some(Blame::Caller)) => ExitCode::from(2),
            (Ok(()), Some(Blame::Farm | Blame::Upstream)) => ExitCode::from(3),
        }
    }

    fn say(&self) {
        for line in &self.lines {
            output::line(line);
        }
        if self.conclusion.outcome != Outcome::Succeeded {
            output::conclusion(&self.conclusion, self.log.as_deref());
        }
    }
}

impl From<Conclusion> for Answer {
    fn from(conclusion: Conclusion) -> Self {
        Self {
            conclusion,
            details: json!({}),
            lines: Vec::new(),
            log: None,
        }
    }
}

/// What kept a command from doing its work.
impl From<&anyhow::Error> for Answer {
    fn from(error: &anyhow::Error) -> Self {
        let (code, hint) = code_and_hint(error);
        Conclusion::failed(code, words(error), hint).into()
    }
}

fn code_and_hint(error: &anyhow::Error) -> (FailureCode, Option<String>) {
    let owned = |hint: &str| Some(hint.to_owned());
    if let Some(error) = error.downcast_ref::<AppError>() {
        (error.code(), error.hint().map(str::to_owned))
    } else if let Some(error) = error.downcast_ref::<StoreError>() {
        (error.code(), owned(error.hint()))
    } else if let Some(error) = error.downcast_ref::<BackupError>() {
        let (code, hint) = error.code_and_hint();
        (code, owned(hint))
    } else if let Some(error) = error.downcast_ref::<ClientError>() {
        (error.code(), Some(error.hint()))
    } else if let Some(source) = stored(error) {
        (source.code(), owned(source.hint()))
    } else if let Some(error) = error.downcast_ref::<SandboxError>() {
        (error.code(), owned(error.hint()))
    } else if let Some(error) = error.downcast_ref::<RepoError>() {
        // The words are the same in every stage.
        let failure = error.failure(Stage::Publish);
        (failure.code, Some(failure.hint))
    } else if let Some(error) = error.downcast_ref::<ImportError>() {
        let (code, hint) = error.code_and_hint();
        (code, owned(hint))
    } else if error.is::<io::Error>() {
        let hint = "check the rights of the file or folder, and the free space";
        (FailureCode::StorageError, owned(hint))
    } else if error.is::<WrongUsage>()
        || error.is::<FilterError>()
        || error.is::<InvalidValue>()
        || error.is::<LocationError>()
        || error.is::<CredentialError>()
        || error.is::<SubscribeError>()
    {
        (FailureCode::Usage, None)
    } else {
        (FailureCode::FarmUnavailable, None)
    }
}

/// The error of the farm's state that an error hands on.
fn stored(error: &anyhow::Error) -> Option<&StoreError> {
    fn secrets(error: &SecretsError) -> Option<&StoreError> {
        match error {
            SecretsError::Store { source } => Some(source),
            SecretsError::Broken { .. } | SecretsError::Seal { .. } => None,
        }
    }
    if let Some(error) = error.downcast_ref::<WatchError>() {
        return match error {
            WatchError::Store { source } => Some(source),
            WatchError::Secrets { source } => secrets(source),
        };
    }
    if let Some(SubscribeError::Store { source }) = error.downcast_ref() {
        return Some(source);
    }
    error.downcast_ref::<SecretsError>().and_then(secrets)
}

/// What went wrong, and why.
pub(in crate::cli) fn words(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some errors say their cause themselves.
        if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}
