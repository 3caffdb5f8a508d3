//! The shape of an in-toto v1 statement with a SLSA provenance v1 predicate (slsa.dev/spec/v1.1/provenance): written from
//! facts by `statement`, and read back by `verified` from verified bytes only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::{Artifact, EngineFacts, LimitFacts};
use crate::model::{
    Architecture, BuildId, Channel, DebianVersion, Namespace, PluginId, PluginVersion, Sha256,
    Target, Timestamp,
};

/// The type of every build of this farm; the module's documentation says what its parameters mean.
pub const BUILD_TYPE: &str = "plugfarm:build-type:wazo-plugin:v1";
/// The type of an in-toto v1 statement.
pub(super) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of a SLSA provenance v1 predicate.
pub(super) const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";

/// The name of the dependency that is the repository at a commit.
pub(super) const REPOSITORY: &str = "repository";
/// The name of the dependency that is the source tar.
pub(super) const SOURCE_TAR: &str = "source.tar";
/// The name of the dependency that is the manifest.
pub(super) const MANIFEST: &str = "wazo/plugin.yml";
/// The name of the dependency that is the image's root file system.
pub(super) const IMAGE: &str = "image";
/// The name of the byproduct that is the package's content, whatever its version.
pub(super) const CONTENT: &str = "content";

/// The annotation that says an artifact's size, in bytes.
pub(super) const SIZE: &str = "size";

/// An in-toto v1 statement. Fields that are not known here are ignored, as in-toto asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Statement {
    #[serde(rename = "_type")]
    pub(super) kind: String,
    pub(super) subject: Vec<Descriptor>,
    pub(super) predicate_type: String,
    pub(super) predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Predicate {
    pub(super) build_definition: BuildDefinition,
    pub(super) run_details: RunDetails,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BuildDefinition {
    pub(super) build_type: String,
    pub(super) external_parameters: ExternalParameters,
    pub(super) internal_parameters: InternalParameters,
    pub(super) resolved_dependencies: Vec<Descriptor>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExternalParameters {
    pub(super) source: SourceParameters,
    pub(super) target: Target,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<Namespace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) preview: Option<Channel>,
    pub(super) allow: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SourceParameters {
    pub(super) uri: String,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub(super) requested_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subdirectory: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InternalParameters {
    pub(super) package: String,
    pub(super) version: DebianVersion,
    pub(super) plugin: PluginId,
    pub(super) plugin_version: PluginVersion,
    pub(super) architecture: Architecture,
    pub(super) source: SourceResolution,
    pub(super) build_depends: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) limits: LimitFacts,
    pub(super) sandbox: SandboxParameters,
    pub(super) assurance: Assurance,
}

/// What the farm found behind the source that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SourceResolution {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resolved_ref: Option<String>,
    #[serde(with = "rfc3339")]
    pub(super) commit_time: Timestamp,
    pub(super) pinned: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SandboxParameters {
    pub(super) engine: EngineFacts,
    pub(super) seccomp_sha256: Sha256,
    pub(super) network: String,
}

/// What is claimed, in the words of the module's documentation. Controls that a later farm may name are kept as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assurance {
    pub(super) slsa_build_level: u8,
    pub(super) isolation: String,
    pub(super) controls: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RunDetails {
    pub(super) builder: BuilderDetails,
    pub(super) metadata: Metadata,
    pub(super) byproducts: Vec<Descriptor>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BuilderDetails {
    pub(super) id: String,
    pub(super) version: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) invocation_id: BuildId,
    #[serde(with = "rfc3339")]
    pub(super) started_on: Timestamp,
    #[serde(with = "rfc3339")]
    pub(super) finished_on: Timestamp,
}

/// An in-toto v1 `ResourceDescriptor`: something named, with its digests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) uri: Option<String>,
    #[serde(default)]
    pub(super) digest: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<String>,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub(super) annotations: serde_json::Map<String, serde_json::Value>,
}

impl Descriptor {
    pub(super) fn new(name: &str, algorithm: &str, digest: &impl ToString) -> Self {
        Self {
            name: name.to_owned(),
            uri: None,
            digest: BTreeMap::from([(algorithm.to_owned(), digest.to_string())]),
            media_type: None,
            annotations: serde_json::Map::new(),
        }
    }

    pub(super) fn of_artifact(artifact: &Artifact) -> Self {
        let mut descriptor = Self::new(&artifact.name, "sha256", &artifact.sha256);
        descriptor.annotate(SIZE, artifact.size);
        descriptor
    }

    pub(super) fn annotate(&mut self, name: &str, value: impl Into<serde_json::Value>) {
        self.annotations.insert(name.to_owned(), value.into());
    }

    /// The SHA-256 that it names, if it does.
    pub(super) fn sha256(&self) -> Option<Sha256> {
        self.digest.get("sha256")?.parse().ok()
    }

    /// The artifact that it describes, if it has a name, a SHA-256 and a size.
    pub(super) fn artifact(&self) -> Option<Artifact> {
        Some(Artifact {
            name: self.name.clone(),
            sha256: self.sha256()?,
            size: self.annotations.get(SIZE)?.as_u64()?,
        })
    }
}

/// Times as SLSA writes them.
pub(super) mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::model::Timestamp;

    pub(in crate::evidence) fn serialize<S: Serializer>(
        time: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time.rfc3339())
    }

    pub(in crate::evidence) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Timestamp::from_seconds(time.as_second()))
    }
}
