//! Jobs: what somebody asked the host to do, what came of it, and what is told of it on the bus.
//!
//! A job is one file, replaced as a whole: its state and the events that were not sent yet are one write, so that no death of
//! the agent loses a job or tells its end twice. A job ends in exactly one event, `completed` or `error`; a cancelled one ends
//! in `error`, because that is what wazo-plugind's clients wait for.

mod agent;
mod asked;
mod automatic;
mod error;
mod event;
mod faults;
mod fit;
mod folder;
mod git;
mod id;
mod job;
mod local;
mod machine;
mod moment;
mod outbox;
mod published;
mod report;
mod run;
#[cfg(test)]
mod sample;
mod shown;
mod table;
mod turns;
mod updates;
mod verdict;
mod work;

pub use agent::Agent;
pub use asked::Asked;
pub use error::JobsError;
pub use event::{Event, Status};
pub use id::JobId;
pub use job::{Job, JobError, Kind, State, Step};
pub use local::Local;
pub use machine::{Lines, Machine, Trouble};
pub use moment::Moment;
pub use report::{Offered, Report};
pub use run::run;
pub use table::Jobs;
