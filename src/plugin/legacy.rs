//! The old layout: `package.yml` beside a `Makefile` with the targets `install` and `uninstall`.

use super::checks::{Check, Place, Report};
use super::lints;
use super::script::{Answer, Script, Step, misindented_recipe};
use super::tree::Tree;

/// make's own order.
const MAKEFILES: &[&str] = &["GNUmakefile", "makefile", "Makefile"];

/// Checks the makefile of the old layout.
pub(super) fn check(tree: &Tree, report: &mut Report) {
    let Some((file, bytes)) = MAKEFILES
        .iter()
        .find_map(|file| Some((*file, tree.text(file)?)))
    else {
        let place = Place {
            file: "Makefile",
            line: None,
        };
        let message =
            "there is a `package.yml` but no `Makefile`, so the plugin cannot be installed";
        let fix = "Add a `Makefile` with the targets `install` and `uninstall`, or move to `wazo/plugin.yml` and `wazo/rules`.";
        report.add(Check::LegacyMakefileMissing, place, message, fix);
        return;
    };
    let text = String::from_utf8_lossy(bytes);
    if let Some(line) = misindented_recipe(&text) {
        let place = Place {
            file,
            line: Some(line),
        };
        let message = "the recipe's line begins with spaces, and make wants a tab";
        report.add(
            Check::LegacyMakefileSpaces,
            place,
            message,
            "Begin every line of a recipe with one tab.",
        );
    }
    let script = Script::makefile(&text);
    for step in [Step::Install, Step::Uninstall] {
        if script.answers(step) == Answer::No {
            let place = Place { file, line: None };
            let message = format!("the makefile has no target `{}`", step.word());
            let fix = format!("Add a target `{}:`; it may be empty.", step.word());
            report.add(Check::LegacyTargetMissing, place, &message, &fix);
        }
    }
    lints::makefile(file, &script, report);
}
