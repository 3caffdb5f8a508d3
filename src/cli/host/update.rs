//! `plugfarm-host update`: plugins to the versions that it is this host's turn for.
//!
//! The agent makes jobs of it, like those of its interface. Where none runs, the helper is asked straight away.

mod agent;
mod helper;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::output;
use crate::host::helper::SOCKET;
use crate::host::socket::{self, AskError};
use crate::model::PluginId;

#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct UpdateArgs {
    /// The plugins, as namespace/name; all that are installed, if none is named
    #[arg(value_name = "PLUGIN")]
    plugins: Vec<PluginId>,
    /// The agent's unix socket: `agent.sock` in its state_dir
    #[arg(long, default_value = socket::SOCKET, value_name = "PATH")]
    agent: PathBuf,
    /// The root helper's unix socket, which is asked where no agent runs
    #[arg(long, default_value = SOCKET, value_name = "PATH")]
    socket: PathBuf,
    /// Print one JSON object for machines, in place of words for people
    #[arg(long)]
    json: bool,
}

const NOTES: &str = "A version that its farm gives to a share of the hosts only is taken once it is this host's turn, which the \
    machine's id decides: `apt upgrade` decides alike. An explicit `apt install PACKAGE` takes it at once.\n\nA version that is \
    higher than the farm's, such as one that was built here, is kept; so is a package that is held (`apt-mark hold`), or pinned \
    to what it is.\n\nThe agent makes jobs of it: GET /0.2/jobs has them, and the bus is told. Where no agent runs, the helper \
    updates without a job. Both go on when this command is interrupted.\n\nExit codes: 0 done, 1 something could not be updated, 2 wrong usage, 3 nobody can be asked.";

pub(super) async fn run(arguments: &UpdateArgs) -> anyhow::Result<ExitCode> {
    let succeeded = match agent::run(arguments).await {
        Err(AskError::NotThere { .. }) => {
            output::progress("the agent does not run: the helper updates, without a job");
            helper::run(arguments).await?
        }
        asked => asked?,
    };
    Ok(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
