//! What the steps do, command by command.

use super::commands::{
    absolute_outputs, is_at_or_below, is_bashism, needs_root, reads_history, runs_input,
    uses_network,
};
use super::{Check, Place, Report, Rules, Tree, quote};
use crate::model::Target;
use crate::plugin::rules::{Language, RULES, is_errexit};
use crate::plugin::script::{Command, Line, Script, Step, commands};

fn at(line: &Line) -> Place<'static> {
    Place {
        file: RULES,
        line: Some(line.number),
    }
}

/// Warns about `build` and `package`, and about the language.
pub(super) fn building(rules: &Rules, targets: &[Target], report: &mut Report) {
    for step in [Step::Build, Step::Package] {
        for line in rules.script.of(step) {
            for command in commands(&line.text) {
                surroundings(step, line, &command, report);
            }
        }
    }
    for line in rules
        .script
        .of(Step::Build)
        .filter(|line| names_pkgdir(&line.text))
    {
        let message = "`build` uses `pkgdir`, which only `package` has: there it is empty, and the path begins at `/`";
        report.add(
            Check::BuildUsesPkgdir,
            at(line),
            message,
            "Move the line to `package`.",
        );
    }
    let stops_at_failure = rules.stops_at_failure || sets_errexit(&rules.script);
    for line in rules.script.of(Step::Package) {
        reserved_paths(line, report);
        archives(line, stops_at_failure, targets, report);
    }
    if rules.language == (Language::Shell { bash: false }) {
        for line in &rules.script.lines {
            bashisms(line, report);
        }
    }
}

/// What a step asks of the sandbox.
fn surroundings(step: Step, line: &Line, command: &Command, report: &mut Report) {
    let (name, word) = (quote(command.name()), step.word());
    if reads_history(command) {
        let message =
            format!("`{word}` asks git about the repository, and the source has no `.git` folder");
        report.add(
            Check::StepCallsGit,
            at(line),
            &message,
            "Write the answer into a file of the repository.",
        );
    }
    if uses_network(command) {
        let message = format!("{name} in `{word}` needs the network, which the sandbox has not");
        report.add(
            Check::StepUsesNetwork,
            at(line),
            &message,
            "Put what it fetches into the repository, or name a package in `build_depends`.",
        );
    }
    if needs_root(command) {
        let message =
            format!("{name} in `{word}` wants to change the system, which a build must not");
        report.add(
            Check::StepNeedsRoot,
            at(line),
            &message,
            "Name what is needed in `build_depends`, or do it in `install`.",
        );
    }
    for path in absolute_outputs(command) {
        let message = format!(
            "`{word}` writes to {}, which is not part of the package",
            quote(path)
        );
        let fix = format!("Write to `${{pkgdir}}{path}` in `package`.");
        report.add(Check::StepWritesOutside, at(line), &message, &fix);
    }
}

fn names_pkgdir(text: &str) -> bool {
    text.contains("$pkgdir") || text.contains("${pkgdir")
}

fn reserved_paths(line: &Line, report: &mut Report) {
    for word in commands(&line.text)
        .iter()
        .flat_map(|command| command.words.iter().chain(&command.outputs))
    {
        let path = word
            .strip_prefix("$pkgdir")
            .or_else(|| word.strip_prefix("${pkgdir}"))
            .unwrap_or_default();
        if ["/DEBIAN", "/usr/lib/wazo-plugind"]
            .iter()
            .any(|reserved| is_at_or_below(path, reserved))
        {
            let message = format!(
                "`package` writes {}, which the farm itself writes; the package would be refused",
                quote(path)
            );
            report.add(
                Check::PackageWritesReserved,
                at(line),
                &message,
                "Remove the line.",
            );
        }
    }
}

fn archives(line: &Line, stops_at_failure: bool, targets: &[Target], report: &mut Report) {
    for command in commands(&line.text)
        .iter()
        .filter(|command| matches!(command.name(), "tar" | "unzip"))
    {
        let Some(pattern) = command.operands().find(|word| word.contains('*')) else {
            continue;
        };
        if !(stops_at_failure || line.text.contains("||")) {
            let message = format!(
                "if no file matches {}, the package goes without its content, and nothing fails",
                quote(pattern)
            );
            report.add(
                Check::TarGlobUnchecked,
                at(line),
                &message,
                "Put `set -e` on the second line of the rules.",
            );
        }
        let name = pattern.rsplit('/').next().unwrap_or(pattern);
        let is_dashed = name
            .split_once("-*")
            .is_some_and(|(before, _)| before.contains('-'));
        if is_dashed && targets.contains(&Target::Trixie) {
            let message = format!(
                "{} matches nothing on trixie, whose setuptools writes underscores into the archive's name",
                quote(pattern)
            );
            let fix = format!(
                "Write {}, which matches both.",
                quote(
                    &pattern.replace(name, &name.replacen('-', "?", dashes_before_version(name)))
                )
            );
            report.add(Check::TarGlobDashed, at(line), &message, &fix);
        }
    }
}

