//! One container of a fetch: what it gets, what it may use, and what is taken back.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::credential::{Access, Secret, decode_percent};
use super::error::TreeError;
use super::failures;
use super::fetch::{Fetcher, Order, failed, in_background};
use super::fetched::{self, Fetched};
use super::folder::read_folder;
use super::location::{RepositoryUrl, Scheme};
use super::names::Subdirectory;
use super::resolve;
use crate::config::Limits;
use crate::model::{Failure, LogLine, Timestamp};
use crate::sandbox::{Cancel, Ending, Finished, LogEvent, LogSink, OUTPUT, Run};

/// The script that the container runs. It travels with the program, so that the two never differ.
const SCRIPT: &str = include_str!("../../images/fetcher/fetch");
/// Where a repository of this machine is put in the container.
const ORIGIN: &str = "/work/origin";
/// The most bytes of a file that a setting names.
const MAX_SETTING: u64 = 4 << 20;
/// How many lines of the log a failure shows.
const SHOWN_LINES: usize = 10;

impl Fetcher {
    pub(super) async fn run(
        &self,
        order: &Order<'_>,
        sink: LogSink<'_>,
        cancel: &Cancel,
    ) -> Result<Finished, Failure> {
        let hosts = resolve::pinned(&order.url, self.config.private_networks).await?;
        let limits = &self.config.limits;
        let mut run = Run::fetch(&self.image, hosts)
            .command(&["/bin/sh", "/work/fetch"])
            .file("/work/fetch", 0o755, SCRIPT)
            .env("PROTOCOL", order.url.scheme().word())
            .env("REF", order.reference.unwrap_or_default())
            .env(
                "SUBDIRECTORY",
                order.subdirectory.map_or("", Subdirectory::as_str),
            )
            .env("SIZE", &limits.size.to_string())
            .env("ENTRIES", &limits.entries.to_string())
            .env("LIST", if order.list { "1" } else { "" })
            .limits(&self.container_limits());
        if !order.known.is_empty() {
            let known: String = order
                .known
                .iter()
                .map(|commit| format!("{commit}\n"))
                .collect();
            run = run.file("/work/known", 0o644, known);
        }
        run = match order.url.scheme() {
            Scheme::File => {
                let tar = self.local_repository(&order.url).await?;
                run.tree(ORIGIN, tar)
                    .env("URL", &format!("file://{ORIGIN}"))
            }
            _ => self.with_settings(run.env("URL", &order.url.to_string()), order)?,
        };
        let container = run.start(&self.engine).await.map_err(failed)?;
        container.wait(sink, cancel.clone()).await.map_err(failed)
    }

    /// Adds the credential and what the operator's settings say about the scheme.
    fn with_settings(&self, mut run: Run, order: &Order<'_>) -> Result<Run, Failure> {
        let url = &order.url;
        let secret = || url.secret().map(Secret::input);
        if let Some(input) = order.access.input(url.scheme()).or_else(secret) {
            run = run.stdin(input);
        }
        match url.scheme() {
            Scheme::Https => {
                if let Some(path) = &self.config.certificates {
                    let certificates = setting("source.certificates", path)?;
                    run = run.file("/work/certificates", 0o644, certificates);
                }
            }
            Scheme::Ssh => {
                let Some(known_hosts) = &self.config.known_hosts else {
                    return Err(failures::unpinned_host(url));
                };
                let hosts = setting("source.known_hosts", known_hosts)?;
                run = run.file("/work/known_hosts", 0o644, hosts);
                if let (Access::Settings, Some(path)) = (&order.access, &self.config.ssh_key) {
                    let mut input = b"key -\n".to_vec();
                    input.extend(setting("source.ssh_key", path)?);
                    run = run.stdin(input);
                }
            }
            Scheme::Git | Scheme::File => {}
        }
        Ok(run)
    }

    /// A tar of the git folder that a `file` URL names: the container gets a copy, and sees nothing of this machine.
    async fn local_repository(&self, url: &RepositoryUrl) -> Result<File, Failure> {
        let path = decode_percent(url.path()).unwrap_or_default();
        let folder = [Path::new(&path).join(".git"), PathBuf::from(&path)]
            .into_iter()
            .find(|folder| folder.join("HEAD").is_file() && folder.join("objects").is_dir())
            .ok_or_else(|| failures::no_repository(url))?;
        let (limits, store) = (self.config.limits.clone(), self.store.clone());
        in_background(move || {
            let tree = read_folder(&folder, &limits, &store)?.0;
            let storage = || TreeError::storage("write a temporary file");
            let mut tar = tempfile::tempfile_in(store.scratch()).map_err(storage())?;
            tree.write(Timestamp::from_seconds(0), &mut tar)
                .map_err(storage())?;
            tar.seek(SeekFrom::Start(0)).map_err(storage())?;
            Ok(tar)
        })
        .await
    }

    /// Reads what the script left, and removes the container.
    pub(super) async fn collect(
        &self,
        mut finished: Finished,
    ) -> Result<(Ending, Result<Fetched, TreeError>), Failure> {
        let ending = finished.ending;
        let (limits, scratch) = (self.config.limits.clone(), self.store.scratch().to_owned());
        let collected = match ending {
            Ending::Exited { .. } => {
                let reading =
                    move |tar: &mut dyn std::io::Read| fetched::read(tar, &limits, &scratch);
                finished.collect(OUTPUT, reading).await
            }
            _ => Ok(Ok(Fetched::default())),
        };
        finished.leave().await;
        Ok((ending, collected.map_err(failed)?))
    }

    /// What a fetch container may use: room for the pack, the objects' content and the copy that goes out.
    fn container_limits(&self) -> Limits {
        let limits = &self.config.limits;
        let defaults = Limits::default();
        Limits {
            disk: limits.size.saturating_mul(3).saturating_add(256 << 20),
            inodes: limits.entries.saturating_add(10_000),
            total_time: limits.time,
            silence_time: limits.time,
            log: 1 << 20,
            ..defaults
        }
    }
}

/// The content of a file that the operator's settings name.
fn setting(name: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let read = || {
        let size = fs_err::metadata(path)?.len();
        if size > MAX_SETTING {
            return Err(std::io::Error::other(
                "it is too large for what it should be",
            ));
        }
        fs_err::read(path)
    };
    read().map_err(|error| failures::setting(name, &error))
}

/// The last lines of a container's log.
#[derive(Default)]
pub(super) struct Lines {
    count: u64,
    last: VecDeque<LogLine>,
}

impl Lines {
    pub(super) fn take(&mut self, event: &LogEvent<'_>) {
        if let LogEvent::Line { text, .. } = event {
            self.count += 1;
            if self.last.len() == SHOWN_LINES {
                self.last.pop_front();
            }
            self.last.push_back(LogLine {
                number: self.count,
                text: text.plain.to_owned(),
            });
        }
    }

    pub(super) fn shown_by(self, failure: Failure) -> Failure {
        Failure {
            lines: self.last.into(),
            ..failure
        }
    }
}
