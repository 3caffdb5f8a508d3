//! Stage `sign`: the evidence of a build is written beside its package, and signed.

use std::path::PathBuf;

use super::assemble::Assembled;
use super::attempt::{Attempt, now};
use super::limits::limit_facts;
use super::report::ArtifactFile;
use super::request::Parameters;
use super::run::Built;
use crate::evidence::{
    Artifact, BuildFacts, Control, EngineFacts, FarmFacts, ImageFacts, ImagePackage, PAYLOAD_TYPE,
    SandboxFacts, SourceFacts, buildinfo, envelope, sbom, statement,
};
use crate::model::{Failure, FailureCode, Sha256, SigningError, Stage};
use crate::sandbox::{self, Run, seccomp_digest};

/// A package with its signed evidence.
pub(super) struct Signed {
    /// Where the package is; its evidence has the same stem.
    pub(super) deb: PathBuf,
}

/// Writes and signs the evidence.
pub(super) fn run(
    attempt: &mut Attempt<'_>,
    parameters: &Parameters,
    assembled: Assembled,
) -> Result<Signed, Failure> {
    let began = attempt.begin(Stage::Sign)?;
    let facts = facts(attempt, parameters, &assembled);
    let deb = &assembled.deb;
    let mut subjects = vec![deb.clone()];
    let texts = [
        ("buildinfo", buildinfo(&facts, deb).into_bytes()),
        (
            "cdx.json",
            sbom(&facts, deb, &assembled.depends, &assembled.files),
        ),
    ];
    for (extension, bytes) in texts {
        subjects.push(write(&assembled, extension, &bytes)?);
    }
    subjects.push(keep_log(attempt, &assembled)?);
    let statement = statement(&facts, &subjects);
    let signatures = attempt
        .farm
        .publisher
        .signer
        .sign_statement(PAYLOAD_TYPE, &statement);
    let signatures = signatures.map_err(|error| unsigned(&error))?;
    let ids = signatures.iter().filter_map(|one| one.key_id.get(..16));
    let key = format!("key {}", ids.collect::<Vec<_>>().join(" and "));
    let evidence = write(
        &assembled,
        "intoto.jsonl",
        &envelope(&statement, &signatures),
    )?;
    subjects.push(evidence);
    attempt.report.artifacts = subjects
        .into_iter()
        .map(|artifact| ArtifactFile {
            path: attempt.folder.join(artifact.name),
            sha256: artifact.sha256,
            size: artifact.size,
        })
        .collect();
    attempt.end(Stage::Sign, began, &format!("statement signed with {key}"));
    Ok(Signed {
        deb: assembled.path,
    })
}

/// Writes one piece of evidence beside the package.
fn write(assembled: &Assembled, extension: &str, bytes: &[u8]) -> Result<Artifact, Failure> {
    let path = assembled.path.with_extension(extension);
    fs_err::write(&path, bytes).map_err(Attempt::storage(Stage::Sign, "the evidence"))?;
    tracing::debug!(path = %path.display(), "wrote evidence");
    Ok(Artifact {
        name: file_name(&path),
        sha256: Sha256::of(bytes),
        size: bytes.len() as u64,
    })
}

