//! What the API takes and gives: the shapes that are promised, for the farm that answers and for whoever asks it.
//!
//! Times are texts of RFC 3339. What is known may grow by fields: whoever reads an answer passes over those that are new. No
//! request does.

mod builds;
mod decisions;
mod exchange;
mod installations;
mod people;
mod plugins;
mod problem;
mod queue;
mod status;

pub use builds::{
    Artifact, Attempt, Build, CheckedPlugin, Detailed, Finding, Grown, Line, Moment, Publication,
    Stage, Submission, Submitted, Verdict, Waits,
};
pub use decisions::{
    Phased, Phasing, Promoted, Promotion, Rollback, RolledBack, Withdrawal, Withdrawn,
};
pub use exchange::{
    Delivery, Hook, Letter, NewCredential, NewHook, NewPrivacy, NewSubscription, NewWatch, Privacy,
    Subscription, Watch,
};
pub use installations::{Halt, Installation, Installations, RollOut, ScriptFailure};
pub use people::{Binding, Namespace, NewToken, Secret, Source, Token};
pub use plugins::{
    Approval, Channel, DetailedPlugin, Highest, Pending, Place, Plugin, Suite, Version,
};
pub use problem::Problem;
pub use queue::{Lock, Queue, Running, Waiting};
pub use status::{Notice, Status};
