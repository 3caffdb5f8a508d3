//! The asking side of the helper's socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::wire::{Answer, MAX_ANSWER, Refusal, Report, Request};

/// The longest that the helper may say nothing. It says something at least every minute.
const SILENCE: Duration = Duration::from_secs(300);

/// Where the helper listens, unless it was told otherwise.
pub const SOCKET: &str = "/run/plugfarm-host/helper.sock";

/// Nothing is known of a request's outcome, or it was not begun.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// The helper cannot be asked. Nothing was begun.
    #[error(
        "the root helper at {socket} does not answer: {source}; see that `plugfarm-host helper` runs (systemctl status plugfarm-host-helper)"
    )]
    Unavailable {
        /// Its socket.
        socket: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The connection ended before the report. The request may have been carried out: ask what is installed.
    #[error("the root helper was lost before it reported: {source}")]
    Lost {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The request was not begun.
    #[error("{refusal}; {}", refusal.hint)]
    Refused {
        /// Why.
        refusal: Refusal,
    },
}

/// The helper, as whoever asks it sees it.
#[derive(Debug, Clone)]
pub struct Helper {
    socket: PathBuf,
}

impl Helper {
    /// The helper that listens at `socket`.
    #[must_use]
    pub fn at(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// Has a request carried out. `told` gets the steps and the lines of output meanwhile.
    ///
    /// The helper goes on when its caller goes away: whoever asks again gets its turn after it.
    ///
    /// # Errors
    ///
    /// [`HelperError`]. What failed on the way is in the report.
    pub async fn ask(
        &self,
        request: &Request,
        mut told: impl FnMut(&Answer),
    ) -> Result<Report, HelperError> {
        let unavailable = |source| HelperError::Unavailable {
            socket: self.socket.clone(),
            source,
        };
        let mut stream = UnixStream::connect(&self.socket)
            .await
            .map_err(unavailable)?;
        let mut line =
            serde_json::to_vec(request).map_err(|error| unavailable(io::Error::other(error)))?;
        line.push(b'\n');
        stream.write_all(&line).await.map_err(unavailable)?;
        let mut stream = BufReader::new(stream);
        loop {
            let answer = next(&mut stream).await;
            match answer.map_err(|source| HelperError::Lost { source })? {
                Answer::Done { report } => return Ok(report),
                Answer::Refused { refusal } => return Err(HelperError::Refused { refusal }),
                answer => told(&answer),
            }
        }
    }
}

async fn next(stream: &mut BufReader<UnixStream>) -> io::Result<Answer> {
    let mut line = Vec::new();
    let limit = MAX_ANSWER as u64;
    let mut limited = stream.take(limit);
    let read = limited.read_until(b'\n', &mut line);
    let read = tokio::time::timeout(SILENCE, read).await;
    if read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&line).map_err(io::Error::other)
}
