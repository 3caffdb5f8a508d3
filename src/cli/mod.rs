//! The command line: arguments in `args`, one file per command in `commands`, what users see in `output`.
//!
//! Commands parse, call, and print. Work is done below.

mod args;
mod commands;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

use crate::app::{App, AppError};
use crate::model::{InvalidValue, printable};
use crate::source::{Asker, Location, LocationError};
use crate::telemetry::{self, LogFormat};
use args::{Cli, Command};

/// How a command ended; each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Done.
    Done = 0,
    /// The plugin, or the package, is at fault.
    Plugin = 1,
    /// The command was used wrongly.
    Usage = 2,
    /// The farm, or somebody that it depends on, is at fault; trying again may help.
    Farm = 3,
}

/// Something that the caller named and that is not there, or means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUsage(String);

/// Runs the command that the process was called with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let format = if cli.global.json {
        LogFormat::Json
    } else {
        LogFormat::Text
    };
    telemetry::start(&cli.global.log, format);
    let json = cli.global.json;
    let exit = dispatch(cli).unwrap_or_else(|error| {
        let exit = blame(&error);
        output::error(&error);
        if json {
            output::json_error(&error, exit == Exit::Usage);
        }
        exit
    });
    ExitCode::from(exit as u8)
}

/// Whose fault it is that a command could not be carried out.
fn blame(error: &anyhow::Error) -> Exit {
    let usage = match error.downcast_ref::<AppError>() {
        Some(error) => matches!(
            error,
            AppError::ConfigInvalid { .. } | AppError::ConfigUnreadable { .. }
        ),
        None => {
            error.is::<InvalidValue>() || error.is::<LocationError>() || error.is::<WrongUsage>()
        }
    };
    if usage { Exit::Usage } else { Exit::Farm }
}

fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    let app = App::open(cli.global.data_dir, cli.global.config.as_deref())?;
    let json = cli.global.json;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match cli.command {
            Command::Doctor => commands::doctor::run(&app, json).await,
            Command::Images(command) => commands::images::run(&app, &command, json).await,
            Command::Check(arguments) => commands::check::run(&app, &arguments, json).await,
            Command::Build(arguments) => commands::build::run(&app, &arguments, json).await,
            Command::Publish(arguments) => commands::publish::run(&app, &arguments, json),
            Command::Verify(arguments) => commands::verify::run(&app, &arguments, json),
            Command::Key(command) => commands::key::run(&app, &command, json),
            Command::Repo(command) => commands::repo::run(&app, &command, json),
        }
    });
    // A blocking reader that waits for a dead engine must not keep the process alive.
    runtime.shutdown_background();
    exit
}

/// Where a plugin is, in the words of whoever sits at this machine. A folder must be there.
fn locate(text: &str) -> anyhow::Result<Location> {
    let location = Location::parse(text, Asker::CommandLine)?;
    match &location {
        Location::Folder(folder) if !folder.is_dir() => {
            let folder = printable(&folder.to_string_lossy(), 200);
            Err(WrongUsage(format!(
                "there is no folder `{folder}`; name one, or a git URL"
            ))
            .into())
        }
        _ => Ok(location),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
