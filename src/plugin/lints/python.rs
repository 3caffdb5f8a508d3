//! What `setup.py` and its kin do that breaks on a current Debian.

use super::{Check, Place, Report, Tree, quote};

const SETUP: &str = "setup.py";

/// Warns about the Python packaging files.
pub(super) fn setup(tree: &Tree, report: &mut Report) {
    let text = String::from_utf8_lossy(tree.text(SETUP).unwrap_or_default());
    for (number, line) in (1..).zip(text.lines()) {
        let place = Place {
            file: SETUP,
            line: Some(number),
        };
        let code = line.split('#').next().unwrap_or_default();
        if loads_without_loader(code) {
            let message =
                "`yaml.load` without a loader fails with PyYAML 6, which every target has";
            report.add(
                Check::SetupYamlLoad,
                place,
                message,
                "Write `yaml.safe_load(…)`.",
            );
        }
        if code.contains("find_packages()") {
            ships_tests(tree, place, report);
        }
    }
    for file in [SETUP, "setup.cfg", "pyproject.toml"] {
        needs_history(tree, file, report);
    }
}

/// Whether a call of `yaml.load` has one argument.
fn loads_without_loader(code: &str) -> bool {
    let calls = code.split("yaml.load(").skip(1);
    let mut arguments = calls.filter_map(|after| {
        let mut depth = 1;
        let end = after.char_indices().find(|(_, c)| {
            depth += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            depth == 0
        });
        end.map(|(end, _)| after.split_at(end).0)
    });
    arguments.any(|argument| !argument.contains("Loader") && !argument.contains(','))
}

fn ships_tests(tree: &Tree, place: Place<'_>, report: &mut Report) {
    const FOLDERS: &[&str] = &[
        "tests",
        "test",
        "docs",
        "doc",
        "examples",
        "scripts",
        "integration_tests",
    ];
    let is_package = |folder: &&&str| tree.get(&format!("{folder}/__init__.py")).is_some();
    if let Some(folder) = FOLDERS.iter().find(is_package) {
        let message = format!(
            "`find_packages()` finds {} too, which would be a package of that name for every program on the host",
            quote(folder)
        );
        let fix = format!("Write `find_packages(exclude=['{folder}', '{folder}.*'])`.");
        report.add(Check::SetupShipsTests, place, &message, &fix);
    }
}

fn needs_history(tree: &Tree, file: &str, report: &mut Report) {
    let text = String::from_utf8_lossy(tree.text(file).unwrap_or_default());
    let tools = [
        "setuptools_scm",
        "setuptools-scm",
        "use_scm_version",
        "pbr=True",
    ];
    let line = (1..)
        .zip(text.lines())
        .find(|(_, line)| tools.iter().any(|tool| line.contains(tool)));
    if let Some((number, _)) = line {
        let place = Place {
            file,
            line: Some(number),
        };
        let message = "the version is taken from the git history, which is not in the source";
        report.add(
            Check::StepCallsGit,
            place,
            message,
            "Write the version out.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_with_one_argument_lacks_its_loader() {
        assert!(loads_without_loader("x = yaml.load(open(FILE))['a']"));
        assert!(loads_without_loader("yaml.load(f)"));
        assert!(!loads_without_loader(
            "yaml.load(f, Loader=yaml.SafeLoader)"
        ));
        assert!(!loads_without_loader("yaml.load(f, yaml.SafeLoader)"));
        assert!(!loads_without_loader("yaml.safe_load(f)"));
        assert!(!loads_without_loader("yaml.load(\n"));
    }
}
