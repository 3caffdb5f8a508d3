//! Who runs a rules file: its first line, or the ELF header.

use crate::model::Target;

/// What the rules are written in, as far as checks care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugin) enum Language {
    /// `sh` (dash on Debian) or bash.
    Shell { bash: bool },
    /// A makefile whose targets are the steps.
    Make,
    /// Something else: Python, Perl, machine code.
    Other,
}

/// What the first line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Interpreter {
    /// Machine code; nothing else is needed.
    None,
    /// This path, run by the kernel.
    Program {
        /// The path after `#!`.
        path: String,
        /// The program that reads the rules: the path's last part, or the word after `env`.
        name: String,
        language: Language,
    },
    /// No `#!` at all, or nothing after it.
    Missing,
    /// The line ends in a carriage return, which becomes part of the interpreter's name.
    CarriageReturn,
}

/// Reads the first line of `rules`.
pub(super) fn interpreter(rules: &[u8]) -> Interpreter {
    if rules.starts_with(b"\x7fELF") {
        return Interpreter::None;
    }
    let first = rules
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let Some(command) = first.strip_prefix("#!") else {
        return Interpreter::Missing;
    };
    if command.ends_with('\r') {
        return Interpreter::CarriageReturn;
    }
    let mut words = command.split([' ', '\t']).filter(|word| !word.is_empty());
    let Some(path) = words.next() else {
        return Interpreter::Missing;
    };
    let mut name = last_part(path);
    if name == "env" {
        let program = words.find(|word| !word.starts_with('-') && !word.contains('='));
        name = program.map_or(name, last_part);
    }
    Interpreter::Program {
        path: path.to_owned(),
        name: name.to_owned(),
        language: language(name),
    }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn language(name: &str) -> Language {
    match name {
        "sh" | "dash" => Language::Shell { bash: false },
        "bash" => Language::Shell { bash: true },
        "make" | "gmake" => Language::Make,
        _ => Language::Other,
    }
}

/// Whether the builder image for `target` has the interpreter: the program, at the path that the first line names.
pub(super) fn is_in_builder(path: &str, name: &str, target: Target) -> bool {
    const PROGRAMS: &[&str] = &[
        "sh", "dash", "bash", "make", "python3", "python", "perl", "awk", "mawk", "sed",
    ];
    let folder_is_right = matches!(path.rsplit_once('/'), Some(("/bin" | "/usr/bin", _)));
    let version = name.strip_prefix("python");
    folder_is_right && (PROGRAMS.contains(&name) || version == Some(target.python()))
}

/// Whether every Wazo host has the interpreter, which runs `install` there.
pub(super) fn is_on_hosts(name: &str) -> bool {
    name != "make"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(rules: &str) -> (String, String, Language) {
        match interpreter(rules.as_bytes()) {
            Interpreter::Program {
                path,
                name,
                language,
            } => (path, name, language),
            other => panic!("{rules:?}: {other:?}"),
        }
    }

    #[test]
    fn the_first_line_names_the_interpreter() {
        for (rules, path, name, language) in [
            (
                "#!/bin/sh\n",
                "/bin/sh",
                "sh",
                Language::Shell { bash: false },
            ),
            (
                "#! /bin/bash -e\n",
                "/bin/bash",
                "bash",
                Language::Shell { bash: true },
            ),
            (
                "#!/usr/bin/make -f",
                "/usr/bin/make",
                "make",
                Language::Make,
            ),
            (
                "#!/usr/bin/env python3\n",
                "/usr/bin/env",
                "python3",
                Language::Other,
            ),
            (
                "#!/usr/bin/env -S make -f\n",
                "/usr/bin/env",
                "make",
                Language::Make,
            ),
            (
                "#!/usr/bin/env A=b bash\n",
                "/usr/bin/env",
                "bash",
                Language::Shell { bash: true },
            ),
        ] {
            assert_eq!(
                program(rules),
                (path.into(), name.into(), language),
                "{rules:?}"
            );
        }
    }

    #[test]
    fn a_first_line_that_the_kernel_cannot_use_is_told_apart() {
        assert_eq!(interpreter(b""), Interpreter::Missing);
        assert_eq!(interpreter(b"case $1 in"), Interpreter::Missing);
        assert_eq!(interpreter(b"#!\n"), Interpreter::Missing);
        assert_eq!(interpreter(b"\n#!/bin/sh\n"), Interpreter::Missing);
        assert_eq!(
            interpreter("\u{feff}#!/bin/sh\n".as_bytes()),
            Interpreter::Missing
        );
        assert_eq!(interpreter(b"#!/bin/sh\r\n"), Interpreter::CarriageReturn);
        assert_eq!(interpreter(b"\x7fELF\x02"), Interpreter::None);
    }

    #[test]
    fn the_builder_has_debians_own_interpreters() {
        assert!(is_in_builder("/bin/sh", "sh", Target::Bookworm));
        assert!(is_in_builder("/usr/bin/env", "bash", Target::Bookworm));
        assert!(is_in_builder(
            "/usr/bin/python3.11",
            "python3.11",
            Target::Bookworm
        ));
        assert!(!is_in_builder(
            "/usr/bin/python3.11",
            "python3.11",
            Target::Trixie
        ));
        assert!(!is_in_builder(
            "/usr/local/bin/bash",
            "bash",
            Target::Bookworm
        ));
        assert!(!is_in_builder("/usr/bin/node", "node", Target::Bookworm));
        assert!(!is_in_builder("./sh", "sh", Target::Bookworm));
    }
}
