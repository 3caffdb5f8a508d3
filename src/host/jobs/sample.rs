//! What is published and installed, for tests.

use crate::apt::{Available, Installed, PackageState};
use crate::deb::control::Paragraph;
use crate::model::{FarmName, PluginId, PluginVersion, Sha256, Target};

pub(super) fn offer(plugin: &str, version: &str) -> Available {
    let plugin: PluginId = plugin.parse().unwrap();
    let package = plugin.package();
    let packaged = PluginVersion::new(version).unwrap();
    Available {
        version: packaged.packaged(Target::Bookworm, 1),
        plugin_version: Some(version.to_owned()),
        min_wazo_version: None,
        max_wazo_version: None,
        sha256: Sha256::of(version.as_bytes()),
        size: 1,
        phased: None,
        fields: Paragraph::parse(&format!("Package: {package}\n")).unwrap(),
        farm: FarmName::local(),
        repository: String::new(),
        suite: "bookworm".to_owned(),
        approvals: Default::default(),
        package,
        plugin,
    }
}

pub(super) fn installed(plugin: &str, version: &str) -> Installed {
    let offer = offer(plugin, version);
    Installed {
        package: offer.package,
        version: offer.version,
        state: PackageState::Installed,
        reinstall_required: false,
        held: false,
        plugin: offer.plugin,
        plugin_version: offer.plugin_version,
        from_farm: true,
    }
}
