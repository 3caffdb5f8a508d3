//! Images made from images: with more packages, or for plugins of the old layout. Only the farm's own commands run here, and
//! what comes out is known by what it was made from.

use std::collections::HashMap;
use std::io::{self, Read};

use bollard::models::ContainerConfig;
use bollard::query_parameters::CommitContainerOptionsBuilder;

use super::{Image, Images, NAME, PACKAGES, Progress, RECIPE, TARGET, recipe};
use crate::model::Sha256;
use crate::sandbox::container::{Ending, Finished, LogEvent};
use crate::sandbox::{Cancel, Run, SandboxError};

/// The statuses that `images/derived/add-packages` gives.
const UNKNOWN: i64 = 21;
const MIRROR: i64 = 22;
/// What is in the lines that are apt's own account of what went wrong.
const APT_ERRORS: [&str; 3] = ["E: ", ": Depends: ", ": Conflicts: "];
/// Where derived images are on the engine.
const REPOSITORY: &str = "plugfarm/derived";
/// Where an image keeps the list of its packages.
const LIST: &str = "/usr/share/plugfarm/packages";
/// The most that the list has, in bytes.
const LIST_SIZE: u64 = 1 << 20;

impl Images {
    /// `base` with the packages that satisfy `relations` (in the form of `Build-Depends`), and their dependencies. Made once
    /// for each base and set of relations. None is `base` itself.
    ///
    /// # Errors
    ///
    /// [`SandboxError::BuildDependsUnknown`] when the target cannot satisfy a relation, [`SandboxError::Mirror`] when the
    /// mirror does not deliver, or what the engine says.
    pub async fn with_packages(
        &self,
        base: &Image,
        relations: &[String],
        progress: Progress<'_>,
    ) -> Result<Image, SandboxError> {
        if relations.is_empty() {
            return Ok(base.clone());
        }
        let mut relations = relations.to_vec();
        relations.sort_unstable();
        relations.dedup();
        self.derive(base, &recipe::add_packages(), &relations, true, progress)
            .await
    }

    /// The image for plugins of the old layout: `base`, with the folders that `make install` writes to in the hands of the
    /// build's group. Made once for each base.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub async fn legacy(
        &self,
        base: &Image,
        progress: Progress<'_>,
    ) -> Result<Image, SandboxError> {
        self.derive(base, &recipe::legacy(), &[], false, progress)
            .await
    }

    async fn derive(
        &self,
        base: &Image,
        script: &str,
        arguments: &[String],
        network: bool,
        progress: Progress<'_>,
    ) -> Result<Image, SandboxError> {
        let key = [&[base.id.clone(), script.to_owned()], arguments].concat();
        let recipe = Sha256::of(key.join("\0").as_bytes());
        let name: String = recipe.to_string().chars().take(32).collect();
        let tag = format!("{REPOSITORY}:{name}");
        if let Some(image) = self.inspect(&tag).await? {
            return Ok(image);
        }
        let _lock = self.lock().await?;
        if let Some(image) = self.inspect(&tag).await? {
            return Ok(image);
        }
        progress(&format!("making an image from {}", base.id));
        let mut command = vec!["/bin/sh", "-c", script, "sh"];
        command.extend(arguments.iter().map(String::as_str));
        let run = Run::image(&base.id, network).command(&command);
        let mut finished = self.run_script(run, progress).await?;
        let labels = HashMap::from([
            (NAME.to_owned(), base.name.to_string()),
            (TARGET.to_owned(), base.target.to_string()),
            (RECIPE.to_owned(), recipe.to_string()),
            (PACKAGES.to_owned(), read_packages(&mut finished).await?),
        ]);
        let options = CommitContainerOptionsBuilder::new()
            .container(finished.id())
            .repo(REPOSITORY)
            .tag(&name)
            .build();
        let config = ContainerConfig {
            labels: Some(labels),
            ..ContainerConfig::default()
        };
        let committed = self.engine.docker.commit_container(options, config).await;
        committed.map_err(SandboxError::engine("keep an image"))?;
        finished.remove().await?;
        let image = self.inspect(&tag).await?;
        image.ok_or(SandboxError::ImageMissing { image: tag })
    }

    /// Runs a script that makes an image. What it leaves is there to be kept only if it did well.
    async fn run_script(&self, run: Run, progress: Progress<'_>) -> Result<Finished, SandboxError> {
        let mut errors = Vec::new();
        let mut sink = |event: LogEvent<'_>| {
            if let LogEvent::Line { text, .. } = event {
                progress(text.plain);
                if APT_ERRORS.iter().any(|words| text.plain.contains(words)) {
                    errors.push(text.plain.trim().to_owned());
                }
            }
        };
        let container = run.start(&self.engine).await?;
        let finished = container.wait(&mut sink, Cancel::never()).await?;
        let reason = errors.join("; ");
        let error = match finished.ending {
            Ending::Exited { status: 0 } => return Ok(finished),
            Ending::Exited { status: UNKNOWN } => SandboxError::BuildDependsUnknown { reason },
            Ending::Exited { status: MIRROR } => SandboxError::Mirror { reason },
            other => SandboxError::Tool {
                program: "the script that makes an image",
                reason: format!("{other:?} {reason}"),
            },
        };
        finished.remove().await?;
        Err(error)
    }
}

/// The list of the packages in a container.
async fn read_packages(finished: &mut Finished) -> Result<String, SandboxError> {
    let read = |tar: &mut dyn Read| -> io::Result<String> {
        let mut list = String::new();
        for entry in tar::Archive::new(tar).entries()? {
            entry?.take(LIST_SIZE).read_to_string(&mut list)?;
        }
        Ok(list)
    };
    let list = finished.collect(LIST, read).await?;
    list.map_err(SandboxError::storage("the list of packages cannot be read"))
}
