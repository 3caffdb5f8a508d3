//! The agent on a Wazo host: it installs, updates and removes plugins through plain apt, as whoever calls wazo-plugind's
//! interface asks it to.
//!
//! It keeps no database: what is installed is what dpkg says, and each job is one file. It runs without privileges; what
//! needs root is asked of the helper.

pub mod accounts;
pub mod api;
pub mod evidence;
pub mod helper;
pub mod jobs;
pub mod market;
pub mod plugins;
#[cfg(test)]
mod samples;
pub mod shelf;
pub mod socket;
pub mod verify;
