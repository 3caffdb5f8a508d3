//! A run: one container with one entry command, described, then started.

use std::collections::HashMap;
use std::io::Read;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use tokio::io::AsyncWriteExt as _;
use tracing::Instrument as _;

use super::container::{Container, Timings};
use super::handle::Handle;
use super::marker::Markers;
use super::policy::{self, Role, SLOTS};
use super::upload::{self, Item, Ownership, Pipe};
use super::watch::Probe;
use super::{Engine, Image, SandboxError, owner};
use crate::config::Limits;
use crate::model::{Architecture, Timestamp};

/// Where a plugin's root is in its container, and the working folder of both steps.
pub const SOURCE: &str = "/work/src";
/// What is read back from a build container: the payload in `tree`, and the runner's `facts`.
pub const OUTPUT: &str = "/work/out";

/// The name of the container in a slot. The engine gives a name once only, so it is the engine that hands out slots.
const SLOT_NAME: &str = "plugfarm-slot-";
/// Where the rules find programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The runner of `images/builder`.
const RUNNER: &str = "/usr/lib/plugfarm/run";
const LEGACY_RUNNER: &str = "/usr/lib/plugfarm/run-legacy";
/// The time by which the second sweep ends a container, beyond the farm's own deadline.
const GRACE: Duration = Duration::from_secs(120);

/// A container that is to run one command.
pub struct Run {
    image: String,
    role: Role,
    command: Vec<String>,
    environment: Vec<String>,
    limits: Limits,
    items: Vec<Item>,
    stdin: Vec<u8>,
    markers: Markers,
    labels: HashMap<String, String>,
}

impl Run {
    fn new(image: &str, role: Role) -> Self {
        Self {
            image: image.to_owned(),
            role,
            command: Vec::new(),
            environment: Vec::new(),
            limits: Limits::default(),
            items: Vec::new(),
            stdin: Vec::new(),
            markers: Markers::none(),
            labels: HashMap::new(),
        }
    }

    /// A plugin's rules: the runner of the builder image, on the source in `tar`, which is unpacked in [`SOURCE`].
    /// `time` is the source's, `architecture` the target's own.
    #[must_use]
    pub fn rules(
        image: &Image,
        tar: impl Read + Send + 'static,
        time: Timestamp,
        architecture: Architecture,
    ) -> Self {
        Self::runner(image, RUNNER, Markers::new(4), time, architecture).tree(SOURCE, tar)
    }

    /// The makefile of a plugin of the old layout, in an image that [`Images::legacy`](super::Images::legacy) made; as
    /// [`Run::rules`] otherwise. Beside `tree`, the result has `commands/install` and `commands/uninstall`, which
    /// [`recorded_commands`](super::recorded_commands) reads.
    #[must_use]
    pub fn legacy(
        image: &Image,
        tar: impl Read + Send + 'static,
        time: Timestamp,
        architecture: Architecture,
    ) -> Self {
        Self::runner(image, LEGACY_RUNNER, Markers::new(2), time, architecture).tree(SOURCE, tar)
    }

    fn runner(
        image: &Image,
        command: &str,
        markers: Markers,
        time: Timestamp,
        architecture: Architecture,
    ) -> Self {
        Self {
            stdin: markers.tokens().into_bytes(),
            markers,
            ..Self::sandboxed(image)
        }
        .command(&[command])
        .env("SOURCE_DATE_EPOCH", &time.seconds().to_string())
        .env("DEB_BUILD_ARCH", &architecture.to_string())
    }

