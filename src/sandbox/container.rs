//! A container that runs, and one that has ended and can be read.

use std::io::{self, Read};
use std::pin::Pin;
use std::time::{Duration, Instant};

use bollard::container::LogOutput;
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use bytes::{Buf as _, Bytes};
use futures_util::{Stream as FutureStream, StreamExt as _};
use tokio::sync::mpsc;

use super::handle::Handle;
use super::log::{Printed, Stream};
use super::marker::{Markers, Step};
use super::supervise::{self, Concluded};
use super::watch::{Peaks, Probe};
use super::{Cancel, SandboxError};
use crate::config::Limits;

/// How long the engine may take to deliver the next piece of a result.
const NEXT_PIECE: Duration = Duration::from_secs(60);

/// A container's output, as the engine frames it.
pub(super) type Output =
    Pin<Box<dyn FutureStream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;

/// How long each phase of a container's life took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Making it.
    pub create: Duration,
    /// Filling it.
    pub upload: Duration,
    /// Starting it.
    pub start: Duration,
    /// From its start to its end.
    pub run: Duration,
    /// Reading its result.
    pub collect: Duration,
    /// Removing it.
    pub remove: Duration,
}

/// Something that a running container made known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEvent<'a> {
    /// It printed a line.
    Line {
        /// Where.
        stream: Stream,
        /// What.
        text: Printed<'a>,
    },
    /// A step of the rules began or ended. For display only.
    Step(Step),
}

/// Takes what a running container makes known, in order, from one task. It must not block for long.
pub type LogSink<'a> = &'a mut (dyn FnMut(LogEvent<'_>) + Send);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status.
    Exited {
        /// The container's exit status; [`Exit::decode`](super::Exit::decode) reads a build's.
        status: i64,
    },
    /// The kernel killed a process of it for lack of memory, whatever its exit status says.
    OutOfMemory,
    /// It was killed at the end of its time.
    TotalTime,
    /// It was killed because it printed nothing for too long.
    SilenceTime,
    /// It was killed because it printed too much.
    LogLimit,
    /// It was killed because it wrote too much.
    DiskLimit,
    /// It was killed because it made too many files.
    InodeLimit,
    /// It was killed because the farm's own disk was as good as full.
    FarmDiskFull,
    /// It was stopped because somebody asked for that.
    Cancelled,
}

/// A container that runs. Drop it, and it is removed.
pub struct Container {
    pub(super) handle: Handle,
    pub(super) output: Output,
    pub(super) probe: Option<Probe>,
    pub(super) markers: Markers,
    pub(super) limits: Limits,
    pub(super) timings: Timings,
}

impl Container {
    /// The container's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.handle.id
    }

    /// Waits for the end, hands each line to `sink` as it comes, and holds the container to its limits.
    ///
    /// # Errors
    ///
    /// What the engine says, or [`SandboxError::Undead`]. The container is removed then.
    pub async fn wait(
        mut self,
        sink: LogSink<'_>,
        cancel: Cancel,
    ) -> Result<Finished, SandboxError> {
        let began = Instant::now();
        match supervise::to_the_end(&mut self, sink, cancel).await {
            Ok(concluded) => {
                self.timings.run = began.elapsed();
                Ok(Finished::new(self, concluded))
            }
            Err(error) => {
                // An engine whose reader stands still cannot remove.
                drop(self.output);
                self.handle.remove().await?;
                Err(error)
            }
        }
    }
}

/// A container that has ended. Its files can be read until it is removed. Drop it, and it is removed.
#[derive(Debug)]
pub struct Finished {
    handle: Handle,
    limits: Limits,
    /// How it ended.
    pub ending: Ending,
    /// The last step of the rules that was seen to begin or end.
    pub step: Option<Step>,
    /// What it used at most.
    pub peaks: Peaks,
    /// How often the kernel was seen to refuse it one more process. A refusal in the last moments may go unseen.
    pub refused_processes: u64,
    /// How long everything took so far.
    pub timings: Timings,
}

impl Finished {
    fn new(container: Container, concluded: Concluded) -> Self {
        Self {
            handle: container.handle,
            limits: container.limits,
            ending: concluded.ending,
            step: concluded.step,
            peaks: concluded.peaks,
            refused_processes: concluded.refused_processes,
            timings: container.timings,
        }
    }

    /// The limits that it was held to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn id(&self) -> &str {
        &self.handle.id
    }

    /// Reads `path`, a file or a folder of the container, as a tar whose entries begin with the last part of `path`. `read`
    /// runs in a thread of its own and gets the bytes as they come, whatever the plugin made of them: how much it takes is
    /// its own affair. What it returns is handed back, unless the engine broke off before `read` had enough.
    ///
    /// # Errors
    ///
    /// What the engine says, for example that there is no such path.
    pub async fn collect<T: Send + 'static>(
        &mut self,
        path: &str,
        read: impl FnOnce(&mut dyn Read) -> T + Send + 'static,
    ) -> Result<T, SandboxError> {
        let began = Instant::now();
        let (pieces, receiver) = mpsc::channel(8);
        let reading = tokio::task::spawn_blocking(move || {
            read(&mut Pieces {
                current: Bytes::new(),
                receiver,
            })
        });
        let options = DownloadFromContainerOptionsBuilder::new()
            .path(path)
            .build();
        let mut body = Box::pin(
            self.handle
                .docker
                .download_from_container(&self.handle.id, Some(options)),
        );
        let broken = loop {
            let piece = match tokio::time::timeout(NEXT_PIECE, body.next()).await {
                Ok(None) => break None,
                Ok(Some(Ok(piece))) => piece,
                Ok(Some(Err(error))) => break Some(error),
                Err(_) => break Some(bollard::errors::Error::RequestTimeoutError),
            };
            if pieces.send(Ok(piece)).await.is_err() {
                // The reader has seen enough.
                break None;
            }
        };
        if broken.is_some() {
            let error = io::Error::other("the engine broke off");
            if pieces.send(Err(error)).await.is_err() {
                tracing::debug!("the reader had seen enough before the engine broke off");
            }
        }
        drop(pieces);
        let result = reading.await;
        self.timings.collect += began.elapsed();
        match (broken, result) {
            (Some(error), _) => Err(SandboxError::engine("hand out a container's files")(error)),
            (None, Ok(value)) => Ok(value),
            (None, Err(error)) => Err(SandboxError::Storage {
                action: "the result could not be read",
                source: io::Error::other(error),
            }),
        }
    }

    /// Has the container removed while the caller goes on; [`settled`](super::settled) waits for it. Whatever happens, it is
    /// not forgotten: what cannot be removed now is found by the next sweep.
    pub async fn leave(self) {
        self.handle.leave().await;
    }

    /// Removes the container, and says how long everything took. Whatever happens, it is not forgotten: what cannot be
    /// removed now is found by the next sweep.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub async fn remove(mut self) -> Result<Timings, SandboxError> {
        let began = Instant::now();
        self.handle.remove().await?;
        self.timings.remove = began.elapsed();
        Ok(self.timings)
    }
}

/// The pieces of a body, as something to read from.
struct Pieces {
    current: Bytes,
    receiver: mpsc::Receiver<io::Result<Bytes>>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.current = piece?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        let (to, _) = buffer.split_at_mut(count);
        self.current.copy_to_slice(to);
        Ok(count)
    }
}
