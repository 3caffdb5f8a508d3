//! Watches one running container: reads its output, holds it to its limits, stops it, and says how it ended.

use std::pin::Pin;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::query_parameters::WaitContainerOptionsBuilder;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::container::{Container, Ending, LogEvent, LogSink};
use super::handle::Handle;
use super::log::{Lines, Printed, Stream};
use super::marker::{Markers, Step};
use super::watch::{Peaks, Probe, Reading, is_below_reserve};
use super::{Cancel, SandboxError};
use crate::config::Limits;

/// How often a container is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long a container that was asked to stop may take before it is killed.
const SOFT_STOP: Duration = Duration::from_secs(10);
/// How long the engine may take to report the end of a container that was killed.
const HARD_STOP: Duration = Duration::from_secs(60);
/// How long output may go on to arrive after the end.
const DRAIN: Duration = Duration::from_secs(5);

/// What became of a container.
pub(super) struct Concluded {
    pub(super) ending: Ending,
    pub(super) step: Option<Step>,
    pub(super) peaks: Peaks,
    pub(super) refused_processes: u64,
}

/// Stays with the container until it has ended.
pub(super) async fn to_the_end(
    container: &mut Container,
    sink: LogSink<'_>,
    cancel: Cancel,
) -> Result<Concluded, SandboxError> {
    let probe = container.probe.take();
    let mut watcher = Watcher::start(probe);
    let mut supervisor = Supervisor {
        handle: &container.handle,
        limits: &container.limits,
        reader: Reader {
            markers: std::mem::replace(&mut container.markers, Markers::none()),
            output: Lines::default(),
            error: Lines::default(),
            bytes: 0,
            step: None,
            sink,
        },
        started: Instant::now(),
        heard: Instant::now(),
        stop: None,
        peaks: Peaks::default(),
        memory_kills: 0,
        refused_processes: 0,
    };
    let status = supervisor
        .watch(&mut container.output, &mut watcher, cancel)
        .await?;
    if let Some(reading) = watcher.finish().await {
        supervisor.note(&reading);
    }
    supervisor.conclude(status).await
}

struct Supervisor<'a> {
    handle: &'a Handle,
    limits: &'a Limits,
    reader: Reader<'a>,
    started: Instant,
    /// When the container last printed something.
    heard: Instant,
    stop: Option<Stop>,
    peaks: Peaks,
    memory_kills: u64,
    refused_processes: u64,
}

/// Why and how far the container is being stopped.
struct Stop {
    ending: Ending,
    stage: StopStage,
    /// When to go one stage further.
    next: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StopStage {
    Ask,
    Kill,
    GiveUp,
}

impl Supervisor<'_> {
    /// Returns the container's exit status when it has ended and its output is read.
    async fn watch(
        &mut self,
        output: &mut super::container::Output,
        watcher: &mut Watcher,
        mut cancel: Cancel,
    ) -> Result<i64, SandboxError> {
        let exit = exit_status(self.handle);
        tokio::pin!(exit);
        let mut open = true;
        // Signals are sent while the output is still being read: an engine whose reader stands still cannot kill.
        let mut sending: Option<Sending<'_>> = None;
        let status = loop {
            tokio::select! {
                status = &mut exit => break status?,
                frame = output.next(), if open => open = self.read(frame)?,
                sent = sent(&mut sending) => { sent?; sending = None; }
                Some(reading) = watcher.readings.recv() => self.judge(&reading),
                () = cancel.cancelled(), if self.stop.is_none() => self.stop(Ending::Cancelled, StopStage::Ask),
                () = sleep_until(self.alarm()) => self.ring(),
            }
            if let Some(signal) = self.next_signal()? {
                sending = Some(Box::pin(self.handle.signal(signal)));
            }
        };
        // A process that outlived the command cannot hold the stream open for ever.
        let drained = timeout(DRAIN, async {
            while open {
                open = self.read(output.next().await)?;
            }
            Ok(())
        });
        match drained.await {
            Ok(drained) => drained?,
            Err(_) => tracing::debug!("output was still arriving when reading it was given up"),
        }
        self.reader.finish();
        Ok(status)
    }

