//! Fetching a repository: one container for each repository and each of its submodules, which runs the farm's own script
//! and nothing else.

use super::Source;
use super::container::Lines;
use super::credential::Access;
use super::error::TreeError;
use super::failures::{self, Asked};
use super::fetched::Fetched;
use super::location::RepositoryUrl;
use super::modules;
use super::names::{RequestedRef, Subdirectory};
use super::objects::Gitlink;
use super::refs::{self, RemoteRef};
use super::store::{Kept, Store};
use super::tree::Tree;
use crate::config::SourceConfig;
use crate::model::{CommitId, Failure, Stage, Timestamp};
use crate::sandbox::{Cancel, Ending, Engine, Image, LogEvent, LogSink, Printed, SandboxError};

/// How many redirects within a host are followed.
const MAX_REDIRECTS: usize = 3;
/// How many submodules a source may have, those of submodules included, and how deep.
const MAX_SUBMODULES: usize = 20;
const MAX_DEPTH: usize = 4;
/// The script's exit status for a redirect.
const REDIRECTED: i64 = 26;

/// What to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The repository.
    pub url: RepositoryUrl,
    /// The branch, tag or commit; none means the default branch.
    pub reference: Option<RequestedRef>,
    /// The plugin's folder in it, unless it is the root.
    pub subdirectory: Option<Subdirectory>,
    /// By what right.
    pub access: Access,
}

/// Fetches repositories in containers of `image` on `engine`.
#[derive(Debug, Clone)]
pub struct Fetcher {
    pub(super) engine: Engine,
    pub(super) image: Image,
    pub(super) config: SourceConfig,
    pub(super) store: Store,
}

/// One fetch of one container: a commit of a repository, or of a submodule.
pub(super) struct Order<'a> {
    pub(super) url: RepositoryUrl,
    pub(super) reference: Option<&'a str>,
    pub(super) subdirectory: Option<&'a Subdirectory>,
    pub(super) known: Vec<CommitId>,
    pub(super) access: Access,
    /// Whether only the remote's refs are wanted.
    pub(super) list: bool,
}

impl Fetcher {
    /// A fetcher that keeps what it fetches in `store`, within the limits and the rules of `config`.
    #[must_use]
    pub fn new(engine: Engine, image: Image, config: SourceConfig, store: Store) -> Self {
        Self {
            engine,
            image,
            config,
            store,
        }
    }

    /// Fetches what `request` asks for, with its submodules. The repository's host is asked each time, so that whoever may
    /// not read it gets nothing; a commit that is in the store already is not exported again.
    ///
    /// # Errors
    ///
    /// The failure of the fetch, with the last lines of git's own words.
    pub async fn fetch(
        &self,
        request: &Request,
        sink: LogSink<'_>,
        cancel: &Cancel,
    ) -> Result<Source, Failure> {
        let subdirectory = request.subdirectory.as_ref();
        let mut order = Order {
            url: request.url.clone(),
            reference: request.reference.as_ref().map(RequestedRef::as_str),
            subdirectory,
            known: self.store.known(&request.url, subdirectory),
            access: request.access.clone(),
            list: false,
        };
        let mut fetched = self.fetch_one(&mut order, sink, cancel).await?;
        let (mut name, mut commit) = resolved(&mut fetched)?;
        if fetched.exported.is_none() {
            if let Some((kept, time)) = self.recall(&order, &commit).await {
                return Ok(source(request, name, commit, kept, time));
            }
            self.store
                .forget(&request.url, subdirectory, &commit)
                .map_err(|error| error.failure())?;
            order.known.clear();
            fetched = self.fetch_one(&mut order, sink, cancel).await?;
            (name, commit) = resolved(&mut fetched)?;
        }
        let time = fetched.time.ok_or_else(|| incomplete().failure())?;
        let tree = self.with_submodules(order, fetched, sink, cancel).await?;
        let kept = self.keep(request, tree, &commit, time).await?;
        Ok(source(request, name, commit, kept, time))
    }

