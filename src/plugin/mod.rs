//! The plugin format: a source tree goes in, a checked plugin and everything that is wrong with it come out.
//!
//! [`Tree::read`] indexes a source tar, [`check`] judges it. A stranger's texts become types here ([`Manifest`],
//! [`Dependency`], [`WazoVersion`]) and nowhere else, and every problem is reported at once, each with its file, line,
//! rule and fix; [`Check`] lists the rules. Nothing in this module runs a plugin's code, reads a file, or knows how a
//! package is built.

mod check;
mod checks;
mod installed;
mod known;
mod legacy;
mod lints;
mod manifest;
mod relation;
mod reserved;
mod rules;
mod scalar;
mod script;
mod tree;
mod wazo_version;
mod yaml;

pub use check::{CheckOptions, Checked, Layout, Plugin, check};
pub use checks::Check;
pub use installed::{InstalledError, installed};
pub use known::{Known, PackageNames};
pub use manifest::Manifest;
pub use relation::{Dependency, InvalidRelation, Operator, Relation};
pub use tree::{EntryKind, Tree, TreeEntry, TreeError, TreeLimits};
pub use wazo_version::WazoVersion;

#[cfg(test)]
mod tests;
