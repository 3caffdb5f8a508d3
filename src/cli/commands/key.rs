//! `plugfarm key`.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::KeyCommand;
use crate::model::FailureCode;
use crate::pipeline::now;
use crate::sign::{Forecast, PublicKeys, forecast};

pub(in crate::cli) fn run(app: &App, command: &KeyCommand) -> anyhow::Result<Answer> {
    let public = app.public_keys()?;
    match command {
        KeyCommand::Show => Ok(show(&public)),
        KeyCommand::Doctor => doctor(app, &public),
        KeyCommand::Export { folder } => {
            let paths = export(app, &public, folder)?;
            Ok(Answer::done("the public keys are written")
                .with(json!({ "files": paths }))
                .saying(paths.iter().map(|path| path.display().to_string())))
        }
    }
}

fn show(public: &PublicKeys) -> Answer {
    let (archive, statement) = (&public.archive_fingerprint, &public.statement_key_id);
    Answer::done("these are the farm's keys")
        .with(json!({
            "archive_fingerprint": archive,
            "statement_key_id": statement,
        }))
        .saying([
            format!("archive key    {archive}"),
            format!("statement key  {statement}"),
        ])
}

/// What to do when hosts refuse, now or later.
const REPLACE: &str = "publish again, so that the signature is a new one; a key that has expired or is too weak must be \
                       replaced before the day that is named, for no host gets another one by itself";

/// What one verifier says of one suite's `InRelease` on one day.
#[derive(Debug, Serialize)]
struct Verdict {
    suite: String,
    #[serde(flatten)]
    forecast: Forecast,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, days) = (self.forecast.verifier.name(), self.forecast.days);
        let problem = self.forecast.problem.as_ref();
        let said = problem.map_or("accepts".to_owned(), |why| format!("REFUSES: {why}"));
        write!(f, "{:<20} {name:<17} in {days:>3} days  {said}", self.suite)
    }
}

/// What hosts will make of what they find now.
fn doctor(app: &App, public: &PublicKeys) -> anyhow::Result<Answer> {
    let repository = app.repository()?;
    let mut verdicts = Vec::new();
    for state in repository.suites()? {
        let Some(in_release) = repository.in_release(&state.suite)? else {
            continue;
        };
        for forecast in forecast(&in_release, &public.archive_keyring, now())? {
            let suite = state.suite.to_string();
            verdicts.push(Verdict { suite, forecast });
        }
    }
    let good = verdicts.iter().all(|one| one.forecast.problem.is_none());
    let answer = match (verdicts.is_empty(), good) {
        (true, _) => Answer::done("nothing is published yet"),
        (false, true) => Answer::done("hosts accept what is published, for a year at least"),
        (false, false) => Answer::failed(
            FailureCode::SignUnavailable,
            "hosts refuse what is published, or will within a year",
            REPLACE,
        ),
    };
    let lines: Vec<_> = verdicts.iter().map(ToString::to_string).collect();
    Ok(answer.with(json!({ "verdicts": verdicts })).saying(lines))
}

fn export(app: &App, public: &PublicKeys, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    fs_err::create_dir_all(folder)?;
    let farm = &app.config.farm;
    let files: [(String, &[u8]); 3] = [
        (format!("plugfarm-{farm}.gpg"), &public.archive_keyring),
        (
            format!("plugfarm-{farm}.asc"),
            public.archive_armored.as_bytes(),
        ),
        (
            format!("plugfarm-{farm}-statement.pem"),
            public.statement_pem.as_bytes(),
        ),
    ];
    let mut written = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        fs_err::write(&path, bytes)?;
        written.push(path);
    }
    Ok(written)
}
