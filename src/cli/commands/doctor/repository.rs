//! What `doctor` says of the apt repository: whether hosts get at it, and whether its next publication would.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Examined, good, missing, warning};
use crate::app::App;
use crate::cli::commands::repo::{NO_URL, SET_URL};
use crate::model::{Stage, Timestamp};
use crate::repo::{RepoError, SuiteSummary};

/// How far a publication may be ahead of the clock, in seconds; the next one waits at most that long for the clock.
const CLOCK_PATIENCE: i64 = 60;

const WHAT: &str = "repository";

/// Looks at the repository's folder and at what is published in it; `now` is what the clock says.
pub(super) fn examine(app: &App, now: Timestamp) -> Vec<Examined> {
    let (place, mut all) = match &app.config.repository.s3 {
        Some(bucket) => (bucket.address(), Vec::new()),
        None => {
            let folder = app.repository_folder();
            (folder.display().to_string(), closed_to_others(&folder))
        }
    };
    match suites(app) {
        Ok(suites) => {
            all.extend(suites.iter().filter_map(|suite| clock(suite, now)));
            if !suites.is_empty() && app.config.repository.url.is_none() {
                all.push(warning(WHAT, NO_URL.to_owned(), SET_URL));
            }
            if all.is_empty() {
                let names = suites.iter().map(|state| state.suite.to_string());
                let what = match names.collect::<Vec<_>>().join(", ") {
                    none if none.is_empty() => "nothing is published yet".to_owned(),
                    names => names,
                };
                all.push(good(WHAT, format!("{place}: {what}")));
            }
        }
        Err(error) => {
            let failure = error.failure(Stage::Publish);
            all.push(missing(WHAT, failure.message, &failure.hint));
        }
    }
    all
}

fn suites(app: &App) -> Result<Vec<SuiteSummary>, RepoError> {
    // Without keys nothing was published, and another line says what is wrong with them.
    app.repository().map_or(Ok(Vec::new()), |it| it.suites())
}

/// The folders that keep a web server, or apt's own user `_apt`, from reading the repository. What is not there yet will
/// be made so that everybody can enter it.
fn closed_to_others(repository: &Path) -> Vec<Examined> {
    // Links count by what they lead to.
    let real = fs_err::canonicalize(repository).unwrap_or_else(|_| repository.to_owned());
    let closed: Vec<PathBuf> = real
        .ancestors()
        .filter(|folder| {
            // The repository itself is listed too, not only entered.
            let wanted = if *folder == real { 0o005 } else { 0o001 };
            folder
                .metadata()
                .is_ok_and(|found| found.mode() & wanted != wanted)
        })
        .map(Path::to_owned)
        .collect();
    closed
        .iter()
        .rev()
        .map(|folder| {
            let folder = folder.display();
            warning(
                WHAT,
                format!(
                    "a web server, or apt's user `_apt`, cannot get at {} through {folder}",
                    repository.display()
                ),
                &format!(
                    "chmod o+rx {folder}; or set `repository.path` to a folder such as /srv/apt"
                ),
            )
        })
        .collect()
}

fn clock(suite: &SuiteSummary, now: Timestamp) -> Option<Examined> {
    let behind = suite.date.seconds() - now.seconds();
    (behind > CLOCK_PATIENCE).then(|| {
        warning(
            "clock",
            format!(
                "it says {now}, and the last publication in {} is of {}: the next one would be refused",
                suite.suite, suite.date
            ),
            "set this machine's clock; if the publication's is the wrong one, wait until it has passed",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_that_others_cannot_enter_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (closed, repository) = (
            folder.path().join("a"),
            folder.path().join("a/b/repository"),
        );
        fs_err::create_dir_all(&repository).unwrap();
        let allow = |path: &Path, mode| {
            fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        allow(folder.path(), 0o755);
        assert_eq!(closed_to_others(&repository).len(), 0);
        allow(&closed, 0o750);
        allow(&repository, 0o711);
        let found: Vec<_> = closed_to_others(&repository)
            .into_iter()
            .filter_map(|examined| examined.mend)
            .collect();
        assert_eq!(found.len(), 2, "{found:?}");
        let first = format!("chmod o+rx {};", closed.display());
        assert!(found[0].starts_with(&first), "{found:?}");
    }
}
