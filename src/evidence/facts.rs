//! The facts of one build, as the farm knows them: the input of every piece of evidence.

use serde::{Deserialize, Serialize};

use crate::model::{
    Architecture, BuildId, Channel, CommitId, DebianVersion, FarmName, Namespace, PluginId,
    PluginVersion, Sha256, Target, Timestamp,
};

/// Everything that the evidence of one build says. Each value was made or checked by the farm, never by the plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildFacts {
    /// Which build this was.
    pub build: BuildId,
    /// Which plugin was built; it also gives the package its name.
    pub plugin: PluginId,
    /// The version that the plugin's manifest says.
    pub plugin_version: PluginVersion,
    /// The version of the package.
    pub version: DebianVersion,
    /// The Debian release that it was built for.
    pub target: Target,
    /// The architecture of the package.
    pub architecture: Architecture,
    /// A digest of what the package holds that does not depend on its version.
    pub content: Sha256,
    /// The digest of the manifest, as it was read.
    pub manifest: Sha256,
    /// The namespace that the requester gave, which only plugins of the old layout need.
    pub given_namespace: Option<Namespace>,
    /// The channel of previews that it was built for; a release is built for none.
    pub preview: Option<Channel>,
    /// The names of the checks that the requester waived, sorted.
    pub allow: Vec<String>,
    /// What the plugin asked to have installed during the build (`build_depends`), sorted.
    pub build_depends: Vec<String>,
    /// Where the source came from.
    pub source: SourceFacts,
    /// What it was built in.
    pub image: ImageFacts,
    /// The environment of both steps, sorted by name.
    pub environment: Vec<(String, String)>,
    /// What the build was allowed to use.
    pub limits: LimitFacts,
    /// What held the build in.
    pub sandbox: SandboxFacts,
    /// Who built it.
    pub farm: FarmFacts,
    /// When the attempt that succeeded began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
}

impl BuildFacts {
    /// The stem of the artifacts' file names: `<package>_<version without epoch>_<architecture>`.
    #[must_use]
    pub fn stem(&self) -> String {
        stem(&self.plugin, &self.version, self.architecture)
    }
}

/// The stem of the artifacts' file names.
pub(super) fn stem(
    plugin: &PluginId,
    version: &DebianVersion,
    architecture: Architecture,
) -> String {
    format!(
        "{}_{}_{architecture}",
        plugin.package(),
        version.without_epoch()
    )
}

/// A file that a build left, named by its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The file's name, without folders.
    pub name: String,
    /// The digest of its bytes.
    pub sha256: Sha256,
    /// How many bytes it has.
    pub size: u64,
}

/// Where the source came from, and what exactly it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// The repository's URL without credentials, or `file:` and the name of a local folder.
    pub url: String,
    /// The branch, tag or commit that was asked for; none means the default branch.
    pub requested_ref: Option<String>,
    /// The full name that it was found under, such as `refs/tags/v1`.
    pub resolved_ref: Option<String>,
    /// The commit that was built, where the source is a repository's.
    pub commit: Option<CommitId>,
    /// The commit's time, or the time that stands for it.
    pub commit_time: Timestamp,
    /// The plugin's folder in the repository, unless it is the root.
    pub subdirectory: Option<String>,
    /// The source tar that the build got.
    pub tar: Sha256,
    /// Its size, in bytes.
    pub tar_size: u64,
    /// Whether the source is exactly the commit's; a folder with local changes is not.
    pub pinned: bool,
}

/// The image of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// Its name with its tag.
    pub name: String,
    /// The engine's id of it, `sha256:` and 64 hexadecimal digits.
    pub id: String,
    /// The digest of its root file system's tar.
    pub root_fs: Sha256,
    /// The digest of the recipe that it was made by.
    pub recipe: Sha256,
    /// The digest of its list of packages, as the image records it.
    pub packages_list: Sha256,
    /// The packages in it, sorted by name and architecture.
    pub packages: Vec<ImagePackage>,
}

/// A Debian package in an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImagePackage {
    /// Its name.
    pub name: String,
    /// Its version, as dpkg says it.
    pub version: String,
    /// Its architecture, as dpkg says it.
    pub architecture: String,
}

