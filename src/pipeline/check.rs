//! Stage `check`: the source is read, and the plugin in it is checked without running any of it.

use super::attempt::Attempt;
use super::fetch::Fetched;
use super::request::Request;
use crate::config::SourceLimits;
use crate::model::{Failure, FailureCode, Sha256, Stage};
use crate::plugin::{self, CheckOptions, Layout, Plugin, Tree, TreeLimits};
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
    request: &Request,
    fetched: Fetched,
) -> Result<Checked, Failure> {
    let began = attempt.begin(Stage::Check)?;
    let config = &attempt.farm.config;
    let tree = read_tree(&fetched.source, &config.source.limits)?;
    let checked = plugin::check(
        &tree,
        &CheckOptions {
            legacy_namespace: request.namespace.clone(),
            reserved_packages: config.plugins.reserved_packages.clone(),
            targets: vec![request.target],
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
        let hint = "see the findings above";
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
    let summary = format!("{} {}", plugin.manifest.id, plugin.manifest.version);
    attempt.end(Stage::Check, began, &summary);
    Ok(Checked {
        fetched,
        plugin,
        manifest,
    })
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
