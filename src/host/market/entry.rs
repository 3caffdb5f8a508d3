//! Entries of the market: from what apt has, and from what a server says.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::version::{compare, compare_wazo};
use super::{Elsewhere, Entry};
use crate::apt::Available;
use crate::host::plugins::{self, Version};
use crate::model::PluginId;

/// What this host is and has.
pub(super) struct Here {
    /// The version of Wazo, if it is known; without it, no limit is met.
    pub(super) wazo: Option<String>,
    pub(super) installed: BTreeMap<PluginId, Version>,
}

impl Here {
    fn installed(&self, namespace: &str, name: &str) -> Option<&Version> {
        let id = format!("{namespace}/{name}").parse().ok()?;
        self.installed.get(&id)
    }

    fn fits(&self, min: Option<&str>, max: Option<&str>) -> bool {
        let is = |limit: Option<&str>, wrong: Ordering| match (limit, &self.wazo) {
            (None, _) => true,
            (Some(limit), Some(wazo)) => compare_wazo(wazo, limit) != wrong,
            (Some(_), None) => false,
        };
        is(min, Ordering::Less) && is(max, Ordering::Greater)
    }
}

pub(super) fn is_named(entry: &Entry, namespace: &str, name: &str) -> bool {
    let is = |key: &str, text: &str| entry.get(key).and_then(Value::as_str) == Some(text);
    is("namespace", namespace) && is("name", name)
}

pub(super) fn is_same(a: &Entry, b: &Entry) -> bool {
    a.get("name") == b.get("name") && a.get("namespace") == b.get("namespace")
}

/// An entry for each plugin, from its versions, which stand together with the highest first.
pub(super) fn of_farms(offers: &[Available], here: &Here) -> Vec<Entry> {
    let plugins = offers.chunk_by(|a, b| a.plugin == b.plugin);
    plugins.filter_map(|offers| of_farm(offers, here)).collect()
}

fn of_farm(offers: &[Available], here: &Here) -> Option<Entry> {
    let newest = offers.first()?;
    let installed = here.installed.get(&newest.plugin);
    let (namespace, name) = (
        newest.plugin.namespace.as_str(),
        newest.plugin.name.as_str(),
    );
    let mut entry = Entry::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            entry.insert(key.to_owned(), value);
        }
    };
    let field = |name: &str| newest.fields.get(name).map(Value::from);
    let (short, long) = described(newest.fields.get("Description").unwrap_or_default());
    put("homepage", field("Homepage"));
    put("display_name", field("Wazo-Display-Name"));
    put("name", Some(name.into()));
    put("namespace", Some(namespace.into()));
    let tags = newest.fields.get("Wazo-Tags").unwrap_or_default();
    let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
    put("tags", Some(tags.collect()));
    put("author", field("Wazo-Author"));
    let mut versions: Vec<Value> = Vec::new();
    for offer in offers {
        let manifest = manifest(offer);
        // A package that was built again is the same version of the plugin: the highest counts.
        if !versions.iter().any(|known| known["version"] == manifest) {
            versions.push(version(offer, installed, here));
        }
    }
    put("versions", Some(versions.into()));
    put("description", Some(long.into()));
    put("short_description", Some(short.into()));
    put("license", field("Wazo-License"));
    put("installed_version", Some(installed_version(installed)));
    Some(entry)
}

/// The version in the manifest; what was published without it has the package's.
fn manifest(offer: &Available) -> String {
    let own = offer.plugin_version.clone();
    own.unwrap_or_else(|| offer.version.to_string())
}

fn version(offer: &Available, installed: Option<&Version>, here: &Here) -> Value {
    let manifest = manifest(offer);
    let (min, max) = (&offer.min_wazo_version, &offer.max_wazo_version);
    let newer = installed.is_none_or(|installed| {
        installed.manifest.as_deref() != Some(&manifest) && installed.package < offer.version
    });
    let mut version = Entry::new();
    let mut put = |key: &str, value: Value| version.insert(key.to_owned(), value);
    put(
        "upgradable",
        (newer && here.fits(min.as_deref(), max.as_deref())).into(),
    );
    put("version", manifest.as_str().into());
    if let Some(min) = min {
        put("min_wazo_version", min.as_str().into());
    }
    if let Some(max) = max {
        put("max_wazo_version", max.as_str().into());
    }
    put("method", "market".into());
    let plugin = &offer.plugin;
    put(
        "options",
        json!({"namespace": plugin.namespace.as_str(), "name": plugin.name.as_str(), "version": manifest}),
    );
    put("package", offer.package.as_str().into());
    put("package_version", offer.version.to_string().into());
    put("sha256", offer.sha256.to_string().into());
    put("size", offer.size.into());
    put("farm", offer.farm.as_str().into());
    Value::Object(version)
}

