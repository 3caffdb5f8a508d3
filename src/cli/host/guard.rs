//! `plugfarm-host guard`: what apt runs before dpkg.

use std::path::Path;
use std::process::ExitCode;

use crate::host::helper::guard;

pub(super) fn run(folder: &Path) -> anyhow::Result<ExitCode> {
    guard(folder, std::io::stdin().lock())?;
    Ok(ExitCode::SUCCESS)
}