/// How many dashes a pattern such as `my-plugin-*.tar.gz` has in the name.
fn dashes_before_version(name: &str) -> usize {
    name.split_once("-*")
        .map_or(0, |(before, _)| before.matches('-').count())
}

fn sets_errexit(script: &Script) -> bool {
    let mut commands = script.lines.iter().flat_map(|line| commands(&line.text));
    commands.any(|command| {
        command.name() == "set"
            && command
                .arguments()
                .iter()
                .any(|word| is_errexit(word) || word == "errexit")
    })
}

fn bashisms(line: &Line, report: &mut Report) {
    let in_words = ["<<<", "<(", "=(", "&>"]
        .iter()
        .find(|text| line.text.contains(**text));
    let called = commands(&line.text).into_iter().find(is_bashism);
    let found = in_words
        .map(|text| (*text).to_owned())
        .or(called.map(|command| command.name().to_owned()));
    if let Some(found) = found {
        let message = format!(
            "{} is bash's own, and the rules run with `sh`, which is dash",
            quote(&found)
        );
        report.add(
            Check::ShellBashism,
            at(line),
            &message,
            "Begin the file with `#!/bin/bash`, or write it for `sh`.",
        );
    }
}

/// Warns about what runs on the host, as root.
pub(super) fn on_host(script: &Script, file: &str, report: &mut Report) {
    for line in [Step::Install, Step::Uninstall, Step::Postrm]
        .into_iter()
        .flat_map(|step| script.of(step))
    {
        let called = commands(&line.text);
        let downloads = |command: &Command| matches!(command.name(), "curl" | "wget");
        let is_piped = called.windows(2).any(|pair| matches!(pair, [first, second] if downloads(first) && first.pipes && runs_input(second)));
        let is_substituted = ["$(curl", "$(wget", "<(curl", "<(wget", "`curl", "`wget"]
            .iter()
            .any(|text| line.text.contains(text));
        if is_piped || (is_substituted && called.iter().any(runs_input)) {
            let place = Place {
                file,
                line: Some(line.number),
            };
            let message = "the host runs a download as root, which no signature covers and which may change at any time";
            report.add(
                Check::InstallPipesDownload,
                place,
                message,
                "Put the script into the repository and into the package.",
            );
        }
    }
}

/// Warns where `uninstall` removes what the package brought, behind dpkg's back.
pub(super) fn removal(tree: &Tree, script: &Script, report: &mut Report) {
    let packaged: Vec<_> = script
        .of(Step::Package)
        .flat_map(|line| commands(&line.text))
        .collect();
    for line in script.of(Step::Uninstall) {
        let called = commands(&line.text);
        let removed = called
            .iter()
            .filter(|command| matches!(command.name(), "rm" | "unlink"))
            .flat_map(Command::operands);
        for path in
            removed.filter(|path| path.starts_with('/') && is_packaged(tree, &packaged, path))
        {
            let message = format!(
                "`uninstall` removes {}, which dpkg owns and removes itself",
                quote(path)
            );
            report.add(
                Check::UninstallRemovesPackaged,
                at(line),
                &message,
                "Remove the line.",
            );
        }
    }
}

fn is_packaged(tree: &Tree, packaged: &[Command], path: &str) -> bool {
    let path = path.trim_end_matches(['*', '/']);
    let Some((folder, name)) = path.rsplit_once('/') else {
        return false;
    };
    let places = |word: &str, end: &str| {
        let place = word
            .strip_prefix("$pkgdir")
            .or_else(|| word.strip_prefix("${pkgdir}"));
        place.is_some_and(|place| place.trim_end_matches('/') == end)
    };
    let is_named = packaged
        .iter()
        .flat_map(|command| &command.words)
        .any(|word| places(word, path));
    let is_copied = packaged.iter().any(|command| {
        let into_folder = command.words.iter().any(|word| places(word, folder));
        into_folder
            && command
                .operands()
                .any(|word| word.rsplit('/').next() == Some(name))
    });
    is_named || is_copied || tree.get(path.trim_start_matches('/')).is_some()
}
