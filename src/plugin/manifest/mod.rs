//! The manifest: what `wazo/plugin.yml` (format versions 0, 1 and 2) or the old `package.yml` says, checked and typed.

use url::Url;

use crate::model::{Namespace, PluginId, PluginName, PluginVersion};

use super::checks::{Check, Report, quote};
use super::relation::Dependency;
use super::wazo_version::WazoVersion;
use super::yaml::{self, Entry, Node, Value};
use super::{CheckOptions, Layout, reserved};
use fields::{Fields, Kind, is_null};

mod depends;
mod fields;
mod versions;

/// A plugin's metadata. Every text in it is one line without control characters, at most 2000 characters long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Namespace and name.
    pub id: PluginId,
    /// The plugin's own version.
    pub version: PluginVersion,
    /// `plugin_format_version`: 0, 1 or 2. See [`Manifest::has_postrm`].
    pub format: u8,
    /// What the plugin does.
    pub description: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Its name as people read it.
    pub display_name: Option<String>,
    /// Its page, http or https.
    pub homepage: Option<Url>,
    /// Its licence, as the author calls it.
    pub license: Option<String>,
    /// The lowest version of Wazo that it works with.
    pub min_wazo_version: Option<WazoVersion>,
    /// The highest version of Wazo that it works with.
    pub max_wazo_version: Option<WazoVersion>,
    /// The plugins that it needs; each becomes a dependency on [`PluginId::package`], without a version.
    pub depends: Vec<PluginId>,
    /// The Debian packages that it needs on a host.
    pub debian_depends: Vec<Dependency>,
    /// The Debian packages that its `build` and `package` steps need.
    pub build_depends: Vec<Dependency>,
    /// Absolute paths below /etc that its `install` edits itself, and that are therefore no conffiles.
    pub not_conffiles: Vec<String>,
    /// All other fields. A scalar is kept as the text that was written.
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

impl Manifest {
    /// Whether the rules have a `postrm` step (format 1 and later; 2 is the same as 1 in wazo-plugind).
    #[must_use]
    pub fn has_postrm(&self) -> bool {
        self.format >= 1
    }
}

/// The fields that the farm reads.
const KNOWN: &[&str] = &[
    "name",
    "namespace",
    "version",
    "plugin_format_version",
    "description",
    "author",
    "display_name",
    "homepage",
    "license",
    "min_wazo_version",
    "max_wazo_version",
    "depends",
    "debian_depends",
    "build_depends",
    "not_conffiles",
];

/// Reads the manifest `bytes` of `file`. All problems go to `report`; the manifest is there if none of them is serious.
pub(super) fn read(
    file: &str,
    bytes: &[u8],
    layout: Layout,
    options: &CheckOptions,
    report: &mut Report,
) -> Option<Manifest> {
    let entries = yaml::read(file, bytes, report)?;
    let mut fields = Fields {
        file,
        entries: &entries,
        prefix: String::new(),
        report,
    };
    let name = name(&mut fields);
    let namespace = match layout {
        Layout::Standard => namespace(&mut fields),
        Layout::Legacy => legacy_namespace(&mut fields, options),
    };
    let version = versions::version(&mut fields);
    let format = versions::format(&mut fields);
    let id = name
        .zip(namespace)
        .map(|(name, namespace)| PluginId { namespace, name });
    if let Some(id) = &id {
        refuse_reserved(&mut fields, id, options);
    }
    let (min_wazo_version, max_wazo_version) = versions::wazo_versions(&mut fields);
    let prose =
        |fields: &mut Fields<'_, '_>, key| fields.optional(key, Kind::Prose).map(|text| text.text);
    let description = prose(&mut fields, "description");
    let author = prose(&mut fields, "author");
    let display_name = prose(&mut fields, "display_name");
    let license = prose(&mut fields, "license");
    let homepage = homepage(&mut fields);
    let depends = depends::depends(&mut fields, id.as_ref());
    let debian_depends = depends::relations(&mut fields, "debian_depends", id.as_ref());
    let build_depends = depends::relations(&mut fields, "build_depends", id.as_ref());
    let not_conffiles = depends::not_conffiles(&mut fields);
    Some(Manifest {
        id: id?,
        version: version?,
        format: format?,
        description,
        author,
        display_name,
        homepage,
        license,
        min_wazo_version,
        max_wazo_version,
        depends,
        debian_depends,
        build_depends,
        not_conffiles,
        unknown: unknown(&entries),
    })
}

fn name(fields: &mut Fields<'_, '_>) -> Option<PluginName> {
    let text = fields.required("name", Kind::Word)?;
    match PluginName::new(&text.text) {
        Ok(name) => Some(name),
        Err(error) => {
            let fix = "Use lower-case letters, digits and dashes, for example `my-plugin`.";
            fields.add(Check::NameInvalid, Some(text.line), &error.to_string(), fix);
            None
        }
    }
}

fn namespace(fields: &mut Fields<'_, '_>) -> Option<Namespace> {
    let text = fields.required("namespace", Kind::Word)?;
    match Namespace::new(&text.text) {
        Ok(namespace) => Some(namespace),
        Err(error) => {
            let fix = "Use lower-case letters and digits only, without a dash.";
            fields.add(Check::NameInvalid, Some(text.line), &error.to_string(), fix);
            None
        }
    }
}

fn legacy_namespace(fields: &mut Fields<'_, '_>, options: &CheckOptions) -> Option<Namespace> {
    if options.legacy_namespace.is_none() {
        let message =
            "`package.yml` has no namespace of its own, and none was given for this source";
        let fix = "Give one with `--namespace`, or in the configuration of the source.";
        fields.add(Check::LegacyNamespaceMissing, None, message, fix);
    }
    options.legacy_namespace.clone()
}

fn refuse_reserved(fields: &mut Fields<'_, '_>, id: &PluginId, options: &CheckOptions) {
    let package = id.package();
    if reserved::is_reserved(&package, &options.reserved_packages) {
        let line = fields.node("name").map(|node| node.line);
        let message = format!(
            "the plugin's package would be {}, which Debian or Wazo already has",
            quote(&package)
        );
        fields.add(
            Check::NameReserved,
            line,
            &message,
            "Choose another name or namespace.",
        );
    }
}

fn homepage(fields: &mut Fields<'_, '_>) -> Option<Url> {
    let text = fields.optional("homepage", Kind::Prose)?;
    let url = Url::parse(&text.text).ok();
    let url = url.filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
    });
    if url.is_none() {
        let message = format!(
            "the homepage {} is no http or https URL; the package goes without one",
            quote(&text.text)
        );
        fields.add(
            Check::HomepageDropped,
            Some(text.line),
            &message,
            "Write it as `https://…`.",
        );
    }
    url
}

fn unknown(entries: &[Entry]) -> serde_json::Map<String, serde_json::Value> {
    let unknown = entries
        .iter()
        .filter(|entry| !KNOWN.contains(&entry.key.as_str()));
    unknown
        .map(|entry| (entry.key.clone(), to_json(&entry.value)))
        .collect()
}

fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Scalar(_) if is_null(node) => serde_json::Value::Null,
        Value::Scalar(scalar) => scalar.text.clone().into(),
        Value::Sequence(items) => items.iter().map(to_json).collect(),
        Value::Mapping(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), to_json(&entry.value)))
            .collect(),
    }
}

#[cfg(test)]
mod tests;