    /// Takes the next piece of output; false when there is no more.
    fn read(
        &mut self,
        frame: Option<Result<LogOutput, bollard::errors::Error>>,
    ) -> Result<bool, SandboxError> {
        let Some(frame) = frame else { return Ok(false) };
        let frame = frame.map_err(SandboxError::engine("hand out a container's output"))?;
        self.heard = Instant::now();
        if self.reader.bytes <= self.limits.log {
            self.reader.take(frame);
            if self.reader.bytes > self.limits.log {
                self.stop(Ending::LogLimit, StopStage::Kill);
            }
        }
        Ok(true)
    }

    fn note(&mut self, reading: &Reading) {
        self.peaks.raise(reading.used);
        self.memory_kills = self.memory_kills.max(reading.memory_kills);
        self.refused_processes = self.refused_processes.max(reading.refused_processes);
    }

    fn judge(&mut self, reading: &Reading) {
        self.note(reading);
        let exceeds = |used: Option<u64>, limit| used.is_some_and(|used| used > limit);
        if exceeds(reading.used.disk, self.limits.disk) {
            self.stop(Ending::DiskLimit, StopStage::Kill);
        } else if exceeds(reading.used.inodes, self.limits.inodes) {
            self.stop(Ending::InodeLimit, StopStage::Kill);
        } else if reading.free.is_some_and(is_below_reserve) {
            self.stop(Ending::FarmDiskFull, StopStage::Kill);
        }
    }

    /// Begins to stop the container, unless that has begun already.
    fn stop(&mut self, ending: Ending, stage: StopStage) {
        self.stop.get_or_insert(Stop {
            ending,
            stage,
            next: Instant::now(),
        });
    }

    /// When time alone changes something.
    fn alarm(&self) -> Instant {
        match &self.stop {
            Some(stop) => stop.next,
            None => {
                (self.started + self.limits.total_time).min(self.heard + self.limits.silence_time)
            }
        }
    }

    fn ring(&mut self) {
        let now = Instant::now();
        if now >= self.started + self.limits.total_time {
            self.stop(Ending::TotalTime, StopStage::Ask);
        } else if now >= self.heard + self.limits.silence_time {
            self.stop(Ending::SilenceTime, StopStage::Ask);
        }
    }

    /// The signal to send now, if the time has come to go on with stopping the container.
    fn next_signal(&mut self) -> Result<Option<&'static str>, SandboxError> {
        let Some(stop) = &mut self.stop else {
            return Ok(None);
        };
        let now = Instant::now();
        if now < stop.next {
            return Ok(None);
        }
        match stop.stage {
            StopStage::Ask => {
                stop.stage = StopStage::Kill;
                stop.next = now + SOFT_STOP;
                Ok(Some("TERM"))
            }
            StopStage::Kill => {
                stop.stage = StopStage::GiveUp;
                stop.next = now + HARD_STOP;
                Ok(Some("KILL"))
            }
            StopStage::GiveUp => Err(SandboxError::Undead {
                container: self.handle.id.clone(),
                seconds: HARD_STOP.as_secs(),
            }),
        }
    }

    /// What it all means. The kernel's word on memory counts even if the command says that it did well: a child may have
    /// been killed, and nobody looked.
    async fn conclude(self, status: i64) -> Result<Concluded, SandboxError> {
        let inspected = self.handle.docker.inspect_container(&self.handle.id, None);
        let inspected = inspected
            .await
            .map_err(SandboxError::engine("inspect a container"))?;
        let oom_killed = inspected.state.and_then(|state| state.oom_killed) == Some(true);
        let ending = match self.stop {
            Some(stop) => stop.ending,
            None if oom_killed || self.memory_kills > 0 => Ending::OutOfMemory,
            None => Ending::Exited { status },
        };
        Ok(Concluded {
            ending,
            step: self.reader.step,
            peaks: self.peaks,
            refused_processes: self.refused_processes,
        })
    }
}

