//! What somebody asks the host to do.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::Kind;
use crate::model::PluginId;

/// What somebody asks for. Its texts are as they came; what they mean is found out by the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase")]
pub enum Asked {
    /// A plugin from its repository, which the farm builds.
    Git {
        /// The repository's URL, without a credential.
        url: String,
        /// A branch, a tag or a commit; without it, `master`, and where there is none, the repository's default branch.
        #[serde(rename = "ref")]
        reference: Option<String>,
        /// The plugin's folder in the repository, unless it is the root.
        subdirectory: Option<String>,
    },
    /// A plugin that is published.
    Market {
        /// The plugin's namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The version in its manifest; without it, the highest that works with this host's Wazo.
        version: Option<String>,
    },
    /// That a plugin goes.
    Uninstall {
        /// The plugin.
        plugin: PluginId,
    },
    /// The version of an installed plugin that apt would upgrade this host to, with the share of hosts in mind that it is
    /// meant for.
    Update {
        /// The plugin.
        plugin: PluginId,
    },
    /// Likewise, of every plugin that is installed.
    #[serde(rename = "update-all")]
    UpdateAll,
}

impl Asked {
    /// A plugin from its repository. What is secret in `url` is dropped here: the farm has credentials of its own, and a job is
    /// written down and told of.
    #[must_use]
    pub fn git(url: &str, reference: Option<String>, subdirectory: Option<String>) -> Self {
        Self::Git {
            url: without_credential(url),
            reference,
            subdirectory,
        }
    }

    /// What kind of job it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Git { .. } | Self::Market { .. } => Kind::Install,
            Self::Uninstall { .. } => Kind::Uninstall,
            Self::Update { .. } | Self::UpdateAll => Kind::Update,
        }
    }

    /// The plugin, if it is known before the job begins.
    #[must_use]
    pub fn plugin(&self) -> Option<PluginId> {
        match self {
            Self::Git { .. } | Self::UpdateAll => None,
            Self::Market {
                namespace, name, ..
            } => format!("{namespace}/{name}").parse().ok(),
            Self::Uninstall { plugin } | Self::Update { plugin } => Some(plugin.clone()),
        }
    }

    /// What wazo-plugind calls the install options: the request's `options` with their defaults.
    #[must_use]
    pub fn options(&self) -> Value {
        match self {
            Self::Git {
                url,
                reference,
                subdirectory,
            } => json!({
                "url": url,
                "ref": reference.as_deref().unwrap_or(MASTER),
                "subdirectory": subdirectory,
            }),
            Self::Market {
                namespace,
                name,
                version,
            } => {
                let mut options = json!({"namespace": namespace, "name": name});
                if let Some(version) = version {
                    options["version"] = json!(version);
                }
                options
            }
            Self::Uninstall { plugin } | Self::Update { plugin } => {
                json!({"namespace": plugin.namespace, "name": plugin.name})
            }
            Self::UpdateAll => json!({}),
        }
    }
}

/// The branch that wazo-plugind builds unless another is named.
pub(super) const MASTER: &str = "master";

/// A URL without what is secret in it: the password, and a user's name where it may be a token. What is no URL has at most a
/// user before its host: `git@host:path` stays as it is.
fn without_credential(text: &str) -> String {
    let parsed = Url::parse(text).ok().filter(|url| !url.cannot_be_a_base());
    let Some(mut url) = parsed else {
        return match text.rsplit_once('@') {
            Some((user, rest)) if user != "git" => rest.to_owned(),
            _ => text.to_owned(),
        };
    };
    let is_web = ["http", "https"].contains(&url.scheme());
    let is_clean = url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if is_clean && (!is_web || url.username().is_empty()) {
        return text.to_owned();
    }
    url.set_query(None);
    url.set_fragment(None);
    // What has no host has no credential either.
    let without = url.set_password(None).is_ok() && (!is_web || url.set_username("").is_ok());
    match without || url.host_str().is_none() {
        true => url.to_string(),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_of_a_url_is_kept() {
        for (given, kept) in [
            (
                "https://me:hunter2@git.example.org/a.git",
                "https://git.example.org/a.git",
            ),
            (
                "https://hunter2@git.example.org/a.git",
                "https://git.example.org/a.git",
            ),
            ("https://git.example.org/a", "https://git.example.org/a"),
            (
                "ssh://git:hunter2@git.example.org/a",
                "ssh://git@git.example.org/a",
            ),
            ("ssh://git@git.example.org/a", "ssh://git@git.example.org/a"),
            ("git@git.example.org:a/b.git", "git@git.example.org:a/b.git"),
            ("hunter2@git.example.org:a/b.git", "git.example.org:a/b.git"),
            (
                "me:hunter2@git.example.org:a/b.git",
                "git.example.org:a/b.git",
            ),
            (
                "https://git.example.org/a?private_token=hunter2#hunter2",
                "https://git.example.org/a",
            ),
            ("file:///data/git/repo", "file:///data/git/repo"),
            ("/data/git/repo", "/data/git/repo"),
        ] {
            let Asked::Git { url, .. } = Asked::git(given, None, None) else {
                panic!("{given}");
            };
            assert_eq!(url, kept);
        }
    }

    #[test]
    fn options_are_the_requests_with_their_defaults() {
        let options = Asked::git("https://git.example.org/a", None, None).options();
        insta::assert_snapshot!(options, @r#"{"url":"https://git.example.org/a","ref":"master","subdirectory":null}"#);
        let market = Asked::Market {
            namespace: "demo".to_owned(),
            name: "hello".to_owned(),
            version: None,
        };
        insta::assert_snapshot!(market.options(), @r#"{"namespace":"demo","name":"hello"}"#);
        assert_eq!(market.plugin().unwrap().to_string(), "demo/hello");
    }
}
