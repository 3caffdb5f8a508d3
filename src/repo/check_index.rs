//! Verifies the indices of a suite: that each file lists what the ledger says, however it is compressed.

use std::io::{self, Read};

use super::files::read;
use super::ledger::Stanzas;
use super::storage::{Expected, Storage};
use super::table::Table;
use super::{RepoError, layout};
use crate::model::{Architecture, Sha256Writer, Suite};

impl Table {
    /// What is wrong with the indices of `suite`, whose packages have these paragraphs. What is missing or was changed is
    /// not told here: its digest tells that.
    pub(super) fn check(
        &self,
        storage: &dyn Storage,
        suite: &Suite,
        stanzas: &Stanzas,
    ) -> Result<Vec<String>, RepoError> {
        let (folder, mut problems) = (layout::dists(suite), Vec::new());
        for architecture in [Architecture::All, Architecture::Amd64] {
            let (path, files) = (
                layout::packages(architecture),
                self.index(architecture).files(),
            );
            if digest_of(stanzas, architecture) != files.plain {
                problems.push(format!(
                    "{folder}/{path} does not list what the ledger says"
                ));
            }
            for (ending, expected) in [("gz", files.gz), ("xz", files.xz)] {
                let path = format!("{path}.{ending}");
                let bytes = match read(storage, &folder, &path, expected) {
                    Err(RepoError::Damaged { .. }) => continue,
                    read => read?,
                };
                if unpacked(&bytes, ending).is_none_or(|found| found != files.plain) {
                    problems.push(format!("{folder}/{path} does not hold the plain index"));
                }
            }
        }
        if !self.patches_are_right(storage, &folder)? {
            let path = layout::diff_index(&layout::packages(Architecture::Amd64));
            problems.push(format!("{folder}/{path} is not what the state says"));
        }
        Ok(problems)
    }
}

/// What the plain index of these paragraphs is.
fn digest_of(stanzas: &Stanzas, architecture: Architecture) -> Expected {
    let mut digest = Sha256Writer::new(io::sink());
    for (own, stanza) in stanzas.values() {
        if *own == architecture || *own == Architecture::All {
            // Writing to a sink does not fail.
            let written = io::copy(&mut format!("{stanza}\n").as_bytes(), &mut digest);
            debug_assert!(written.is_ok());
        }
    }
    let (_, sha256, size) = digest.finish();
    Expected { sha256, size }
}

/// What a compressed file holds, as any reader unpacks it; nothing, if it cannot be unpacked.
fn unpacked(bytes: &[u8], ending: &str) -> Option<Expected> {
    let mut digest = Sha256Writer::new(io::sink());
    let mut reader: Box<dyn Read + '_> = if ending == "gz" {
        Box::new(flate2::read::MultiGzDecoder::new(bytes))
    } else {
        Box::new(liblzma::read::XzDecoder::new(bytes))
    };
    io::copy(&mut reader, &mut digest).ok()?;
    let (_, sha256, size) = digest.finish();
    Some(Expected { sha256, size })
}
