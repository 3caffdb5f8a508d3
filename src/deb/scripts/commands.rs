//! The service commands that a plugin of the old layout called while its files were made: recorded in the sandbox by
//! stubs, checked here, run once on the host.
//!
//! The record is a sequence of commands, each a list of texts that end with NUL: the step (`install` or `uninstall`), the
//! number of words, the words. A stub writes it with `printf '%s\0' "$step" "$(($# + 1))" "${0##*/}" "$@"`.

use crate::model::printable;

/// The most commands of a record.
const COMMANDS: usize = 64;

/// The most words of a command.
const WORDS: usize = 32;

/// The longest word, in bytes.
const WORD: usize = 1024;

/// The commands that stand for services, besides those that start with `wazo-`.
const SERVICES: &[&str] = &["asterisk", "systemctl", "service"];

/// A record that is none, or asks for something that no package of the farm does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandsError {
    /// The record ends in the middle, or has something else in place of a step or a number.
    #[error("the record of service commands is malformed at command {number}")]
    Malformed {
        /// Which command, from 1.
        number: usize,
    },
    /// More than 64 commands, 32 words or 1024 bytes in a word.
    #[error(
        "command {number} of the record is over the limits (64 commands, 32 words, 1024 bytes a word)"
    )]
    Limit {
        /// Which command, from 1.
        number: usize,
    },
    /// A word that is not UTF-8 or has a control character.
    #[error("command {number} of the record has a word that is not printable text")]
    Text {
        /// Which command, from 1.
        number: usize,
    },
    /// Another program than those of services.
    #[error(
        "command {number} of the record calls `{program}`, which is none of asterisk, systemctl, service and wazo-*"
    )]
    Program {
        /// Which command, from 1.
        number: usize,
        /// What it calls, made printable.
        program: String,
    },
}

/// Service commands, each with its words; a command that follows itself is kept once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceCommands {
    install: Vec<Vec<String>>,
    uninstall: Vec<Vec<String>>,
}

impl ServiceCommands {
    /// Reads a record.
    ///
    /// # Errors
    /// See [`CommandsError`].
    pub fn parse(record: &[u8]) -> Result<Self, CommandsError> {
        let mut found = Self::default();
        let mut texts = record.split(|b| *b == 0);
        for number in 1.. {
            let malformed = CommandsError::Malformed { number };
            let list = match texts.next().ok_or(malformed.clone())? {
                b"" if texts.next().is_none() => return Ok(found),
                b"install" => &mut found.install,
                b"uninstall" => &mut found.uninstall,
                _ => return Err(malformed),
            };
            let count = texts.next().and_then(|text| std::str::from_utf8(text).ok());
            let count: usize = count
                .and_then(|text| text.parse().ok())
                .ok_or(malformed.clone())?;
            if number > COMMANDS || count > WORDS {
                return Err(CommandsError::Limit { number });
            }
            let words: Vec<&[u8]> = texts.by_ref().take(count).collect();
            if words.len() != count {
                return Err(malformed);
            }
            let words = check(&words, number)?;
            if list.last() != Some(&words) {
                list.push(words);
            }
        }
        Ok(found)
    }

    /// What was called while the files were installed, in order.
    #[must_use]
    pub fn install(&self) -> &[Vec<String>] {
        &self.install
    }

    /// What was called while they were uninstalled, in order.
    #[must_use]
    pub fn uninstall(&self) -> &[Vec<String>] {
        &self.uninstall
    }
}

fn check(words: &[&[u8]], number: usize) -> Result<Vec<String>, CommandsError> {
    let mut checked = Vec::new();
    for word in words {
        if word.len() > WORD {
            return Err(CommandsError::Limit { number });
        }
        match std::str::from_utf8(word) {
            Ok(text) if !text.chars().any(char::is_control) => checked.push(text.to_owned()),
            _ => return Err(CommandsError::Text { number }),
        }
    }
    let program = checked.first().ok_or(CommandsError::Malformed { number })?;
    let plain = program
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain && (SERVICES.contains(&program.as_str()) || program.starts_with("wazo-")) {
        Ok(checked)
    } else {
        Err(CommandsError::Program {
            number,
            program: printable(program, 60),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn a_record_is_read_and_repetitions_are_dropped() {
        let record = b"install\x003\0asterisk\0-x\0dialplan reload\0install\x003\0asterisk\0-x\0dialplan reload\0\
                       uninstall\x003\0systemctl\0restart\0it's\0";
        let found = ServiceCommands::parse(record).unwrap();
        assert_eq!(found.install(), [words("asterisk|-x|dialplan reload")]);
        assert_eq!(found.uninstall(), [words("systemctl|restart|it's")]);
        assert_eq!(ServiceCommands::parse(b""), Ok(ServiceCommands::default()));
    }

    #[test]
    fn what_no_service_is_called_with_is_refused() {
        use CommandsError::{Limit, Malformed, Program, Text};
        let program = |name: &str| Program {
            number: 1,
            program: name.to_owned(),
        };
        for (record, error) in [
            (b"install\x001\0rm\0".to_vec(), program("rm")),
            (
                b"install\x001\0/bin/asterisk\0".to_vec(),
                program("/bin/asterisk"),
            ),
            (b"install\x001\0wazo-$(x)\0".to_vec(), program("wazo-$(x)")),
            (b"install\x001\0asterisk\n\0".to_vec(), Text { number: 1 }),
            (b"install\x001\0\xff\0".to_vec(), Text { number: 1 }),
            (b"install\x000\0".to_vec(), Malformed { number: 1 }),
            (b"install\x002\0asterisk".to_vec(), Malformed { number: 1 }),
            (b"build\x001\0asterisk\0".to_vec(), Malformed { number: 1 }),
            (b"install\x0099\0asterisk\0".to_vec(), Limit { number: 1 }),
            (
                [b"install\x001\0wazo-".to_vec(), vec![b'a'; 2000], vec![0]].concat(),
                Limit { number: 1 },
            ),
            (b"install\x001\0asterisk\0".repeat(65), Limit { number: 65 }),
        ] {
            assert_eq!(ServiceCommands::parse(&record), Err(error), "{record:?}");
        }
    }

    proptest! {
        #[test]
        fn no_record_makes_the_reader_panic(record in "(install|uninstall|[a-z]{0,3}|[0-9]{1,20}|asterisk|\0){0,30}") {
            if let Ok(found) = ServiceCommands::parse(record.as_bytes()) {
                prop_assert!(found.install().len() + found.uninstall().len() <= COMMANDS);
            }
        }
    }
}
