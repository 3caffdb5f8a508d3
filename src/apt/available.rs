//! What the farm offers to this host: the plugins in its signed indices.

use std::collections::BTreeMap;

use super::index::Index;
use crate::deb::control::Paragraph;
use crate::deb::package::PLUGIN_SECTION;
use crate::evidence::APPROVALS_FIELD;
use crate::model::{DebianVersion, FarmName, PluginId, Sha256};

/// The most packages that one index may list.
const MAX_PACKAGES: usize = 200_000;
/// The most approvals that one package may have in a suite.
const MAX_APPROVALS: usize = 32;

/// A version of a plugin that this host can get from a farm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// The plugin.
    pub plugin: PluginId,
    /// The version in the plugin's manifest.
    pub plugin_version: Option<String>,
    /// The lowest Wazo version that it works with.
    pub min_wazo_version: Option<String>,
    /// The highest.
    pub max_wazo_version: Option<String>,
    /// The digest of the .deb.
    pub sha256: Sha256,
    /// Its size, in bytes.
    pub size: u64,
    /// The share of hosts that upgrade to it by themselves, in percent (`Phased-Update-Percentage`); all, if there is none.
    pub phased: Option<u8>,
    /// The whole paragraph: `Description`, `Homepage`, `Depends` and the rest.
    pub fields: Paragraph,
    /// The farm.
    pub farm: FarmName,
    /// The repository's address, with a slash at the end.
    pub repository: String,
    /// The suite that lists it.
    pub suite: String,
    /// Every suite that lists it, and the digests of the approvals that let it in there; a suite may ask for none.
    pub approvals: BTreeMap<String, Vec<Sha256>>,
}

/// The plugins of an index. A paragraph that is none, or another package's, is passed over.
pub(super) fn read(index: &Index, farm: &FarmName, repository: &str) -> Vec<Available> {
    let paragraphs = index.text.split("\n\n").take(MAX_PACKAGES);
    let paragraphs = paragraphs.filter(|text| !text.trim().is_empty());
    paragraphs
        .filter_map(|text| plugin(text, index, farm, repository))
        .collect()
}

fn plugin(text: &str, index: &Index, farm: &FarmName, repository: &str) -> Option<Available> {
    let fields = Paragraph::parse(text).ok()?;
    let package = fields.get("Package")?.to_owned();
    let plugin = PluginId::of_package(&package)?;
    let own = |name: &str| fields.get(name).map(str::to_owned);
    if fields.get("Section") != Some(PLUGIN_SECTION) {
        return None;
    }
    Some(Available {
        version: DebianVersion::new(fields.get("Version")?).ok()?,
        plugin_version: own("Wazo-Plugin-Version"),
        min_wazo_version: own("Wazo-Min-Version"),
        max_wazo_version: own("Wazo-Max-Version"),
        sha256: fields.get("SHA256")?.parse().ok()?,
        size: fields.get("Size")?.parse().ok()?,
        phased: percentage(&fields),
        farm: farm.clone(),
        repository: repository.to_owned(),
        suite: index.suite.clone(),
        approvals: BTreeMap::from([(index.suite.clone(), approvals(&fields)?)]),
        package,
        plugin,
        fields,
    })
}

/// The digests of the approvals; none, if the paragraph says what cannot be followed.
fn approvals(fields: &Paragraph) -> Option<Vec<Sha256>> {
    let named = fields.get(APPROVALS_FIELD).unwrap_or_default();
    let digests = named.split_whitespace().map(|digest| digest.parse().ok());
    let digests: Option<Vec<_>> = digests.take(MAX_APPROVALS + 1).collect();
    digests.filter(|digests| digests.len() <= MAX_APPROVALS)
}

/// apt reads what is no number up to 100 as no phasing.
fn percentage(fields: &Paragraph) -> Option<u8> {
    let percent = fields.get("Phased-Update-Percentage")?.parse().ok();
    percent.filter(|percent| *percent < 100)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(text: &str) -> Vec<Available> {
        let index = Index {
            text: text.to_owned(),
            suite: "bookworm".to_owned(),
        };
        read(&index, &FarmName::local(), "http://farm/")
    }

    fn stanza(package: &str, section: &str, more: &str) -> String {
        let digest = Sha256::of(b"x");
        format!(
            "Package: {package}\nVersion: 1.0-0+deb12u1\nArchitecture: all\nSection: {section}\n{more}Size: 3\nSHA256: {digest}\n"
        )
    }

    #[test]
    fn plugins_are_listed_with_what_the_farm_says_of_them() {
        let fields = "Wazo-Plugin-Version: 1.0\nWazo-Min-Version: 23.01\nPhased-Update-Percentage: 20\nDescription: words\n";
        let text = [
            stanza("wazo-plugind-a-demo", PLUGIN_SECTION, fields),
            stanza("wazo-plugind-b-demo", PLUGIN_SECTION, ""),
        ];
        let found = list(&text.join("\n"));
        let [a, b] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(a.plugin.to_string(), "demo/a");
        assert_eq!(a.plugin_version.as_deref(), Some("1.0"));
        assert_eq!(a.min_wazo_version.as_deref(), Some("23.01"));
        assert_eq!((a.phased, b.phased), (Some(20), None));
        assert_eq!(a.fields.get("Description"), Some("words"));
        assert_eq!(a.size, 3);
    }

    #[test]
    fn approvals_are_listed_or_the_package_is_not() {
        let digest = Sha256::of(b"approval").to_string();
        let list_with = |named: &str| {
            let field = format!("{APPROVALS_FIELD}: {named}\n");
            list(&stanza("wazo-plugind-a-demo", PLUGIN_SECTION, &field))
        };
        let found = list_with(&format!("{digest} {digest}"));
        assert_eq!(found[0].approvals["bookworm"].len(), 2);
        for bad in ["none", &digest.repeat(2), &format!("{digest} ").repeat(33)] {
            assert_eq!(list_with(bad), [], "{bad}");
        }
    }

    #[test]
    fn what_is_no_plugin_is_not_listed() {
        for (package, section) in [
            ("wazo-plugind-cli", PLUGIN_SECTION),
            ("wazo-plugind", PLUGIN_SECTION),
            ("plugfarm-local-keyring", "misc"),
            ("wazo-plugind-a-demo", "misc"),
            ("wazo-plugind-a-Demo", PLUGIN_SECTION),
        ] {
            assert_eq!(list(&stanza(package, section, "")), [], "{package}");
        }
        let broken = stanza("wazo-plugind-a-demo", PLUGIN_SECTION, "").replace("SHA256", "MD5sum");
        assert_eq!(list(&broken), []);
    }

    proptest! {
        #[test]
        fn no_index_makes_the_reader_panic(text in "(Package|Version|Section|SHA256|Size|[a-z: \n])*") {
            prop_assert!(list(&text).is_empty());
        }
    }
}