/// What a build was allowed to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitFacts {
    /// Memory in bytes, swap included.
    pub memory_bytes: u64,
    /// Processors, in thousandths of a core.
    pub cpu_millis: u64,
    /// Processes and threads at once.
    pub processes: u64,
    /// Open files per process.
    pub open_files: u64,
    /// Size of each scratch file system, in bytes.
    pub scratch_bytes: u64,
    /// What may be written to disk, in bytes.
    pub disk_bytes: u64,
    /// How many files and folders may be made.
    pub inodes: u64,
    /// Wall time in seconds.
    pub total_seconds: u64,
    /// The longest time without output, in seconds.
    pub silence_seconds: u64,
    /// Log output, in bytes.
    pub log_bytes: u64,
    /// The file tree, in bytes.
    pub tree_bytes: u64,
    /// The entries of the file tree.
    pub tree_entries: u64,
}

/// What held the build in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxFacts {
    /// The digest of the seccomp profile.
    pub seccomp: Sha256,
    /// The engine that ran the container.
    pub engine: EngineFacts,
    /// The controls of SLSA's level 3 that held.
    pub controls: Vec<Control>,
}

/// The container engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineFacts {
    /// Its version.
    pub version: String,
    /// The runtime that isolated the container, such as `runc` or `runsc`.
    pub runtime: String,
    /// The version of control groups, 1 or 2.
    pub cgroup: u8,
    /// Whether the engine itself ran without root's rights.
    pub rootless: bool,
}

/// A requirement of SLSA Build level 3 (or a means to one) that held during a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The container was made for this attempt alone, and removed after it.
    EphemeralContainer,
    /// The container had no network.
    NoNetwork,
    /// The container had no capabilities and could not gain privileges.
    NoPrivileges,
    /// System calls were filtered by the farm's own profile.
    SystemCallFilter,
    /// The container had no mount of the host and no socket of the engine.
    NoHostMounts,
    /// Nobody could enter or reach the container while it ran.
    NoRemoteInfluence,
    /// The keys were out of the build's reach.
    KeysOutOfReach,
    /// Every field of the statement was made or checked by the farm.
    FarmMadeProvenance,
    /// The farm wrote the package itself, from a checked file tree.
    FarmMadePackage,
    /// The source was fetched apart from the build, by a container that ran none of its code.
    SourceFetchedApart,
    /// Nothing that a build can write is ever read by another one.
    NoSharedCache,
}

impl Control {
    /// The control's word in a statement.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::EphemeralContainer => "ephemeral-container",
            Self::NoNetwork => "no-network",
            Self::NoPrivileges => "no-privileges",
            Self::SystemCallFilter => "system-call-filter",
            Self::NoHostMounts => "no-host-mounts",
            Self::NoRemoteInfluence => "no-remote-influence",
            Self::KeysOutOfReach => "keys-out-of-reach",
            Self::FarmMadeProvenance => "farm-made-provenance",
            Self::FarmMadePackage => "farm-made-package",
            Self::SourceFetchedApart => "source-fetched-apart",
            Self::NoSharedCache => "no-shared-cache",
        }
    }
}

/// What kind of machine built: a person's own, or one that does nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// A person's own machine, from the command line.
    Laptop,
    /// A farm's server.
    Farm,
}

impl Builder {
    /// The highest level of SLSA Build that holds as a whole. A laptop is no dedicated build platform (level 2).
    #[must_use]
    pub fn slsa_build_level(self) -> u8 {
        match self {
            Self::Laptop => 1,
            Self::Farm => 2,
        }
    }
}

/// Who built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FarmFacts {
    /// The farm's name.
    pub name: FarmName,
    /// The version of plugfarm.
    pub version: String,
    /// What kind of machine it was.
    pub builder: Builder,
}

impl FarmFacts {
    /// The builder's id (SLSA `builder.id`): `plugfarm:<laptop|farm>:<farm name>:<runtime>`, so that trust can differ
    /// between a laptop and a farm, and between isolations, as SLSA asks.
    #[must_use]
    pub fn builder_id(&self, engine: &EngineFacts) -> String {
        let kind = match self.builder {
            Builder::Laptop => "laptop",
            Builder::Farm => "farm",
        };
        format!("plugfarm:{kind}:{}:{}", self.name, engine.runtime)
    }
}
