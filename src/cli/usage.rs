//! Commands that were used wrongly, told to programs in the same form as whatever else goes wrong.

use clap::error::ErrorKind;

use super::answer::Answer;
use crate::model::FailureCode;
use crate::pipeline::Conclusion;

/// Something that the caller named and that is not there, or means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct WrongUsage(pub(super) String);

/// Whether the caller is a program, although its arguments mean nothing otherwise.
pub(super) fn wants_json() -> bool {
    let mut options = std::env::args_os().take_while(|argument| argument != "--");
    options.any(|argument| argument == "--json")
}

/// What clap says of arguments that it cannot read.
pub(super) fn refuse(error: &clap::Error) -> Answer {
    let (message, hint) = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => (
            "no command is named".to_owned(),
            "see `plugfarm --help`".to_owned(),
        ),
        _ => words(&error.render().to_string()),
    };
    Conclusion::failed(FailureCode::Usage, message, Some(hint)).into()
}

/// Clap's text is in paragraphs: what is wrong, then tips and the usage, then where to read more.
fn words(text: &str) -> (String, String) {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let mut paragraphs = text
        .split("\n\n")
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let message = paragraphs.next().unwrap_or_default();
    let hint = paragraphs.collect::<Vec<_>>().join("; ");
    (message, hint)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Cli;

    fn said(arguments: &[&str]) -> (String, String) {
        let error = Cli::try_parse_from(arguments).unwrap_err();
        words(&error.render().to_string())
    }

    #[test]
    fn what_is_wrong_is_told_apart_from_what_to_do() {
        let (message, hint) = said(&["plugfarm", "build"]);
        insta::assert_snapshot!(message, @"the following required arguments were not provided: <PATH|URL>");
        insta::assert_snapshot!(hint, @"Usage: plugfarm build <PATH|URL>; For more information, try '--help'.");
        let (message, hint) = said(&["plugfarm", "bild", "."]);
        insta::assert_snapshot!(message, @"unrecognized subcommand 'bild'");
        assert!(
            hint.contains("similar subcommands exist: 'builds', 'build'"),
            "{hint}"
        );
    }
}
