//! `plugfarm package`: the project's own programs as Debian packages.

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use crate::cli::answer::Answer;
use crate::cli::args::{Cli, PackageArgs};
use crate::config::Config;
use crate::dist::{self, Parts, Program};
use crate::model::{DebianVersion, Timestamp};

/// Where each shell looks for what completes a command.
const COMPLETIONS: [(Shell, &str, &str); 3] = [
    (Shell::Bash, "usr/share/bash-completion/completions/", ""),
    (Shell::Zsh, "usr/share/zsh/vendor-completions/_", ""),
    (Shell::Fish, "usr/share/fish/vendor_completions.d/", ".fish"),
];

pub(in crate::cli) fn run(arguments: &PackageArgs) -> anyhow::Result<Answer> {
    fs_err::create_dir_all(&arguments.to)?;
    let version = match &arguments.package_version {
        Some(version) => version.clone(),
        None => DebianVersion::new(env!("CARGO_PKG_VERSION"))?,
    };
    let (mut files, mut words) = (Vec::new(), Vec::new());
    for program in Program::ALL {
        let parts = Parts {
            programs: arguments.programs.clone(),
            libraries: arguments.libraries.clone(),
            documents: documents(program)?,
            version: version.clone(),
            maintainer: Config::default().maintainer,
            time: Timestamp::from_seconds(arguments.time),
        };
        let (path, assembled) = dist::write(program, &parts, &arguments.to)?;
        words.push(path.display().to_string());
        files.push(json!({
            "package": program.package(),
            "path": path,
            "size": assembled.size,
            "sha256": assembled.sha256,
        }));
    }
    let message = format!("{} packages are in {}", files.len(), arguments.to.display());
    Ok(Answer::done(message)
        .with(json!({ "packages": files }))
        .saying(words))
}

/// Manual pages and completions.
fn documents(program: Program) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let command = match program {
        Program::Farm => Cli::command(),
        Program::Host => crate::cli::host::command(),
        Program::Plugind => return Ok(Vec::new()),
    };
    let mut documents = pages(command.clone())?;
    for (shell, before, after) in COMPLETIONS {
        let mut script = Vec::new();
        let name = program.package();
        clap_complete::generate(shell, &mut command.clone(), name, &mut script);
        documents.push((format!("{before}{name}{after}"), script));
    }
    Ok(documents)
}

fn pages(command: Command) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let folder = tempfile::tempdir()?;
    clap_mangen::generate_to(command, folder.path())?;
    let mut pages = Vec::new();
    for entry in fs_err::read_dir(folder.path())? {
        let entry = entry?;
        let path = format!("usr/share/man/man1/{}", entry.file_name().to_string_lossy());
        pages.push((path, fs_err::read(entry.path())?));
    }
    pages.sort();
    Ok(pages)
}
