//! The `Packages` indices of a suite, plain and compressed.

use std::io::{self, Write as _};

use super::layout::{self, ENDINGS};
use super::state::SuiteState;
use crate::model::{Architecture, Sha256};

/// One file of an index.
pub(super) struct IndexFile {
    /// Its place, relative to the suite's folder.
    pub(super) path: String,
    pub(super) sha256: Sha256,
    pub(super) bytes: Vec<u8>,
}

/// Every index file of a suite.
///
/// Packages for all architectures are in each architecture's index too: with `No-Support-for-Architecture-all` apt reads
/// those alone, and older tools that know no `binary-all` miss nothing.
pub(super) fn indices(state: &SuiteState) -> io::Result<Vec<IndexFile>> {
    let mut files = Vec::new();
    for architecture in [Architecture::All, Architecture::Amd64] {
        let text = packages(state, architecture);
        let path = layout::packages(architecture);
        for ending in ENDINGS {
            let bytes = compress(text.as_bytes(), ending)?;
            let path = format!("{path}{ending}");
            files.push(IndexFile {
                path,
                sha256: Sha256::of(&bytes),
                bytes,
            });
        }
    }
    Ok(files)
}

fn packages(state: &SuiteState, architecture: Architecture) -> String {
    let fits = |own: Architecture| own == architecture || own == Architecture::All;
    let mut text = String::new();
    for published in state
        .packages
        .iter()
        .filter(|published| fits(published.architecture))
    {
        text.push_str(&published.stanza);
        text.push('\n');
    }
    text
}

/// The same text gives the same bytes: no name, no time.
fn compress(text: &[u8], ending: &str) -> io::Result<Vec<u8>> {
    match ending {
        ".gz" => {
            let builder = flate2::GzBuilder::new().mtime(0);
            let mut encoder = builder.write(Vec::new(), flate2::Compression::best());
            encoder.write_all(text)?;
            encoder.finish()
        }
        ".xz" => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
            encoder.write_all(text)?;
            encoder.finish()
        }
        _ => Ok(text.to_vec()),
    }
}