    /// The branches and tags that the repository at `url` has now.
    ///
    /// # Errors
    ///
    /// As [`Fetcher::fetch`].
    pub async fn refs(
        &self,
        url: &RepositoryUrl,
        access: &Access,
        cancel: &Cancel,
    ) -> Result<Vec<RemoteRef>, Failure> {
        let mut order = Order {
            url: url.clone(),
            reference: None,
            subdirectory: None,
            known: Vec::new(),
            access: access.clone(),
            list: true,
        };
        let fetched = self.fetch_one(&mut order, &mut |_| {}, cancel).await?;
        Ok(refs::parse(&fetched.refs))
    }

    /// The tar of a known commit; looked up under the URL that was asked for, wherever that redirects to.
    async fn recall(&self, order: &Order<'_>, commit: &CommitId) -> Option<(Kept, Timestamp)> {
        let (store, url, commit) = (self.store.clone(), order.url.clone(), commit.clone());
        let subdirectory = order.subdirectory.cloned();
        let recalling = move || store.recall(&url, subdirectory.as_ref(), &commit);
        tokio::task::spawn_blocking(recalling).await.ok().flatten()
    }

    async fn keep(
        &self,
        request: &Request,
        mut tree: Tree,
        commit: &CommitId,
        time: Timestamp,
    ) -> Result<Kept, Failure> {
        let (store, request, commit) = (self.store.clone(), request.clone(), commit.clone());
        let keeping = move || {
            tree.complete()?;
            let kept = store.keep(&tree, time)?;
            store.note(
                &request.url,
                request.subdirectory.as_ref(),
                &commit,
                &kept,
                time,
            )?;
            Ok(kept)
        };
        in_background(keeping).await
    }

    /// Fetches each declared submodule at the commit that its parent pins, and puts it in its folder.
    async fn with_submodules(
        &self,
        order: Order<'_>,
        fetched: Fetched,
        sink: LogSink<'_>,
        cancel: &Cancel,
    ) -> Result<Tree, Failure> {
        let (listing, mut tree) = fetched.exported.ok_or_else(|| incomplete().failure())?;
        let root = order.subdirectory.map_or("", Subdirectory::as_str);
        let mut ahead = declared(&order.url, root, "", &fetched.modules, &listing.gitlinks, 1)?;
        let (origin, mut count) = (order.url.clone(), 0);
        while let Some(submodule) = ahead.pop() {
            count += 1;
            if count > MAX_SUBMODULES || submodule.depth > MAX_DEPTH {
                return Err(failures::too_many_submodules(MAX_SUBMODULES));
            }
            let mut order = Order {
                access: order.access.at(submodule.url.has_origin_of(&origin)),
                list: false,
                url: submodule.url,
                reference: Some(submodule.commit.as_str()),
                subdirectory: None,
                known: Vec::new(),
            };
            let fetched = self.fetch_one(&mut order, sink, cancel).await?;
            let (listing, mut inner) = fetched.exported.ok_or_else(|| incomplete().failure())?;
            ahead.extend(declared(
                &order.url,
                "",
                &submodule.place,
                &fetched.modules,
                &listing.gitlinks,
                submodule.depth + 1,
            )?);
            // Links may not lead out of a submodule either.
            inner.complete().map_err(|error| error.failure())?;
            tree.graft(&submodule.place, inner)
                .map_err(|error| error.failure())?;
        }
        Ok(tree)
    }

