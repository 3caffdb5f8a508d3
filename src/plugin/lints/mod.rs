//! What plugins do that costs them a build, a host or a night: warnings about a source that could be built.

mod commands;
mod packages;
mod python;
mod steps;

use super::check::CheckOptions;
use super::checks::{Check, Place, Report, quote};
use super::manifest::Manifest;
use super::rules::{RULES, Rules};
use super::script::Script;
use super::tree::Tree;
use crate::model::Target;

/// Warns about the rules of a plugin in the current layout.
pub(super) fn rules(tree: &Tree, rules: &Rules, targets: &[Target], report: &mut Report) {
    steps::building(rules, targets, report);
    steps::on_host(&rules.script, RULES, report);
    steps::removal(tree, &rules.script, report);
}

/// Warns about a makefile of the old layout.
pub(super) fn makefile(file: &str, script: &Script, report: &mut Report) {
    steps::on_host(script, file, report);
}

/// Warns about everything that is not the rules; `manifest` comes with its file's name.
pub(super) fn source(
    tree: &Tree,
    manifest: Option<(&str, &Manifest)>,
    options: &CheckOptions,
    report: &mut Report,
) {
    python::setup(tree, report);
    submodules(tree, report);
    if let Some((file, manifest)) = manifest {
        packages::check(file, manifest, options, report);
    }
    if tree.unreadable() > 0 {
        let place = Place {
            file: ".",
            line: None,
        };
        let message = format!(
            "{} names of files are not UTF-8, which a package cannot hold",
            tree.unreadable()
        );
        report.add(
            Check::SourceNameNotUtf8,
            place,
            &message,
            "Rename the files.",
        );
    }
}

fn submodules(tree: &Tree, report: &mut Report) {
    const FILE: &str = ".gitmodules";
    let text = String::from_utf8_lossy(tree.text(FILE).unwrap_or_default());
    for (number, line) in (1..).zip(text.lines()) {
        let Some(("path", path)) = line
            .split_once('=')
            .map(|(key, path)| (key.trim(), path.trim()))
        else {
            continue;
        };
        if !tree.has_entries_below(path) {
            let place = Place {
                file: FILE,
                line: Some(number),
            };
            let message = format!(
                "the submodule {} is declared and not in the source",
                quote(path)
            );
            let fix = "Check that its URL can be fetched without credentials and that its commit was pushed.";
            report.add(Check::SubmoduleEmpty, place, &message, fix);
        }
    }
}
