//! What the API takes and gives: the shapes that are promised, for the farm that answers and for whoever asks it.
//!
//! Times are texts of RFC 3339. What is known may grow by fields: whoever reads an answer passes over those that are new. No
//! request does.

mod builds;
mod problem;
mod status;

pub use builds::{
    Artifact, Attempt, Build, Detailed, Finding, Grown, Line, Publication, Stage, Submission,
    Submitted, Verdict, Waits,
};
pub use problem::Problem;
pub use status::Status;
