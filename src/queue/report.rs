//! From a stored build to what the pipeline is asked for, and from its report to what is stored.

use std::path::Path;

use crate::model::{BuildId, Channel, FailureCode, Target, Timestamp};
use crate::pipeline::{self, Conclusion, Parameters, PublishRequest, Report, Request};
use crate::source::{Access, Asker, Location, RequestedRef, Subdirectory};
use crate::store::{Artifact, Build, Publication};

/// What the pipeline is asked for. What was stored was checked before.
pub(super) fn request(build: &Build, access: Access) -> Result<Request, String> {
    let named = build.commit.as_deref().or(build.reference.as_deref());
    let reference = named.map(RequestedRef::new).transpose();
    let folder = Some(build.subdirectory.as_str()).filter(|folder| !folder.is_empty());
    let subdirectory = folder.map(Subdirectory::new).transpose();
    let location =
        Location::parse(&build.url, Asker::Stranger).map_err(|error| error.to_string())?;
    Ok(Request {
        location,
        reference: reference.map_err(|error| error.to_string())?,
        subdirectory: subdirectory.map_err(|error| error.to_string())?,
        access,
        plugin: Some(build.plugin.clone()),
        parameters: Parameters {
            namespace: Some(build.plugin.namespace.clone()),
            target: build.target,
            preview: Some(build.channel.clone()).filter(Channel::is_preview),
            allow: Vec::new(),
        },
        out: None,
        publish: Some(PublishRequest {
            channel: build.channel.clone(),
            unpinned: false,
            after_dependencies: true,
        }),
    })
}

/// The report of an attempt in which the farm itself broke off.
pub(super) fn crashed(attempt: &BuildId, target: Target, error: &str) -> Report {
    let mut report = Report::new(attempt.clone(), target);
    let words = format!("the farm broke off: {error}");
    report.conclusion = Conclusion::failed(FailureCode::FarmUnavailable, words, None);
    report
}

/// What it left.
pub(super) fn artifacts(report: &Report) -> Vec<Artifact> {
    let artifact = |file: &pipeline::ArtifactFile| {
        Some(Artifact {
            attempt: report.id.clone(),
            name: file_name(&file.path)?,
            sha256: file.sha256,
            size: file.size,
        })
    };
    report.artifacts.iter().filter_map(artifact).collect()
}

/// What of it hosts can install now.
pub(super) fn publication(report: &Report, now: Timestamp) -> Option<Publication> {
    Some(Publication {
        suite: report.suite.clone()?,
        package: report.package.clone()?,
        version: report.version.clone()?,
        published_at: now,
        visible_at: None,
    })
}

/// How the attempt ended, for people; what is stored elsewhere, and where files are, is left out.
pub(super) fn result(report: &Report) -> Option<String> {
    let mut said = serde_json::to_value(&report.conclusion).ok()?;
    let object = said.as_object_mut()?;
    object.insert(
        "findings".to_owned(),
        serde_json::to_value(&report.findings).ok()?,
    );
    object.insert(
        "resources".to_owned(),
        serde_json::to_value(report.resources).ok()?,
    );
    serde_json::to_string(&said).ok()
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}
