//! Fetches a file as apt would: through its proxies, with its certificates and credentials.

use std::path::Path;
use std::time::Duration;

use super::AptError;
use super::command::ask;
use crate::model::{Sha256, printable};

/// How long one file may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Fetches the file at `uri` to `to`, which is in a folder of the caller's own. With `sha256` it has that digest, or is not
/// fetched.
///
/// # Errors
///
/// [`AptError`].
pub async fn download(uri: &str, to: &Path, sha256: Option<Sha256>) -> Result<(), AptError> {
    const PROGRAM: &str = "/usr/lib/apt/apt-helper";
    let (to, hash) = (
        to.to_string_lossy(),
        sha256.map(|sha256| format!("SHA256:{sha256}")),
    );
    let mut arguments = vec!["--quiet", "download-file", uri, &to];
    arguments.extend(hash.as_deref());
    let fetched = tokio::time::timeout(PATIENCE, ask(PROGRAM, &arguments)).await;
    let fetched = fetched.map_err(|_| AptError::Limit {
        program: PROGRAM,
        limit: format!("{} seconds for {}", PATIENCE.as_secs(), printable(uri, 200)),
    })?;
    fetched.map(drop)
}
