//! Whether a version of a plugin may be installed on this host, and which one is.

use serde_json::{Map, Value, json};

use crate::apt::{Available, Installed};
use crate::plugin::WazoVersion;

/// The bounds that a plugin sets on Wazo's version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bounds<'a> {
    pub(super) min: Option<&'a str>,
    pub(super) max: Option<&'a str>,
}

impl<'a> Bounds<'a> {
    pub(super) fn of(offer: &'a Available) -> Self {
        Self {
            min: offer.min_wazo_version.as_deref(),
            max: offer.max_wazo_version.as_deref(),
        }
    }

    /// Whether there are any.
    pub(super) fn are_set(self) -> bool {
        self.min.is_some() || self.max.is_some()
    }

    /// What is wrong with them for a Wazo of this version, by field as wazo-plugind says it. Numbers are compared as numbers.
    pub(super) fn wrong(self, wazo: &WazoVersion) -> Option<Value> {
        let parsed = |text: Option<&str>| text.and_then(|text| WazoVersion::new(text).ok());
        let mut wrong = Map::new();
        if parsed(self.max).is_some_and(|max| max < *wazo) {
            let message = format!("Must be greater than or equal to {wazo}.");
            wrong.insert("max_wazo_version".to_owned(), range(&message, "min", wazo));
        }
        if parsed(self.min).is_some_and(|min| min > *wazo) {
            let message = format!("Must be less than or equal to {wazo}.");
            wrong.insert("min_wazo_version".to_owned(), range(&message, "max", wazo));
        }
        (!wrong.is_empty()).then_some(Value::Object(wrong))
    }
}

fn range(message: &str, side: &str, wazo: &WazoVersion) -> Value {
    json!({
        "message": message,
        "constraint_id": "range",
        "constraint": {side: wazo.as_str()},
    })
}

/// What a request for a published plugin comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Choice<'a> {
    /// This version is installed.
    Install(&'a Available),
    /// What was asked for is installed already.
    There,
    /// What is installed is higher than anything that is published, and nobody named a version.
    Higher(&'a Installed),
    /// Nothing is published of the plugin.
    NoPlugin,
    /// No such version is published.
    NoVersion,
    /// It is not for this host's Wazo: by field, what is wrong.
    Unfit(&'a Available, Value),
}

/// Chooses among what is published of a plugin, the highest first. `version` is the manifest's. `wazo` is needed where the
/// offers have bounds.
pub(super) fn choose<'a>(
    offers: &'a [Available],
    installed: Option<&'a Installed>,
    (version, reinstall): (Option<&str>, bool),
    wazo: Option<&WazoVersion>,
) -> Choice<'a> {
    let named =
        |offer: &&Available| version.is_none_or(|version| manifest_version(offer) == version);
    let mut wanted = offers.iter().filter(named).peekable();
    let Some(highest) = wanted.peek().copied() else {
        return match offers {
            [] => Choice::NoPlugin,
            _ => Choice::NoVersion,
        };
    };
    let wrong = |offer: &Available| wazo.and_then(|wazo| Bounds::of(offer).wrong(wazo));
    let Some(offer) = wanted.find(|offer| wrong(offer).is_none()) else {
        return Choice::Unfit(highest, wrong(highest).unwrap_or_default());
    };
    match installed.filter(|one| one.state.is_whole() && !one.reinstall_required) {
        Some(one) if !reinstall && installed_version(one) == manifest_version(offer) => {
            Choice::There
        }
        Some(one) if version.is_none() && one.version > offer.version => Choice::Higher(one),
        _ => Choice::Install(offer),
    }
}

/// The version in the manifest of a plugin that is published.
pub(super) fn manifest_version(offer: &Available) -> &str {
    let own = offer.plugin_version.as_deref();
    own.unwrap_or_else(|| offer.version.as_str())
}