    /// The environment that both steps of the rules get; `package` gets `pkgdir` on top. The runner sets it.
    #[must_use]
    pub fn environment(time: Timestamp, architecture: Architecture) -> Vec<(String, String)> {
        let (time, architecture) = (time.seconds().to_string(), architecture.to_string());
        let all = [
            ("DEB_BUILD_ARCH", architecture.as_str()),
            ("HOME", "/work/home"),
            ("LC_ALL", "C.UTF-8"),
            ("PATH", PATH),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("SOURCE_DATE_EPOCH", time.as_str()),
            ("TMPDIR", "/tmp"),
        ];
        all.map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    /// Any command with the confinement of a build: no network, no rights.
    #[must_use]
    pub fn sandboxed(image: &Image) -> Self {
        Self::new(&image.id, Role::Build)
    }

    /// The farm's own fetch script: a network, on which exactly `hosts` have an address. There is no resolver.
    #[must_use]
    pub fn fetch(image: &Image, hosts: Vec<(String, IpAddr)>) -> Self {
        Self::new(&image.id, Role::Fetch(hosts))
    }

    /// The farm's own commands that make one image out of another.
    pub(super) fn image(image: &str, network: bool) -> Self {
        Self::new(image, Role::Image { network })
    }

    /// The command, as words; no shell reads them.
    #[must_use]
    pub fn command(mut self, words: &[&str]) -> Self {
        self.command = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// One variable of the command's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push(format!("{name}={value}"));
        self
    }

    /// What the container may use.
    #[must_use]
    pub fn limits(mut self, limits: &Limits) -> Self {
        self.limits = limits.clone();
        self
    }

    /// What the command reads from its standard input; secrets travel here, for it is in no file and no `inspect`.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// A tar that is unpacked in the folder `to`, below `/work`, before the start. Files, folders and symbolic links only;
    /// all belong to the container's user.
    #[must_use]
    pub fn tree(mut self, to: &str, tar: impl Read + Send + 'static) -> Self {
        self.items.push(Item::Tree {
            to: to.to_owned(),
            tar: Box::new(tar),
        });
        self
    }

    /// A file that is there before the start, below `/work`.
    #[must_use]
    pub fn file(mut self, to: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        self.items.push(Item::File {
            to: to.to_owned(),
            mode,
            content: content.into(),
        });
        self
    }

    /// The build and the attempt that this run belongs to, as labels of the container.
    #[must_use]
    pub fn build(mut self, build: &str, attempt: u32) -> Self {
        self.labels
            .insert(owner::BUILD.to_owned(), build.to_owned());
        self.labels
            .insert(owner::ATTEMPT.to_owned(), attempt.to_string());
        self
    }

    /// Creates the container, fills it and starts it. If anything fails, nothing is left behind.
    ///
    /// # Errors
    ///
    /// [`SandboxError::FarmDiskFull`] before anything is made, [`SandboxError::Upload`] for a tar that holds what no
    /// source has, [`SandboxError::NoSlot`], [`SandboxError::ImageMissing`], or what the engine says.
    pub async fn start(mut self, engine: &Engine) -> Result<Container, SandboxError> {
        Probe::check_reserve(&engine.facts)?;
        let mut timings = Timings::default();
        let created = Instant::now();
        let (mut handle, slot) = self.create(engine).await?;
        timings.create = created.elapsed();
        match self
            .fill_and_start(engine, &handle, slot, &mut timings)
            .await
        {
            Ok((output, probe)) => Ok(Container {
                handle,
                output,
                probe: Some(probe),
                markers: self.markers,
                limits: self.limits,
                timings,
            }),
            Err(error) => {
                handle.remove().await?;
                Err(error)
            }
        }
    }

    /// Creates the container in the first free slot.
    async fn create(&mut self, engine: &Engine) -> Result<(Handle, u32), SandboxError> {
        let host_config = policy::host_config(&self.role, &self.limits, &engine.facts)?;
        for slot in 0..SLOTS {
            let (user, group) = self.role.user(slot);
            let body = ContainerCreateBody {
                image: Some(self.image.clone()),
                user: Some(format!("{user}:{group}")),
                hostname: Some("build".to_owned()),
                working_dir: Some("/".to_owned()),
                entrypoint: Some(self.command.clone()),
                cmd: Some(Vec::new()),
                env: Some(self.environment.clone()),
                labels: Some(self.all_labels(engine)),
                open_stdin: Some(true),
                stdin_once: Some(true),
                attach_stdin: Some(true),
                host_config: Some(host_config.clone()),
                ..ContainerCreateBody::default()
            };
            let options = CreateContainerOptionsBuilder::new()
                .name(&format!("{SLOT_NAME}{slot}"))
                .build();
            match engine.docker.create_container(Some(options), body).await {
                Ok(answer) => return Ok((Handle::new(engine, answer.id), slot)),
                Err(error) => match status_of(&error) {
                    Some(409) => {}
                    Some(404) => {
                        return Err(SandboxError::ImageMissing {
                            image: self.image.clone(),
                        });
                    }
                    _ => return Err(SandboxError::engine("create a container")(error)),
                },
            }
        }
        Err(SandboxError::NoSlot { slots: SLOTS })
    }

    fn all_labels(&self, engine: &Engine) -> HashMap<String, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let deadline = now.unwrap_or_default() + self.limits.total_time + GRACE;
        let mut labels = engine.owner.labels();
        labels.extend(self.labels.clone());
        labels.insert(owner::ROLE.to_owned(), self.role.word().to_owned());
        labels.insert(owner::DEADLINE.to_owned(), deadline.as_secs().to_string());
        labels
    }