fn installed_version(installed: Option<&Version>) -> Value {
    let version = installed.map(|installed| {
        let manifest = installed.manifest.clone();
        manifest.unwrap_or_else(|| installed.package.to_string())
    });
    version.into()
}

/// The first line and the rest of a control file's Description (Debian Policy 5.6.13), without its marks.
fn described(text: &str) -> (String, String) {
    let (synopsis, rest) = text.split_once('\n').unwrap_or((text, ""));
    let lines = rest.lines().map(|line| match line.trim() {
        "." => "",
        line => line,
    });
    let rest: Vec<_> = lines.collect();
    let (synopsis, rest) = (synopsis.trim(), rest.join("\n"));
    let long = match rest.as_str() {
        "" => synopsis.to_owned(),
        rest => format!("{synopsis}\n\n{rest}"),
    };
    (synopsis.to_owned(), long)
}

/// An entry of a server's with what this host knows; none without a name.
pub(super) fn of_server(mut raw: Entry, here: &Here) -> Option<Entry> {
    let text = |key: &str| Some(raw.get(key)?.as_str()?.to_owned());
    let installed = here.installed(&text("namespace")?, &text("name")?);
    let versions = match raw.get_mut("versions").map(Value::take) {
        Some(Value::Array(versions)) => versions,
        _ => Vec::new(),
    };
    let versions = versions
        .into_iter()
        .filter_map(|version| listed(version, installed, here));
    raw.insert("versions".to_owned(), versions.collect());
    raw.insert("installed_version".to_owned(), installed_version(installed));
    Some(raw)
}

/// A version of a server's entry; none, if it does not say which.
fn listed(version: Value, installed: Option<&Version>, here: &Here) -> Option<Value> {
    let Value::Object(mut version) = version else {
        return None;
    };
    for key in ["version", "min_wazo_version", "max_wazo_version"] {
        if let Some(value) = version.get(key) {
            let text = plugins::text(value)?;
            version.insert(key.to_owned(), text.into());
        }
    }
    let text = |key: &str| version.get(key).and_then(Value::as_str);
    let offered = text("version")?;
    let newer = installed.is_none_or(|installed| {
        let own = installed.manifest.clone();
        let own = own.unwrap_or_else(|| installed.package.to_string());
        compare(&own, offered) == Ordering::Less
    });
    let fits = here.fits(text("min_wazo_version"), text("max_wazo_version"));
    version.insert("upgradable".to_owned(), (newer && fits).into());
    Some(Value::Object(version))
}

/// Where an entry of a server's comes from: this version; or else the first that is newer and fits, or the one that is
/// installed, which is there already or comes again. None of an entry that a farm has.
pub(super) fn source(entry: &Entry, version: Option<&str>) -> Option<Elsewhere> {
    let versions = entry.get("versions")?.as_array()?;
    let find = |version: &Value| versions.iter().find(|one| one["version"] == *version);
    let chosen = match version {
        Some(version) => find(&version.into()),
        None => {
            let newer = versions.iter().find(|one| one["upgradable"] == true);
            newer.or_else(|| find(entry.get("installed_version")?))
        }
    };
    let chosen = chosen?;
    let method = chosen.get("method").map_or(Some("git"), Value::as_str)?;
    let option = |key: &str| Some(chosen.get("options")?.get(key)?.as_str()?.to_owned());
    Some(Elsewhere {
        url: option("url").filter(|_| method == "git")?,
        reference: option("ref"),
        subdirectory: option("subdirectory"),
    })
}

#[cfg(test)]
mod tests;
