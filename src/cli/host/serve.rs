//! `plugfarm-host serve`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::net::TcpListener;

use super::user::become_user;
use crate::app::{self, HostError};
use crate::cli::commands::build::stop_signal;
use crate::config::environment::{WAZO_VERSION, XIVO_UUID};
use crate::config::host::{FILE, HostEnvironment};
use crate::sandbox::Canceller;
use crate::telemetry::{self, LogFormat};

/// The arguments of `serve`: wazo-plugind's own.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The configuration file; more of them are read from the folder that it names
    #[arg(short, long, value_name = "FILE", default_value = FILE)]
    config_file: PathBuf,
    /// Log everything, whatever the configuration says
    #[arg(short, long)]
    debug: bool,
    /// Serve as this user, if root starts it
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
}

/// Serves until it is asked to stop. `log` comes before what the settings say of logs.
pub(super) async fn run(arguments: &ServeArgs, log: Option<&str>) -> anyhow::Result<ExitCode> {
    if let Some(user) = &arguments.user {
        become_user(user)?;
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let environment = HostEnvironment {
        uuid: variable(XIVO_UUID),
        wazo_version: variable(WAZO_VERSION),
    };
    let config = app::host_config(&arguments.config_file, environment)?;
    let level = if arguments.debug { "debug" } else { config.log };
    let settings = format!("warn,plugfarm={level}");
    telemetry::start(log.unwrap_or(&settings), LogFormat::Text)?;
    if !arguments.config_file.exists() {
        let file = arguments.config_file.display();
        tracing::warn!(%file, "there is no such file: every setting has its default");
    }
    let listener = TcpListener::bind(config.listen).await;
    let listener = listener.map_err(|source| HostError::Listen {
        address: config.listen,
        source,
    })?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "serving");
    }
    let (canceller, stop) = Canceller::new();
    let asked = tokio::spawn(async move {
        if stop_signal().await.is_ok() {
            canceller.cancel();
        }
    });
    let served = app::serve_host(config, listener, stop).await;
    asked.abort();
    served?;
    tracing::info!("the agent has stopped; what waits goes on when it starts again");
    Ok(ExitCode::SUCCESS)
}
