//! The names that people give: namespaces, plugins, channels, farms; and the ones made from them: packages, suites, ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::{InvalidValue, is_deceptive, text_type};
use super::{Sha256, Target};

/// The author's part of a plugin's identity, `^[a-z0-9]+$` (wazo-plugind's rule), at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(String);
text_type!(Namespace);

impl Namespace {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must match ^[a-z0-9]+$ and have at most 64 characters";
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(is_lower_alphanumeric);
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidValue::new("namespace", text, RULE))
        }
    }
}

/// The plugin's part of its identity, `^[a-z0-9-]+$` (wazo-plugind's rule), at most 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginName(String);
text_type!(PluginName);

impl PluginName {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must match ^[a-z0-9-]+$ and have at most 100 characters";
        let valid = (1..=100).contains(&text.len())
            && text.bytes().all(|b| b == b'-' || is_lower_alphanumeric(b));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidValue::new("plugin name", text, RULE))
        }
    }
}

fn is_lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Which plugin: its namespace and its name. Written `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PluginId {
    /// The author's part.
    pub namespace: Namespace,
    /// The plugin's part.
    pub name: PluginName,
}

impl PluginId {
    /// The Debian package's name, `wazo-plugind-<name>-<namespace>`.
    ///
    /// A namespace has no dash, so two plugins never share a package name.
    #[must_use]
    pub fn package(&self) -> String {
        format!("wazo-plugind-{}-{}", self.name, self.namespace)
    }

    /// The plugin whose Debian package has this name; none, if no plugin's has.
    #[must_use]
    pub fn of_package(package: &str) -> Option<Self> {
        let (name, namespace) = package.strip_prefix("wazo-plugind-")?.rsplit_once('-')?;
        Some(Self {
            namespace: Namespace::new(namespace).ok()?,
            name: PluginName::new(name).ok()?,
        })
    }

    /// Where the plugin's `wazo` folder lives on a host, without a leading slash.
    #[must_use]
    pub fn home(&self) -> String {
        format!(
            "usr/lib/wazo-plugind/plugins/{}/{}",
            self.namespace, self.name
        )
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl FromStr for PluginId {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "it must have the form namespace/name";
        let (namespace, name) = text
            .split_once('/')
            .ok_or_else(|| InvalidValue::new("plugin", text, RULE))?;
        Ok(Self {
            namespace: Namespace::new(namespace)?,
            name: PluginName::new(name)?,
        })
    }
}

/// A channel of publication, such as `stable` or `testing`: `^[a-z][a-z0-9]*$`, at most 32 characters; or the preview of a
/// branch, `^preview-[a-z0-9-]+$`, at most 64.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(String);
text_type!(Channel);

impl Channel {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must match ^[a-z][a-z0-9]*$ and have at most 32 characters";
        let valid = match text.strip_prefix(PREVIEW) {
            Some(slug) => {
                (1..=56).contains(&slug.len())
                    && slug.bytes().all(|b| b == b'-' || is_lower_alphanumeric(b))
            }
            None => is_plain_name(text),
        };
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidValue::new("channel", text, RULE))
        }
    }

    /// The channel that hosts follow unless they ask for another.
    #[must_use]
    pub fn stable() -> Self {
        Self("stable".to_owned())
    }

    /// The channel with the previews of a branch. Branches whose names differ have channels that differ: where the name has
    /// more than a channel's may have, the beginning of its SHA-256 follows.
    pub fn preview(branch: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "a branch's name has 1 to 244 characters, and no control characters";
        let length = branch.chars().take(245).count();
        if !(1..=244).contains(&length) || branch.chars().any(is_deceptive) {
            return Err(InvalidValue::new("branch", branch, RULE));
        }
        let lower = branch.to_ascii_lowercase();
        let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let slug: String = words.join("-").chars().take(40).collect();
        if slug == branch {
            return Ok(Self(format!("{PREVIEW}{slug}")));
        }
        let digest = Sha256::of(branch.as_bytes()).to_string();
        let digest: String = digest.chars().take(8).collect();
        // Two dashes, which no branch has that is its own slug.
        let slug = slug.trim_end_matches('-');
        Ok(Self(format!("{PREVIEW}{slug}--{digest}")))
    }

    /// Whether it has the previews of a branch.
    #[must_use]
    pub fn is_preview(&self) -> bool {
        self.0.starts_with(PREVIEW)
    }
}

/// What the channels of previews start with.
const PREVIEW: &str = "preview-";

fn is_plain_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(is_lower_alphanumeric)
}

/// The name of a farm, in its packages' and files' names: `^[a-z][a-z0-9]*$`, at most 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FarmName(String);
text_type!(FarmName);

impl FarmName {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must match ^[a-z][a-z0-9]*$ and have at most 32 characters";
        if is_plain_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidValue::new("farm name", text, RULE))
        }
    }

    /// The name of a farm that was given none: one on somebody's own machine.
    #[must_use]
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// The Debian package that carries the farm's keys, sources and pin to hosts.
    #[must_use]
    pub fn keyring_package(&self) -> String {
        format!("plugfarm-{self}-keyring")
    }

    /// The `Origin` and `Label` of the farm's Release files. Hosts pin by it, and apt refuses a repository that changes it.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("plugfarm-{self}")
    }
}

/// One apt suite: a target in a channel. `stable` has the target's own name, others append theirs: `bookworm-testing`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Suite {
    /// The Debian release.
    pub target: Target,
    /// The channel.
    pub channel: Channel,
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.channel == Channel::stable() {
            write!(f, "{}", self.target)
        } else {
            write!(f, "{}-{}", self.target, self.channel)
        }
    }
}

/// One build's id: a lower-case UUID. The caller draws it; the vocabulary has no randomness.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildId(String);
text_type!(BuildId);

impl BuildId {
    /// The id that a UUID is.
    #[must_use]
    pub fn from_uuid(id: uuid::Uuid) -> Self {
        Self(id.hyphenated().to_string())
    }

    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        match uuid::Uuid::try_parse(text) {
            Ok(id) => Ok(Self(id.hyphenated().to_string())),
            Err(_) => Err(InvalidValue::new("build id", text, "it must be a UUID")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_wazo_plugind() {
        assert!(PluginName::new("admin-ui-context").is_ok());
        assert!(PluginName::new("-leading").is_ok(), "plugind accepts it");
        for bad in ["", "no_underscore", "Upper", "a\n", "é", "a b"] {
            assert!(PluginName::new(bad).is_err(), "{bad:?}");
        }
        assert!(Namespace::new("foocorp1").is_ok());
        for bad in ["", "no-dash", "a\n", "A"] {
            assert!(Namespace::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_package_is_named_after_name_then_namespace() {
        let id = PluginId {
            namespace: Namespace::new("demo").unwrap(),
            name: PluginName::new("hello").unwrap(),
        };
        assert_eq!(id.package(), "wazo-plugind-hello-demo");
        assert_eq!(id.home(), "usr/lib/wazo-plugind/plugins/demo/hello");
        assert_eq!(id.to_string(), "demo/hello");
    }

    #[test]
    fn branches_whose_names_differ_have_channels_that_differ() {
        let channel = |branch: &str| Channel::preview(branch).unwrap().to_string();
        assert_eq!(channel("fix-42"), "preview-fix-42");
        insta::assert_snapshot!(channel("feature/Login page"), @"preview-feature-login-page--cdad2f61");
        let (long, longer) = ("a".repeat(243), "a".repeat(244));
        let names = [
            "feature/login",
            "feature-login",
            "Feature-login",
            "feature--login",
            "-feature-login",
            "é",
            "🎉",
            "/",
            &long,
            &longer,
        ];
        let channels: std::collections::BTreeSet<_> = names.map(channel).into();
        assert_eq!(channels.len(), names.len(), "{channels:?}");
        for name in channels {
            assert!(Channel::new(&name).unwrap().is_preview(), "{name}");
        }
        for bad in ["", "a\nb", "a\u{202e}", &"a".repeat(245)] {
            assert!(Channel::preview(bad).is_err(), "{bad:?}");
        }
        assert!(!Channel::new("preview").unwrap().is_preview());
        assert!(Channel::new("preview-").is_err());
        assert!(Channel::new("other-name").is_err());
    }

    #[test]
    fn suites_are_named_after_target_and_channel() {
        let suite = |channel: &str| Suite {
            target: Target::Bookworm,
            channel: Channel::new(channel).unwrap(),
        };
        assert_eq!(suite("stable").to_string(), "bookworm");
        assert_eq!(suite("testing").to_string(), "bookworm-testing");
    }
}
