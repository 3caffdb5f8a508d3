//! An import, from a named repository to a publication: read, compare, fetch, and give to the farm's own writer.

use super::ImportError;
use super::index::Found;
use super::origin::Origin;
use super::take::{Download, Wanted, read};
use crate::evidence::ImportOrigin;
use crate::model::{Actor, Suite, Timestamp};
use crate::repo::{Importing, Publication, Repository, Writer};

/// What to import, and where to.
#[derive(Debug)]
pub struct Request<'a> {
    /// The other repository.
    pub origin: &'a Origin,
    /// What is wanted of it.
    pub wanted: Wanted<'a>,
    /// The farm's suite.
    pub to: Suite,
    /// Who decided it.
    pub by: Actor,
    /// Whether to stop before anything is fetched or changed.
    pub dry_run: bool,
}

/// What an import came to.
#[derive(Debug)]
pub struct Outcome {
    /// Where the packages were found.
    pub origin: ImportOrigin,
    /// The packages that the suite had not: it has them now, unless it was a dry run.
    pub new: Vec<Found>,
    /// Those that it had already.
    pub present: Vec<Found>,
    /// The names of those that no farm may have.
    pub left_out: Vec<String>,
    /// The suite afterwards; none, if there was nothing to do.
    pub publication: Option<Publication>,
}

/// Imports what `request` asks for, all or nothing. Interrupted at any point, it goes on from what was fetched when it is asked
/// again.
///
/// # Errors
///
/// [`ImportError`]. Nothing was imported then.
pub async fn import(
    repository: &Repository,
    writer: &Writer,
    download: &Download,
    request: Request<'_>,
    now: Timestamp,
) -> Result<Outcome, ImportError> {
    let Request { origin, to, by, .. } = request;
    let catalogue = read(origin, &request.wanted, now).await?;
    let wanted = catalogue.found.iter();
    let wanted: Vec<_> = wanted
        .map(|one| (one.package.as_str(), &one.version, one.sha256))
        .collect();
    let has = repository.has(&to, &wanted)?;
    let (mut new, mut present) = (Vec::new(), Vec::new());
    for (found, has) in catalogue.found.into_iter().zip(has) {
        if has { &mut present } else { &mut new }.push(found);
    }
    let mut outcome = Outcome {
        origin: catalogue.origin,
        new,
        present,
        left_out: catalogue.left_out,
        publication: None,
    };
    if request.dry_run || outcome.new.is_empty() {
        return Ok(outcome);
    }
    let mut packages = Vec::new();
    for found in &outcome.new {
        packages.push(download.fetch(origin, found).await?);
    }
    let importing = Importing {
        suite: to,
        packages,
        origin: outcome.origin.clone(),
        by,
    };
    outcome.publication = Some(writer.import(importing).await?);
    download.forget(&outcome.new);
    Ok(outcome)
}