/// The version in the manifest of a plugin that is installed. Packages that wazo-plugind made have it as their own.
pub(super) fn installed_version(installed: &Installed) -> &str {
    let own = installed.plugin_version.as_deref();
    own.unwrap_or_else(|| installed.version.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::jobs::sample::{installed, offer};

    fn wazo(text: &str) -> WazoVersion {
        WazoVersion::new(text).unwrap()
    }

    #[test]
    fn bounds_are_compared_as_numbers_and_told_as_wazo_plugind_tells_them() {
        let bounds = |min, max| Bounds { min, max };
        assert_eq!(
            bounds(Some("9.10"), Some("100.01")).wrong(&wazo("17.10")),
            None
        );
        assert_eq!(
            bounds(Some("17.10"), Some("17.10")).wrong(&wazo("17.10")),
            None
        );
        let wrong = bounds(None, Some("17.05")).wrong(&wazo("17.10")).unwrap();
        insta::assert_snapshot!(wrong, @r#"{"max_wazo_version":{"message":"Must be greater than or equal to 17.10.","constraint_id":"range","constraint":{"min":"17.10"}}}"#);
        let wrong = bounds(Some("17.11"), None).wrong(&wazo("17.10")).unwrap();
        insta::assert_snapshot!(wrong, @r#"{"min_wazo_version":{"message":"Must be less than or equal to 17.10.","constraint_id":"range","constraint":{"max":"17.10"}}}"#);
    }

    #[test]
    fn the_highest_that_fits_is_installed_unless_a_version_is_named() {
        let mut offers = [
            offer("demo/a", "3.0"),
            offer("demo/a", "2.0"),
            offer("demo/a", "1.0"),
        ];
        offers[0].min_wazo_version = Some("25.01".to_owned());
        let wazo = wazo("24.10");
        let choose = |installed, version, again| match choose(
            &offers,
            installed,
            (version, again),
            Some(&wazo),
        ) {
            Choice::Install(offer) => format!("install {}", manifest_version(offer)),
            Choice::Higher(_) => "higher".to_owned(),
            Choice::Unfit(offer, _) => format!("unfit {}", manifest_version(offer)),
            other => format!("{other:?}"),
        };
        assert_eq!(choose(None, None, false), "install 2.0");
        assert_eq!(choose(None, Some("1.0"), false), "install 1.0");
        assert_eq!(choose(None, Some("3.0"), false), "unfit 3.0");
        assert_eq!(choose(None, Some("4.0"), false), "NoVersion");
        let two = installed("demo/a", "2.0");
        assert_eq!(choose(Some(&two), None, false), "There");
        assert_eq!(choose(Some(&two), None, true), "install 2.0");
        assert_eq!(choose(Some(&two), Some("1.0"), false), "install 1.0");
        let mut local = installed("demo/a", "2.5");
        (local.plugin_version, local.from_farm) = (None, false);
        assert_eq!(choose(Some(&local), None, false), "higher");
        assert_eq!(choose(Some(&local), Some("2.0"), false), "install 2.0");
        let mut half = installed("demo/a", "2.0");
        half.state = crate::apt::PackageState::HalfConfigured;
        assert_eq!(choose(Some(&half), None, false), "install 2.0");
    }

    #[test]
    fn test_is_installed() {
        let offers = [offer("demo/a", "0.0.1-5"), offer("demo/a", "0.0.1")];
        let there = |version: &str, asked| {
            let installed = installed("demo/a", version);
            choose(&offers, Some(&installed), (asked, false), None) == Choice::There
        };
        assert!(there("0.0.1", Some("0.0.1")));
        assert!(there("0.0.1-5", Some("0.0.1-5")));
        assert!(!there("0.0.1", Some("0.0.1-5")));
        assert!(!there("0.0.1-5", Some("0.0.1")));
        assert!(there("0.0.1-5", None));
        let asked = (Some("0.0.1"), false);
        assert_ne!(choose(&offers, None, asked, None), Choice::There);
    }
}
