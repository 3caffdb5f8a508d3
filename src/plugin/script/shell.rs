//! Follows a shell script's `case` branches and functions.

use std::collections::BTreeSet;

use super::lines::{logical_lines, without_comment};
use super::{Block, Fate, Line, Script, Step, Steps, bounded_lines, commands, words::Command};

/// Levels of `case` inside each other.
const DEPTH: usize = 20;

/// Reads `text`.
pub(super) fn read(text: &str) -> Script {
    let mut reader = Reader::default();
    let (lines, is_whole) = bounded_lines(text);
    for (number, line) in logical_lines(lines) {
        reader.line(number, &line);
    }
    let mut script = reader.script;
    script.follow_calls();
    script.default = if is_whole && reader.has_dispatch {
        fate(&script)
    } else {
        None
    };
    script
}

/// What the default branch does. A `case` without one passes, as does a branch that only prints; what a branch does
/// under a condition is unclear.
fn fate(script: &Script) -> Option<Fate> {
    let called = script
        .lines
        .iter()
        .filter(|line| line.is_default)
        .flat_map(|line| commands(&line.text));
    let called: BTreeSet<_> = called.map(|command| command.name().to_owned()).collect();
    let is_called = |block: &Block| block.names.iter().any(|name| called.contains(name));
    let in_called_block = |line: &Line| {
        line.block
            .and_then(|index| script.blocks.get(index))
            .is_some_and(is_called)
    };
    let lines: Vec<_> = script
        .lines
        .iter()
        .filter(|line| line.is_default || in_called_block(line))
        .collect();
    let is_conditional = |line: &&Line| {
        ["if ", "case ", "while ", "||", "&&"]
            .iter()
            .any(|word| line.text.contains(word))
    };
    if lines.iter().any(is_conditional) {
        None
    } else if lines
        .iter()
        .any(|line| commands(&line.text).iter().any(fails))
    {
        Some(Fate::Fails)
    } else {
        Some(Fate::Passes)
    }
}

/// Whether the command ends the script with a failure, for certain.
fn fails(command: &Command) -> bool {
    match command.name() {
        "false" => true,
        "exit" | "return" => command
            .arguments()
            .first()
            .is_some_and(|status| status != "0" && !status.starts_with('$')),
        _ => false,
    }
}

/// A `case` that is open.
#[derive(Default)]
struct Frame {
    /// The steps of the branch that is open; empty in a `case` about something else.
    steps: Steps,
    in_branch: bool,
    in_default: bool,
    /// The steps of all its branches.
    all_steps: Steps,
    /// The lines of its default branch.
    default_lines: Vec<usize>,
}

#[derive(Default)]
struct Reader {
    script: Script,
    frames: Vec<Frame>,
    block: Option<usize>,
    has_dispatch: bool,
}

impl Reader {
    fn line(&mut self, number: u64, line: &str) {
        let code = without_comment(line);
        if self.frames.is_empty() && self.function(&code) {
            return;
        }
        if self.frames.is_empty() && code.trim() == "}" {
            self.block = None;
            return;
        }
        for (index, part) in code.split(";;").enumerate() {
            if index > 0 {
                self.end_branch();
            }
            self.part(number, part.trim_start_matches('&'));
        }
    }

