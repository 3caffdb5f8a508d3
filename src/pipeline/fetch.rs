//! Stage `fetch`: a folder or a repository becomes a pinned source.

use std::path::PathBuf;

use super::attempt::Attempt;
use super::publish::not_pinned;
use super::request::Request;
use crate::config::SourceLimits;
use crate::model::{Failure, FailureCode, Stage, Target};
use crate::sandbox::{ImageName, LogEvent, SandboxError};
use crate::source::{
    self, Fetcher, Location, RepositoryUrl, RequestedRef, Source, Store, Subdirectory, from_folder,
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
    let fetched = match &request.location {
        Location::Folder(folder) => {
            let names = (request.reference.clone(), request.subdirectory.clone());
            let limits = attempt.farm.config.source.limits.clone();
            let store = attempt.farm.sources.clone();
            Fetched {
                source: take_folder(folder.clone(), names, limits, store).await?,
                apart: false,
            }
        }
        Location::Repository(url) => Fetched {
            source: fetch_repository(attempt, request, url).await?,
            apart: true,
        },
    };
    let source = &fetched.source;
    refuse_unpinned(request, source)?;
    attempt.report.commit.clone_from(&source.commit);
    attempt.report.source_sha256 = Some(source.sha256);
    attempt.end(Stage::Fetch, began, &summary(source));
    Ok(fetched)
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
    request: &Request,
    url: &RepositoryUrl,
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
        reference: request.reference.clone(),
        subdirectory: request.subdirectory.clone(),
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
