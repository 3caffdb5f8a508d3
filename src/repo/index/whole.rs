//! The `Packages` indices of a suite, all written anew.

use std::io::{self, Write as _};

use super::super::layout::{self, ENDINGS};
use super::super::storage::Expected;
use crate::model::Architecture;

/// One file of an index.
#[derive(Clone)]
pub(in crate::repo) struct IndexFile {
    /// Its place, relative to the suite's folder.
    pub(in crate::repo) path: String,
    pub(in crate::repo) content: Expected,
    pub(in crate::repo) bytes: Vec<u8>,
}

/// Every index file of a suite that holds these paragraphs.
///
/// Packages for all architectures are in each architecture's index too: with `No-Support-for-Architecture-all` apt reads
/// those alone, and older tools that know no `binary-all` miss nothing.
pub(in crate::repo) fn indices(
    paragraphs: &[(Architecture, String)],
) -> io::Result<Vec<IndexFile>> {
    let all = text(paragraphs, Architecture::All);
    let amd64 = text(paragraphs, Architecture::Amd64);
    let mut files = compressed(Architecture::All, &all)?;
    if all == amd64 {
        // Most plugins are for every machine, and compressing is what takes time.
        let same: Vec<_> = files
            .iter()
            .zip(ENDINGS)
            .map(|(file, ending)| IndexFile {
                path: format!("{}{ending}", layout::packages(Architecture::Amd64)),
                ..file.clone()
            })
            .collect();
        files.extend(same);
    } else {
        files.extend(compressed(Architecture::Amd64, &amd64)?);
    }
    Ok(files)
}

/// The index of one architecture, plain and compressed.
fn compressed(architecture: Architecture, text: &str) -> io::Result<Vec<IndexFile>> {
    let path = layout::packages(architecture);
    let files = ENDINGS.into_iter().map(|ending| {
        let bytes = compress(text.as_bytes(), ending)?;
        Ok(IndexFile {
            path: format!("{path}{ending}"),
            content: Expected::of(&bytes),
            bytes,
        })
    });
    files.collect()
}

/// The `Packages` of one architecture: a paragraph for each package, with an empty line after it.
pub(in crate::repo) fn text(
    paragraphs: &[(Architecture, String)],
    architecture: Architecture,
) -> String {
    let fits = |own: Architecture| own == architecture || own == Architecture::All;
    let own = paragraphs.iter().filter(|(own, _)| fits(*own));
    own.map(|(_, paragraph)| paragraph.as_str()).collect()
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