    /// Opens a function if the line does: `name() {` or `function name {`. A body on the same line stays with the line.
    fn function(&mut self, code: &str) -> bool {
        let code = code.trim();
        let (head, has_keyword) = match code.strip_prefix("function ") {
            Some(rest) => (rest.trim_start(), true),
            None => (code, false),
        };
        let end = head
            .find(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c))
            .unwrap_or(head.len());
        let (name, rest) = head.split_at(end);
        let rest = rest.trim_start();
        if name.is_empty() || !(has_keyword || rest.starts_with("()")) || rest.ends_with('}') {
            return false;
        }
        let mut block = Block {
            names: vec![name.to_owned()],
            ..Block::default()
        };
        if let Some(step) = Step::named(name) {
            block.steps.insert(step);
        }
        self.block = Some(self.script.blocks.len());
        self.script.blocks.push(block);
        true
    }

    /// A part of a line, up to `;;`.
    fn part(&mut self, number: u64, part: &str) {
        let mut rest = part.trim();
        while !rest.is_empty() {
            if is_first_word(rest, "esac") {
                self.end_case();
                rest = rest
                    .trim_start_matches("esac")
                    .trim_start_matches([' ', '\t', ';']);
            } else if let Some(after) = self.label(rest) {
                rest = after.trim_start();
            } else if let Some(after) = case_start(rest).filter(|_| self.frames.len() < DEPTH) {
                self.frames.push(Frame::default());
                rest = after.trim_start();
            } else {
                let body = rest
                    .split_once("; esac")
                    .or_else(|| rest.split_once(";esac"));
                let (body, after) = body.unwrap_or((rest, ""));
                self.push(number, body);
                if body.len() == rest.len() {
                    return;
                }
                self.end_case();
                rest = after.trim_start();
            }
        }
    }

    /// What follows a label, if one is due and `text` begins with it.
    fn label<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let frame = self.frames.last_mut().filter(|frame| !frame.in_branch)?;
        label(frame, text)
    }

    fn push(&mut self, number: u64, text: &str) {
        let index = self.script.lines.len();
        let steps = self
            .frames
            .iter()
            .map(|frame| frame.steps)
            .fold(Steps::default(), Steps::union);
        for frame in self.frames.iter_mut().filter(|frame| frame.in_default) {
            frame.default_lines.push(index);
        }
        self.script.lines.push(Line {
            number,
            text: text.to_owned(),
            steps,
            is_default: false,
            block: self.block,
        });
    }

    fn end_branch(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.in_branch = false;
            frame.in_default = false;
            frame.steps = Steps::default();
        }
    }

    fn end_case(&mut self) {
        let Some(frame) = self
            .frames
            .pop()
            .filter(|frame| frame.all_steps != Steps::default())
        else {
            return;
        };
        self.has_dispatch = true;
        self.script.branches = self.script.branches.union(frame.all_steps);
        for index in frame.default_lines {
            if let Some(line) = self.script.lines.get_mut(index) {
                line.is_default = true;
            }
        }
    }
}

/// Opens the branch whose label `text` begins with, and returns what follows the label.
fn label<'t>(frame: &mut Frame, text: &'t str) -> Option<&'t str> {
    let (pattern, after) = text.split_once(')')?;
    let pattern = pattern.trim_start_matches('(');
    if pattern
        .chars()
        .any(|c| !(c.is_alphanumeric() || " \t|*?-_.:'\"[]!$@/+{}%,~=".contains(c)))
    {
        return None;
    }
    frame.in_branch = true;
    for alternative in pattern.split('|') {
        let word = alternative.trim().trim_matches(['"', '\'']);
        if word == "*" {
            frame.in_default = true;
        }
        for step in Step::ALL {
            let prefix = word.strip_suffix('*').filter(|prefix| !prefix.is_empty());
            if word == step.word() || prefix.is_some_and(|prefix| step.word().starts_with(prefix)) {
                frame.steps.insert(step);
                frame.all_steps.insert(step);
            }
        }
    }
    Some(after)
}

/// What follows `case WORD in`.
fn case_start(text: &str) -> Option<&str> {
    let rest = text
        .strip_prefix("case ")
        .or_else(|| text.strip_prefix("case\t"))?;
    let (_, after) = rest.split_once(" in").or_else(|| rest.split_once("\tin"))?;
    (after.is_empty() || after.starts_with([' ', '\t', ';'])).then_some(after)
}

