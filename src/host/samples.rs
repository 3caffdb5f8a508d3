//! Packages for tests.

use super::shelf::{Asked, Shelf};
use crate::apt::{Available, Installed, PackageState};
use crate::deb::control::Paragraph;
use crate::model::{DebianVersion, FarmName, PluginId, Sha256};

/// What a test says is there.
#[derive(Default, Clone)]
pub(super) struct Fixed {
    pub(super) installed: Vec<Installed>,
    pub(super) available: Vec<Available>,
}

impl Shelf for Fixed {
    fn installed(&self) -> Asked<'_, Vec<Installed>> {
        Box::pin(async { Ok(self.installed.clone()) })
    }

    fn available(&self) -> Asked<'_, Vec<Available>> {
        Box::pin(async { Ok(self.available.clone()) })
    }
}

pub(super) fn installed(plugin: &str, version: &str, manifest: Option<&str>) -> Installed {
    let plugin: PluginId = plugin.parse().unwrap();
    Installed {
        package: plugin.package(),
        version: DebianVersion::new(version).unwrap(),
        state: PackageState::Installed,
        reinstall_required: false,
        held: false,
        from_farm: manifest.is_some(),
        plugin,
        plugin_version: manifest.map(str::to_owned),
    }
}

/// A version that the farm offers, with more fields, such as `Wazo-Min-Version: 1`.
pub(super) fn available(plugin: &str, version: &str, fields: &str) -> Available {
    let plugin: PluginId = plugin.parse().unwrap();
    let fields = Paragraph::parse(&format!(
        "Package: {}\nWazo-Plugin-Version: {version}\n{fields}",
        plugin.package()
    ))
    .unwrap();
    let own = |name: &str| fields.get(name).map(str::to_owned);
    Available {
        package: plugin.package(),
        version: DebianVersion::new(&format!("{version}-0+deb12u1")).unwrap(),
        plugin_version: own("Wazo-Plugin-Version"),
        min_wazo_version: own("Wazo-Min-Version"),
        max_wazo_version: own("Wazo-Max-Version"),
        sha256: Sha256::of(version.as_bytes()),
        size: 3,
        phased: None,
        farm: FarmName::local(),
        repository: "http://farm/".to_owned(),
        suite: "bookworm".to_owned(),
        approvals: Default::default(),
        plugin,
        fields,
    }
}