/// A signal on its way.
type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), SandboxError>> + Send + 'a>>;

/// Ends when the signal that is being sent has arrived; never, if none is.
async fn sent(sending: &mut Option<Sending<'_>>) -> Result<(), SandboxError> {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}

/// Asks for the container's exit status until the engine gives it.
async fn exit_status(handle: &Handle) -> Result<i64, SandboxError> {
    loop {
        let options = WaitContainerOptionsBuilder::new()
            .condition("not-running")
            .build();
        let mut answers = Box::pin(handle.docker.wait_container(&handle.id, Some(options)));
        match answers.next().await {
            Some(Ok(answer)) => return Ok(answer.status_code),
            // The client takes every status but 0 for an error.
            Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => {
                return Ok(code);
            }
            Some(Err(bollard::errors::Error::RequestTimeoutError)) | None => {}
            Some(Err(error)) => return Err(SandboxError::engine("wait for a container")(error)),
        }
    }
}

/// Turns output into lines and steps.
struct Reader<'a> {
    markers: Markers,
    output: Lines,
    error: Lines,
    /// How much was read, and what colours add to that in a log.
    bytes: u64,
    step: Option<Step>,
    sink: LogSink<'a>,
}

impl Reader<'_> {
    fn take(&mut self, frame: LogOutput) {
        let (stream, bytes) = match frame {
            LogOutput::StdErr { message } => (Stream::Error, message),
            other => (Stream::Output, other.into_bytes()),
        };
        self.bytes += bytes.len() as u64;
        let (markers, step, sink) = (&mut self.markers, &mut self.step, &mut self.sink);
        let count = &mut self.bytes;
        match stream {
            Stream::Error => self.error.push(&bytes, |text| {
                *count += text.colours();
                sink(LogEvent::Line { stream, text });
            }),
            Stream::Output => self.output.push(&bytes, |text| {
                *count += text.colours();
                let Some((before, marked)) = markers.read(text.plain) else {
                    return sink(LogEvent::Line { stream, text });
                };
                if !before.is_empty() {
                    sink(LogEvent::Line {
                        stream,
                        text: Printed::plainly(before),
                    });
                }
                *step = Some(marked);
                sink(LogEvent::Step(marked));
            }),
        }
    }

    fn finish(&mut self) {
        for (lines, stream) in [
            (&mut self.output, Stream::Output),
            (&mut self.error, Stream::Error),
        ] {
            lines.finish(|text| (self.sink)(LogEvent::Line { stream, text }));
        }
    }
}

/// Looks at the container from a thread of its own, since a look may take as long as a walk through many files.
struct Watcher {
    readings: mpsc::Receiver<Reading>,
    /// Dropped, it ends the thread.
    going: std::sync::mpsc::Sender<()>,
    thread: tokio::task::JoinHandle<Option<Reading>>,
}

impl Watcher {
    fn start(probe: Option<Probe>) -> Self {
        let (sender, readings) = mpsc::channel(1);
        let (going, gone) = std::sync::mpsc::channel::<()>();
        let thread = tokio::task::spawn_blocking(move || {
            let mut probe = probe?;
            loop {
                if sender.blocking_send(probe.look()).is_err() {
                    break;
                }
                if gone.recv_timeout(LOOK) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    break;
                }
            }
            Some(probe.last_look())
        });
        Self {
            readings,
            going,
            thread,
        }
    }

    /// The last look, when the container has ended.
    async fn finish(self) -> Option<Reading> {
        drop(self.going);
        drop(self.readings);
        self.thread.await.ok().flatten()
    }
}
