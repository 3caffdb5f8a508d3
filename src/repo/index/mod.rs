//! The `Packages` index of a suite and architecture: bytes in, bytes out.
//!
//! It is a log: stanzas in the order in which they came, cut into sealed shards and an open one at the end ([`log`]). Each
//! shard is compressed by itself, as a [`gzip`] member and as an [`xz`] block, and the files are the shards joined. So a new
//! stanza costs the open shard: what is sealed is copied, and not even read for its digest, whose state at the end of the
//! sealed part is kept. Hosts that update often get the difference alone ([`pdiff`], [`pieces`]).
//!
//! Nothing here knows what a package is, where files are kept, or what a Release says of them.

mod draft;
mod error;
mod gzip;
mod log;
mod pdiff;
mod pieces;
mod shard;
#[cfg(test)]
mod tests;
mod texts;
mod xz;

pub(super) use {
    error::IndexError,
    log::{Change, Edited, IndexState, Present},
    pdiff::{History, Patches},
};
