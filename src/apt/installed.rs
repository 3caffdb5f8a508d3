//! What dpkg has of plugins, whoever built them.

use std::str::FromStr;

use super::AptError;
use super::command::ask;
use crate::deb::package::PLUGIN_SECTION;
use crate::model::{DebianVersion, PluginId};

/// A package of a plugin that dpkg knows of. wazo-plugind's own packages are among them; its programs are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The package's name.
    pub package: String,
    /// Its version; a package that only left configuration files has the one that was removed.
    pub version: DebianVersion,
    /// How far dpkg got with it.
    pub state: PackageState,
    /// Whether dpkg says that it is damaged and must be installed again before anything else.
    pub reinstall_required: bool,
    /// Whether it is held at its version (`apt-mark hold`).
    pub held: bool,
    /// The plugin.
    pub plugin: PluginId,
    /// The version in the plugin's manifest, as far as the package says it: those that hosts built do not.
    pub plugin_version: Option<String>,
    /// Whether the package says that a farm built it. `plugfarm-host verify` is what proves it.
    pub from_farm: bool,
}

/// dpkg's states of a package (dpkg(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageState {
    /// It is not there.
    NotInstalled,
    /// It was removed, and left configuration files.
    ConfigFiles,
    /// Its installation was begun and not completed.
    HalfInstalled,
    /// Its files are there; no script has configured it.
    Unpacked,
    /// A script began to configure it, and failed or was interrupted.
    HalfConfigured,
    /// Another package's trigger must run before it counts as installed.
    TriggersAwaited,
    /// Its own trigger must run before it counts as installed.
    TriggersPending,
    /// It is installed and configured.
    Installed,
}

impl PackageState {
    /// Whether it is there as it should be.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self == Self::Installed
    }

    /// Whether neither its files are there nor a script has yet to run.
    #[must_use]
    pub fn is_gone(self) -> bool {
        matches!(self, Self::NotInstalled | Self::ConfigFiles)
    }

    /// dpkg's own word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotInstalled => "not-installed",
            Self::ConfigFiles => "config-files",
            Self::HalfInstalled => "half-installed",
            Self::Unpacked => "unpacked",
            Self::HalfConfigured => "half-configured",
            Self::TriggersAwaited => "triggers-awaited",
            Self::TriggersPending => "triggers-pending",
            Self::Installed => "installed",
        }
    }
}

impl FromStr for PackageState {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let all = [
            Self::NotInstalled,
            Self::ConfigFiles,
            Self::HalfInstalled,
            Self::Unpacked,
            Self::HalfConfigured,
            Self::TriggersAwaited,
            Self::TriggersPending,
            Self::Installed,
        ];
        all.into_iter().find(|state| state.word() == word).ok_or(())
    }
}

/// A package that dpkg has not finished with, whatever it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Unfinished {
    /// Its name.
    pub package: String,
    /// How far dpkg got.
    pub state: PackageState,
    /// Whether dpkg says that it must be installed again before anything else.
    pub reinstall_required: bool,
}

/// Everything that dpkg says about packages here that matters to plugins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packages {
    /// The plugins' packages, by name.
    pub plugins: Vec<Installed>,
    /// The packages that dpkg has not finished with, plugins' among them.
    pub unfinished: Vec<Unfinished>,
}

impl Packages {
    /// The package of a plugin.
    #[must_use]
    pub fn plugin(&self, plugin: &PluginId) -> Option<&Installed> {
        self.plugins.iter().find(|one| one.plugin == *plugin)
    }
}

const FORMAT: &str = "${Package}\t${Version}\t${db:Status-Want}\t${db:Status-Status}\t${db:Status-Eflag}\t${Section}\t${Wazo-Plugin}\t${Wazo-Plugin-Version}\n";

/// Asks dpkg for all packages.
pub(super) async fn packages() -> Result<Packages, AptError> {
    let format = format!("--showformat={FORMAT}");
    let answer = ask("dpkg-query", &["--show", &format]).await?;
    Ok(read(&String::from_utf8_lossy(&answer)))
}

fn read(answer: &str) -> Packages {
    let mut packages = Packages::default();
    for line in answer.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let [
            package,
            version,
            want,
            state,
            flag,
            section,
            claim,
            plugin_version,
        ] = fields[..]
        else {
            continue;
        };
        let Ok(state) = state.parse::<PackageState>() else {
            continue;
        };
        let reinstall_required = flag == "reinstreq";
        if (!state.is_whole() && !state.is_gone()) || reinstall_required {
            packages.unfinished.push(Unfinished {
                package: package.to_owned(),
                state,
                reinstall_required,
            });
        }
        let plugin = PluginId::of_package(package).filter(|_| section == PLUGIN_SECTION);
        let version = DebianVersion::new(version).ok();
        if let (Some(plugin), Some(version)) = (plugin, version) {
            packages.plugins.push(Installed {
                package: package.to_owned(),
                version,
                state,
                reinstall_required,
                held: want == "hold",
                from_farm: claim == plugin.to_string(),
                plugin,
                plugin_version: Some(plugin_version.to_owned()).filter(|text| !text.is_empty()),
            });
        }
    }
    packages.plugins.sort_by(|a, b| a.package.cmp(&b.package));
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "\
wazo-plugind-b-demo\t2.0-0+deb12u1\tinstall\tinstalled\tok\twazo-plugind-plugin\tdemo/b\t2.0\n\
wazo-plugind-a-demo\t1.0\thold\thalf-configured\tok\twazo-plugind-plugin\t\t\n\
wazo-plugind-cli\t1.0\tinstall\tinstalled\tok\twazo-plugind-plugin\t\t\n\
wazo-plugind\t1.0\tinstall\tinstalled\tok\tpython\t\t\n\
wazo-plugind-x-demo\t1.0\tinstall\tinstalled\tok\tmisc\tdemo/x\t1.0\n\
wazo-plugind-gone-demo\t\tunknown\tnot-installed\tok\twazo-plugind-plugin\t\t\n\
wazo-plugind-left-demo\t3.0\tdeinstall\tconfig-files\tok\twazo-plugind-plugin\t\t\n\
other\t1.0\tinstall\thalf-installed\treinstreq\tmisc\t\t\n\
nonsense\n";

    #[test]
    fn plugins_are_told_by_section_and_name() {
        let packages = read(ANSWER);
        let named: Vec<_> = packages
            .plugins
            .iter()
            .map(|one| (one.plugin.to_string(), one.state.word(), one.from_farm))
            .collect();
        assert_eq!(
            named,
            [
                ("demo/a".to_owned(), "half-configured", false),
                ("demo/b".to_owned(), "installed", true),
                ("demo/left".to_owned(), "config-files", false),
            ]
        );
        let b = packages.plugin(&"demo/b".parse().unwrap()).unwrap();
        assert_eq!(b.plugin_version.as_deref(), Some("2.0"));
        assert_eq!((packages.plugins[0].held, b.held), (true, false));
    }

    #[test]
    fn whatever_dpkg_has_not_finished_is_told() {
        let unfinished = read(ANSWER).unfinished;
        let named: Vec<_> = unfinished
            .iter()
            .map(|one| (one.package.as_str(), one.reinstall_required))
            .collect();
        assert_eq!(named, [("wazo-plugind-a-demo", false), ("other", true)]);
    }
}
