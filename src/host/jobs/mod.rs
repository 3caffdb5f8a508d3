//! Jobs: what somebody asked the host to do, what came of it, and what is told of it on the bus.
//!
//! A job is one file, replaced as a whole: its state and the events that were not sent yet are one write, so that no death of
//! the agent loses a job or tells its end twice. A job ends in exactly one event, `completed` or `error`; a cancelled one ends
//! in `error`, because that is what wazo-plugind's clients wait for.

#![expect(dead_code, reason = "what works the jobs off comes next")]

mod asked;
mod error;
mod event;
mod faults;
mod folder;
mod id;
mod job;
mod moment;
mod table;

pub use asked::Asked;
pub use error::JobsError;
pub use event::{Event, Status};
pub use id::JobId;
pub use job::{Job, JobError, Kind, State, Step};
pub use moment::Moment;
pub use table::Jobs;
