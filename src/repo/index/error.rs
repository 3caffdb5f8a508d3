//! What can be wrong with an index.

use std::io;

/// Why an index could not be changed. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub(in crate::repo) enum IndexError {
    /// A published file is not what the state says.
    #[error("{what} is damaged: {reason}")]
    Damaged { what: &'static str, reason: String },
    /// No shard holds the stanza that is to be changed.
    #[error("the index does not hold the stanza with the serial number {serial}")]
    Missing { serial: u64 },
    /// Stanzas come in the order of their serial numbers.
    #[error("the stanza {serial} comes too late, the next is {next} at least: serial numbers rise")]
    Order { serial: u64, next: u64 },
    /// What would end the stanza early, in the index or in a patch of it.
    #[error("the stanza {serial} is not one paragraph: {reason}")]
    Stanza { serial: u64, reason: &'static str },
    /// The compressor failed, which only a lack of memory explains.
    #[error("compressing the index failed")]
    Compress {
        #[source]
        source: io::Error,
    },
}
