//! The helper's side of the socket.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, Semaphore, mpsc};

use super::machine::{Limits, Machine};
use super::wire::{Answer, MAX_REQUEST, Refusal, RefusalCode, Report, Request, Step};
use crate::apt::Apt;
use crate::host::accounts::{Account, AccountError};
use crate::host::evidence::Evidence;
use crate::model::printable;

/// Where the helper keeps what apt's guard reads, unless it was told otherwise: beside the agent's own folder, never in it.
pub const RUNTIME: &str = "/run/plugfarm-helper";

/// How many may be connected at the same time, waiting ones included. Others are turned away.
const MAX_CONNECTIONS: usize = 32;
/// How long a request may take to arrive, and a line of an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often something is said, whatever happens.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How many answers may wait for a caller that reads slowly; lines of output beyond that are not told.
const BACKLOG: usize = 4096;
/// The most bytes of output that one request's caller is told.
const MAX_TOLD: usize = 4 << 20;

/// What the helper is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens.
    pub socket: PathBuf,
    /// The user, and the group of the same name, that may ask besides root.
    pub user: String,
    /// A folder that is root's alone, above which everything is root's as well: what is in it decides what is installed.
    pub runtime: PathBuf,
    /// The folder of what is kept about packages, for `verify`; likewise.
    pub evidence: PathBuf,
    /// This program: apt runs it as the guard.
    pub program: PathBuf,
    /// How long things may take.
    pub limits: Limits,
}

/// The helper cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It needs root.
    #[error(
        "the helper installs packages, for which it must be root; the agent itself need not be"
    )]
    NotRoot,
    /// Who may ask is not known.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Another helper listens there.
    #[error("a helper listens at {socket} already")]
    Taken {
        /// The socket.
        socket: PathBuf,
    },
    /// Others could put something else in the socket's place, whose owner and rights would be changed then.
    #[error("{path}, the folder of the socket, must be root's, and nobody else may write to it")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The socket or a folder cannot be made.
    #[error("cannot make {path}: {source}")]
    Make {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A helper that listens.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    account: Option<Account>,
    /// One request at a time: whoever has the machine works.
    machine: Arc<Mutex<Machine>>,
    places: Arc<Semaphore>,
    /// Set once nothing more is begun.
    stopping: Arc<AtomicBool>,
}

impl Server {
    /// Listens, for root and for the agent's user. A socket that nobody listens at any more is replaced.
    ///
    /// # Errors
    ///
    /// [`ServeError`].
    pub fn bind(settings: &Settings, apt: Apt) -> Result<Self, ServeError> {
        if !rustix::process::geteuid().is_root() {
            return Err(ServeError::NotRoot);
        }
        let account = Account::find(&settings.user)?;
        let make = |path: &Path| {
            let path = path.to_owned();
            move |source| ServeError::Make { path, source }
        };
        let socket = &settings.socket;
        let folder = socket.parent().unwrap_or(Path::new("/"));
        fs_err::create_dir_all(folder).map_err(make(folder))?;
        if !is_roots(folder).map_err(make(folder))? {
            let path = folder.to_owned();
            return Err(ServeError::Folder { path });
        }
        if std::os::unix::net::UnixStream::connect(socket).is_ok() {
            let socket = socket.clone();
            return Err(ServeError::Taken { socket });
        }
        let runtime = settings.runtime.clone();
        private_folder(&runtime).map_err(make(&runtime))?;
        let listener = listen(socket, account.as_ref()).map_err(make(socket))?;
        let machine = Machine {
            apt,
            evidence: Evidence::below(&settings.evidence),
            runtime,
            program: settings.program.clone(),
            limits: settings.limits,
        };
        Ok(Self {
            listener,
            account,
            machine: Arc::new(Mutex::new(machine)),
            places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            stopping: Arc::default(),
        })
    }

    /// Serves until `stop` is there, and what was begun is done.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, _)) => self.meet(stream),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        // dpkg is not interrupted; who waits is told that nothing more is begun.
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.machine.lock().await);
        let everybody = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
        let told = self.places.acquire_many(everybody);
        if tokio::time::timeout(PATIENCE, told).await.is_err() {
            tracing::warn!("somebody did not take the last answer");
        }
    }

    fn meet(&self, stream: UnixStream) {
        let own = rustix::process::geteuid().as_raw();
        match stream.peer_cred() {
            Ok(peer)
                if peer.uid() == own
                    || self
                        .account
                        .as_ref()
                        .is_some_and(|one| one.user == peer.uid()) => {}
            Ok(peer) => {
                tracing::warn!(user = peer.uid(), "turned somebody away");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot tell who asks");
                return;
            }
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::warn!("too many requests wait; one is turned away");
            tokio::spawn(turn_away(stream));
            return;
        };
        let machine = Arc::clone(&self.machine);
        let stopping = Arc::clone(&self.stopping);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = serve(stream, machine, stopping).await {
                tracing::warn!(%error, "a caller was lost");
            }
        });
    }
}

