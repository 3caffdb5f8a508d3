//! Stage `check`: the source is read, and the plugin in it is checked without running any of it.

use super::attempt::{Attempt, Farm};
use super::fetch::Fetched;
use super::request::Parameters;
use crate::config::SourceLimits;
use crate::model::{Failure, FailureCode, PluginId, Sha256, Stage, Target};
use crate::plugin::{self, CheckOptions, Known, Layout, PackageNames, Plugin, Tree, TreeLimits};
use crate::source::Source;

/// A source that holds a plugin which no check refuses.
pub(super) struct Checked {
    pub(super) fetched: Fetched,
    pub(super) plugin: Plugin,
    /// The digest of the manifest's text.
    pub(super) manifest: Sha256,
}

impl Checked {
    pub(super) fn source(&self) -> &Source {
        &self.fetched.source
    }
}

/// Checks what was fetched.
pub(super) fn run(
    attempt: &mut Attempt<'_>,
    parameters: &Parameters,
    fetched: Fetched,
) -> Result<Checked, Failure> {
    let began = attempt.begin(Stage::Check)?;
    let config = &attempt.farm.config;
    let tree = read_tree(&fetched.source, &config.source.limits)?;
    let checked = plugin::check(
        &tree,
        &CheckOptions {
            legacy_namespace: parameters.namespace.clone(),
            reserved_packages: config.plugins.reserved_packages.clone(),
            targets: vec![parameters.target],
            known: known(attempt.farm, parameters.target),
        },
    );
    attempt.judge(
        Stage::Check,
        FailureCode::CheckRefused,
        checked.findings,
        &[],
    )?;
    let Some(plugin) = checked.plugin else {
        let message = "the source holds no plugin";
        let hint = "see what the checks found";
        return Err(Failure::new(
            Stage::Check,
            FailureCode::CheckRefused,
            message,
            hint,
        ));
    };
    let file = match plugin.layout {
        Layout::Standard => "wazo/plugin.yml",
        Layout::Legacy => "package.yml",
    };
    let manifest = Sha256::of(tree.text(file).unwrap_or_default());
    attempt.report.plugin(&plugin.manifest.id);
    attempt.observer.checked(&plugin.manifest);
    let summary = format!("{} {}", plugin.manifest.id, plugin.manifest.version);
    attempt.end(Stage::Check, began, &summary);
    Ok(Checked {
        fetched,
        plugin,
        manifest,
    })
}

/// Refuses a plugin that is not the one whose build was asked for: it is perhaps somebody else's.
pub(super) fn is_expected(checked: &Checked, expected: Option<&PluginId>) -> Result<(), Failure> {
    let found = &checked.plugin.manifest.id;
    match expected {
        Some(expected) if expected != found => Err(Failure::new(
            Stage::Check,
            FailureCode::PolicyRejected,
            format!("the source holds the plugin {found}, and {expected} was to be built"),
            "submit it under its own name, or correct namespace and name in the manifest",
        )),
        _ => Ok(()),
    }
}

/// What there is beside the plugin. What cannot be read is not known: the build does not depend on it.
fn known(farm: &Farm, target: Target) -> Known {
    let listed = farm.images.known_packages(target).unwrap_or_else(|error| {
        tracing::warn!(%error, "the list of known packages cannot be read");
        None
    });
    let published = farm.publisher.repository.names(target);
    let plugins = published
        .inspect_err(|error| tracing::warn!(%error, "the repository's state cannot be read"))
        .ok();
    Known {
        debian: listed
            .map(|names| (target, PackageNames::parse(&names)))
            .into_iter()
            .collect(),
        host_packages: farm.config.plugins.host_packages.clone(),
        plugins,
    }
}

/// Indexes a source tar.
pub fn read_tree(source: &Source, limits: &SourceLimits) -> Result<Tree, Failure> {
    let storage = Attempt::storage(Stage::Check, "the source");
    let file = fs_err::File::open(&source.tar).map_err(storage)?;
    let limits = TreeLimits {
        size: limits.size,
        entries: limits.entries,
    };
    Tree::read(std::io::BufReader::new(file), limits).map_err(|error| {
        let hint = "take the offending file out of the repository";
        Failure::new(
            Stage::Check,
            FailureCode::SourceInvalid,
            error.to_string(),
            hint,
        )
    })
}
