//! The farm's side of the socket.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::frame::Connection;
use super::wire::{Answer, IndexHead, Request};
use crate::model::{ReleaseToSign, SignedRelease, Signer, SigningError, StatementSignature};
use crate::sign::PublicKeys;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(150);

/// A signer that is another process, behind a unix socket. It holds no key.
#[derive(Debug, Clone)]
pub struct SocketSigner {
    path: PathBuf,
    public: PublicKeys,
}

impl SocketSigner {
    /// Asks the signer at `path` for its public keys.
    ///
    /// # Errors
    ///
    /// [`SigningError::Unavailable`].
    pub fn connect(path: &Path) -> Result<Self, SigningError> {
        match ask(path, &Request::Public, &[])? {
            Answer::Public { keys } => Ok(Self {
                path: path.to_owned(),
                public: keys,
            }),
            other => Err(other.error()),
        }
    }

    /// What everybody may know of its keys.
    #[must_use]
    pub fn public(&self) -> &PublicKeys {
        &self.public
    }
}

impl Signer for SocketSigner {
    fn sign_release(&self, release: &ReleaseToSign<'_>) -> Result<SignedRelease, SigningError> {
        let heads = release.indices.iter().map(|index| IndexHead {
            path: index.path.to_owned(),
            from: index.from,
            size: index.text.len() as u64,
            keep: index.keep,
        });
        let request = Request::Release {
            release: release.release.to_vec(),
            generation: release.generation,
            indices: heads.collect(),
        };
        let texts: Vec<_> = release.indices.iter().map(|index| index.text).collect();
        match ask(&self.path, &request, &texts)? {
            Answer::Release {
                in_release,
                release_gpg,
            } => Ok(SignedRelease {
                in_release,
                release_gpg,
            }),
            other => Err(other.error()),
        }
    }

    fn sign_statement(
        &self,
        payload_type: &str,
        payload: &[u8],
    ) -> Result<Vec<StatementSignature>, SigningError> {
        let request = Request::Statement {
            payload_type: payload_type.to_owned(),
            payload: payload.to_vec(),
        };
        match ask(&self.path, &request, &[])? {
            Answer::Statement { signatures } => {
                Ok(signatures.into_iter().map(Into::into).collect())
            }
            other => Err(other.error()),
        }
    }
}

fn ask(path: &Path, request: &Request, texts: &[&[u8]]) -> Result<Answer, SigningError> {
    exchange(path, request, texts).map_err(|error| SigningError::Unavailable {
        reason: format!(
            "the signer at {} does not answer: {error}; see that `plugfarm signer` runs and lets this user in",
            path.display()
        ),
    })
}

fn exchange(path: &Path, request: &Request, texts: &[&[u8]]) -> io::Result<Answer> {
    let mut connection = Connection::new(UnixStream::connect(path)?, PATIENCE);
    let mut sent = connection.send(request);
    for text in texts {
        sent = sent.and_then(|()| connection.write_all(text));
    }
    // A signer that has read enough to refuse hangs up, and its answer is there all the same.
    match (connection.receive(), sent) {
        (Ok(answer), _) => Ok(answer),
        (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
    }
}
