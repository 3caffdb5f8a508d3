//! The service commands that a plugin of the old layout called while its files were made: recorded in the sandbox, checked
//! here, run once on the host.

use crate::model::printable;

/// The most commands for one direction.
const COMMANDS: usize = 64;

/// The most words of a command.
const WORDS: usize = 32;

/// The longest word, in bytes.
const WORD: usize = 1024;

/// The commands that stand for services, besides those that start with `wazo-`.
const SERVICES: &[&str] = &["asterisk", "systemctl", "service"];

/// A recorded command that no package of the farm runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandsError {
    /// More than 64 commands, 32 words or 1024 bytes in a word.
    #[error(
        "service command {number} is over the limits (64 commands, 32 words, 1024 bytes a word)"
    )]
    Limit {
        /// Which command, from 1.
        number: usize,
    },
    /// A word with a control character, or no word at all.
    #[error("service command {number} has a word that is not printable text")]
    Text {
        /// Which command, from 1.
        number: usize,
    },
    /// Another program than those of services.
    #[error(
        "service command {number} calls `{program}`, which is none of asterisk, systemctl, service and wazo-*"
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
    /// Checks what was called while files were installed, and while they were uninstalled.
    ///
    /// # Errors
    /// See [`CommandsError`]; commands are numbered within their direction.
    pub fn new(
        install: Vec<Vec<String>>,
        uninstall: Vec<Vec<String>>,
    ) -> Result<Self, CommandsError> {
        Ok(Self {
            install: checked(install)?,
            uninstall: checked(uninstall)?,
        })
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

fn checked(mut commands: Vec<Vec<String>>) -> Result<Vec<Vec<String>>, CommandsError> {
    for (number, words) in (1..).zip(&commands) {
        check(words, number)?;
    }
    commands.dedup();
    Ok(commands)
}

fn check(words: &[String], number: usize) -> Result<(), CommandsError> {
    if number > COMMANDS || words.len() > WORDS || words.iter().any(|word| word.len() > WORD) {
        return Err(CommandsError::Limit { number });
    }
    let program = words.first().ok_or(CommandsError::Text { number })?;
    if words.iter().any(|word| word.chars().any(char::is_control)) {
        return Err(CommandsError::Text { number });
    }
    let plain = program
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain && (SERVICES.contains(&program.as_str()) || program.starts_with("wazo-")) {
        return Ok(());
    }
    Err(CommandsError::Program {
        number,
        program: printable(program, 60),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Vec<String> {
        line.split('|').map(str::to_owned).collect()
    }

    fn install(lines: &[&str]) -> Result<ServiceCommands, CommandsError> {
        ServiceCommands::new(lines.iter().map(|line| command(line)).collect(), Vec::new())
    }

    #[test]
    fn commands_are_kept_in_order_and_repetitions_are_dropped() {
        let reload = "asterisk|-x|dialplan reload";
        let found = install(&[reload, reload, "systemctl|restart|it's", reload]).unwrap();
        let expected = [reload, "systemctl|restart|it's", reload].map(command);
        assert_eq!(found.install(), expected);
        assert_eq!(found.uninstall(), [] as [Vec<String>; 0]);
    }

    #[test]
    fn what_no_service_is_called_with_is_refused() {
        use CommandsError::{Limit, Program, Text};
        for line in ["rm|-rf|/", "/bin/asterisk", "wazo-$(x)", "", "Asterisk"] {
            let program = command(line)[0].clone();
            assert_eq!(
                install(&[line]),
                Err(Program { number: 1, program }),
                "{line}"
            );
        }
        assert_eq!(
            install(&["asterisk", "service|a\nb"]),
            Err(Text { number: 2 })
        );
        assert_eq!(
            ServiceCommands::new(vec![Vec::new()], Vec::new()),
            Err(Text { number: 1 })
        );
        assert_eq!(install(&["asterisk"; 65]), Err(Limit { number: 65 }));
        assert_eq!(
            install(&[&format!("asterisk{}", "|x".repeat(32))]),
            Err(Limit { number: 1 })
        );
        assert_eq!(
            install(&[&format!("asterisk|{}", "x".repeat(1025))]),
            Err(Limit { number: 1 })
        );
    }
}
