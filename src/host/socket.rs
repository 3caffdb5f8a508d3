//! The agent's own socket: what a command on the same machine asks of it, without a token. Root and the agent's own user may.
//!
//! One request, a line of JSON; then answers, a line of JSON each, until [`Said::Done`]. The jobs go on when whoever asked
//! goes away.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::jobs::{Job, JobId, Jobs, JobsError};
use crate::model::PluginId;
use crate::sandbox::Cancel;

/// The socket's name, in the folder of the agent's state.
pub const NAME: &str = "agent.sock";
/// Where it is, unless the agent's settings say otherwise.
pub const SOCKET: &str = "/var/lib/plugfarm-host/agent.sock";

/// The most bytes of a request, and of a line of an answer.
const MAX_REQUEST: u64 = 64 << 10;
const MAX_ANSWER: u64 = 8 << 20;
/// How many may be connected at once.
const MAX_CONNECTIONS: usize = 16;
/// How many plugins one request may name.
const MAX_PLUGINS: usize = 500;
/// How long a request may take to arrive, and a line of an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked how far jobs are, and after how many looks something is said whatever happens.
const TICK: Duration = Duration::from_millis(200);
const HEARTBEAT: u32 = 150;
/// The longest that the agent may say nothing.
const SILENCE: Duration = Duration::from_secs(120);

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Wish {
    /// Jobs that update these plugins; all that are installed, if none is named.
    Update {
        /// Which.
        #[serde(default)]
        plugins: Vec<PluginId>,
    },
}

/// A line of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Said {
    /// A job has begun with a step.
    Step {
        /// The plugin; none, if it is about all.
        plugin: Option<PluginId>,
        /// wazo-plugind's word for it.
        step: String,
    },
    /// A job has ended.
    Ended {
        /// It, as the interface shows it.
        job: Value,
    },
    /// Nothing is new; said so that whoever waits knows that the agent is there.
    Alive,
    /// No job was made.
    Refused {
        /// Why.
        message: String,
    },
    /// There is nothing more to say.
    Done,
}

/// Why the agent was not asked, or what came of it is not known.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No agent listens.
    #[error("the agent does not run: nobody listens at {socket}")]
    NotThere {
        /// Where.
        socket: String,
    },
    /// It cannot be asked.
    #[error("cannot ask the agent at {socket}: {source}; root may, and the agent's own user")]
    Unreachable {
        /// Where.
        socket: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It went away.
    #[error(
        "the agent was lost: {source}; its jobs go on when it is back, and GET /0.2/jobs tells how they end"
    )]
    Lost {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It makes no job of that.
    #[error("the agent refuses: {message}")]
    Refused {
        /// Why.
        message: String,
    },
}

/// Listens at `path`, and makes jobs of what is asked for, until somebody asks to stop.
///
/// # Errors
///
/// What keeps the socket from being made.
pub async fn serve(path: &Path, jobs: Jobs, mut stop: Cancel) -> io::Result<()> {
    match fs_err::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs_err::remove_file(path)?,
        Ok(_) => return Err(ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => meet(stream, &jobs, &places),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection of this machine");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    fs_err::remove_file(path)
}

fn meet(stream: UnixStream, jobs: &Jobs, places: &Arc<Semaphore>) {
    let own = rustix::process::geteuid().as_raw();
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == 0 || peer.uid() == own => {}
        Ok(peer) => return tracing::warn!(user = peer.uid(), "turned somebody away"),
        Err(error) => return tracing::warn!(%error, "cannot tell who asks"),
    }
    let Ok(place) = Arc::clone(places).try_acquire_owned() else {
        return tracing::warn!("too many ask at this machine's own socket; one is turned away");
    };
    let jobs = jobs.clone();
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = answer(stream, &jobs).await {
            tracing::debug!(%error, "a caller was lost");
        }
    });
}

async fn answer(mut stream: UnixStream, jobs: &Jobs) -> io::Result<()> {
    let taken = match tokio::time::timeout(PATIENCE, read(&mut stream)).await {
        Ok(Ok(wish)) => take(jobs, wish).await.map_err(|error| error.to_string()),
        Ok(Err(reason)) => Err(reason),
        Err(_) => Err("the request did not arrive in time".to_owned()),
    };
    match taken {
        Ok(ids) => {
            for id in ids {
                follow(&mut stream, jobs, &id).await?;
            }
            say(&mut stream, &Said::Done).await
        }
        Err(message) => say(&mut stream, &Said::Refused { message }).await,
    }
}

async fn read(stream: &mut UnixStream) -> Result<Wish, String> {
    let mut line = Vec::new();
    let mut limited = BufReader::new(stream.take(MAX_REQUEST));
    let read = limited.read_until(b'\n', &mut line).await;
    read.map_err(|error| error.to_string())?;
    let wish: Wish = serde_json::from_slice(&line).map_err(|error| error.to_string())?;
    let Wish::Update { plugins } = &wish;
    match plugins.len() > MAX_PLUGINS {
        true => Err(format!("more than {MAX_PLUGINS} plugins are named")),
        false => Ok(wish),
    }
}

async fn take(jobs: &Jobs, wish: Wish) -> Result<Vec<JobId>, JobsError> {
    let Wish::Update { plugins } = wish;
    if plugins.is_empty() {
        return Ok(vec![jobs.update_all().await?]);
    }
    let mut ids = Vec::new();
    for plugin in plugins {
        ids.push(jobs.update(plugin).await?);
    }
    Ok(ids)
}

