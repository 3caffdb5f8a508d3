//! Splits a line into commands and words, as a shell would, without expanding anything.

/// One simple command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::plugin) struct Command {
    /// Its name (without a path) and its arguments, without quotes; assignments and keywords before it are dropped.
    pub(in crate::plugin) words: Vec<String>,
    /// The files that its output goes to.
    pub(in crate::plugin) outputs: Vec<String>,
    /// Whether its output goes into the next command.
    pub(in crate::plugin) pipes: bool,
}

impl Command {
    /// The command's name, or an empty text.
    pub(in crate::plugin) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// What follows the name.
    pub(in crate::plugin) fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The arguments that are no options.
    pub(in crate::plugin) fn operands(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.arguments()
            .iter()
            .map(String::as_str)
            .filter(|word| !word.starts_with('-'))
    }

    /// Whether it only prints its arguments.
    pub(super) fn prints(&self) -> bool {
        matches!(self.name(), "echo" | "printf" | "log")
    }
}

/// The commands of `line`, in order.
pub(in crate::plugin) fn commands(line: &str) -> Vec<Command> {
    let mut lexer = Lexer::default();
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' => lexer.quote(rest.by_ref().take_while(|c| *c != '\'')),
            '"' => lexer.double_quote(&mut rest),
            '\\' => lexer.quote(rest.next()),
            '#' if !lexer.in_word => break,
            '$' if rest.peek() == Some(&'{') => {
                lexer.push('$');
                for c in rest.by_ref() {
                    lexer.push(c);
                    if c == '}' {
                        break;
                    }
                }
            }
            ' ' | '\t' => lexer.end_word(),
            '>' => lexer.redirect(&mut rest),
            '<' => lexer.end_word(),
            '|' if rest.peek() == Some(&'|') => lexer.end_command(false),
            '|' => lexer.end_command(true),
            ';' | '&' | '(' | ')' | '`' => lexer.end_command(false),
            other => lexer.push(other),
        }
    }
    lexer.end_command(false);
    lexer.commands
}

#[derive(Default)]
struct Lexer {
    commands: Vec<Command>,
    command: Command,
    word: String,
    in_word: bool,
    /// The next word is the file that output goes to.
    is_output: bool,
}

impl Lexer {
    fn push(&mut self, c: char) {
        self.in_word = true;
        self.word.push(c);
    }

    fn quote(&mut self, text: impl IntoIterator<Item = char>) {
        self.in_word = true;
        self.word.extend(text);
    }

    fn double_quote(&mut self, rest: &mut impl Iterator<Item = char>) {
        self.in_word = true;
        while let Some(c) = rest.next() {
            match c {
                '"' => return,
                '\\' => self.word.extend(rest.next()),
                other => self.word.push(other),
            }
        }
    }

    /// After a `>`: a number before it is a descriptor, and so is what follows `>&`.
    fn redirect(&mut self, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
        if self.word.bytes().all(|b| b.is_ascii_digit()) {
            self.word.clear();
            self.in_word = false;
        }
        self.end_word();
        while rest.next_if(|c| matches!(c, '>' | '|')).is_some() {}
        if rest.next_if_eq(&'&').is_some() {
            while rest.next_if(|c| c.is_ascii_digit() || *c == '-').is_some() {}
            return;
        }
        self.is_output = true;
    }

    fn end_word(&mut self) {
        if !self.in_word {
            return;
        }
        self.in_word = false;
        let word = std::mem::take(&mut self.word);
        if self.is_output {
            self.is_output = false;
            self.command.outputs.push(word);
        } else if !self.command.words.is_empty() {
            self.command.words.push(word);
        } else if !is_prefix(&word) {
            let name = word.trim_start_matches(['@', '-', '+']);
            let name = name.rsplit('/').next().unwrap_or(name);
            self.command.words.push(name.to_owned());
        }
    }

    fn end_command(&mut self, pipes: bool) {
        self.end_word();
        self.is_output = false;
        let mut command = std::mem::take(&mut self.command);
        command.pipes = pipes;
        if !(command.words.is_empty() && command.outputs.is_empty()) {
            self.commands.push(command);
        }
    }
}

/// A keyword or an assignment, after which the command's name is still to come.
fn is_prefix(word: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "if", "then", "else", "elif", "do", "while", "until", "!", "{", "}", "exec", "command",
        "time", "env", "fi", "done",
    ];
    let assignment = word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    KEYWORDS.contains(&word) || assignment
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<Vec<String>> {
        commands(line)
            .into_iter()
            .map(|command| command.words)
            .collect()
    }

    #[test]
    fn a_line_becomes_commands() {
        assert_eq!(
            words("mkdir -p \"${pkgdir}/etc/a b\" && cp 'x y' z"),
            [
                vec!["mkdir", "-p", "${pkgdir}/etc/a b"],
                vec!["cp", "x y", "z"]
            ]
        );
        assert_eq!(
            words("if ! A=1 /usr/bin/git log; then :; fi # git"),
            [vec!["git", "log"], vec![":"]]
        );
        assert_eq!(words("\t@-rm -f x#y"), [["rm", "-f", "x#y"]]);
        assert_eq!(words("x=$(git describe)"), [["git", "describe"]]);
        assert_eq!(words("# nothing"), Vec::<Vec<String>>::new());
    }

    #[test]
    fn pipes_and_outputs_are_seen() {
        let read = commands("curl -s x | sh 2>/dev/null >> /etc/y || echo z >&2");
        assert!(read[0].pipes && !read[1].pipes);
        assert_eq!(read[1].outputs, ["/dev/null", "/etc/y"]);
        assert_eq!(read[2].outputs, [""; 0]);
        assert_eq!(read[2].words, ["echo", "z"]);
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_lexer(line in "([a-z$'\"\\\\|&;<>(){}`# =-]|\\PC){0,60}") {
            let letters = commands(&line).iter().flat_map(|command| command.words.iter().map(String::len)).sum::<usize>();
            prop_assert!(letters <= line.len());
        }
    }
}
