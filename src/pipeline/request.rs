//! What somebody asks a build for.

use std::path::PathBuf;

use crate::model::{Channel, Namespace, PluginId, Target};
use crate::source::{Access, Location, RequestedRef, Subdirectory};

/// One build that somebody asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the plugin is.
    pub location: Location,
    /// The branch, tag or commit; none means the default branch.
    pub reference: Option<RequestedRef>,
    /// The plugin's folder in its repository, unless it is the root.
    pub subdirectory: Option<Subdirectory>,
    /// By what right the repository is fetched.
    pub access: Access,
    /// The plugin that it has to be, if that is known.
    pub plugin: Option<PluginId>,
    /// What else somebody decides about the build.
    pub parameters: Parameters,
    /// Where the package and its evidence go; without it, they stay in the build's own folder.
    pub out: Option<PathBuf>,
    /// Whether, and how, the package is published.
    pub publish: Option<PublishRequest>,
}

/// What whoever asks for a build decides beside its source: with the same parameters, the same source gives the same package.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// The namespace of a plugin in the old layout, which has none of its own.
    pub namespace: Option<Namespace>,
    /// The Debian release to build for.
    pub target: Target,
    /// The channel of previews that it is built for; a release is built for none.
    pub preview: Option<Channel>,
    /// Codes of held findings that may pass.
    pub allow: Vec<String>,
}

/// How a package is to be published.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    /// The channel.
    pub channel: Channel,
    /// Whether a source that no commit holds may be published.
    pub unpinned: bool,
    /// Whether the plugins that it depends on have to be published in the same suite before it is built.
    pub after_dependencies: bool,
}
