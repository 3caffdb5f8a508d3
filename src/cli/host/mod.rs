//! The command line of a Wazo host's agent: arguments here, one file per command.

mod guard;
mod helper;
mod serve;
mod update;
mod user;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rustix::fs::Mode;

use crate::cli::answer::words;
use crate::config::environment;
use crate::telemetry::{self, LogFormat};
use update::UpdateArgs;
use verify::VerifyArgs;

/// The agent of a Wazo host: wazo-plugind's interface over plain apt, with packages that a farm has built and signed.
#[derive(Debug, Parser)]
#[command(name = "plugfarm-host", version, propagate_version = true)]
struct Cli {
    /// What is logged on standard error, in tracing's filter syntax
    #[arg(long, global = true, env = environment::LOG, value_name = "FILTER")]
    log: Option<String>,
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve wazo-plugind's HTTP interface, and work off what it is asked for
    Serve(serve::ServeArgs),
    /// Install and remove packages for the agent, as root: answers at a unix socket until it is stopped
    Helper(helper::HelperArgs),
    /// Bring plugins to the versions that it is this host's turn for
    Update(UpdateArgs),
    /// Verify installed plugins: from their files to the farm's signatures and the commit
    Verify(VerifyArgs),
    /// Judge what dpkg is about to do; apt runs this
    #[command(hide = true)]
    Guard {
        /// The folder of the plan
        folder: PathBuf,
    },
}

/// The whole command, for manuals and shells.
pub(in crate::cli) fn command() -> clap::Command {
    use clap::CommandFactory as _;
    Cli::command()
}

/// Runs the command that the process was called with.
#[must_use]
pub fn main() -> ExitCode {
    // What may be read by whom does not depend on the shell that starts the agent; what is secret says so itself.
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("plugfarm-host: {}", words(&error));
            ExitCode::from(3)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let told_by_settings = matches!(cli.command, Command::Serve(_));
    if !told_by_settings {
        telemetry::start(cli.log.as_deref().unwrap_or("warn"), LogFormat::Text)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(async {
        match cli.command {
            Command::Serve(arguments) => serve::run(&arguments, cli.log.as_deref()).await,
            Command::Helper(arguments) => helper::run(arguments).await,
            Command::Update(arguments) => update::run(&arguments).await,
            Command::Verify(arguments) => verify::run(&arguments).await,
            Command::Guard { folder } => guard::run(&folder),
        }
    });
    runtime.shutdown_background();
    code
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
