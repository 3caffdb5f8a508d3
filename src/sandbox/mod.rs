//! Strangers' code in containers: the images it runs in, what it may do, how it is watched, what it leaves, and how it goes away.
//!
//! One container runs one command, once. It is filled before it starts and read after it has ended; nothing is mounted into
//! it, nobody enters it, and for a build there is neither a network nor a right. What the engine is told about a container
//! is written in `policy.rs` alone, in types that cannot say more. How a stranger's code ends is a value ([`Ending`]); an
//! error ([`SandboxError`]) is what the farm, the engine or a mirror could not do.
//!
//! This is the only module that names the engine's client, and the only one that starts programs of this machine (to make
//! images). What the result of a build is worth is not judged here.

mod cancel;
mod cgroup;
mod commands;
mod container;
mod engine;
mod error;
mod exit;
mod handle;
mod image;
mod log;
mod marker;
mod owner;
mod policy;
mod reaper;
mod run;
mod seccomp;
mod selftest;
mod supervise;
mod terminal;
mod upload;
mod usage;
mod verdict;
mod watch;

pub use cancel::{Cancel, Canceller};
pub use commands::recorded_commands;
pub use container::{Container, Ending, Finished, LogEvent, LogSink, Timings};
pub use engine::{Engine, EngineFacts};
pub use error::SandboxError;
pub use exit::{Exit, StepStatus};
pub use handle::settled;
pub use image::{Image, ImageName, Images, Package, Progress, known_packages};
pub use log::{Printed, Stream};
pub use marker::Step;
pub use reaper::sweep;
pub use run::{OUTPUT, Run, SOURCE};
pub use seccomp::seccomp_digest;
pub use selftest::{Posture, self_test};
pub use verdict::FEWER_PROCESSES;
pub use watch::Peaks;
