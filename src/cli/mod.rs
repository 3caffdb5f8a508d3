//! The command line: arguments in `args`, one file per command in `commands`, what users see in `output`.
//!
//! Commands parse, call, and give an [`Answer`], which is printed here and nowhere else: as words, or as one JSON object.
//! Work is done below.

mod answer;
mod args;
mod channels;
mod commands;
mod farm;
mod follow;
pub mod host;
mod output;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;
use rustix::fs::Mode;

use crate::app::App;
use crate::model::printable;
use crate::sandbox::settled;
use crate::source::{Asker, Location};
use crate::telemetry::{self, LogFormat};
use answer::Answer;
use args::{Cli, Command, Elsewhere, FarmArgs};
use usage::WrongUsage;

/// The data folder of what acts on a farm elsewhere, and needs none: so the command needs no home either. Debian's name for a
/// folder that is not there (Policy 9.2.3).
const NOWHERE: &str = "/nonexistent";

/// Runs the command that the process was called with.
#[must_use]
pub fn main() -> ExitCode {
    // What may be read by whom does not depend on the shell that starts a farm; what is secret says so itself.
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let (answer, json) = match Cli::try_parse() {
        Ok(cli) => {
            let json = cli.global.json;
            (run(cli).unwrap_or_else(|error| (&error).into()), json)
        }
        Err(error) if error.use_stderr() && usage::wants_json() => (usage::refuse(&error), true),
        // Clap's own words for people; or what was asked for is help, or the version.
        Err(error) => error.exit(),
    };
    answer.give(json)
}

fn run(cli: Cli) -> anyhow::Result<Answer> {
    let format = if cli.global.json {
        LogFormat::Json
    } else {
        LogFormat::Text
    };
    telemetry::start(&cli.global.log, format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(async {
        let answer = dispatch(cli).await;
        settled().await;
        answer
    });
    // A blocking reader that waits for a dead engine must not keep the process alive.
    runtime.shutdown_background();
    answer
}

async fn dispatch(cli: Cli) -> anyhow::Result<Answer> {
    let json = cli.global.json;
    if let Command::Elsewhere(command) = &cli.command {
        return elsewhere(command, json).await;
    }
    let mut data = cli.global.data_dir;
    if cli.command.farm().is_some_and(FarmArgs::is_named) {
        data = data.or_else(|| Some(NOWHERE.into()));
    }
    let mut app = App::open(data, cli.global.config.as_deref())?;
    app.progress = output::uploads(json);
    match cli.command {
        Command::Doctor => commands::doctor::run(&app).await,
        Command::Images(command) => commands::images::run(&app, &command).await,
        Command::Check(arguments) => commands::check::run(&app, &arguments).await,
        Command::Build(arguments) => commands::build::run(&app, &arguments, json).await,
        Command::Publish(arguments) => commands::publish::run(&app, &arguments).await,
        Command::Promote(arguments) => commands::promote::run(&app, &arguments).await,
        Command::Phase(arguments) => commands::phase::run(&app, &arguments).await,
        Command::Withdraw(arguments) => commands::withdraw::run(&app, &arguments).await,
        Command::Rollback(arguments) => commands::rollback::run(&app, &arguments).await,
        Command::Verify(arguments) => commands::verify::run(&app, &arguments),
        Command::Rebuild(arguments) => commands::rebuild::run(&app, &arguments, json).await,
        Command::Audit(arguments) => commands::audit::run(&app, &arguments),
        Command::Key(command) => commands::key::run(&app, &command),
        Command::Signer(arguments) => commands::signer::run(&app, &arguments),
        Command::Serve(arguments) => commands::serve::run(&app, &arguments).await,
        Command::Partner(command) => commands::people::partner(&app, &command).await,
        Command::Namespace(arguments) => commands::people::namespace(&app, &arguments).await,
        Command::Token(arguments) => commands::token::run(&app, &arguments).await,
        Command::Notify(arguments) => commands::notify::run(&app, &arguments).await,
        Command::Queue(arguments) => commands::queue::run(&app, &arguments).await,
        Command::Backup { to } => commands::backup::backup(&app, &to).await,
        Command::Restore { from } => commands::backup::restore(&app, &from).await,
        Command::Repo(command) => commands::repo::run(&app, &command).await,
        Command::Source(arguments) => commands::source::run(&app, &arguments).await,
        Command::Elsewhere(command) => elsewhere(&command, json).await,
    }
}

/// What needs nothing of this machine: neither a data folder nor an engine.
async fn elsewhere(command: &Elsewhere, json: bool) -> anyhow::Result<Answer> {
    match command {
        Elsewhere::Submit(arguments) => commands::submit::run(arguments, json).await,
        Elsewhere::Builds(arguments) => commands::builds::run(arguments, json).await,
        Elsewhere::Plugins(arguments) => commands::plugins::run(arguments).await,
        Elsewhere::Channels(farm) => commands::channels::run(farm).await,
        Elsewhere::Completions { shell } => commands::shell::completions(*shell),
        Elsewhere::Package(arguments) => commands::package::run(arguments),
        Elsewhere::Man { to } => commands::shell::man(to),
    }
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

    #[test]
    fn what_acts_on_a_farm_elsewhere_needs_no_home() {
        for command in [
            "promote wazo-plugind-a-b --reason=x",
            "phase wazo-plugind-a-b=1 10",
            "withdraw wazo-plugind-a-b=1 --reason=x",
            "rollback wazo-plugind-a-b --reason=x",
            "source hook list a/b",
            "namespace list",
            "token list",
            "notify list",
            "queue show",
        ] {
            for (farm, named) in [
                ("--farm=https://farm.example.org", true),
                ("--farm=", false),
            ] {
                let words = ["plugfarm"].into_iter().chain(command.split(' '));
                let cli = Cli::try_parse_from(words.chain([farm])).unwrap();
                let found = cli.command.farm().is_some_and(FarmArgs::is_named);
                assert_eq!(found, named, "{command} {farm}");
            }
        }
    }
}
