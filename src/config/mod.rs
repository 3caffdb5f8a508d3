//! Settings: raw text in, checked values out. Every setting has a default, so that everything works with no file at all.
//!
//! Nothing here reads a file or the environment: the composition root hands the text in.

mod limits;

pub use limits::{Limits, SourceLimits};
