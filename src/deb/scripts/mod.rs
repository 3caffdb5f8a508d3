//! The maintainer scripts of a plugin's package (Debian Policy 6): generated from checked values, never pasted from a plugin.
//!
//! The contract is wazo-plugind's: `rules install` when the package is configured, `rules uninstall` before it is removed,
//! and for plugins of format 1 and later `rules postrm` afterwards. What is better here: nothing reads the caller's
//! input, only files that root alone could have placed are run, conffiles do not stay active after a removal, a purge after
//! a removal works, and whatever dpkg says, an unknown word is no error.

mod commands;
mod functions;
mod shell;
mod text;

pub use commands::{CommandsError, ServiceCommands};

use crate::model::{DebianVersion, PluginId};

/// The four maintainer scripts of a package, each the whole text of an executable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptSet {
    /// Before unpacking.
    pub preinst: Option<String>,
    /// To configure, after unpacking.
    pub postinst: Option<String>,
    /// Before removing.
    pub prerm: Option<String>,
    /// After removing, and to purge.
    pub postrm: Option<String>,
}

impl ScriptSet {
    /// The scripts that are there, with their names in `control.tar`.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("postinst", &self.postinst),
            ("postrm", &self.postrm),
            ("preinst", &self.preinst),
            ("prerm", &self.prerm),
        ];
        all.into_iter()
            .filter_map(|(name, text)| Some((name, text.as_deref()?)))
    }
}

/// The Wazo versions with which a plugin works, compared in dpkg's order. Both ends belong to the range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WazoVersions {
    /// The lowest.
    pub min: Option<DebianVersion>,
    /// The highest.
    pub max: Option<DebianVersion>,
}

/// What a plugin wants done on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hooks {
    /// Its own `wazo/rules`, which the package ships.
    Rules {
        /// Whether `rules postrm` is called after a removal: for format versions above 0.
        postrm: bool,
    },
    /// The service commands that a plugin of the old layout called during its build.
    Commands(ServiceCommands),
}

/// What the maintainer scripts are made of.
#[derive(Debug, Clone)]
pub struct PluginScripts<'a> {
    /// Whose scripts they are.
    pub plugin: &'a PluginId,
    /// The package's conffiles, absolute; see [`conffiles`](crate::deb::package::conffiles).
    pub conffiles: &'a [String],
    /// The Wazo versions that the package accepts.
    pub wazo: &'a WazoVersions,
    /// What is done on the host.
    pub hooks: &'a Hooks,
}

/// Writes the maintainer scripts of a plugin's package.
#[must_use]
pub fn for_plugin(spec: &PluginScripts<'_>) -> ScriptSet {
    ScriptSet {
        preinst: Some(text::preinst(spec)),
        postinst: Some(text::postinst(spec)),
        prerm: Some(text::prerm(spec)),
        postrm: Some(text::postrm(spec)),
    }
}

#[cfg(test)]
mod tests;
