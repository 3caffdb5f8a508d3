//! The rules: the executable that builds, packages, installs and removes a plugin. Can the farm and a host run it?

mod shebang;

use super::checks::{Check, Place, Report, quote};
use super::manifest::Manifest;
use super::script::{Answer, Script, Step};
use super::tree::{EntryKind, Tree};
use crate::model::Target;
use shebang::Interpreter;
pub(super) use shebang::Language;

/// Where the rules are.
pub(super) const RULES: &str = "wazo/rules";

/// Rules that could be read as text.
pub(super) struct Rules {
    pub(super) script: Script,
    pub(super) language: Language,
    /// Whether the first line itself asks the shell to stop at a failure (`#!/bin/sh -e`).
    pub(super) stops_at_failure: bool,
}

/// Checks the rules as a file, and reads them if they are a script.
pub(super) fn check(
    tree: &Tree,
    manifest: Option<&Manifest>,
    targets: &[Target],
    report: &mut Report,
) -> Option<Rules> {
    let place = Place {
        file: RULES,
        line: None,
    };
    let Some(entry) = tree.get(RULES) else {
        refuse_absence(tree, report);
        return None;
    };
    let Some(bytes) = tree.text(RULES).filter(|_| entry.kind == EntryKind::File) else {
        let message = "`wazo/rules` is a link or a folder; a host gets it as it is, without what it points to";
        report.add(
            Check::RulesNotAFile,
            place,
            message,
            "Put the script itself there.",
        );
        return None;
    };
    if entry.mode & 0o111 == 0 {
        let fix =
            "Run `chmod +x wazo/rules` (or `git update-index --chmod=+x wazo/rules`) and commit.";
        report.add(
            Check::RulesNotExecutable,
            place,
            "`wazo/rules` is not executable",
            fix,
        );
    }
    let interpreter = shebang::interpreter(bytes);
    check_interpreter(&interpreter, manifest, targets, report);
    let language = match &interpreter {
        Interpreter::Program { language, .. } => *language,
        Interpreter::None => return None,
        Interpreter::Missing | Interpreter::CarriageReturn => Language::Shell { bash: false },
    };
    let text = String::from_utf8_lossy(bytes);
    warn_carriage_returns(&text, report);
    let text = text.replace('\r', "");
    let script = match language {
        Language::Shell { .. } => Script::shell(&text),
        Language::Make => Script::makefile(&text),
        Language::Other => Script::default(),
    };
    check_steps(&script, language, &text, manifest, report);
    let first = text.lines().next().unwrap_or_default();
    let stops_at_failure = language == Language::Make || first.split(' ').any(is_errexit);
    Some(Rules {
        script,
        language,
        stops_at_failure,
    })
}

/// Whether the word is an option of the shell that holds `e`.
pub(super) fn is_errexit(word: &str) -> bool {
    word.strip_prefix('-')
        .is_some_and(|options| options.contains('e') && !options.starts_with('-'))
}

fn refuse_absence(tree: &Tree, report: &mut Report) {
    const MISPLACED: &[&str] = &[
        "rules",
        "debian/rules",
        "wazo/wazo/rules",
        "Wazo/rules",
        "scripts/rules",
    ];
    let file_named = |path: &&str| {
        tree.get(path)
            .is_some_and(|entry| entry.kind == EntryKind::File)
    };
    let extension = tree.iter().map(|(path, _)| path).find(|path| {
        let name = path.strip_prefix("wazo/").unwrap_or_default();
        name.strip_prefix("rules.")
            .is_some_and(|extension| !extension.contains('/'))
    });
    if let Some(found) = extension {
        let place = Place {
            file: found,
            line: None,
        };
        let message = format!(
            "the rules are {}; the name must be `wazo/rules`, without an extension",
            quote(found)
        );
        report.add(
            Check::RulesExtension,
            place,
            &message,
            "Rename the file to `wazo/rules`.",
        );
    } else if let Some(found) = MISPLACED.iter().find(|path| file_named(path)) {
        let place = Place {
            file: found,
            line: None,
        };
        let message = format!(
            "the rules are {}, where wazo-plugind does not look",
            quote(found)
        );
        report.add(
            Check::RulesMisplaced,
            place,
            &message,
            "Move the file to `wazo/rules`.",
        );
    } else {
        let place = Place {
            file: RULES,
            line: None,
        };
        let message = "there is a manifest but no `wazo/rules`, so this may not be the branch that holds the plugin";
        let fix =
            "Name the plugin's branch or tag with `--ref`, or add an executable `wazo/rules`.";
        report.add(Check::RulesMissing, place, message, fix);
    }
}

