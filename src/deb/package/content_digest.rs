//! What a package holds, as one digest that does not depend on its version: two builds that have the same content digest
//! need no two versions.

use super::PackageSpec;
use crate::deb::control::ControlError;
use crate::deb::payload::{Entry, Payload};
use crate::model::Sha256;

/// Digests the control fields without `Version` and `Installed-Size`, the scripts, the conffiles, the copyright text and
/// every entry of `payload`, as it is before [`assemble`](super::assemble) adds the changelog.
///
/// The digest is the SHA-256 of lines: `plugfarm content 1`, the control paragraph, then one line for each other part. No
/// path has a line end, so no two packages share a text.
///
/// # Errors
/// A field that no control paragraph may have.
pub fn content_digest(spec: &PackageSpec, payload: &Payload) -> Result<Sha256, ControlError> {
    let mut text = format!("plugfarm content 1\n{}\n", spec.control(None)?);
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for (name, script) in spec.scripts.iter() {
        line(format!("script {name} {}", Sha256::of(script.as_bytes())));
    }
    for path in &spec.conffiles {
        line(format!("conffile {path}"));
    }
    line(format!(
        "copyright {}",
        Sha256::of(spec.copyright.as_bytes())
    ));
    for (path, entry) in payload.entries() {
        line(match entry {
            Entry::Directory { mode } => format!("directory {mode:o} /{path}"),
            Entry::File(file) => format!("file {:o} {} /{path}", file.mode, file.content.sha256),
            Entry::Symlink { target } => format!("symlink /{path}\nto {target}"),
        });
    }
    Ok(Sha256::of(text.as_bytes()))
}
