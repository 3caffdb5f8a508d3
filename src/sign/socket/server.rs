//! The signer's side of the socket.

use std::convert::Infallible;
use std::fmt;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::frame::Connection;
use super::wire::{Answer, IndexHead, Request};
use crate::model::{SignedRelease, Signer as _, SigningError};
use crate::sign::Keys;
use crate::sign::session::Session;

/// How long one request may take, from its first byte to the last of the answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many requests are served at the same time. More wait.
const MAX_REQUESTS: usize = 8;

/// The most indices that one Release may have.
const MAX_INDICES: usize = 64;

/// A signer that listens.
pub struct SignerServer {
    keys: Mutex<Arc<Keys>>,
    listener: UnixListener,
    users: Vec<u32>,
    patience: Duration,
    slots: Arc<Slots>,
}

impl fmt::Debug for SignerServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerServer({:?}, {:?})", self.listener, self.users)
    }
}

impl SignerServer {
    /// Keeps the memory of this process, which holds the keys, out of core files and of other processes' reach.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn harden() -> io::Result<()> {
        use rustix::process::{
            DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit,
        };
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        Ok(setrlimit(Resource::Core, none)?)
    }

    /// Listens at `path` for requests of the users with the ids in `users`, and of its own user.
    ///
    /// A socket that nobody listens at any more is replaced.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AddrInUse`] when another signer listens there; what the system says otherwise.
    pub fn bind(keys: Keys, path: &Path, users: &[u32]) -> io::Result<Self> {
        if UnixStream::connect(path).is_ok() {
            return Err(ErrorKind::AddrInUse.into());
        }
        remove_socket(path)?;
        let listener = UnixListener::bind(path)?;
        // Everybody may knock: who is let in, the kernel's word on the other side decides.
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
        let own = rustix::process::geteuid().as_raw();
        Ok(Self {
            keys: Mutex::new(Arc::new(keys)),
            listener,
            users: users.iter().copied().chain([own]).collect(),
            patience: PATIENCE,
            slots: Arc::new(Slots::new(MAX_REQUESTS)),
        })
    }

    /// Gives each request no more time than this.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Serves until the listener fails.
    ///
    /// # Errors
    ///
    /// What the system says about the listener. What goes wrong in a request ends that request only.
    pub fn run(&self) -> io::Result<Infallible> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if is_passing(&error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                }
                Err(error) => return Err(error),
            };
            match rustix::net::sockopt::socket_peercred(&stream) {
                Ok(peer) if self.users.contains(&peer.uid.as_raw()) => self.serve(stream)?,
                Ok(peer) => tracing::warn!(user = peer.uid.as_raw(), "turned somebody away"),
                Err(error) => tracing::warn!(%error, "cannot tell who asks"),
            }
        }
    }

    /// The keys, read again where another process has changed them. Those that cannot be read sign nothing, and say why.
    fn current_keys(&self) -> Arc<Keys> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        match keys.reopened() {
            Ok(None) => {}
            Ok(Some(changed)) => *keys = Arc::new(changed),
            Err(error) => {
                tracing::error!(%error, "the keys were changed, and cannot be read again")
            }
        }
        Arc::clone(&keys)
    }

    fn serve(&self, stream: UnixStream) -> io::Result<()> {
        let slot = Slots::take(&self.slots);
        let (keys, patience) = (self.current_keys(), self.patience);
        let name = std::thread::Builder::new().name("request".to_owned());
        name.spawn(move || {
            let _slot = slot;
            let mut connection = Connection::new(stream, patience);
            if let Err(error) = answer(&keys, &mut connection) {
                tracing::warn!(%error, "a request came to nothing");
            }
        })?;
        Ok(())
    }
}

/// What goes away by itself: the other side hung up, or too many files are open.
fn is_passing(error: &io::Error) -> bool {
    let passing = [
        rustix::io::Errno::MFILE,
        rustix::io::Errno::NFILE,
        rustix::io::Errno::CONNABORTED,
        rustix::io::Errno::INTR,
        rustix::io::Errno::NOMEM,
    ];
    rustix::io::Errno::from_io_error(error).is_some_and(|number| passing.contains(&number))
}

/// Removes what is left of an earlier signer; anything but a socket stays, and is in the way.
fn remove_socket(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    match fs_err::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs_err::remove_file(path),
        Ok(_) => Err(ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Reads a request and answers it.
fn answer(keys: &Keys, connection: &mut Connection) -> io::Result<()> {
    let answer = match connection.receive()? {
        Request::Public => Answer::Public {
            keys: keys.public().clone(),
        },
        Request::Statement {
            payload_type,
            payload,
        } => match keys.sign_statement(&payload_type, &payload) {
            Ok(signatures) => Answer::Statement {
                signatures: signatures.into_iter().map(Into::into).collect(),
            },
            Err(error) => error.into(),
        },
        Request::Release {
            release,
            generation,
            indices,
        } => match sign_release(keys, &release, generation, &indices, connection)? {
            Ok(signed) => signed.into(),
            Err(error) => error.into(),
        },
    };
    connection.send(&answer)
}

/// Reads the indices as they come, without keeping them.
fn sign_release(
    keys: &Keys,
    release: &[u8],
    generation: u64,
    indices: &[IndexHead],
    connection: &mut Connection,
) -> io::Result<Result<SignedRelease, SigningError>> {
    if indices.len() > MAX_INDICES {
        let reason = format!("a Release has at most {MAX_INDICES} indices here");
        return Ok(Err(SigningError::Refused { reason }));
    }
    let mut session = match Session::open(keys, release, generation) {
        Ok(session) => session,
        Err(error) => return Ok(Err(error)),
    };
    let mut buffer = vec![0; 64 * 1024];
    for head in indices {
        let mut index = match session.index(&head.path, head.from, head.keep) {
            Ok(index) => index,
            Err(error) => return Ok(Err(error)),
        };
        let mut left = head.size;
        while left > 0 {
            let wanted = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let piece = buffer.get_mut(..wanted).unwrap_or_default();
            connection.read_exact(piece)?;
            if let Err(error) = session.feed(&mut index, piece) {
                return Ok(Err(error));
            }
            left -= wanted as u64;
        }
        if let Err(error) = session.end(&head.path, index) {
            return Ok(Err(error));
        }
    }
    Ok(session.sign())
}

/// Counts the requests that are served.
struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// The right to serve one request, until it is dropped.
struct Slot(Arc<Slots>);

impl Slots {
    fn new(free: usize) -> Self {
        Self {
            free: Mutex::new(free),
            freed: Condvar::new(),
        }
    }

    /// Waits for a free slot.
    fn take(slots: &Arc<Self>) -> Slot {
        let mut free = slots.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = slots
                .freed
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Slot(Arc::clone(slots))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
