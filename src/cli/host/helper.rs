//! `plugfarm-host helper`: the part that is root.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::apt::Apt;
use crate::host::evidence;
use crate::host::helper::{Limits, RUNTIME, SOCKET, Server, Settings};

#[derive(Debug, Args)]
pub(super) struct HelperArgs {
    /// The unix socket to listen at
    #[arg(long, default_value = SOCKET, value_name = "PATH")]
    socket: PathBuf,
    /// The user that may ask besides root
    #[arg(long, default_value = "plugfarm-host", value_name = "NAME")]
    user: String,
    /// The seconds after which a run of apt, the plugins' scripts included, is ended
    #[arg(long, default_value_t = Limits::default().run.as_secs(), value_name = "SECONDS")]
    run_limit: u64,
    /// The seconds to wait for another program that uses apt or dpkg
    #[arg(long, default_value_t = Limits::default().lock.as_secs(), value_name = "SECONDS")]
    lock_limit: u64,
}

pub(super) async fn run(arguments: HelperArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings {
        socket: arguments.socket,
        user: arguments.user,
        runtime: RUNTIME.into(),
        evidence: evidence::FOLDER.into(),
        program: std::env::current_exe().context("cannot find this program")?,
        limits: Limits {
            run: Duration::from_secs(arguments.run_limit),
            lock: Duration::from_secs(arguments.lock_limit),
        },
    };
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let server = Server::bind(&settings, Apt::new())?;
    server
        .run(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await;
    Ok(ExitCode::SUCCESS)
}
