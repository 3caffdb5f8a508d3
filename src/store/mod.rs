//! The farm's state: partners and what is theirs, builds and what became of them. The only SQL.
//!
//! SQLite is embedded and needs no set-up; PostgreSQL is the other driver. Both run the same statements (SQLite takes
//! PostgreSQL's `$1`), each has a folder of migrations. What belongs together is one transaction; a build's next state is
//! written before anything is done about it, and a transition that is not legal is an error that changes nothing.
//!
//! No clock here: the time is handed in. What is decided about builds is decided above.

mod artifacts;
mod attempts;
mod audit;
mod builds;
mod credentials;
mod driver;
mod dump;
mod error;
mod halts;
mod hooks;
mod installations;
mod moments;
mod outbox;
mod overview;
mod parked;
mod people;
mod queue;
mod reader;
mod sessions;
mod sources;
mod stages;
mod standing;
mod submit;
mod subscriptions;
#[cfg(test)]
mod suite;
mod tallies;
mod tokens;
mod upkeep;
mod watches;

pub use artifacts::{Artifact, Publication, Shipped};
pub use attempts::{Attempt, AttemptState, Begun, Ended, Lost};
pub use audit::Event;
pub use builds::{Build, Filter};
pub use driver::{DATABASE, Store};
pub use error::StoreError;
pub use halts::Halt;
pub use hooks::{Delivery, Hook};
pub use installations::{Counted, Report, Standings};
pub use outbox::{Letter, Posted};
pub use overview::{FailureCount, PublishedRow};
pub use parked::{Awaited, Parked};
pub use people::{NamespaceOwner, Partner};
pub use queue::{Ending, QueueView, Running, Took, Use, Waiting};
pub use reader::Reader;
pub use sources::{BoundSource, Source};
pub use stages::{EndedStage, StageRow};
pub use standing::{Sealed, Standing};
pub use submit::{Submission, Submitted};
pub use subscriptions::{MAX_SUBSCRIPTIONS, Subscription};
pub use tallies::{ScriptFailures, Tally, Totals};
pub use tokens::{NewToken, Token};
pub use upkeep::Leftover;
pub use watches::{Watch, Watched};

use driver::{on, transaction};

/// What a column holds, as the type that it must have.
fn read<T: std::str::FromStr>(what: &'static str, value: String) -> Result<T, StoreError> {
    value
        .parse()
        .map_err(|_| StoreError::Damaged { what, value })
}
