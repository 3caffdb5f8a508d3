//! Runs every static check over a source tree.

use crate::model::{Finding, Namespace, Target};

use super::checks::{Check, Place, Report, quote};
use super::known::Known;
use super::manifest::{self, Manifest};
use super::tree::{EntryKind, Tree};
use super::{legacy, lints, rules};

/// Where the current layout has its manifest.
const MANIFEST: &str = "wazo/plugin.yml";
/// Where the old layout has its manifest.
const LEGACY_MANIFEST: &str = "package.yml";

/// What the checks cannot know from the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOptions {
    /// The namespace of a plugin in the old layout, whose manifest has none.
    pub legacy_namespace: Option<Namespace>,
    /// Names of packages that no plugin may take, beside those that are built in.
    pub reserved_packages: Vec<String>,
    /// The releases that the plugin is to be built for.
    pub targets: Vec<Target>,
    /// What else there is.
    pub known: Known,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            legacy_namespace: None,
            reserved_packages: Vec::new(),
            targets: Target::ALL.to_vec(),
            known: Known::default(),
        }
    }
}

/// How a plugin's files are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `wazo/plugin.yml` and `wazo/rules`.
    Standard,
    /// `package.yml`, and a `Makefile` with the targets `install` and `uninstall`.
    Legacy,
}

/// A plugin that no check refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// What it says about itself.
    pub manifest: Manifest,
    /// How its files are laid out.
    pub layout: Layout,
}

/// What the checks say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The plugin; there is none exactly if a finding is of severity `refuse`.
    pub plugin: Option<Plugin>,
    /// Everything that was found, in the order of the journey: layout, manifest, rules, the rest.
    pub findings: Vec<Finding>,
}

/// Checks the source `tree` of one plugin.
#[must_use]
pub fn check(tree: &Tree, options: &CheckOptions) -> Checked {
    let mut report = Report::default();
    let plugin = examine(tree, options, &mut report);
    Checked {
        plugin: plugin.filter(|_| !report.refuses()),
        findings: report.into_findings(),
    }
}

fn examine(tree: &Tree, options: &CheckOptions, report: &mut Report) -> Option<Plugin> {
    let (layout, file) = if tree.get(MANIFEST).is_some() {
        (Layout::Standard, MANIFEST)
    } else if tree.get(LEGACY_MANIFEST).is_some() {
        (Layout::Legacy, LEGACY_MANIFEST)
    } else {
        refuse_absence(tree, report);
        return None;
    };
    let manifest = match tree.text(file) {
        Some(bytes) => manifest::read(file, bytes, layout, options, report),
        None => {
            let message = format!("{} is no regular file", quote(file));
            let fix = "Put the manifest itself there; a host could not follow a link.";
            report.add(
                Check::ManifestNotAFile,
                Place { file, line: None },
                &message,
                fix,
            );
            None
        }
    };
    match layout {
        Layout::Standard => {
            if let Some(rules) = rules::check(tree, manifest.as_ref(), &options.targets, report) {
                lints::rules(tree, &rules, &options.targets, report);
            }
        }
        Layout::Legacy => legacy::check(tree, report),
    }
    lints::source(
        tree,
        manifest.as_ref().map(|manifest| (file, manifest)),
        options,
        report,
    );
    manifest.map(|manifest| Plugin { manifest, layout })
}

/// Says why there is no plugin here, as precisely as the tree allows.
fn refuse_absence(tree: &Tree, report: &mut Report) {
    const MISPLACED: &[&str] = &[
        "plugin.yml",
        "plugin.yaml",
        "wazo/plugin.yaml",
        "wazo/package.yml",
        "wazo.yml",
        "package.yaml",
    ];
    let place = Place {
        file: MANIFEST,
        line: None,
    };
    if matches!(
        tree.get("wazo").map(|entry| &entry.kind),
        Some(EntryKind::Link(_))
    ) {
        let message = "`wazo` is a symbolic link";
        report.add(
            Check::ManifestNotAFile,
            place,
            message,
            "Make `wazo` a folder of the repository.",
        );
    } else if let Some(found) = MISPLACED.iter().find(|path| tree.get(path).is_some()) {
        let place = Place {
            file: found,
            line: None,
        };
        let message = format!(
            "the manifest is {}, where wazo-plugind does not look",
            quote(found)
        );
        report.add(
            Check::ManifestMisplaced,
            place,
            &message,
            "Move it to `wazo/plugin.yml`.",
        );
    } else if let Some(folder) = plugin_below(tree) {
        let file = format!("{folder}/{MANIFEST}");
        let place = Place {
            file: &file,
            line: None,
        };
        let message = format!(
            "the plugin is not at the root but in the folder {}",
            quote(folder)
        );
        let fix = if is_plain(folder) {
            format!("Name the folder: `--subdirectory {folder}`.")
        } else {
            "Name the folder with `--subdirectory`.".to_owned()
        };
        report.add(Check::ManifestInSubdirectory, place, &message, &fix);
    } else {
        let message = "there is no `wazo/plugin.yml` here, so this is no plugin, or not the branch that holds it";
        let fix = "Name the branch or tag of the plugin with `--ref`, or its folder with `--subdirectory`.";
        report.add(Check::ManifestMissing, place, message, fix);
    }
}

/// Whether a shell takes the path as it is: what a fix tells people to type must not carry a stranger's commands.
fn is_plain(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    !path.starts_with('-') && path.chars().all(plain)
}

/// The first folder below the root that holds a plugin.
fn plugin_below(tree: &Tree) -> Option<&str> {
    let mut paths = tree.iter().map(|(path, _)| path);
    paths.find_map(|path| path.strip_suffix(MANIFEST)?.strip_suffix('/'))
}
