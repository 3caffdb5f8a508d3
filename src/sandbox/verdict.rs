//! What the end of a build container means for the build, in words for the plugin's author.

use bytesize::ByteSize;

use super::container::{Ending, Finished};
use super::exit::{Exit, StepStatus};
use crate::model::{Failure, FailureCode, Stage};

/// The signal that ends whoever makes a file larger than the container's limit on one file, which is `limits.disk`; the
/// number is Linux's on every architecture of the farm (signal(7)).
const SIGXFSZ: u8 = 25;
/// What to do about too many processes.
pub const FEWER_PROCESSES: &str =
    "start fewer processes at once (`make -j2`), or ask for a higher `limits.processes`";
const WRITE_LESS: &str = "write less, or ask for a higher `limits.disk`";

impl Finished {
    /// Whether both steps of the rules ended well, as far as the container's exit status can say.
    ///
    /// # Errors
    ///
    /// The failure of the step that it happened in. When the exit status names none (time, disk, memory), that is the last
    /// step that was seen to begin.
    pub fn verdict(&self) -> Result<(), Failure> {
        match self.ending {
            Ending::Exited { status } => self.exit(Exit::decode(status)),
            _ => Err(self.limit_failure()),
        }
    }

    fn exit(&self, exit: Exit) -> Result<(), Failure> {
        match exit {
            Exit::Success => Ok(()),
            Exit::Step {
                stage,
                status: StepStatus::Signalled(SIGXFSZ),
            } => Err(Failure::new(
                stage,
                FailureCode::DiskLimit,
                format!(
                    "it wrote a file of more than {}",
                    ByteSize::b(self.limits().disk)
                ),
                WRITE_LESS,
            )),
            Exit::Step { stage, status } if self.refused_processes > 0 => Err(Failure::new(
                stage,
                FailureCode::ProcessLimit,
                format!(
                    "it wanted more than {} processes at once, and `wazo/rules {stage}` {status}",
                    self.limits().processes
                ),
                FEWER_PROCESSES,
            )),
            Exit::Step { stage, status } => {
                let code = match status {
                    StepStatus::NotExecutable => FailureCode::RulesNotExecutable,
                    StepStatus::Signalled(_) => FailureCode::RulesSignal,
                    StepStatus::Exited(_) | StepStatus::ExitedOtherwise => FailureCode::RulesExit,
                };
                let hint = match status {
                    StepStatus::NotExecutable => {
                        "see that wazo/rules has the x bit and begins with `#!` and an interpreter that the image has, and that it calls only programs that exist"
                    }
                    _ => {
                        "the log's last lines say why; `plugfarm build` runs the same on your machine"
                    }
                };
                Err(Failure::new(
                    stage,
                    code,
                    format!("`wazo/rules {stage}` {status}"),
                    hint,
                ))
            }
            Exit::RunnerKilled { signal } => Err(Failure::new(
                self.stage(),
                FailureCode::RulesSignal,
                format!("the build's processes were killed by signal {signal}, from within"),
                "let the rules end by themselves, and signal only processes that they started",
            )),
            Exit::RunnerFault { status } => Err(Failure::new(
                self.stage(),
                FailureCode::EngineError,
                format!("the runner in the container gave up with status {status}"),
                "try again; if it stays, rebuild the images with `plugfarm images build`",
            )),
            Exit::Unknown { status } => Err(Failure::new(
                self.stage(),
                FailureCode::EngineError,
                format!("the container ended with status {status}, which the runner never gives"),
                "try again; the engine's log may say more",
            )),
        }
    }

    /// The failure of a run that did not end by itself.
    fn limit_failure(&self) -> Failure {
        let limits = self.limits();
        let size = |bytes: u64| ByteSize::b(bytes).to_string();
        let measured = |used: Option<u64>| used.unwrap_or_default();
        let (code, message, hint) = match self.ending {
            Ending::OutOfMemory | Ending::Exited { .. } => (
                FailureCode::OutOfMemory,
                format!(
                    "a process was killed because the build needs more than {} of memory",
                    size(limits.memory)
                ),
                "use less memory (fewer parallel jobs, smaller steps), or ask for a higher `limits.memory`",
            ),
            Ending::TotalTime => (
                FailureCode::TimeoutTotal,
                format!("it took longer than {} s", limits.total_time.as_secs()),
                "make the rules quicker, or ask for a higher `limits.total_time`",
            ),
            Ending::SilenceTime => (
                FailureCode::TimeoutSilent,
                format!("it printed nothing for {} s", limits.silence_time.as_secs()),
                "see what it waits for (a question? the network, which it does not have?), or let it print its progress",
            ),
            Ending::LogLimit => (
                FailureCode::LogLimit,
                format!("it printed more than {}", size(limits.log)),
                "let the rules print less",
            ),
            Ending::DiskLimit => (
                FailureCode::DiskLimit,
                format!(
                    "it wrote more than {} to disk; {} were there when it was stopped",
                    size(limits.disk),
                    size(measured(self.peaks.disk)),
                ),
                WRITE_LESS,
            ),
            Ending::InodeLimit => (
                FailureCode::InodeLimit,
                format!(
                    "it made more than {} files; {} were there when it was stopped",
                    limits.inodes,
                    measured(self.peaks.inodes),
                ),
                "make fewer files, or ask for a higher `limits.inodes`",
            ),
            Ending::FarmDiskFull => (
                FailureCode::FarmDiskFull,
                "the farm's disk was as good as full, so the build was stopped".to_owned(),
                "free some space on the file system of the engine's data folder",
            ),
            Ending::Cancelled => (
                FailureCode::Cancelled,
                "somebody asked for the build to stop".to_owned(),
                "start it again when you like",
            ),
        };
        Failure::new(self.stage(), code, message, hint)
    }

    /// The step in which something happened that the exit status does not tell.
    fn stage(&self) -> Stage {
        self.step.map_or(Stage::Build, |step| step.stage)
    }
}