/// Tells of a job and its parts until it has ended.
async fn follow(stream: &mut UnixStream, jobs: &Jobs, id: &JobId) -> io::Result<()> {
    let mut steps: BTreeMap<u64, usize> = BTreeMap::new();
    for look in 1_u32.. {
        let Some(job) = jobs.get(id) else {
            return Err(ErrorKind::NotFound.into());
        };
        let ended = job.state.is_final();
        let parts = jobs.parts(id);
        for one in parts.iter().chain([&job]) {
            let told = steps.entry(one.number).or_default();
            for said in news(one, told) {
                say(stream, &said).await?;
            }
        }
        if ended {
            break;
        }
        if look % HEARTBEAT == 0 {
            say(stream, &Said::Alive).await?;
        }
        tokio::time::sleep(TICK).await;
    }
    Ok(())
}

/// What is new of a job of which so many steps were told; one more, once its end was.
fn news(job: &Job, told: &mut usize) -> Vec<Said> {
    let mut news = Vec::new();
    for step in job.steps.iter().skip(*told) {
        news.push(Said::Step {
            plugin: job.plugin.clone(),
            step: step.status.word().to_owned(),
        });
    }
    let ended = job.state.is_final();
    if ended && *told <= job.steps.len() {
        news.push(Said::Ended { job: job.shown() });
    }
    *told = (*told).max(job.steps.len() + usize::from(ended));
    news
}

async fn say(stream: &mut UnixStream, said: &Said) -> io::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    let written = tokio::time::timeout(PATIENCE, stream.write_all(&line)).await;
    written.map_err(|_| io::Error::from(ErrorKind::TimedOut))?
}

/// Asks the agent that listens at `socket`. `told` gets what it says meanwhile: steps, and ends of jobs.
///
/// # Errors
///
/// [`AskError`]. How a job ended is in what it says.
pub async fn ask(socket: &Path, wish: &Wish, mut told: impl FnMut(&Said)) -> Result<(), AskError> {
    let named = || socket.display().to_string();
    let mut stream = UnixStream::connect(socket).await.map_err(|source| {
        let socket = named();
        match source.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => AskError::NotThere { socket },
            _ => AskError::Unreachable { socket, source },
        }
    })?;
    let lost = |source| AskError::Lost { source };
    let mut line = serde_json::to_vec(wish).map_err(|error| lost(error.into()))?;
    line.push(b'\n');
    stream.write_all(&line).await.map_err(lost)?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut stream).take(MAX_ANSWER);
        let read = tokio::time::timeout(SILENCE, limited.read_until(b'\n', &mut line)).await;
        let read = read.map_err(|_| lost(ErrorKind::TimedOut.into()))?;
        if read.map_err(lost)? == 0 {
            return Err(lost(ErrorKind::UnexpectedEof.into()));
        }
        match serde_json::from_slice(&line).map_err(|error| lost(error.into()))? {
            Said::Done => return Ok(()),
            Said::Refused { message } => return Err(AskError::Refused { message }),
            said => told(&said),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Canceller;

    /// What comes back for these bytes.
    async fn send(path: &Path, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(path).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn only_wishes_that_can_be_read_become_jobs() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = Jobs::open(&folder.path().join("jobs")).unwrap();
        let path = folder.path().join(NAME);
        let wish = |names: &[String]| Wish::Update {
            plugins: names.iter().map(|name| name.parse().unwrap()).collect(),
        };
        let nobody = ask(&path, &wish(&[]), |_| {}).await;
        assert!(matches!(nobody, Err(AskError::NotThere { .. })));
        // What was left by an agent that died is no obstacle.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let nobody = ask(&path, &wish(&[]), |_| {}).await;
        assert!(matches!(nobody, Err(AskError::NotThere { .. })));

        let (canceller, stop) = Canceller::new();
        let (at, taking) = (path.clone(), jobs.clone());
        let serving = tokio::spawn(async move { serve(&at, taking, stop).await });
        while UnixStream::connect(&path).await.is_err() {
            tokio::time::sleep(TICK).await;
        }
        assert_eq!(
            fs_err::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let plugin = r#"{"namespace":"demo","name":"../x"}"#;
        for bad in [
            "\n".to_owned(),
            "{}\n".to_owned(),
            "nonsense\n".to_owned(),
            "{\"verb\":\"install\"}\n".to_owned(),
            "{\"verb\":\"update\",\"force\":true}\n".to_owned(),
            format!("{{\"verb\":\"update\",\"plugins\":[{plugin}]}}\n"),
            format!("{{\"verb\":\"{}\n", "x".repeat(40_000)),
        ] {
            let said = send(&path, bad.as_bytes()).await;
            assert!(said.starts_with(r#"{"answer":"refused""#), "{bad}: {said}");
        }
        let many: Vec<_> = (0..=MAX_PLUGINS).map(|n| format!("demo/p{n}")).collect();
        let refused = ask(&path, &wish(&many), |_| {}).await;
        assert!(
            matches!(refused, Err(AskError::Refused { .. })),
            "{refused:?}"
        );
        assert!(jobs.list().is_empty());

        let one = wish(&["demo/a".to_owned()]);
        let waits = tokio::time::timeout(TICK * 3, ask(&path, &one, |_| {})).await;
        assert!(waits.is_err(), "nobody works the job off");
        assert_eq!(jobs.list().len(), 1, "and it stays");
        canceller.cancel();
        serving.await.unwrap().unwrap();
        assert!(!path.exists());
    }
}
