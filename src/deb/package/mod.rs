//! The package: what it says about itself, and how a payload becomes a .deb (deb(5)), to the byte the same every time.

use std::collections::BTreeSet;

mod ar;
mod architecture;
mod assemble;
mod compression;
mod content_digest;
mod documents;
mod repack;
#[cfg(test)]
mod tests;

pub use ar::ArError;
pub use architecture::{Machine, architecture, foreign_machines, machine};
pub use assemble::{AssembleError, Assembled, assemble};
pub use compression::{Compression, Method};
pub use content_digest::content_digest;
pub use documents::{Copyright, copyright};
pub use repack::{RepackError, Repacked, repack};

pub(super) use ar::ArReader;

use super::control::{ControlError, Paragraph};
use super::payload::Payload;
use super::scripts::ScriptSet;
use crate::model::{Architecture, DebianVersion, Timestamp};

/// The section of every plugin's package, by which wazo-plugind tells plugins from other packages.
pub const PLUGIN_SECTION: &str = "wazo-plugind-plugin";

/// Everything that a package is made of, besides its payload.
#[derive(Debug, Clone)]
pub struct PackageSpec {
    /// The package's name (Debian Policy 5.6.7).
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// See [`architecture`] for the right one.
    pub architecture: Architecture,
    /// `name <address>` of whoever answers for the package.
    pub maintainer: String,
    /// Checked relations, each in dpkg's syntax: `a (>= 1)`, `a | b`.
    pub depends: Vec<String>,
    /// See [`PLUGIN_SECTION`].
    pub section: String,
    /// Where the plugin lives on the web.
    pub homepage: Option<String>,
    /// Further fields, in this order, such as `Wazo-Plugin`.
    pub fields: Vec<(String, String)>,
    /// The value of `Description`; [`description`](super::control::description) makes one.
    pub description: String,
    /// The maintainer scripts.
    pub scripts: ScriptSet,
    /// Absolute paths; [`conffiles`] gives those of a payload.
    pub conffiles: Vec<String>,
    /// What the changelog's only entry says, one change a line.
    pub changes: Vec<String>,
    /// The text of `/usr/share/doc/<package>/copyright`; [`copyright`] makes one.
    pub copyright: String,
    /// The time of every file and of the changelog: the commit's.
    pub time: Timestamp,
}

impl PackageSpec {
    /// The control paragraph, without `Version` and `Installed-Size` if they are not given.
    fn control(&self, derived: Option<(&DebianVersion, u64)>) -> Result<Paragraph, ControlError> {
        let mut control = Paragraph::default();
        control.push("Package", &self.package)?;
        if let Some((version, _)) = derived {
            control.push("Version", version.as_str())?;
        }
        control.push("Architecture", &self.architecture.to_string())?;
        control.push("Maintainer", &self.maintainer)?;
        if let Some((_, size)) = derived {
            control.push("Installed-Size", &size.to_string())?;
        }
        if !self.depends.is_empty() {
            control.push("Depends", &self.depends.join(", "))?;
        }
        control.push("Section", &self.section)?;
        control.push("Priority", "optional")?;
        if let Some(homepage) = &self.homepage {
            control.push("Homepage", homepage)?;
        }
        for (name, value) in &self.fields {
            control.push(name, value)?;
        }
        control.push("Description", &self.description)?;
        Ok(control)
    }
}

/// The conffiles of `payload`: its regular files under `/etc`, but those that the plugin's own `install` edits
/// (`not_conffiles`, absolute paths). dpkg keeps an administrator's changes to them (Debian Policy 10.7).
#[must_use]
pub fn conffiles(payload: &Payload, not_conffiles: &BTreeSet<String>) -> Vec<String> {
    payload
        .files()
        .filter(|(path, _)| path.starts_with("etc/"))
        .map(|(path, _)| format!("/{path}"))
        .filter(|path| !not_conffiles.contains(path))
        .collect()
}
