//! The farm's keys and its signer: makes the keys on first use, signs Release files and statements, verifies what it signed.
//!
//! This is the only place that can name a secret key, and the only user of sequoia. Two keys live here: the *archive key*
//! (OpenPGP), by which apt trusts the repository, and the *statement key* (Ed25519), by which `plugfarm verify` trusts a
//! build's evidence. The signer reads what it is asked to sign, refuses what is neither a Release file of this farm nor an
//! in-toto statement, and writes each signature into its journal before it hands it out.
//!
//! What must not live here: what a Release file says, what a statement says, where anything is published.

mod adopt;
mod archive_key;
mod change;
mod error;
mod folder;
mod forecast;
mod import;
mod index_check;
mod journal;
mod keys;
mod known;
mod passphrase;
mod public;
mod release_check;
mod ring;
mod rotation;
mod session;
mod socket;
mod statement_check;
mod statement_key;
mod vault;
mod verify;

pub use adopt::AdoptError;
pub use error::KeyError;
pub use forecast::{Forecast, HostVerifier, forecast};
pub use import::ImportError;
pub use journal::{JournalEntry, JournalKind, KeptIndex, KeyStep, SignedPackage};
pub use keys::{Clock, Keys};
pub use passphrase::Passphrase;
pub use public::PublicKeys;
pub use ring::are_protected;
pub use rotation::Rotation;
pub use socket::{SignerServer, SocketSigner};
pub use vault::{SealBroken, Vault};
pub use verify::{
    Opened, VerifyError, open_detached, open_in_release, verify_detached, verify_in_release,
};
