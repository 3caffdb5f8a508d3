//! Stage `fetch`: a folder or a repository becomes a pinned source.

use std::path::PathBuf;
use std::time::Instant;

use super::attempt::Attempt;
use super::publish::not_pinned;
use super::request::Request;
use crate::config::SourceLimits;
use crate::evidence::VerifiedStatement;
use crate::model::{CommitId, Failure, FailureCode, Sha256, Stage, Target};
use crate::sandbox::{ImageName, LogEvent, SandboxError};
use crate::source::{
    self, Access, Asker, Fetcher, Location, RepositoryUrl, RequestedRef, Source, Store,
    Subdirectory, from_folder,
};

/// A source.
pub(super) struct Fetched {
    pub(super) source: Source,
    /// Whether a container of its own fetched it.
    pub(super) apart: bool,
}

/// Fetches what is asked for.
pub(super) async fn run(attempt: &mut Attempt<'_>, request: &Request) -> Result<Fetched, Failure> {
    let began = attempt.begin(Stage::Fetch)?;
    let names = (request.reference.clone(), request.subdirectory.clone());
    let fetched = fetch(attempt, &request.location, names, &request.access).await?;
    refuse_unpinned(request, &fetched.source)?;
    end(attempt, began, &fetched.source);
    Ok(fetched)
}

/// Takes what a package was built from once more: the tar that the farm has kept, or else what is at `from`, or where the
/// evidence says that it came from. It must have the same bytes.
pub(super) async fn again(
    attempt: &mut Attempt<'_>,
    statement: &VerifiedStatement,
    from: Option<&Location>,
) -> Result<Fetched, Failure> {
    let began = attempt.begin(Stage::Fetch)?;
    let (tar, store) = (statement.source_tar(), attempt.farm.sources.clone());
    let kept = tokio::task::spawn_blocking(move || store.find(tar)).await;
    let ((tar, size), apart) = match (kept.map_err(|error| lost(&error))?, from) {
        (Some(kept), None) => (kept, false),
        (_, from) => {
            let Fetched { source, apart } = fetch_evidenced(attempt, statement, from).await?;
            ((source.tar, source.size), apart)
        }
    };
    let source = Source {
        tar,
        sha256: statement.source_tar(),
        size,
        commit: statement.commit().cloned(),
        commit_time: statement.commit_time(),
        url_display: statement.source_url().to_owned(),
        requested_ref: None,
        resolved_ref: statement.resolved_ref().map(str::to_owned),
        subdirectory: subdirectory(statement),
        pinned: statement.pinned(),
    };
    end(attempt, began, &source);
    Ok(Fetched { source, apart })
}

/// Fetches the commit that the evidence names, and compares what comes with what was built from.
async fn fetch_evidenced(
    attempt: &mut Attempt<'_>,
    statement: &VerifiedStatement,
    from: Option<&Location>,
) -> Result<Fetched, Failure> {
    let named = Location::parse(statement.source_url(), Asker::CommandLine).ok();
    let location = match (from, named) {
        (Some(location), _) => location.clone(),
        (None, Some(location @ Location::Repository(_))) => location,
        (None, _) => return Err(gone(statement)),
    };
    // A folder has no refs: it is taken as it is now.
    let reference = match &location {
        Location::Folder(_) => None,
        Location::Repository(_) => statement.commit().map(CommitId::as_str),
    };
    let reference = reference.and_then(|commit| RequestedRef::new(commit).ok());
    let names = (reference, subdirectory(statement));
    let fetched = fetch(attempt, &location, names, &Access::Settings).await?;
    if fetched.source.sha256 == statement.source_tar() {
        Ok(fetched)
    } else {
        Err(another(statement, fetched.source.sha256))
    }
}

fn subdirectory(statement: &VerifiedStatement) -> Option<Subdirectory> {
    Subdirectory::new(statement.subdirectory()?).ok()
}

fn gone(statement: &VerifiedStatement) -> Failure {
    let (url, tar) = (statement.source_url(), statement.source_tar());
    let message = format!(
        "what the package was built from ({url}, tar {tar}) is not kept here any more, and came from no repository that \
         could be asked again"
    );
    let hint = "name the folder, or a repository, that has it with --source";
    Failure::new(Stage::Fetch, FailureCode::SourceGone, message, hint)
}

fn another(statement: &VerifiedStatement, found: Sha256) -> Failure {
    let tar = statement.source_tar();
    let message = format!(
        "the source is not what the package was built from: its tar is {found}, the signed one is {tar}"
    );
    let hint = "name a folder, or a repository, that has the very commit, unchanged, with --source";
    Failure::new(Stage::Fetch, FailureCode::SourceGone, message, hint)
}