    async fn fill_and_start(
        &mut self,
        engine: &Engine,
        handle: &Handle,
        slot: u32,
        timings: &mut Timings,
    ) -> Result<(super::container::Output, Probe), SandboxError> {
        let docker = &engine.docker;
        let began = Instant::now();
        let attach = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .build();
        let items = std::mem::take(&mut self.items);
        let (attached, probe, ()) = tokio::try_join!(
            async {
                let attached = docker.attach_container(&handle.id, Some(attach)).await;
                attached.map_err(SandboxError::engine("attach to a container"))
            },
            Probe::new(engine, &handle.id, &self.limits),
            upload_items(engine, &handle.id, items, self.role.user(slot)),
        )?;
        timings.upload = began.elapsed();
        let began = Instant::now();
        let started = docker.start_container(&handle.id, None).await;
        started.map_err(SandboxError::engine("start a container"))?;
        timings.start = began.elapsed();
        let mut input = attached.input;
        let stdin = std::mem::take(&mut self.stdin);
        let writing = async move {
            let written = async {
                input.write_all(&stdin).await?;
                input.shutdown().await
            };
            if let Err(error) = written.await {
                // A command that ends without reading its input is no failure of the farm's.
                tracing::debug!(%error, "a container did not read all of its input");
            }
        };
        tokio::spawn(writing.in_current_span());
        Ok((attached.output, probe))
    }
}

/// Sends everything that the container starts with, in one request.
async fn upload_items(
    engine: &Engine,
    container: &str,
    items: Vec<Item>,
    (user, group): (u32, u32),
) -> Result<(), SandboxError> {
    if user == 0 {
        // An image is made of what its own script makes.
        return Ok(());
    }
    let (mut pipe, chunks) = Pipe::new();
    let writing = tokio::task::spawn_blocking(move || {
        let written = upload::write(items, Ownership { user, group }, &mut pipe);
        if written.is_err() {
            pipe.fail();
        }
        written
    });
    let options = UploadToContainerOptionsBuilder::new()
        .path("/")
        .no_overwrite_dir_non_dir("true")
        .build();
    let body = bollard::body_try_stream(upload::stream(chunks));
    let sent = engine
        .docker
        .upload_to_container(container, Some(options), body)
        .await;
    // The reason for a broken body is with whoever wrote it; a body that nobody read is the engine's doing.
    match writing.await {
        Ok(Err(error)) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(upload::explain(error))
        }
        _ => sent.map_err(SandboxError::engine("take the source")),
    }
}

/// The HTTP status of an engine's refusal.
pub(super) fn status_of(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_gives_the_environment_that_is_recorded() {
        let runner = include_str!("../../images/builder/run");
        let time = Timestamp::from_seconds(1);
        for (name, value) in Run::environment(time, Architecture::Amd64) {
            let passed_on = format!("{name}=\"${name}\"");
            let said = format!("{name}={value} ");
            assert!(
                runner.contains(&passed_on) || runner.contains(&said),
                "{name}"
            );
        }
    }
}
