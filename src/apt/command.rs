//! Questions to apt's and dpkg's own programs: a clean environment, no input, and limits of time and size.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::AptError;
use crate::model::printable;

/// The longest that a question may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// The most bytes that an answer may have; an index is part of one.
const MAX_ANSWER: u64 = 256 << 20;
/// The most bytes of complaints that are read.
const MAX_COMPLAINT: u64 = 64 << 10;

/// A command with the environment that apt and dpkg are run in: no prompts, no words in other languages, nothing of the caller's.
#[must_use]
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/root")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("DEBIAN_PRIORITY", "critical")
        .env("APT_LISTCHANGES_FRONTEND", "none")
        .env("NEEDRESTART_MODE", "l")
        .env("UCF_FORCE_CONFFOLD", "1")
        .current_dir("/")
        .stdin(Stdio::null());
    command
}

/// Runs a program that answers a question, and gives what it printed.
pub(super) async fn ask(program: &'static str, arguments: &[&str]) -> Result<Vec<u8>, AptError> {
    let mut asked = command(program);
    asked.args(arguments).kill_on_drop(true);
    asked.stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |source| AptError::Run { program, source };
    let mut child = asked.spawn().map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let answered = async {
        let (answer, said) = tokio::join!(
            read_to(stdout, MAX_ANSWER + 1),
            read_to(stderr, MAX_COMPLAINT)
        );
        Ok((answer?, said?, child.wait().await?))
    };
    let limit = |limit: String| AptError::Limit { program, limit };
    let answered = tokio::time::timeout(PATIENCE, answered).await;
    let (answer, said, status) = answered
        .map_err(|_| limit(format!("{} seconds", PATIENCE.as_secs())))?
        .map_err(failed)?;
    if answer.len() as u64 > MAX_ANSWER {
        return Err(limit(format!("{MAX_ANSWER} bytes")));
    }
    if status.success() {
        return Ok(answer);
    }
    let said = String::from_utf8_lossy(&said);
    let last: Vec<_> = said.lines().rev().take(3).collect();
    let last: Vec<_> = last.into_iter().rev().collect();
    Err(AptError::Failed {
        program,
        status: status.code().unwrap_or(-1),
        said: printable(&last.join("; "), 400),
    })
}

/// What comes until the end, or until there is more than `limit`; then the other side is told by a closed pipe.
async fn read_to(pipe: Option<impl AsyncRead + Unpin>, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(limit).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_what_was_printed() {
        assert_eq!(ask("printf", &["%s", "words"]).await.unwrap(), b"words");
    }

    #[tokio::test]
    async fn a_program_that_fails_says_why() {
        let error = ask("sh", &["-c", "echo one >&2; echo two >&2; exit 7"]).await;
        insta::assert_snapshot!(error.unwrap_err(), @"sh failed with status 7: one; two");
        let error = ask("no-such-program", &[]).await.unwrap_err();
        assert!(matches!(error, AptError::Run { .. }), "{error}");
    }

    #[tokio::test]
    async fn nothing_of_the_callers_environment_is_handed_on() {
        let printed = ask("env", &[]).await.unwrap();
        let printed = String::from_utf8(printed).unwrap();
        assert!(!printed.contains("CARGO"), "{printed}");
        assert!(printed.contains("DEBIAN_FRONTEND=noninteractive\n"));
    }
}