    /// Runs containers until one is not redirected.
    async fn fetch_one(
        &self,
        order: &mut Order<'_>,
        sink: LogSink<'_>,
        cancel: &Cancel,
    ) -> Result<Fetched, Failure> {
        for _ in 0..=MAX_REDIRECTS {
            let mut lines = Lines::default();
            let finished = {
                let mut both = |event: LogEvent<'_>| {
                    let LogEvent::Line { stream, text } = event else {
                        return sink(event);
                    };
                    // A colour in the midst of a secret would hide it here, and nowhere else.
                    let text = &*order.access.redact(text.plain);
                    let text = Printed::plainly(text);
                    lines.take(&LogEvent::Line { stream, text });
                    sink(LogEvent::Line { stream, text });
                };
                self.run(order, &mut both, cancel).await?
            };
            let (ending, fetched) = self.collect(finished).await?;
            let status = match ending {
                Ending::Exited { status } => status,
                ending => {
                    let seconds = self.config.limits.time.as_secs();
                    return Err(lines.shown_by(failures::of_ending(ending, &order.url, seconds)));
                }
            };
            if status == 0 {
                return fetched.map_err(|error| error.failure());
            }
            // The result of a fetch that failed only adds words.
            let fetched = fetched.unwrap_or_default();
            if status != REDIRECTED {
                let asked = Asked {
                    url: &order.url,
                    reference: order.reference,
                    subdirectory: order.subdirectory,
                    refs: &fetched.refs,
                };
                return Err(lines.shown_by(failures::of_status(status, &asked)));
            }
            match order.url.redirected(fetched.redirect.trim()) {
                Some(url) => order.url = url,
                None => return Err(failures::redirected(&order.url, &fetched.redirect)),
            }
        }
        Err(failures::redirected(&order.url, "too many places in turn"))
    }
}

/// A submodule that is to be fetched.
struct Submodule {
    url: RepositoryUrl,
    commit: CommitId,
    /// Its folder in the source.
    place: String,
    depth: usize,
}

/// Matches the submodules of a listing with their declarations. `root` is the listing's folder in its repository, `place`
/// its folder in the source. One that is not declared stays an empty folder, as it does with git.
fn declared(
    parent: &RepositoryUrl,
    root: &str,
    place: &str,
    text: &str,
    gitlinks: &[Gitlink],
    depth: usize,
) -> Result<Vec<Submodule>, Failure> {
    let modules = modules::parse(text);
    let mut found = Vec::new();
    for link in gitlinks {
        let path = below(root, &link.path);
        let Some(module) = modules.iter().rfind(|module| module.path == path) else {
            continue;
        };
        let url = parent
            .submodule(&module.url)
            .map_err(|error| failures::bad_submodule(&path, error.rule))?;
        found.push(Submodule {
            url,
            commit: link.commit.clone(),
            place: below(place, &link.path),
            depth,
        });
    }
    Ok(found)
}

fn below(folder: &str, path: &str) -> String {
    if folder.is_empty() {
        path.to_owned()
    } else {
        format!("{folder}/{path}")
    }
}

fn source(
    request: &Request,
    resolved_ref: Option<String>,
    commit: CommitId,
    kept: Kept,
    commit_time: Timestamp,
) -> Source {
    Source {
        tar: kept.path,
        sha256: kept.sha256,
        size: kept.size,
        commit: Some(commit),
        commit_time,
        url_display: request.url.to_string(),
        requested_ref: request.reference.clone(),
        resolved_ref,
        subdirectory: request.subdirectory.clone(),
        pinned: true,
    }
}

fn resolved(fetched: &mut Fetched) -> Result<(Option<String>, CommitId), Failure> {
    fetched
        .resolved
        .take()
        .ok_or_else(|| incomplete().failure())
}

fn incomplete() -> TreeError {
    TreeError::broken("the fetch container left an incomplete result")
}

pub(super) fn failed(error: SandboxError) -> Failure {
    error.failure(Stage::Fetch)
}

/// Work on files, away from what must not wait.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TreeError> + Send + 'static,
) -> Result<T, Failure> {
    let done = match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(TreeError::storage("finish its work")(
            std::io::Error::other(error),
        )),
    };
    done.map_err(|error| error.failure())
}