fn is_first_word(text: &str, word: &str) -> bool {
    let rest = text.strip_prefix(word);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', ';', ')', '}']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plugin::script::Answer;

    fn of(text: &str, step: Step) -> Vec<String> {
        let script = read(text);
        script
            .of(step)
            .map(|line| format!("{}: {}", line.number, line.text))
            .collect()
    }

    const DOCUMENTED: &str = "#!/bin/sh\ncase \"$1\" in\n    build)\n        ;;\n    package)\n        mkdir -p ${pkgdir}/etc\n        \
                              cp a ${pkgdir}/etc/\n        ;;\n    install)\n        asterisk -x 'dialplan reload'\n        ;;\n    \
                              uninstall)\n        ;;\n    *)\n        echo \"unknown '$1'\" >&2\n        exit 1\n        ;;\nesac\n";

    #[test]
    fn the_documented_form_is_followed() {
        assert_eq!(
            of(DOCUMENTED, Step::Package),
            ["6: mkdir -p ${pkgdir}/etc", "7: cp a ${pkgdir}/etc/"]
        );
        assert_eq!(
            of(DOCUMENTED, Step::Install),
            ["10: asterisk -x 'dialplan reload'"]
        );
        assert_eq!(of(DOCUMENTED, Step::Build), [""; 0]);
        let script = read(DOCUMENTED);
        assert_eq!(script.answers(Step::Build), Answer::Yes);
        assert_eq!(script.answers(Step::Postrm), Answer::No);
    }

    #[test]
    fn short_and_shared_branches_are_followed() {
        let text = "case $1 in build) make;; 'package'|\"install\") a; b;; un*) c ;; esac\n";
        assert_eq!(of(text, Step::Build), ["1: make"]);
        assert_eq!(of(text, Step::Package), ["1: a; b"]);
        assert_eq!(of(text, Step::Install), of(text, Step::Package));
        assert_eq!(of(text, Step::Uninstall), ["1: c"]);
    }

    #[test]
    fn functions_get_the_steps_of_their_callers() {
        let text = "fetch() {\n  curl x\n}\ncompile() {\n  fetch\n}\ncase \"$1\" in\n  build) compile ;;\nesac\n";
        assert_eq!(
            of(text, Step::Build),
            ["2: curl x", "5: fetch", "8: compile"]
        );
        let text = "build() {\n  make\n}\nfunction package {\n  cp\n}\n\"$@\"\n";
        assert_eq!(of(text, Step::Build), ["2: make"]);
        assert_eq!(of(text, Step::Package), ["5: cp"]);
        assert_eq!(read(text).answers(Step::Package), Answer::Yes);
    }

    #[test]
    fn a_case_about_something_else_belongs_to_its_branch() {
        let text = "case $(uname -m) in x86_64) a=1;; *) exit 1;; esac\ncase $1 in\n build)\n  case $b in\n   x) y ;;\n   *) false ;;\n  esac\n  z\n  ;;\nesac\n";
        assert_eq!(of(text, Step::Build), ["5: y", "6: false", "8: z"]);
        assert_eq!(
            read(text).answers(Step::Postrm),
            Answer::Yes,
            "no default branch passes"
        );
    }

    #[test]
    fn what_happens_to_an_unknown_word_is_followed_as_far_as_it_is_clear() {
        for (text, answer) in [
            (
                "case $1 in build) ;; *) usage ;; esac\nusage() {\n exit 2\n}\n",
                Answer::No,
            ),
            (
                "case $1 in build) ;; *) echo postrm unknown; exit 1 ;; esac\n",
                Answer::No,
            ),
            ("case $1 in build) ;; *) exit 0 ;; esac\n", Answer::Yes),
            ("case $1 in build) ;; *) exit $? ;; esac\n", Answer::Yes),
            ("case $1 in build) ;; esac\n", Answer::Yes),
            ("case $1 in build|postrm) ;; *) exit 1; esac\n", Answer::Yes),
            (
                "case $1 in build) ;; *) exit 1;; esac\n[ $1 = postrm ] && x\n",
                Answer::Unclear,
            ),
            ("exit 0\n", Answer::Unclear),
            (
                "case $1 in build) ;; *) [ -f x ] && exit 1 ;; esac\n",
                Answer::Unclear,
            ),
        ] {
            assert_eq!(read(text).answers(Step::Postrm), answer, "{text:?}");
        }
    }

    #[test]
    fn comments_continuations_and_here_documents_are_no_lines_of_their_own() {
        let text = "case $1 in\n build) # git\n  a \\\n   b\n  cat <<'EOF' >c\n git clone\n esac\nEOF\n  ;;\nesac\n";
        assert_eq!(of(text, Step::Build), ["3: a     b", "5: cat <<'EOF' >c"]);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "(case \\$1 in\n|build\\)|\\*\\)|;;|esac\n|\n|[a-z]\\(\\) \\{|\\}\n|<<EOF|EOF|#|'|\"|exit 1|\\\\\n| |\\PC){0,40}") {
            let script = read(&text);
            for step in Step::ALL {
                script.answers(step);
            }
            prop_assert!(script.lines.len() <= text.lines().count() * 40 + 40);
        }
    }
}
