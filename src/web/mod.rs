//! The farm's web pages: made here, readable without a script, better with the small one that is served beside them.
//!
//! One address for each thing. Whoever asks for `text/html` gets its page, everybody else what the API answers there; what
//! has no page is the API's alone. A page shows what a store, a queue and a repository say; it decides nothing. Whatever a
//! stranger wrote is escaped by the engine of the templates, and the policy of each answer lets no script run but the farm's.

mod actions;
mod assets;
mod audit;
mod badge;
mod build;
mod decide;
mod fault;
mod home;
mod installations;
mod layout;
mod log;
mod namespace;
mod operator;
mod plugin;
mod promote;
mod queue;
mod serve;
mod session;
mod stages;
mod verdict;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

use crate::model::{Channel, FarmName};
use crate::queue::{Forecaster, Live};
use crate::repo::{Repository, Shelf, Writer};
use crate::sandbox::Engine;
use crate::store::Store;
use crate::upkeep::Notices;

pub use serve::with_pages;

/// How many pages may read the repository or a log at once.
const READERS: u32 = 8;

/// The permits of [`Web::readers`].
#[must_use]
pub fn readers() -> Semaphore {
    Semaphore::new(READERS as usize)
}

/// What pages are made from.
pub struct Web {
    /// The farm's name.
    pub farm: FarmName,
    /// The farm's state.
    pub store: Store,
    /// What runs in this process.
    pub live: Live,
    /// Is told when there is something new in the queue.
    pub changed: Arc<Notify>,
    /// The channels, in the order that packages go through them.
    pub channels: Vec<Channel>,
    /// How many people must approve that a version goes to the next channel.
    pub approvals: usize,
    /// How many attempts run at once.
    pub workers: usize,
    /// Why what waits does.
    pub forecast: Arc<Forecaster>,
    /// The folder that holds a folder for each attempt.
    pub builds: PathBuf,
    /// What is published.
    pub repository: Repository,
    /// What was read of it.
    pub shelf: Arc<Shelf>,
    /// Who changes that, for everybody in this process.
    pub writer: Writer,
    /// What the operator has to know.
    pub notices: Notices,
    /// Where builds run.
    pub engine: Engine,
    /// A permit for each page that may read the repository or a log at once; others wait. See [`readers`].
    pub readers: Semaphore,
}

type State = axum::extract::State<Arc<Web>>;
