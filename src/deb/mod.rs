//! Debian's formats: the payload that a build leaves behind, what to think of it, and the package that is made of it.
//!
//! Everything here is a function from bytes to bytes: readers and writers are handed in, and there is no clock, no file
//! system and no process. The order is: [`payload`] reads the hostile tree into a spool, [`inspect`] judges it,
//! [`scripts`] writes the maintainer scripts, [`package`] writes the .deb. [`read`] looks into a .deb that exists,
//! [`compare`] into two, and [`control`] is the paragraph format that all of them share.

pub mod compare;
pub mod control;
pub mod inspect;
pub mod package;
pub mod payload;
pub mod read;
pub mod scripts;

mod spool;
mod tarball;

pub use spool::{Content, Md5, Spool};