/// Gives the log its final name: from here on it is evidence.
fn keep_log(attempt: &mut Attempt<'_>, assembled: &Assembled) -> Result<Artifact, Failure> {
    let storage = || Attempt::storage(Stage::Sign, "the log");
    let path = assembled.path.with_extension("log");
    let old = attempt.log.flush().map_err(storage())?.to_owned();
    fs_err::rename(old, &path).map_err(storage())?;
    let bytes = fs_err::read(&path).map_err(storage())?;
    attempt.report.log = Some(path.clone());
    Ok(Artifact {
        name: file_name(&path),
        sha256: Sha256::of(&bytes),
        size: bytes.len() as u64,
    })
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn unsigned(error: &SigningError) -> Failure {
    let hint = "see `plugfarm doctor`; the package was built and can be signed by building again";
    Failure::new(
        Stage::Sign,
        FailureCode::SignUnavailable,
        error.to_string(),
        hint,
    )
}

fn facts(attempt: &Attempt<'_>, parameters: &Parameters, assembled: &Assembled) -> BuildFacts {
    let farm = attempt.farm;
    let Built {
        checked,
        started,
        ended,
        ..
    } = &assembled.built;
    let manifest = &checked.plugin.manifest;
    let mut allow = parameters.allow.clone();
    allow.sort();
    let mut build_depends: Vec<_> = manifest
        .build_depends
        .iter()
        .map(ToString::to_string)
        .collect();
    build_depends.sort();
    BuildFacts {
        build: attempt.id.clone(),
        plugin: manifest.id.clone(),
        plugin_version: manifest.version.clone(),
        version: assembled.version.clone(),
        target: parameters.target,
        architecture: assembled.architecture,
        content: assembled.content,
        manifest: checked.manifest,
        given_namespace: parameters.namespace.clone(),
        preview: parameters.preview.clone(),
        allow,
        build_depends,
        source: source_facts(&assembled.built),
        image: image_facts(&assembled.built.image),
        environment: Run::environment(
            checked.source().commit_time,
            parameters.target.architecture(),
        ),
        limits: limit_facts(&farm.config.limits),
        sandbox: sandbox_facts(attempt, checked.fetched.apart),
        farm: FarmFacts {
            name: farm.config.farm.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            builder: farm.builder,
        },
        started: *started,
        finished: (*ended).max(*started).min(now()),
    }
}

fn source_facts(built: &Built) -> SourceFacts {
    let source = built.checked.source();
    SourceFacts {
        url: source.url_display.clone(),
        requested_ref: source
            .requested_ref
            .as_ref()
            .map(|name| name.as_str().to_owned()),
        resolved_ref: source.resolved_ref.clone(),
        commit: source.commit.clone(),
        commit_time: source.commit_time,
        subdirectory: source
            .subdirectory
            .as_ref()
            .map(|path| path.as_str().to_owned()),
        tar: source.sha256,
        tar_size: source.size,
        pinned: source.pinned,
    }
}

fn image_facts(image: &sandbox::Image) -> ImageFacts {
    let package = |package: &sandbox::Package| ImagePackage {
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: package.architecture.clone(),
    };
    let packages: Vec<_> = image.packages.iter().map(package).collect();
    let lines = packages
        .iter()
        .map(|p| format!("{} {} {}\n", p.name, p.version, p.architecture));
    ImageFacts {
        name: format!("{}:{}", image.name, image.target),
        id: image.id.clone(),
        root_fs: image.root_sha256,
        recipe: image.recipe,
        packages_list: Sha256::of(lines.collect::<String>().as_bytes()),
        packages,
    }
}

/// What held the build in. Only what the sandbox cannot leave out, or the engine says of itself, is claimed.
fn sandbox_facts(attempt: &Attempt<'_>, fetched_apart: bool) -> SandboxFacts {
    let engine = attempt.farm.engine.facts();
    let mut controls = vec![
        Control::EphemeralContainer,
        Control::NoNetwork,
        Control::NoPrivileges,
        Control::NoHostMounts,
        Control::NoRemoteInfluence,
        Control::KeysOutOfReach,
        Control::FarmMadeProvenance,
        Control::FarmMadePackage,
        Control::NoSharedCache,
    ];
    let filtered = engine.seccomp && !engine.has_own_kernel();
    controls.extend(filtered.then_some(Control::SystemCallFilter));
    controls.extend(fetched_apart.then_some(Control::SourceFetchedApart));
    SandboxFacts {
        seccomp: seccomp_digest(),
        engine: EngineFacts {
            version: engine.version.clone(),
            runtime: engine.runtime.clone(),
            cgroup: engine.cgroup_version,
            rootless: engine.rootless,
        },
        controls,
    }
}
