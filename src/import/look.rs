//! What a host sees of packages that were published: signature, index and file, one after the other, as apt reads them.

use std::collections::BTreeMap;
use std::io;

use super::index::Found;
use super::origin::Origin;
use super::{ImportError, index, release};
use crate::model::{DebianVersion, Sha256Writer, Timestamp};

/// Whether hosts that have `keyring` get each of `wanted`, a package and its version, from the component `main` of `suite`: the
/// index of a Release that the key signed lists it, and its file is what the index says.
///
/// # Errors
///
/// [`ImportError`], where hosts cannot read the suite at all, or get a file that is not what the index says.
pub async fn look(
    origin: &Origin,
    suite: &str,
    keyring: &[u8],
    wanted: &[(String, DebianVersion)],
    now: Timestamp,
) -> Result<Vec<bool>, ImportError> {
    let release = release::fetch(origin, suite, keyring, now).await?;
    let found = index::fetch(origin, &release, "main").await?;
    let found: BTreeMap<_, _> = found
        .iter()
        .map(|found| ((found.package.as_str(), found.version.as_str()), found))
        .collect();
    let mut seen = Vec::new();
    for (package, version) in wanted {
        match found.get(&(package.as_str(), version.as_str())) {
            Some(found) => {
                get(origin, found).await?;
                seen.push(true);
            }
            None => seen.push(false),
        }
    }
    Ok(seen)
}

/// Fetches the file, and keeps nothing of it.
async fn get(origin: &Origin, found: &Found) -> Result<(), ImportError> {
    let mut writer = Sha256Writer::new(io::sink());
    let there = origin
        .copy(&found.filename, found.size, &mut writer)
        .await?;
    let place = origin.place(&found.filename);
    if !there {
        return Err(ImportError::Missing { place });
    }
    let (_, sha256, size) = writer.finish();
    if (sha256, size) == (found.sha256, found.size) {
        return Ok(());
    }
    Err(ImportError::Differs {
        place,
        reason: format!("its SHA-256 is {sha256}, the listed one {}", found.sha256),
    })
}
