//! What apt is asked to do for a request: a pure function of what is installed and what the farms offer.

use super::wire::{Refusal, RefusalCode};
use crate::apt::{Available, Installed, Packages, Policies, Upgrade, is_due, upgrade};
use crate::model::{DebianVersion, PluginId};

/// What is to become of one plugin.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Aim {
    /// This version, from the farm.
    Version {
        /// The farm's offer.
        offer: Box<Available>,
        /// Whether its files are installed again though dpkg has this version.
        again: bool,
    },
    /// Removed.
    Gone,
    /// Left as it is, for a reason if that needs a word.
    Stay {
        /// The reason.
        reason: Option<String>,
    },
}

/// A plugin, what there was of it, and what is to become of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Goal {
    pub(super) plugin: PluginId,
    /// The package, if dpkg had begun to install it.
    pub(super) before: Option<Installed>,
    pub(super) aim: Aim,
}

impl Goal {
    /// Whether apt has anything to do for it.
    pub(super) fn is_work(&self) -> bool {
        !matches!(self.aim, Aim::Stay { .. })
    }

    /// The word of the package on apt's command line.
    pub(super) fn word(&self) -> String {
        let package = self.plugin.package();
        match &self.aim {
            Aim::Version { offer, .. } => format!("{package}={}", offer.version),
            Aim::Gone | Aim::Stay { .. } => package,
        }
    }

    /// apt's options that this goal needs.
    pub(super) fn options(&self) -> Vec<&'static str> {
        let mut options = Vec::new();
        match (&self.aim, &self.before) {
            (Aim::Version { offer, again }, before) => {
                let lower = |one: &Installed| offer.version < one.version;
                if before.as_ref().is_some_and(lower) {
                    options.push("--allow-downgrades");
                }
                if *again {
                    options.push("--reinstall");
                }
            }
            (Aim::Gone, Some(before)) if before.reinstall_required => {
                options.push("--option=Dpkg::Options::=--force-remove-reinstreq");
            }
            _ => {}
        }
        options
    }
}

/// The goal of an installation.
pub(super) fn install(
    plugin: &PluginId,
    version: Option<&DebianVersion>,
    reinstall: bool,
    packages: &Packages,
    offers: &[Available],
) -> Result<Goal, Refusal> {
    let before = there(packages, plugin);
    let own: Vec<_> = offers.iter().filter(|one| one.plugin == *plugin).collect();
    let newest = own.first().ok_or_else(|| unknown_plugin(plugin))?;
    let have = before.as_ref().map(|before| &before.version);
    let wanted = match (version, have) {
        (Some(version), _) => version,
        // Nothing is downgraded unless somebody names the version.
        (None, Some(have)) if *have > newest.version && reinstall => have,
        (None, Some(have)) if *have > newest.version => {
            let reason = format!("{have} is installed, which is higher than the farm's");
            return Ok(stay(plugin, before, Some(reason)));
        }
        (None, _) => &newest.version,
    };
    let offer = own.iter().find(|one| one.version == *wanted);
    let offer = offer.ok_or_else(|| unknown_version(plugin, wanted, &own))?;
    if !reinstall && before.as_ref().is_some_and(|one| is_it(one, offer)) {
        return Ok(stay(plugin, before, None));
    }
    Ok(reach(plugin, before, offer, reinstall))
}

/// The goal of a removal.
pub(super) fn remove(plugin: &PluginId, packages: &Packages) -> Result<Goal, Refusal> {
    match there(packages, plugin) {
        Some(before) => Ok(Goal {
            plugin: plugin.clone(),
            before: Some(before),
            aim: Aim::Gone,
        }),
        None => Err(not_installed(plugin)),
    }
}

/// The goals of an update: of the named plugins, or of all that are installed.
pub(super) fn update(
    named: &[PluginId],
    packages: &Packages,
    offers: &[Available],
    policies: &Policies,
    machine_id: &str,
) -> Result<Vec<Goal>, Refusal> {
    let installed = packages.plugins.iter().filter(|one| !one.state.is_gone());
    let mut goals = Vec::new();
    for one in installed.filter(|one| named.is_empty() || named.contains(&one.plugin)) {
        goals.push(upgraded(one, offers, policies, machine_id));
    }
    let known = |plugin: &&PluginId| goals.iter().any(|goal| goal.plugin == **plugin);
    match named.iter().find(|plugin| !known(plugin)) {
        Some(missing) => Err(not_installed(missing)),
        None => Ok(goals),
    }
}

fn upgraded(
    installed: &Installed,
    offers: &[Available],
    policies: &Policies,
    machine_id: &str,
) -> Goal {
    let plugin = &installed.plugin;
    let before = Some(installed.clone());
    let own = offers.iter().filter(|one| one.plugin == *plugin);
    let own: Vec<_> = own.cloned().collect();
    let lets = |offer: &Available| policies.lets(&offer.package, &offer.version);
    match upgrade(installed, &own, lets, |offer| is_due(offer, machine_id)) {
        Upgrade::To(offer) => reach(plugin, before, offer, false),
        Upgrade::Newest => stay(plugin, before, None),
        Upgrade::Kept(why) => stay(plugin, before, Some(why.to_string())),
    }
}

/// Whether the farm's package of this version is installed whole.
fn is_it(installed: &Installed, offer: &Available) -> bool {
    installed.version == offer.version && installed.state.is_whole() && installed.from_farm
}

fn reach(plugin: &PluginId, before: Option<Installed>, offer: &Available, reinstall: bool) -> Goal {
    let same = before.as_ref().filter(|one| one.version == offer.version);
    // What a host built under the same version is replaced; what only waits for its script must not be fetched again, which
    // apt refuses.
    let again = same.is_some_and(|one| {
        let damaged = one.reinstall_required || !one.from_farm;
        damaged || (reinstall && one.state.is_whole())
    });
    Goal {
        plugin: plugin.clone(),
        before,
        aim: Aim::Version {
            offer: Box::new(offer.clone()),
            again,
        },
    }
}

fn stay(plugin: &PluginId, before: Option<Installed>, reason: Option<String>) -> Goal {
    Goal {
        plugin: plugin.clone(),
        before,
        aim: Aim::Stay { reason },
    }
}

fn there(packages: &Packages, plugin: &PluginId) -> Option<Installed> {
    let found = packages.plugin(plugin);
    found.filter(|one| !one.state.is_gone()).cloned()
}

fn not_installed(plugin: &PluginId) -> Refusal {
    Refusal {
        code: RefusalCode::NotInstalled,
        message: format!("the plugin {plugin} is not installed"),
        hint: "look at what is installed: `dpkg --list 'wazo-plugind-*'`".to_owned(),
    }
}

fn unknown_plugin(plugin: &PluginId) -> Refusal {
    Refusal {
        code: RefusalCode::UnknownPlugin,
        message: format!("no farm that this host follows offers the plugin {plugin}"),
        hint: "see that it is published in the channel and for the Debian release of this host"
            .to_owned(),
    }
}

fn unknown_version(plugin: &PluginId, wanted: &DebianVersion, own: &[&Available]) -> Refusal {
    let offered: Vec<_> = own
        .iter()
        .take(20)
        .map(|one| one.version.as_str())
        .collect();
    Refusal {
        code: RefusalCode::UnknownVersion,
        message: format!("no farm that this host follows offers {plugin} in version {wanted}"),
        hint: format!("choose one of: {}", offered.join(", ")),
    }
}

#[cfg(test)]
mod tests;
