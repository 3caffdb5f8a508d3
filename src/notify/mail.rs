//! Mail, by the machine's own `sendmail`, which every mail server and every forwarder of mail has. It knows the way to a
//! server, its password, and how to try again; nothing of that is this farm's.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Untold;
use crate::config::MailConfig;
use crate::model::{FarmName, printable};
use crate::store::{Build, Letter};

/// Where a forwarder of mail finds programs of its own.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How long a line of a letter is (RFC 2045 6.8).
const LINE: usize = 76;
/// The exit codes that say that no other try will go better: EX_USAGE, EX_DATAERR, EX_NOUSER, EX_NOHOST, EX_NOPERM
/// (sysexits.h).
const PERMANENT: [i32; 5] = [64, 65, 67, 68, 77];

/// Sends mail.
pub(super) struct Mailer(MailConfig);

/// The program that takes mail, if it is on this machine.
#[must_use]
pub fn mail_program(config: &MailConfig) -> Option<&Path> {
    let program = Path::new(program(config));
    let found = fs_err::metadata(program).ok()?;
    (found.is_file() && found.mode() & 0o111 != 0).then_some(program)
}

fn program(config: &MailConfig) -> &str {
    let program = config.command.first();
    program.map_or("/usr/sbin/sendmail", String::as_str)
}

impl Mailer {
    pub(super) fn new(config: &MailConfig) -> Self {
        Self(config.clone())
    }

    pub(super) async fn send(
        &self,
        farm: &FarmName,
        letter: &Letter,
        build: &Build,
    ) -> Result<(), Untold> {
        let to = &letter.subscription.address;
        if !is_address(to) {
            return Err(Untold {
                reason: "its address is no mail address".to_owned(),
                passes: false,
            });
        }
        let message = message(&self.0.from, to, (farm, letter, build));
        let (status, said) = self.hand_over(to, &message).await.map_err(|error| Untold {
            reason: format!("the program that sends mail cannot be run: {error}"),
            passes: true,
        })?;
        if status == Some(0) {
            return Ok(());
        }
        Err(Untold {
            reason: printable(said.trim(), 300),
            passes: !status.is_some_and(|status| PERMANENT.contains(&status)),
        })
    }

    /// Hands a letter over; gives the exit code, and what was said.
    async fn hand_over(&self, to: &str, message: &str) -> std::io::Result<(Option<i32>, String)> {
        let mut child = Command::new(program(&self.0))
            .args(self.0.command.iter().skip(1))
            .args(["-i", "-f", &self.0.from, "--", to])
            .env_clear()
            .env("PATH", PATH)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(message.as_bytes()).await?;
        }
        let ended = child.wait_with_output().await?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        Ok((ended.status.code(), said))
    }
}

/// Whether `text` is a mail address, as `sendmail` takes it for one alone: what RFC 5321 calls a dot-string, at a host.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else {
        return false;
    };
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    let atoms = |part: &str| !part.is_empty() && part.chars().all(atom);
    let label = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    text.len() <= 254
        && local.len() <= 64
        && !local.starts_with('-')
        && local.split('.').all(atoms)
        && host.split('.').all(label)
}

/// A letter (RFC 5322). Its headers hold nothing that a stranger chose, and its body is encoded.
fn message(from: &str, to: &str, (farm, letter, build): (&FarmName, &Letter, &Build)) -> String {
    let (plugin, target, event) = (&build.plugin, build.target, &letter.event);
    let (id, date) = (&letter.id, letter.created_at.changelog_date());
    let head = format!(
        "From: {from}\nTo: {to}\nSubject: [{farm}] {plugin} {event} for {target}\nDate: {date}\n\
         Message-ID: <{id}@{farm}.plugfarm>\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
    );
    let encoded: Vec<char> = STANDARD.encode(text(letter, build)).chars().collect();
    let lines = encoded
        .chunks(LINE)
        .flat_map(|line| line.iter().chain(&['\n']));
    head.chars().chain(lines.copied()).collect()
}

/// What is told, for people. What a plugin printed comes without what would deceive a reader.
fn text(letter: &Letter, build: &Build) -> String {
    let result = letter.result.as_deref();
    let result = result.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let said = |name: &str| {
        let found = result.as_ref()?.get(name)?.as_str()?;
        Some(printable(found, 2000))
    };
    let Build {
        id,
        plugin,
        target,
        channel,
        ..
    } = build;
    let first = match letter.event.as_str() {
        "halted" => {
            format!("What build {id} of {plugin} has published for {target} fails on hosts.")
        }
        event => format!("Build {id} of {plugin} for {target} in {channel}: {event}."),
    };
    let mut lines = vec![first, String::new()];
    lines.extend(said("message"));
    lines.extend(said("hint").map(|hint| format!("What to do: {hint}")));
    lines.push(String::new());
    lines.push(format!("Repository: {}", build.url));
    let named = [
        ("Ref", build.reference.as_deref()),
        ("Commit", build.commit.as_deref()),
    ];
    for (name, value) in named {
        lines.extend(value.map(|value| format!("{name}: {}", printable(value, 300))));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_and_no_more() {
        for good in [
            "ops@example.org",
            "a.b+c@mail.example.org",
            "root@localhost",
        ] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "ops",
            "ops@",
            "@example.org",
            "a@b\r\nBcc: c@d",
            "a@b, c@d",
            "Joe <a@b.org>",
            "é@example.org",
            "-oQ/tmp@example.org",
            "a..b@example.org",
            "a@b@c",
            "a b@example.org",
            "|id@example.org x",
        ] {
            assert!(!is_address(bad), "{bad:?}");
        }
    }
}
