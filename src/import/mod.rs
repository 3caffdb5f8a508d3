//! Apt repositories as hosts see them: other people's, read as apt reads them, believed as far as a named key leads, and taken
//! into the farm's own; and the farm's own by its public address.
//!
//! What is read is hostile until its digest is known: the Release by its signature, the indices by the Release, the packages by
//! the indices. Everything has a limit, and reaching it is an error with a name. Nothing here decides what may be published:
//! `repo` does, and marks what it takes as imported.

mod error;

mod index;
mod look;
mod origin;
mod release;
mod run;
mod server;
mod take;

pub use error::ImportError;
pub use index::Found;
pub use look::look;
pub use origin::Origin;
pub use run::{Outcome, Request, import};
pub use take::{Download, Pattern, Wanted};
