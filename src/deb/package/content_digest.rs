//! What a package holds, as one digest that does not depend on its version: two builds that have the same content digest
//! need no two versions.

use std::io::{self, Write};

use super::PackageSpec;
use crate::deb::control::ControlError;
use crate::deb::payload::{Entry, Payload};
use crate::model::{Sha256, Sha256Writer};

/// Digests the control fields without `Version` and `Installed-Size`, the scripts, the conffiles, the copyright text and
/// every entry of `payload`, as it is before [`assemble`](super::assemble) adds the changelog.
///
/// The digest is the SHA-256 of lines: `plugfarm content 1`, the control paragraph, then one line for each other part. No
/// path has a line end, so no two packages share a text.
///
/// # Errors
/// A field that no control paragraph may have.
pub fn content_digest(spec: &PackageSpec, payload: &Payload) -> Result<Sha256, ControlError> {
    let mut digest = Sha256Writer::new(io::sink());
    let mut line = |line: String| {
        // Writing to a sink does not fail.
        let written = digest
            .write_all(line.as_bytes())
            .and_then(|()| digest.write_all(b"\n"));
        debug_assert!(written.is_ok());
    };
    line("plugfarm content 1".to_owned());
    line(spec.control(None)?.to_string());
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
    Ok(digest.finish().1)
}
