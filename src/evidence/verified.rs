//! A statement that was verified: what it says, typed, and the checks that it does not contradict itself.

use super::facts::{Artifact, EngineFacts, LimitFacts, stem};
use super::key::StatementKey;
use super::shape::{
    BUILD_TYPE, CONTENT, Descriptor, ExternalParameters, IMAGE, InternalParameters, PREDICATE_TYPE,
    REPOSITORY, SOURCE_TAR, STATEMENT_TYPE, Statement,
};
use super::verify::{EvidenceError, check_count};
use crate::model::{
    Architecture, BuildId, Channel, CommitId, DebianVersion, Namespace, PluginId, PluginVersion,
    Sha256, Target, Timestamp, printable,
};

/// The most subjects that a statement may have.
const MAX_SUBJECTS: usize = 64;

/// A statement whose signature was verified against a trusted key. There is no other way to get one than [`verify`](super::verify()).
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedStatement {
    statement: Statement,
    subjects: Vec<Artifact>,
    deb: Artifact,
    content: Sha256,
    source_tar: Sha256,
    image: Sha256,
    commit: Option<CommitId>,
    key: StatementKey,
}

impl VerifiedStatement {
    /// Reads a payload that verified, and checks that it does not contradict itself.
    pub(super) fn read(payload: &[u8], key: StatementKey) -> Result<Self, EvidenceError> {
        let statement: Statement =
            serde_json::from_slice(payload).map_err(|error| EvidenceError::NotAStatement {
                reason: error.to_string(),
            })?;
        check_types(&statement)?;
        let subjects = read_subjects(&statement.subject)?;
        let internal = &statement.predicate.build_definition.internal_parameters;
        let deb = find_deb(internal, &subjects)?;
        let dependencies = &statement.predicate.build_definition.resolved_dependencies;
        let byproducts = &statement.predicate.run_details.byproducts;
        Ok(Self {
            content: digest_of(byproducts, CONTENT)?,
            source_tar: digest_of(dependencies, SOURCE_TAR)?,
            image: digest_of(dependencies, IMAGE)?,
            commit: read_commit(dependencies)?,
            deb,
            subjects,
            statement,
            key,
        })
    }

    fn external(&self) -> &ExternalParameters {
        &self
            .statement
            .predicate
            .build_definition
            .external_parameters
    }

    fn internal(&self) -> &InternalParameters {
        &self
            .statement
            .predicate
            .build_definition
            .internal_parameters
    }

    /// The key that verified the statement.
    #[must_use]
    pub fn key(&self) -> &StatementKey {
        &self.key
    }

    /// Every artifact that the statement is about.
    #[must_use]
    pub fn subjects(&self) -> &[Artifact] {
        &self.subjects
    }

    /// The package that the statement is about.
    #[must_use]
    pub fn deb(&self) -> &Artifact {
        &self.deb
    }

    /// The package's name.
    #[must_use]
    pub fn package(&self) -> &str {
        &self.internal().package
    }

    /// The package's version.
    #[must_use]
    pub fn version(&self) -> &DebianVersion {
        &self.internal().version
    }

    /// The plugin.
    #[must_use]
    pub fn plugin(&self) -> &PluginId {
        &self.internal().plugin
    }

    /// The plugin's own version.
    #[must_use]
    pub fn plugin_version(&self) -> &PluginVersion {
        &self.internal().plugin_version
    }

    /// The Debian release that it was built for.
    #[must_use]
    pub fn target(&self) -> Target {
        self.external().target
    }

    /// The channel of previews that it was built for; a release is built for none.
    #[must_use]
    pub fn preview(&self) -> Option<&Channel> {
        self.external().preview.as_ref()
    }