async fn fetch(
    attempt: &mut Attempt<'_>,
    location: &Location,
    names: (Option<RequestedRef>, Option<Subdirectory>),
    access: &Access,
) -> Result<Fetched, Failure> {
    match location {
        Location::Folder(folder) => {
            let limits = attempt.farm.config.source.limits.clone();
            let store = attempt.farm.sources.clone();
            Ok(Fetched {
                source: take_folder(folder.clone(), names, limits, store).await?,
                apart: false,
            })
        }
        Location::Repository(url) => Ok(Fetched {
            source: fetch_repository(attempt, url, names, access).await?,
            apart: true,
        }),
    }
}

fn end(attempt: &mut Attempt<'_>, began: Instant, source: &Source) {
    attempt.report.commit.clone_from(&source.commit);
    attempt.report.source_sha256 = Some(source.sha256);
    if let Some(commit) = &source.commit {
        attempt.observer.resolved(commit);
    }
    attempt.end(Stage::Fetch, began, &summary(source));
}

/// Takes a folder of this machine as a source, with the ref and the subdirectory that were asked for.
///
/// # Errors
///
/// As [`from_folder`].
pub async fn take_folder(
    folder: PathBuf,
    (reference, subdirectory): (Option<RequestedRef>, Option<Subdirectory>),
    limits: SourceLimits,
    store: Store,
) -> Result<Source, Failure> {
    let taking = move || {
        let (reference, subdirectory) = (reference.as_ref(), subdirectory.as_ref());
        from_folder(&folder, reference, subdirectory, &limits, &store)
    };
    // It reads the disk for as long as the folder is large.
    let taken = tokio::task::spawn_blocking(taking).await;
    taken.map_err(|error| lost(&error))?
}

async fn fetch_repository(
    attempt: &mut Attempt<'_>,
    url: &RepositoryUrl,
    (reference, subdirectory): (Option<RequestedRef>, Option<Subdirectory>),
    access: &Access,
) -> Result<Source, Failure> {
    let farm = attempt.farm;
    let failed = |error: SandboxError| error.failure(Stage::Fetch);
    // What fetches does not depend on the target: the oldest release's git serves all.
    let image = farm
        .images
        .find(ImageName::Fetcher, Target::Bookworm)
        .await
        .map_err(failed)?;
    let image = image.ok_or_else(|| {
        failed(SandboxError::ImageMissing {
            image: ImageName::Fetcher.to_string(),
        })
    })?;
    let config = farm.config.source.clone();
    let fetcher = Fetcher::new(farm.engine.clone(), image, config, farm.sources.clone());
    let order = source::Request {
        url: url.clone(),
        reference,
        subdirectory,
        access: access.clone(),
    };
    let (log, observer) = (&mut attempt.log, attempt.observer);
    let mut broken = None;
    let mut sink = |event: LogEvent<'_>| {
        if let LogEvent::Line { text, .. } = event {
            match log.append(text) {
                Ok(line) => observer.log(&line),
                Err(error) => broken = broken.take().or(Some(error)),
            }
        }
    };
    let source = fetcher.fetch(&order, &mut sink, attempt.cancel).await?;
    match broken {
        Some(error) => Err(Attempt::storage(Stage::Fetch, "the log")(error)),
        None => Ok(source),
    }
}

/// What is not a commit's is published only on express demand, and the refusal comes before any work is done.
fn refuse_unpinned(request: &Request, source: &Source) -> Result<(), Failure> {
    match &request.publish {
        Some(publish) if !publish.unpinned && !source.pinned => Err(not_pinned(Stage::Fetch)),
        _ => Ok(()),
    }
}

fn summary(source: &Source) -> String {
    let size = bytesize::ByteSize::b(source.size);
    let commit = source
        .commit
        .as_ref()
        .map(|commit| commit.as_str().get(..12).unwrap_or_default());
    match (commit, source.pinned) {
        (Some(commit), true) => format!("{} at {commit}, {size}", source.url_display),
        (Some(commit), false) => format!("{} at {commit} with changes, {size}", source.url_display),
        (None, _) => format!("{}, {size}", source.url_display),
    }
}

fn lost(error: &tokio::task::JoinError) -> Failure {
    let message = format!("reading the folder broke off: {error}");
    Failure::new(
        Stage::Fetch,
        FailureCode::StorageError,
        message,
        "try again",
    )
}