/// Reads a request, has it carried out, and tells what becomes of it. It is carried out whether or not anybody listens.
async fn serve(
    stream: UnixStream,
    machine: Arc<Mutex<Machine>>,
    stopping: Arc<AtomicBool>,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let request = match tokio::time::timeout(PATIENCE, read(reader)).await {
        Ok(Ok(request)) => request,
        Ok(Err(reason)) => return say(&mut writer, &bad_request(&reason)).await,
        Err(_) => return say(&mut writer, &bad_request("it did not arrive in time")).await,
    };
    let asked = serde_json::to_string(&request)?;
    tracing::info!(asked, "a request");
    let (sender, mut answers) = mpsc::channel(BACKLOG);
    let work = tokio::spawn(work(machine, stopping, request, sender));
    let mut lost = None;
    let mut step = Step::Waiting;
    loop {
        let answer = match tokio::time::timeout(HEARTBEAT, answers.recv()).await {
            Ok(Some(answer)) => answer,
            Ok(None) => break,
            Err(_) => Answer::Step { step },
        };
        if let Answer::Step { step: now } = &answer {
            step = *now;
        }
        if lost.is_none() {
            lost = say(&mut writer, &answer).await.err();
        }
    }
    if let Err(error) = work.await {
        tracing::error!(%error, "a request broke off");
        let refusal = refusal(RefusalCode::Unavailable, "the helper broke off");
        return say(&mut writer, &Answer::Refused { refusal }).await;
    }
    lost.map_or(Ok(()), Err)
}

async fn work(
    machine: Arc<Mutex<Machine>>,
    stopping: Arc<AtomicBool>,
    request: Request,
    sender: mpsc::Sender<Answer>,
) {
    let machine = match machine.try_lock() {
        Ok(machine) => machine,
        Err(_) => {
            let step = Step::Waiting;
            // Whoever has gone away need not know.
            drop(sender.try_send(Answer::Step { step }));
            machine.lock().await
        }
    };
    let mut left = MAX_TOLD;
    let mut told = |answer: Answer| {
        if let Answer::Output { line } = &answer {
            tracing::debug!(line, "apt");
            if left == 0 {
                return;
            }
            left = left.saturating_sub(line.len() + 1);
        }
        drop(sender.try_send(answer));
        if left == 0 {
            let line =
                format!("[more than {MAX_TOLD} bytes; the rest is in /var/log/apt/term.log]");
            drop(sender.try_send(Answer::Output { line }));
        }
    };
    let outcome = if stopping.load(Ordering::Relaxed) {
        Err(refusal(RefusalCode::Busy, "the helper is being stopped"))
    } else {
        machine.carry_out(request, &mut told).await
    };
    let outcome = match outcome {
        Ok(report) => {
            log(&report);
            Answer::Done { report }
        }
        Err(refusal) => {
            tracing::info!(%refusal, "the request was refused");
            Answer::Refused { refusal }
        }
    };
    if sender.send(outcome).await.is_err() {
        tracing::warn!("nobody waits for the outcome any more");
    }
}

/// What an administrator wants to find in the helper's log.
fn log(report: &Report) {
    for change in &report.plugins {
        let (package, did) = (&change.package, change.did);
        tracing::info!(package, ?did, "done");
    }
    for failure in &report.failures {
        let (code, message) = (&failure.code, &failure.message);
        tracing::warn!(code, message, "failed");
    }
}

async fn read(reader: impl tokio::io::AsyncRead + Unpin) -> Result<Request, String> {
    let mut line = Vec::new();
    let mut limited = BufReader::new(reader.take(MAX_REQUEST as u64 + 1));
    let read = limited.read_until(b'\n', &mut line).await;
    read.map_err(|error| error.to_string())?;
    if line.len() > MAX_REQUEST {
        return Err(format!("it has more than {MAX_REQUEST} bytes"));
    }
    if line.pop() != Some(b'\n') {
        return Err("its line has no end".to_owned());
    }
    serde_json::from_slice(&line).map_err(|error| error.to_string())
}

async fn say(writer: &mut (impl tokio::io::AsyncWrite + Unpin), answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let written = tokio::time::timeout(PATIENCE, writer.write_all(&line)).await;
    written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn turn_away(mut stream: UnixStream) {
    let refusal = refusal(RefusalCode::Busy, "too many requests wait already");
    if let Err(error) = say(&mut stream, &Answer::Refused { refusal }).await {
        tracing::warn!(%error, "a caller was lost");
    }
}

fn bad_request(reason: &str) -> Answer {
    let reason = printable(reason, 300);
    let refusal = refusal(
        RefusalCode::BadRequest,
        &format!("the request cannot be read: {reason}"),
    );
    Answer::Refused { refusal }
}

fn refusal(code: RefusalCode, message: &str) -> Refusal {
    let hint = match code {
        RefusalCode::BadRequest => {
            "this is a defect of whoever asks; agent and helper must be of one version"
        }
        _ => "try again later; look at the helper's log if it stays",
    };
    Refusal {
        code,
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}

fn listen(socket: &Path, account: Option<&Account>) -> io::Result<UnixListener> {
    match fs_err::symlink_metadata(socket) {
        Ok(found) if found.file_type().is_socket() => fs_err::remove_file(socket)?,
        Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(socket)?;
    let (group, mode) = match account {
        Some(account) => (Some(account.group), 0o660),
        None => (None, 0o600),
    };
    std::os::unix::fs::chown(socket, Some(0), group)?;
    fs_err::set_permissions(socket, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

/// Whether a folder is root's, and nobody else may write to it.
fn is_roots(folder: &Path) -> io::Result<bool> {
    let found = fs_err::metadata(folder)?;
    Ok(found.uid() == 0 && found.mode() & 0o022 == 0)
}

/// A folder that is root's alone, empty.
fn private_folder(path: &Path) -> io::Result<()> {
    match fs_err::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs_err::create_dir(path)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}
