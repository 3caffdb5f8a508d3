//! The commands, one file each: what they call, and what they print.

pub(super) mod audit;
pub(super) mod build;
pub(super) mod check;
pub(super) mod doctor;
pub(super) mod images;
pub(super) mod import;
pub(super) mod key;
pub(super) mod people;
pub(super) mod phase;
pub(super) mod promote;
pub(super) mod publish;
pub(super) mod queue;
pub(super) mod rebuild;
mod refresh;
pub(super) mod repo;
mod retention;
pub(super) mod rollback;
pub(super) mod serve;
pub(super) mod signer;
mod snapshot;
pub(super) mod token;
pub(super) mod verify;
pub(super) mod withdraw;
