//! The root helper: the one process of the agent that changes what is installed. It is small, asks nothing of the network by
//! itself, and knows four verbs ([`Request`]).
//!
//! - Who may ask: root, and the agent's user, by the kernel's word (`SO_PEERCRED`).
//! - What may be installed: packages of section `wazo-plugind-plugin`, named as plugins' are, of the very bytes that a farm's
//!   signed index lists. The index is verified again here, and a guard that apt runs before dpkg looks at the bytes themselves
//!   ([`guard`]): whatever other sources say, no other plugin's package is unpacked.
//! - What may be removed: installed packages of that section.
//! - One request at a time, with limits of size, number and time.
//!
//! Whether a request succeeded is read from dpkg's states of the packages that it named, never from apt's exit status: a
//! package that another request left broken fails none of the later ones, and is told beside their reports.
//!
//! A failed installation is not put back by itself. dpkg keeps the new version, not configured, and says so; the report names the version
//! that was there. Its `rules install` may have changed what the older version would read, so which way is out, somebody
//! decides who can look: installing again, or the older version by its exact number.

mod client;
mod diagnosis;
mod guard;
mod lines;
mod machine;
mod plan;
mod processes;
mod run;
mod server;
mod verdict;
pub mod wire;

pub use client::{Helper, HelperError, SOCKET};
pub use guard::{GuardError, guard};
pub use machine::Limits;
pub use server::{RUNTIME, ServeError, Server, Settings};
pub use wire::{
    Answer, Cause, Change, Diagnosis, Did, Refusal, RefusalCode, Report, Request, Step,
};
