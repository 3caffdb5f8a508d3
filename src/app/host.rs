//! The agent on a Wazo host: its settings from their files, and its parts put together.

use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::apt::Apt;
use crate::bus::Bus;
use crate::client::{Client, ClientError};
use crate::config::host::{
    FarmApi, HostConfig, HostConfigError, HostEnvironment, Layer, SAMPLE, layer,
};
use crate::host::api::{Host, router};
use crate::host::helper::Helper;
use crate::host::jobs::{Agent, Jobs, JobsError, Local, run};
use crate::host::market::Market;
use crate::host::plugins::Plugins;
use crate::host::socket;
use crate::listen::{self, Limits};
use crate::sandbox::Cancel;
use crate::wazo::{Auth, Versions};

/// The most bytes of a file of settings that are read: more than its reader takes.
const MAX_SETTINGS: u64 = 512 << 10;
/// How many files of settings are read.
const MAX_FILES: usize = 1000;
/// The most bytes of the farm's token.
const MAX_TOKEN: u64 = 4 << 10;
/// How many connections the agent has at once.
const CONNECTIONS: usize = 256;

/// What keeps a host's agent from starting, or from going on.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A file of settings cannot be read.
    #[error("cannot read the configuration {path}")]
    Unreadable {
        /// The file, or the folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of settings says something that cannot be followed.
    #[error("the configuration {path} is wrong")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: HostConfigError,
    },
    /// All files together do.
    #[error("the configuration is wrong")]
    Settings {
        /// Why.
        #[from]
        source: HostConfigError,
    },
    /// The address cannot be listened at.
    #[error(
        "cannot listen at {address}; see whether wazo-plugind still runs, or set rest_api.port"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The jobs cannot be read.
    #[error(transparent)]
    Jobs {
        /// Why.
        #[from]
        source: JobsError,
    },
    /// The farm cannot be asked.
    #[error("the farm cannot be asked")]
    Farm {
        /// Why.
        #[from]
        source: ClientError,
    },
    /// What works off jobs has ended in a panic.
    #[error("what works off jobs has died; start the agent again, and see its log for the reason")]
    Died,
    /// Other services cannot be asked, or nobody can be answered.
    #[error("the agent cannot be set up")]
    Setup {
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Reads the settings: `file`, which may be missing, and the folder of more files that it names.
///
/// # Errors
///
/// [`HostError::Unreadable`], [`HostError::Wrong`], [`HostError::Settings`].
pub fn host_config(file: &Path, environment: HostEnvironment) -> Result<HostConfig, HostError> {
    const FOLDER: &str = "extra_config_files";
    let main = match read(file) {
        Err(HostError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            layer("")?
        }
        main => main?,
    };
    let folder = match main.text(FOLDER) {
        Some(folder) => Some(folder),
        None => layer(SAMPLE)?.text(FOLDER),
    };
    let mut layers = Vec::new();
    for path in files(Path::new(&folder.unwrap_or_default()))? {
        layers.push(read(&path)?);
    }
    layers.push(main);
    Ok(HostConfig::new(layers, environment)?)
}

fn read(path: &Path) -> Result<Layer, HostError> {
    let unreadable = |source| HostError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    let file = fs_err::File::open(path).map_err(unreadable)?;
    file.take(MAX_SETTINGS)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    layer(&text).map_err(|source| HostError::Wrong {
        path: path.to_owned(),
        source,
    })
}

/// The files of a folder that hold settings, in their order; none, if there is no such folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, HostError> {
    let unreadable = |source| HostError::Unreadable {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs_err::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut files = Vec::new();
    for entry in entries.take(MAX_FILES) {
        let path = entry.map_err(unreadable)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.ends_with(".yml") && !name.starts_with('.') {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Serves the agent's interface, and works off what it is asked for, until somebody asks to stop; what apt is at then is ended.
///
/// # Errors
///
/// [`HostError`].
pub async fn serve_host(
    config: HostConfig,
    listener: TcpListener,
    stop: Cancel,
) -> Result<(), HostError> {
    let setup = |source| HostError::Setup { source };
    let farm = config.farm.as_ref().map(client).transpose()?;
    let auth = Auth::new(&config.auth).map_err(setup)?;
    let set = config.wazo_version.clone();
    let versions = Versions::new(set, config.confd.clone(), auth.clone()).map_err(setup)?;
    let apt = Apt::new();
    let shelf = Arc::new(apt.clone());
    let plugins = Plugins::new(shelf.clone(), config.metadata_dir.clone());
    let server = config.market.clone();
    let market = Market::new(shelf, plugins.clone(), versions.clone(), server).map_err(setup)?;
    let jobs = Jobs::open(&config.state_dir.join("jobs"))?;
    let machine = Local::new(apt, Helper::at(&config.helper), versions);
    let agent = Agent::new(jobs.clone(), machine, farm, stop.clone());
    let agent = match config.updates.clone() {
        Some(updates) => agent.updating_by_itself(updates, config.state_dir.join("update-stamp")),
        None => agent,
    };
    tokio::spawn(listen_here(
        config.state_dir.join(socket::NAME),
        jobs.clone(),
        stop.clone(),
    ));
    let reports = config
        .farm
        .as_ref()
        .is_some_and(|farm| farm.report_outcomes);
    let agent = if reports { agent.reporting() } else { agent };
    let bus = config.bus.clone().map(Bus::new);
    let bus = bus.map(|bus| (bus, config.uuid.clone()));
    tokio::spawn(auth.clone().renew(stop.clone()));
    let mut working = tokio::spawn(run(agent, bus));
    let router = router(Host {
        auth,
        config,
        plugins,
        market,
        jobs,
    });
    let limits = limits();
    let serving = listen::serve(listener, router, &limits, stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => served.map_err(setup)?,
        worked = &mut working => {
            // Otherwise nobody would work off what is asked for.
            if worked.is_err() || !stop.is_cancelled() {
                return Err(HostError::Died);
            }
            return serving.await.map_err(setup);
        }
    }
    working.await.map_err(|_| HostError::Died)
}

/// Answers commands on this machine. Everything else goes on without.
async fn listen_here(path: PathBuf, jobs: Jobs, stop: Cancel) {
    if let Err(error) = socket::serve(&path, jobs, stop).await {
        let path = path.display();
        tracing::warn!(%error, %path, "plugfarm-host update cannot ask this agent");
    }
}

/// All connections come from this machine: through its proxy, or from its own services.
fn limits() -> Limits {
    Limits {
        connections: CONNECTIONS,
        connections_per_address: CONNECTIONS,
        proxies: vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ],
    }
}

/// Who asks the farm to build.
fn client(farm: &FarmApi) -> Result<Client, HostError> {
    let unreadable = |source| HostError::Unreadable {
        path: farm.token_file.clone(),
        source,
    };
    let mut token = String::new();
    let file = fs_err::File::open(&farm.token_file).map_err(unreadable)?;
    file.take(MAX_TOKEN)
        .read_to_string(&mut token)
        .map_err(unreadable)?;
    let notice: Arc<dyn Fn(&str) + Send + Sync> = Arc::new(|text| tracing::warn!("{text}"));
    let token = Some(token.trim().to_owned());
    Ok(Client::new(farm.url.as_str(), token, notice)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_of_the_folder_wins_over_all_others() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(&path, text).unwrap();
            path
        };
        let more = folder.path().join("conf.d");
        let main = format!(
            "extra_config_files: {}\nrest_api: {{port: 1}}\nx: main",
            more.display()
        );
        let main = put("config.yml", &main);
        put("conf.d/50-default.yml", "rest_api: {port: 3}\ny: fifty");
        put("conf.d/10-first.yml", "rest_api: {port: 2}");
        put("conf.d/.hidden.yml", "rest_api: {port: 9}");
        put("conf.d/other.yaml", "rest_api: {port: 9}");
        let config = host_config(&main, HostEnvironment::default()).unwrap();
        assert_eq!(config.listen.port(), 2);
        let merged = config.merged.masked();
        assert_eq!(
            (&merged["x"], &merged["y"]),
            (&"main".into(), &"fifty".into())
        );
        put("conf.d/20.yml", "- x");
        let error = host_config(&main, HostEnvironment::default()).unwrap_err();
        let error = error.to_string();
        assert!(error.ends_with("conf.d/20.yml is wrong"), "{error}");
    }

    #[test]
    fn without_a_file_every_setting_has_its_default() {
        let folder = tempfile::tempdir().unwrap();
        let put = format!("extra_config_files: {}", folder.path().display());
        let file = folder.path().join("config");
        fs_err::write(&file, put).unwrap();
        let config = host_config(&file, HostEnvironment::default()).unwrap();
        assert_eq!(config.listen.port(), 9503);
    }
}
