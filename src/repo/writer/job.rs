//! What somebody has asked the writer for: judged against a draft, perhaps more than once, and told once that is settled.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::Signer;
use crate::repo::draft::Draft;
use crate::repo::root::Root;
use crate::repo::{RepoError, Repository};

/// Makes its changes to a draft, and gives how to tell what they came to. It keeps nothing of an earlier time.
pub(super) type Step<T> =
    Box<dyn Fn(&Repository, &mut Draft<'_>, &dyn Signer) -> Result<Tell<T>, RepoError> + Send>;

/// Says what was asked for came to, once it is committed.
pub(super) type Tell<T> = Box<dyn FnOnce(&Root) -> T + Send>;

/// A request, whatever it gives.
pub(super) trait Job: Send {
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool;

    /// The packages that it is about.
    fn packages(&self) -> &BTreeSet<String>;

    /// Whether it reads of its packages what is written before a commit: then it cannot be part of that commit.
    fn reads_what_is_committed(&self) -> bool;

    /// Makes its changes to `draft`; none, if it is refused.
    fn judge(&mut self, repository: &Repository, draft: &mut Draft<'_>, signer: &dyn Signer);

    /// Tells that the commit is made.
    fn committed(self: Box<Self>, root: &Root);

    /// Tells that the commit is made, and that something went wrong afterwards.
    fn unfinished(self: Box<Self>, error: &Arc<RepoError>);

    /// Tells that there is no commit.
    fn failed(self: Box<Self>, error: &Arc<RepoError>);
}

/// A request that gives a `T`.
pub(super) struct Asked<T> {
    pub(super) packages: BTreeSet<String>,
    pub(super) reads_what_is_committed: bool,
    pub(super) step: Step<T>,
    judged: Option<Result<Tell<T>, RepoError>>,
    reply: oneshot::Sender<Result<T, RepoError>>,
}

impl<T> Asked<T> {
    /// A request, and where its answer comes.
    pub(super) fn new(
        packages: BTreeSet<String>,
        step: Step<T>,
    ) -> (Self, oneshot::Receiver<Result<T, RepoError>>) {
        let (reply, answer) = oneshot::channel();
        let asked = Self {
            packages,
            reads_what_is_committed: false,
            step,
            judged: None,
            reply,
        };
        (asked, answer)
    }

    fn answer(reply: oneshot::Sender<Result<T, RepoError>>, answer: Result<T, RepoError>) {
        if reply.send(answer).is_err() {
            tracing::debug!("nobody waits for the answer any more");
        }
    }
}

impl<T: Send> Job for Asked<T> {
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn packages(&self) -> &BTreeSet<String> {
        &self.packages
    }

    fn reads_what_is_committed(&self) -> bool {
        self.reads_what_is_committed
    }

    fn judge(&mut self, repository: &Repository, draft: &mut Draft<'_>, signer: &dyn Signer) {
        let before = draft.clone();
        let judged = (self.step)(repository, draft, signer);
        if judged.is_err() {
            *draft = before;
        }
        self.judged = Some(judged);
    }

    fn committed(self: Box<Self>, root: &Root) {
        let judged = self.judged.unwrap_or(Err(RepoError::WriterGone));
        Self::answer(self.reply, judged.map(|tell| tell(root)));
    }

    fn unfinished(self: Box<Self>, error: &Arc<RepoError>) {
        let together = || RepoError::together(error);
        let judged = self.judged.unwrap_or_else(|| Err(together()));
        Self::answer(self.reply, judged.and_then(|_| Err(together())));
    }

    fn failed(self: Box<Self>, error: &Arc<RepoError>) {
        Self::answer(self.reply, Err(RepoError::together(error)));
    }
}

impl fmt::Debug for dyn Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({:?})", self.packages())
    }
}
