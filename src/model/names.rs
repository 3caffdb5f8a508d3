//! The names that people give: namespaces, plugins, channels, farms; and the ones made from them: packages, suites, ids.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Target;
use super::text::{InvalidValue, text_type};

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

/// A channel of publication, such as `stable` or `testing`: `^[a-z][a-z0-9]*$`, at most 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(String);
text_type!(Channel);

impl Channel {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must match ^[a-z][a-z0-9]*$ and have at most 32 characters";
        let valid = text.len() <= 32
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(is_lower_alphanumeric);
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
}

/// The name of a farm, in its packages' and files' names: `^[a-z][a-z0-9]*$`, at most 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FarmName(String);
text_type!(FarmName);

impl FarmName {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        Channel::new(text)
            .map(|channel| Self(channel.0))
            .map_err(|error| InvalidValue::new("farm name", text, error.rule))
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
    fn suites_are_named_after_target_and_channel() {
        let suite = |channel: &str| Suite {
            target: Target::Bookworm,
            channel: Channel::new(channel).unwrap(),
        };
        assert_eq!(suite("stable").to_string(), "bookworm");
        assert_eq!(suite("testing").to_string(), "bookworm-testing");
    }
}
