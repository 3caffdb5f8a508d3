//! `plugfarm doctor`: what is missing on this machine, with the command that mends it.

mod repository;
mod serve;

use std::os::unix::fs::MetadataExt as _;

use serde::Serialize;
use serde_json::json;

use crate::app::{App, AppError};
use crate::cli::answer::Answer;
use crate::cli::commands::key::{PROTECT, UNPROTECTED};
use crate::cli::output;
use crate::model::{FailureCode, Target};
use crate::pipeline::now;
use crate::sandbox::{Engine, ImageName, Images, SandboxError, self_test};

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    Warning,
    Missing,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Examined {
    what: String,
    state: State,
    detail: String,
    /// The command, or the words, that mend it.
    mend: Option<String>,
}

pub(in crate::cli) async fn run(app: &App) -> anyhow::Result<Answer> {
    let mut all = vec![data_folder(app), keys(app), bootstrap()];
    all.extend(repository::examine(app, now()));
    all.extend(serve::examine(app, now()).await);
    match app.engine().await {
        Ok(engine) => {
            all.push(good("engine", describe(&engine)));
            all.extend(
                engine
                    .facts()
                    .warnings()
                    .into_iter()
                    .map(|detail| Examined {
                        what: "engine".to_owned(),
                        state: State::Warning,
                        detail,
                        mend: None,
                    }),
            );
            all.extend(images(&app.images().await?, &engine).await);
        }
        Err(error) => {
            let mend = match &error {
                AppError::Engine {
                    source: SandboxError::Unreachable { .. },
                } => "apt-get install docker.io, and let this user talk to it",
                _ => error.hint().unwrap_or("as the message says"),
            };
            all.push(missing("engine", error.to_string(), mend));
        }
    }
    Ok(judge(&all))
}

fn judge(all: &[Examined]) -> Answer {
    let broken = all.iter().any(|examined| examined.state == State::Missing);
    let lines = all
        .iter()
        .map(|examined| output::examined(examined.mark(), examined));
    let mut lines: Vec<_> = lines.collect();
    let answer = if broken {
        let hint = "do what is said beside each, and see again";
        Answer::failed(FailureCode::NotReady, "something is missing", hint)
    } else {
        lines.push("ready to build".to_owned());
        Answer::done("ready to build")
    };
    answer.with(json!({ "examined": all })).saying(lines)
}

impl Examined {
    fn mark(&self) -> &'static str {
        match self.state {
            State::Good => "ok",
            State::Warning => "warning",
            State::Missing => "missing",
        }
    }
}

impl std::fmt::Display for Examined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<12} {}", self.what, self.detail)?;
        self.mend
            .as_ref()
            .map_or(Ok(()), |mend| write!(f, "\n          mend it: {mend}"))
    }
}

fn good(what: &str, detail: String) -> Examined {
    Examined {
        what: what.to_owned(),
        state: State::Good,
        detail,
        mend: None,
    }
}

fn warning(what: &str, detail: String, mend: &str) -> Examined {
    Examined {
        state: State::Warning,
        ..missing(what, detail, mend)
    }
}

fn missing(what: &str, detail: String, mend: &str) -> Examined {
    Examined {
        what: what.to_owned(),
        state: State::Missing,
        detail,
        mend: Some(mend.to_owned()),
    }
}

fn data_folder(app: &App) -> Examined {
    const OTHERS_WRITE: u32 = 0o022;
    let (what, path) = ("data folder", app.data().display());
    let made = app.folder("").map(|_| fs_err::metadata(app.data()));
    match made {
        Ok(Ok(found)) if found.mode() & OTHERS_WRITE != 0 => missing(
            what,
            format!("others may write to {path}, and put keys of their own there"),
            &format!("chmod go-w {path}"),
        ),
        Ok(_) => good(what, path.to_string()),
        Err(error) => missing(what, error.to_string(), "name another one with --data-dir"),
    }
}

fn keys(app: &App) -> Examined {
    let signer = app.signer().map(|(_, public)| public);
    match (signer, app.keys_are_protected()) {
        (Ok(_), Ok(Some(false))) => warning("keys", UNPROTECTED.to_owned(), PROTECT),
        (Ok(public), Ok(_)) => good(
            "keys",
            format!("archive key {}", public.archive_fingerprint),
        ),
        (Err(error), _) | (_, Err(error)) => {
            missing("keys", error.to_string(), "as the message says")
        }
    }
}

/// Needed only to make images, which a machine that has them never does.
fn bootstrap() -> Examined {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join("mmdebstrap").is_file())
    });
    if found {
        good("mmdebstrap", "installed".to_owned())
    } else {
        missing(
            "mmdebstrap",
            "makes the images".to_owned(),
            "apt-get install mmdebstrap",
        )
    }
}

fn describe(engine: &Engine) -> String {
    let facts = engine.facts();
    format!(
        "Docker {}, {}, {}, cgroup v{}{}",
        facts.version,
        facts.runtime,
        facts.storage_driver,
        facts.cgroup_version,
        if facts.rootless { ", rootless" } else { "" }
    )
}

async fn images(images: &Images, engine: &Engine) -> Vec<Examined> {
    let mut all = Vec::new();
    let wanted = [(ImageName::Fetcher, Target::Bookworm)];
    let builders = Target::ALL.map(|target| (ImageName::Builder, target));
    for (name, target) in wanted.into_iter().chain(builders) {
        let what = format!("image {name}:{target}");
        let found = match images.find(name, target).await {
            Ok(Some(image)) => image,
            Ok(None) => {
                all.push(missing(
                    &what,
                    "not made yet".to_owned(),
                    "plugfarm images build",
                ));
                continue;
            }
            Err(error) => {
                all.push(missing(&what, error.to_string(), error.hint()));
                continue;
            }
        };
        all.push(good(&what, format!("{} packages", found.packages.len())));
        if name == ImageName::Builder && target == Target::Bookworm {
            all.push(match self_test(engine, &found).await {
                Ok(posture) if posture.is_sound() => good("sandbox", posture.to_string()),
                Ok(posture) => missing(
                    "sandbox",
                    posture.to_string(),
                    "the engine does not confine builds; do not use it",
                ),
                Err(error) => missing("sandbox", error.to_string(), error.hint()),
            });
        }
    }
    all
}
