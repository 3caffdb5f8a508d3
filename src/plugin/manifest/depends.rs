//! The manifest's lists: plugins and Debian packages that a plugin needs, and files that are no conffiles.

use crate::model::PluginId;

use super::fields::{Fields, Kind, Null, Text};
use crate::plugin::checks::{Check, quote};
use crate::plugin::relation::{self, Dependency};
use crate::plugin::yaml::{Node, Value};

pub(super) fn depends(fields: &mut Fields<'_, '_>, own: Option<&PluginId>) -> Vec<PluginId> {
    let mut plugins = Vec::new();
    for (index, item) in fields.list("depends", Null::IsRefused).iter().enumerate() {
        let Some(plugin) = plugin_dependency(fields, item, index) else {
            continue;
        };
        if Some(&plugin) == own {
            let message = format!("the plugin {plugin} depends on itself");
            fields.add(
                Check::DependsInvalid,
                Some(item.line),
                &message,
                "Remove the item.",
            );
        } else if !plugins.contains(&plugin) {
            plugins.push(plugin);
        }
    }
    plugins
}

fn plugin_dependency(fields: &mut Fields<'_, '_>, item: &Node, index: usize) -> Option<PluginId> {
    let Value::Mapping(entries) = &item.value else {
        let message = format!("`depends[{index}]` is not a mapping");
        let fix = "Write `- name: …` and below it `namespace: …`.";
        fields.add(Check::DependsInvalid, Some(item.line), &message, fix);
        return None;
    };
    let prefix = format!("depends[{index}].");
    let mut item_fields = Fields {
        file: fields.file,
        entries,
        prefix,
        report: &mut *fields.report,
    };
    let (name, namespace) = (
        super::name(&mut item_fields),
        super::namespace(&mut item_fields),
    );
    if let Some(version) = item_fields.optional("version", Kind::Word) {
        let message = format!(
            "the version {} of `depends[{index}]` has no effect: plugins depend on each other without versions",
            quote(&version.text)
        );
        item_fields.add(
            Check::DependsVersionIgnored,
            Some(version.line),
            &message,
            "Remove the line.",
        );
    }
    Some(PluginId {
        namespace: namespace?,
        name: name?,
    })
}

pub(super) fn relations(
    fields: &mut Fields<'_, '_>,
    key: &str,
    own: Option<&PluginId>,
) -> Vec<Dependency> {
    let mut dependencies = Vec::new();
    for (index, item) in fields.list(key, Null::IsEmpty).iter().enumerate() {
        let Some(text) = fields.text(item, &format!("{key}[{index}]"), Kind::Word) else {
            continue;
        };
        match relation::parse(&text.text) {
            Ok(read) => {
                if read.obsolete {
                    warn_obsolete(fields, &text, &read.list);
                }
                refuse_own_package(fields, &text, &read.list, own);
                dependencies.extend(read.list);
            }
            Err(error) => {
                let fix = "Write it as in a Debian control file: `name`, `name (>= 1.0)` or `name | other`.";
                fields.add(
                    Check::DebianDependsInvalid,
                    Some(text.line),
                    &error.to_string(),
                    fix,
                );
            }
        }
    }
    dependencies
}

fn warn_obsolete(fields: &mut Fields<'_, '_>, text: &Text, read: &[Dependency]) {
    let meaning: Vec<_> = read.iter().map(ToString::to_string).collect();
    let message = format!(
        "{} uses an operator that dpkg calls obsolete",
        quote(&text.text)
    );
    let fix = format!(
        "Write {}, which is what dpkg takes it for.",
        quote(&meaning.join(", "))
    );
    fields.add(
        Check::DebianDependsObsolete,
        Some(text.line),
        &message,
        &fix,
    );
}

fn refuse_own_package(
    fields: &mut Fields<'_, '_>,
    text: &Text,
    read: &[Dependency],
    own: Option<&PluginId>,
) {
    let own = own.map(PluginId::package);
    let mut relations = read.iter().flat_map(|dependency| &dependency.alternatives);
    if relations.any(|relation| Some(&relation.package) == own.as_ref()) {
        let message = format!("{} names the plugin's own package", quote(&text.text));
        fields.add(
            Check::DebianDependsInvalid,
            Some(text.line),
            &message,
            "Remove it.",
        );
    }
}

pub(super) fn not_conffiles(fields: &mut Fields<'_, '_>) -> Vec<String> {
    let mut paths = Vec::new();
    for (index, item) in fields
        .list("not_conffiles", Null::IsEmpty)
        .iter()
        .enumerate()
    {
        let Some(text) = fields.text(item, &format!("not_conffiles[{index}]"), Kind::Word) else {
            continue;
        };
        if is_file_below_etc(&text.text) {
            paths.push(text.text);
        } else {
            let message = format!(
                "{} is no absolute path of a file below /etc",
                quote(&text.text)
            );
            let fix =
                "Write the path as on a host, for example `/etc/wazo-calld/conf.d/50-mine.yml`.";
            fields.add(Check::ConffilePathInvalid, Some(text.line), &message, fix);
        }
    }
    paths
}

fn is_file_below_etc(path: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    path.strip_prefix("/etc/")
        .is_some_and(|rest| rest.split('/').all(plain))
}