fn check_interpreter(
    interpreter: &Interpreter,
    manifest: Option<&Manifest>,
    targets: &[Target],
    report: &mut Report,
) {
    let place = Place {
        file: RULES,
        line: Some(1),
    };
    match interpreter {
        Interpreter::None => {}
        Interpreter::Missing => {
            let message =
                "the first line of the rules names no interpreter, so they cannot be executed";
            report.add(
                Check::RulesNoShebang,
                place,
                message,
                "Begin the file with `#!/bin/sh`.",
            );
        }
        Interpreter::CarriageReturn => {
            let message = "the first line of the rules ends in a carriage return, which Linux takes for a part of the interpreter's name";
            let fix = "Save the file with Unix line ends, and add `wazo/rules text eol=lf` to `.gitattributes`.";
            report.add(Check::RulesCarriageReturn, place, message, fix);
        }
        Interpreter::Program { path, name, .. } => {
            let has_build_depends =
                manifest.is_some_and(|manifest| !manifest.build_depends.is_empty());
            let lacking = targets
                .iter()
                .find(|target| !shebang::is_in_builder(path, name, **target));
            if let Some(target) = lacking {
                let shown = if path.ends_with(name.as_str()) {
                    quote(path)
                } else {
                    quote(&format!("{path} {name}"))
                };
                if has_build_depends {
                    let message =
                        format!("the interpreter {shown} is not part of the builder for {target}");
                    let fix = "Make sure that a package of `build_depends` brings it, and one of `debian_depends` on hosts.";
                    report.add(Check::RulesInterpreterUnknown, place, &message, fix);
                } else {
                    let message =
                        format!("the interpreter {shown} is not in the builder for {target}");
                    let fix = "Use `/bin/sh`, `/bin/bash`, `/usr/bin/make -f` or `/usr/bin/python3`, or name its package in `build_depends`.";
                    report.add(Check::RulesInterpreterMissing, place, &message, fix);
                }
            } else if !shebang::is_on_hosts(name) && !names_package(manifest, name) {
                let message = format!(
                    "the rules run {} on the host, too, and not every host has it",
                    quote(name)
                );
                let fix = format!("Add `{name}` to `debian_depends`.");
                report.add(Check::RulesInterpreterNotOnHost, place, &message, &fix);
            }
        }
    }
}

fn names_package(manifest: Option<&Manifest>, package: &str) -> bool {
    let mut relations = manifest
        .into_iter()
        .flat_map(|manifest| &manifest.debian_depends)
        .flat_map(|dependency| &dependency.alternatives);
    relations.any(|relation| relation.package == package)
}

fn warn_carriage_returns(text: &str, report: &mut Report) {
    let line = (1..)
        .zip(text.split('\n'))
        .skip(1)
        .find(|(_, line)| line.ends_with('\r'));
    if let Some((line, _)) = line {
        let place = Place {
            file: RULES,
            line: Some(line),
        };
        let message = "lines of the rules end in carriage returns, which shells take for a part of the last word";
        report.add(
            Check::RulesCarriageReturns,
            place,
            message,
            "Save the file with Unix line ends.",
        );
    }
}

fn check_steps(
    script: &Script,
    language: Language,
    text: &str,
    manifest: Option<&Manifest>,
    report: &mut Report,
) {
    let place = Place {
        file: RULES,
        line: None,
    };
    let can_tell = language != Language::Other;
    for step in [Step::Build, Step::Package, Step::Install, Step::Uninstall] {
        if can_tell && script.answers(step) == Answer::No {
            let message = format!(
                "the rules fail for `{}`, which every plugin must answer",
                step.word()
            );
            let fix = format!(
                "Add a branch `{}` that does nothing if there is nothing to do.",
                step.word()
            );
            report.add(Check::RulesStepMissing, place, &message, &fix);
        }
    }
    let Some(manifest) = manifest else {
        return;
    };
    let answer = if can_tell {
        script.answers(Step::Postrm)
    } else {
        Answer::Unclear
    };
    let format = manifest.format;
    match (manifest.has_postrm(), answer) {
        (true, Answer::No) => {
            let message = format!(
                "`plugin_format_version: {format}` makes dpkg call `rules postrm`, and the rules fail for it: the package could not be removed"
            );
            let fix =
                "Add a branch `postrm` (it may do nothing), or write `plugin_format_version: 0`.";
            report.add(Check::RulesPostrmMissing, place, &message, fix);
        }
        (true, Answer::Unclear) if !text.contains("postrm") => {
            let message = format!(
                "`plugin_format_version: {format}` makes dpkg call `rules postrm`, and the rules never name that step"
            );
            let fix = "Make sure that `wazo/rules postrm` ends with status 0, or write `plugin_format_version: 0`.";
            report.add(Check::RulesPostrmUnclear, place, &message, fix);
        }
        (false, _) if script.has_branch(Step::Postrm) => {
            let message =
                "the rules have a `postrm` step, and `plugin_format_version: 0` never calls it";
            report.add(
                Check::RulesPostrmUnused,
                place,
                message,
                "Write `plugin_format_version: 1`.",
            );
        }
        _ => {}
    }
}
