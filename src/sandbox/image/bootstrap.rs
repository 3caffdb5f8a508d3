//! A root file system from Debian packages, made by mmdebstrap on this machine.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::Progress;
use super::known;
use super::recipe::{ImageName, Recipe, snapshot};
use crate::config::environment;
use crate::model::{Target, printable};
use crate::sandbox::SandboxError;

/// The program that unpacks Debian packages into a folder.
const PROGRAM: &str = "mmdebstrap";
/// Lines of its output that are kept for the case that it fails.
const LAST_LINES: usize = 12;
/// What apt says when the network, not the recipe, is at fault.
const MIRROR_TROUBLE: [&str; 7] = [
    "Could not resolve",
    "Temporary failure resolving",
    "Failed to fetch",
    "Could not connect",
    "Connection timed out",
    "Unable to connect",
    "does not have a Release file",
];

/// Makes the root file system of one image as a tar in `folder`, and returns the tar's path. Nothing else is left there.
pub(super) async fn bootstrap(
    name: ImageName,
    target: Target,
    mirror: Option<&str>,
    folder: &Path,
    progress: Progress<'_>,
) -> Result<PathBuf, SandboxError> {
    let recipe = Recipe::of(name);
    write_files(recipe, &folder.join("plugfarm"))
        .map_err(SandboxError::storage("the recipe cannot be written"))?;
    let tar = folder.join("root.tar");
    let mut command = Command::new(PROGRAM);
    command
        .arg("--variant=apt")
        .arg(format!("--include={}", recipe.packages()))
        .args(recipe.bare.then_some("--dpkgopt=path-exclude=/usr/share/man/*"))
        .args(recipe.bare.then_some("--dpkgopt=path-exclude=/usr/share/doc/*"))
        .args(known::hooks(name))
        .arg("--customize-hook=copy-in plugfarm /usr/lib")
        .arg(r#"--customize-hook=chroot "$1" /bin/sh -c '. /usr/lib/plugfarm/setup; rm /usr/lib/plugfarm/setup'"#)
        .arg(target.codename())
        .arg(&tar)
        .args(mirror.map(|mirror| sources(mirror, target)).into_iter().flatten())
        .env_clear()
        .envs(environment::BOOTSTRAP.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env("SOURCE_DATE_EPOCH", snapshot(target).to_string())
        .env("LC_ALL", "C.UTF-8")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if rustix::process::geteuid().is_root() {
        // Everybody else's mmdebstrap works with other user ids, which could not enter this folder.
        command.env("TMPDIR", folder);
    }
    run(command, progress).await?;
    Ok(tar)
}

/// A mirror has the security updates in a folder beside its own, as Debian's do.
fn sources(mirror: &str, target: Target) -> Vec<String> {
    let mirror = mirror.trim_end_matches('/');
    vec![
        format!("deb {mirror} {target} main"),
        format!("deb {mirror} {target}-updates main"),
        format!("deb {mirror}-security {target}-security main"),
    ]
}

fn write_files(recipe: &Recipe, folder: &Path) -> std::io::Result<()> {
    fs_err::create_dir(folder)?;
    for (name, content) in recipe.files {
        fs_err::write(folder.join(name), content)?;
    }
    fs_err::write(folder.join("setup"), recipe.setup())
}

async fn run(mut command: Command, progress: Progress<'_>) -> Result<(), SandboxError> {
    let failed = |reason: String| SandboxError::Tool {
        program: PROGRAM,
        reason,
    };
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let mut last: Vec<String> = Vec::new();
    if let Some(output) = child.stderr.take() {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Some(line) = lines
            .next_segment()
            .await
            .map_err(|error| failed(error.to_string()))?
        {
            let line = printable(&String::from_utf8_lossy(&line), 500);
            if let Some(step) = step(&line) {
                progress(step);
            }
            if last.len() == LAST_LINES {
                last.remove(0);
            }
            last.push(line);
        }
    }
    let status = child
        .wait()
        .await
        .map_err(|error| failed(error.to_string()))?;
    let said = last.join("; ");
    if status.success() {
        Ok(())
    } else if MIRROR_TROUBLE.iter().any(|words| said.contains(words)) {
        Err(SandboxError::Mirror { reason: said })
    } else {
        Err(failed(said))
    }
}

/// What people see of a line: mmdebstrap's steps. Its folders and its remarks about this machine matter only when it fails.
fn step(line: &str) -> Option<&str> {
    let said = line.strip_prefix("I: ")?;
    (said.ends_with("...") && !said.contains('/')).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_the_steps_of_mmdebstrap_and_not_its_remarks() {
        assert_eq!(
            step("I: running apt-get update..."),
            Some("running apt-get update...")
        );
        for remark in [
            "I: removing tempdir /tmp/mmdebstrap.x...",
            "I: automatically chosen mode: root",
            "W: Download is performed unsandboxed as root",
        ] {
            assert_eq!(step(remark), None, "{remark}");
        }
    }
}