    /// The package's architecture.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.internal().architecture
    }

    /// The digest of what the package holds, whatever its version.
    #[must_use]
    pub fn content(&self) -> Sha256 {
        self.content
    }

    /// The commit that was built, where the source was a repository's.
    #[must_use]
    pub fn commit(&self) -> Option<&CommitId> {
        self.commit.as_ref()
    }

    /// The commit's time, or the time that stood for it.
    #[must_use]
    pub fn commit_time(&self) -> Timestamp {
        self.internal().source.commit_time
    }

    /// Whether the source was exactly the commit's.
    #[must_use]
    pub fn pinned(&self) -> bool {
        self.internal().source.pinned
    }

    /// Where the source came from, without credentials.
    #[must_use]
    pub fn source_url(&self) -> &str {
        &self.external().source.uri
    }

    /// The branch, tag or commit that was asked for.
    #[must_use]
    pub fn requested_ref(&self) -> Option<&str> {
        self.external().source.requested_ref.as_deref()
    }

    /// The full name that it was found under.
    #[must_use]
    pub fn resolved_ref(&self) -> Option<&str> {
        self.internal().source.resolved_ref.as_deref()
    }

    /// The plugin's folder in the repository, unless it is the root.
    #[must_use]
    pub fn subdirectory(&self) -> Option<&str> {
        self.external().source.subdirectory.as_deref()
    }

    /// The source tar.
    #[must_use]
    pub fn source_tar(&self) -> Sha256 {
        self.source_tar
    }

    /// The root file system of the image that it was built in.
    #[must_use]
    pub fn image(&self) -> Sha256 {
        self.image
    }

    /// The namespace that the requester gave, which only plugins of the old layout need.
    #[must_use]
    pub fn given_namespace(&self) -> Option<&Namespace> {
        self.external().namespace.as_ref()
    }

    /// The names of the checks that the requester waived.
    #[must_use]
    pub fn allow(&self) -> &[String] {
        &self.external().allow
    }

    /// What the build was allowed to use.
    #[must_use]
    pub fn limits(&self) -> &LimitFacts {
        &self.internal().limits
    }

    /// The version of the program that built it.
    #[must_use]
    pub fn program_version(&self) -> Option<&str> {
        let versions = &self.statement.predicate.run_details.builder.version;
        versions.get("plugfarm").map(String::as_str)
    }

    /// The engine that ran the container.
    #[must_use]
    pub fn engine(&self) -> &EngineFacts {
        &self.internal().sandbox.engine
    }

    /// Who built it: `plugfarm:<laptop|farm>:<farm name>:<runtime>`.
    #[must_use]
    pub fn builder_id(&self) -> &str {
        &self.statement.predicate.run_details.builder.id
    }

    /// Which build it was.
    #[must_use]
    pub fn build(&self) -> &BuildId {
        &self.statement.predicate.run_details.metadata.invocation_id
    }

    /// When the build ended.
    #[must_use]
    pub fn finished(&self) -> Timestamp {
        self.statement.predicate.run_details.metadata.finished_on
    }
}

fn check_types(statement: &Statement) -> Result<(), EvidenceError> {
    let expected = [
        ("type", statement.kind.as_str(), STATEMENT_TYPE),
        ("predicate type", &statement.predicate_type, PREDICATE_TYPE),
        (
            "build type",
            &statement.predicate.build_definition.build_type,
            BUILD_TYPE,
        ),
    ];
    for (what, found, known) in expected {
        if found != known {
            return Err(EvidenceError::NotAStatement {
                reason: format!("its {what} is `{}`, not `{known}`", printable(found, 80)),
            });
        }
    }
    Ok(())
}

fn inconsistent(reason: impl Into<String>) -> EvidenceError {
    EvidenceError::Inconsistent {
        reason: reason.into(),
    }
}

fn read_subjects(descriptors: &[Descriptor]) -> Result<Vec<Artifact>, EvidenceError> {
    check_count("subjects", descriptors.len(), MAX_SUBJECTS)?;
    let mut subjects: Vec<Artifact> = Vec::new();
    for descriptor in descriptors {
        let name = printable(&descriptor.name, 120);
        let artifact = descriptor.artifact().ok_or_else(|| {
            inconsistent(format!("its subject `{name}` has no SHA-256 or no size"))
        })?;
        if artifact.name.is_empty() || artifact.name.contains(['/', '\0']) {
            return Err(inconsistent(format!(
                "its subject `{name}` is no file name"
            )));
        }
        if subjects.iter().any(|other| other.name == artifact.name) {
            return Err(inconsistent(format!("its subject `{name}` appears twice")));
        }
        subjects.push(artifact);
    }
    Ok(subjects)
}

/// The one subject that is a package; its name must be the one that the parameters give it.
fn find_deb(
    internal: &InternalParameters,
    subjects: &[Artifact],
) -> Result<Artifact, EvidenceError> {
    if internal.package != internal.plugin.package() {
        return Err(inconsistent("its package is not named after its plugin"));
    }
    let stem = stem(&internal.plugin, &internal.version, internal.architecture);
    let mut debs = subjects
        .iter()
        .filter(|subject| subject.name.ends_with(".deb"));
    match (debs.next(), debs.next()) {
        (Some(deb), None) if deb.name == format!("{stem}.deb") => Ok(deb.clone()),
        _ => Err(inconsistent(format!(
            "`{stem}.deb` is not its only package"
        ))),
    }
}

fn digest_of(descriptors: &[Descriptor], name: &str) -> Result<Sha256, EvidenceError> {
    unique(descriptors, name)?
        .and_then(Descriptor::sha256)
        .ok_or_else(|| inconsistent(format!("it says no SHA-256 of `{name}`")))
}

fn read_commit(dependencies: &[Descriptor]) -> Result<Option<CommitId>, EvidenceError> {
    let Some(repository) = unique(dependencies, REPOSITORY)? else {
        return Ok(None);
    };
    repository
        .digest
        .get("gitCommit")
        .and_then(|commit| CommitId::new(commit).ok())
        .map(Some)
        .ok_or_else(|| inconsistent("its repository has no commit"))
}

fn unique<'a>(
    descriptors: &'a [Descriptor],
    name: &str,
) -> Result<Option<&'a Descriptor>, EvidenceError> {
    let mut named = descriptors.iter().filter(|one| one.name == name);
    match (named.next(), named.next()) {
        (found, None) => Ok(found),
        _ => Err(inconsistent(format!("it names `{name}` twice"))),
    }
}
