//! What goes over the helper's socket: one request, a line of JSON; then answers, a line of JSON each, the last of which is
//! [`Answer::Done`] or [`Answer::Refused`].

use serde::{Deserialize, Serialize};

use crate::apt::{PackageState, Unfinished};
use crate::model::{DebianVersion, PluginId};

/// The most bytes that a request may have.
pub const MAX_REQUEST: usize = 64 << 10;
/// The most bytes that a line of an answer may have.
pub const MAX_ANSWER: usize = 4 << 20;

/// The helper's verbs. A request names plugins, never packages or files: which package that is, the helper says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Installs a plugin, or brings it to another version.
    Install {
        /// The plugin.
        plugin: PluginId,
        /// The package's version, exactly; a lower one than the installed one is a downgrade. Without it, the highest that
        /// a farm offers, unless a higher one is installed, which is kept.
        version: Option<DebianVersion>,
        /// Whether what is installed already is installed again.
        #[serde(default)]
        reinstall: bool,
    },
    /// Removes a plugin, and what needs it of other plugins. Its configuration files stay, as `apt-get remove` leaves them.
    Remove {
        /// The plugin.
        plugin: PluginId,
    },
    /// Brings plugins to the highest versions that it is this host's turn for. A higher one that is installed is kept.
    Update {
        /// Which; all that are installed, if there are none.
        #[serde(default)]
        plugins: Vec<PluginId>,
    },
    /// Fetches the farms' indices, and no other source's.
    Refresh,
}

/// A line of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// What the helper does now.
    Step {
        /// It.
        step: Step,
    },
    /// A line that apt, dpkg or a script printed.
    Output {
        /// The line, without its end; control characters are escaped.
        line: String,
    },
    /// The request was carried out, or failed on the way: its report says which.
    Done {
        /// What became of it.
        report: Report,
    },
    /// The request was not begun.
    Refused {
        /// Why.
        refusal: Refusal,
    },
}

/// What the helper does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// It waits until an earlier request is done.
    Waiting,
    /// It fetches the farms' indices.
    Refreshing,
    /// apt works.
    Working,
}

/// Why a request was not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// What is wrong, in words.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// The reasons for which nothing is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalCode {
    /// The request cannot be read, or is over a limit.
    BadRequest,
    /// Too many requests wait.
    Busy,
    /// No farm offers the plugin.
    UnknownPlugin,
    /// No farm offers this version of it.
    UnknownVersion,
    /// The plugin is not installed.
    NotInstalled,
    /// This host follows no farm, or its index cannot be believed.
    NoFarm,
    /// apt or dpkg cannot be asked.
    Unavailable,
}

/// What became of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The plugins that were asked for, and others that were removed with one.
    pub plugins: Vec<Change>,
    /// What failed; nothing, if everything that was asked for came about.
    pub failures: Vec<Diagnosis>,
    /// Other packages that dpkg has not finished with. They were in that state before, or apt left them in it; this request
    /// did not fail for it.
    pub unfinished: Vec<Unfinished>,
}

impl Report {
    /// Whether everything that was asked for came about.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.failures.is_empty()
    }
}

/// What became of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The plugin.
    pub plugin: PluginId,
    /// Its package.
    pub package: String,
    /// What was done.
    pub did: Did,
    /// The version before, if it was installed.
    pub before: Option<DebianVersion>,
    /// The version now, if it is installed.
    pub after: Option<DebianVersion>,
    /// What dpkg says of it now.
    pub state: PackageState,
    /// Why nothing was done, where that needs a word.
    pub reason: Option<String>,
}

/// What was done with a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Did {
    /// It was not there before.
    Installed,
    /// It has a higher version.
    Upgraded,
    /// It has a lower version.
    Downgraded,
    /// The same version was installed again.
    Reinstalled,
    /// Its files were there, and its script has now configured it.
    Configured,
    /// It was removed.
    Removed,
    /// It is as it was, and as it was asked for.
    Unchanged,
    /// It is as it was, for a reason.
    Kept,
    /// What was asked for did not come about.
    Failed,
}

/// Whose fault a failure is, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The plugin's own script.
    Plugin,
    /// apt, dpkg or this host: a mirror, a lock, the disk, a dependency.
    Apt,
    /// The farm: a signature, a digest, a file that is not there.
    Farm,
    /// A service of Wazo that the plugin's script needs.
    Service,
    /// It cannot be told.
    Unknown,
}

/// A failure, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Whose fault it is.
    pub cause: Cause,
    /// For programs, such as `script-failed` or `unmet-dependency`.
    pub code: String,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// The package that failed, where one did.
    pub package: Option<String>,
    /// The maintainer script that failed, such as `postinst`.
    pub script: Option<String>,
    /// The step of the plugin's `rules` that the script runs, such as `install`.
    pub step: Option<String>,
    /// The script's exit status.
    pub exit_status: Option<i32>,
    /// The end of what the script printed, or of what apt did.
    pub output: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_of_the_verbs_about_plugins() {
        let read = |text: &str| serde_json::from_str::<Request>(text);
        let plugin = r#"{"namespace":"demo","name":"hello"}"#;
        let install = read(&format!(
            r#"{{"verb":"install","plugin":{plugin},"version":"1.0-0+deb12u1"}}"#
        ));
        let expected = Request::Install {
            plugin: "demo/hello".parse().unwrap(),
            version: Some(DebianVersion::new("1.0-0+deb12u1").unwrap()),
            reinstall: false,
        };
        assert_eq!(install.unwrap(), expected);
        assert_eq!(read(r#"{"verb":"refresh"}"#).unwrap(), Request::Refresh);
        for bad in [
            r#"{"verb":"purge"}"#,
            r#"{"verb":"install"}"#,
            r#"{"verb":"install","plugin":{"namespace":"a b","name":"x"}}"#,
            r#"{"verb":"install","plugin":{"namespace":"demo","name":"x; rm -rf /"}}"#,
            r#"{"verb":"remove","package":"bash"}"#,
            r#"{"verb":"remove","plugin":{"namespace":"demo","name":"hello"},"package":"bash"}"#,
            r#"{"verb":"install","plugin":{"namespace":"demo","name":"hello"},"version":"1.0 -o X=y"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
