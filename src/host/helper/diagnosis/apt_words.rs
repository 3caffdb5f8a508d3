//! What apt and dpkg say when the fault is not a script's, in the words of bookworm's and trixie's.

use super::super::wire::{Cause, Diagnosis};
use super::{plain, tail};

/// A package that dpkg did not configure because of another one, which failed or is missing.
pub(super) fn waits(package: &str, lines: &[String]) -> Option<Diagnosis> {
    let begin = format!("dpkg: dependency problems prevent configuration of {package}:");
    let at = lines.iter().rposition(|line| *line == begin)?;
    let depends = format!(" {package} depends on ");
    let line = lines.get(at + 1)?;
    let (other, _) = line.strip_prefix(&depends)?.split_once("; however")?;
    let other = other.split(' ').next().unwrap_or(other);
    let failed = super::script::failed(other, lines);
    let message = format!("{package} waits for {other}, which is not configured");
    Some(match failed {
        Some(failed) => Diagnosis {
            message: format!("{message}: its {} failed", failed.script),
            ..super::script::diagnose(other, failed)
        },
        None => Diagnosis {
            output: tail(lines),
            ..plain(
                Cause::Apt,
                "dependency-failed",
                message,
                "mend that package first, then install the plugin again",
            )
        },
    })
}

/// A full disk, whoever met it.
pub(super) fn disk(lines: &[String]) -> Option<Diagnosis> {
    let full = |line: &&String| {
        line.contains("No space left on device")
            || line.contains("You don't have enough free space")
    };
    let line = lines.iter().rev().find(full)?;
    Some(plain(
        Cause::Apt,
        "disk-full",
        format!("this host has no space left: {}", bare(line)),
        "make room (`df -h`, `apt-get clean`), then try again",
    ))
}

/// The first failure that apt tells.
pub(super) fn find(repository: Option<&str>, lines: &[String]) -> Option<Diagnosis> {
    let found = unmet(lines)
        .or_else(|| fetched(repository, lines))
        .or_else(|| told(lines))?;
    Some(Diagnosis {
        output: tail(lines),
        ..found
    })
}

/// Dependencies that cannot be had.
fn unmet(lines: &[String]) -> Option<Diagnosis> {
    let wanting = [
        "but it is not installable",
        "but it is not going to be installed",
        "is to be installed",
        "but none of the choices are installable",
        "has no installation candidate",
    ];
    let depends = lines.iter().find_map(|line| {
        let (_, rest) = line
            .split_once("Depends: ")
            .or_else(|| line.split_once(" Depends "))?;
        wanting
            .iter()
            .any(|words| line.contains(words))
            .then_some(rest)
    });
    let missing = match depends {
        Some(rest) => relation(rest),
        None => lines
            .iter()
            .find_map(|line| line.strip_prefix("E: Unable to locate package "))?
            .to_owned(),
    };
    Some(plain(
        Cause::Apt,
        "unmet-dependency",
        format!("it needs {missing}, which this host cannot get"),
        "see that the source of that package is set up and updated (`apt-get update`)",
    ))
}

/// The relation that a sentence starts with.
fn relation(rest: &str) -> String {
    let (relation, _) = rest.split_once(" but ").unwrap_or((rest, ""));
    relation.trim().to_owned()
}

/// What could not be fetched, and from whom.
fn fetched(repository: Option<&str>, lines: &[String]) -> Option<Diagnosis> {
    let begin = [
        "E: Failed to fetch ",
        "W: Failed to fetch ",
        "E: The repository '",
        "W: GPG error: ",
        "E: GPG error: ",
        "W: OpenPGP signature verification failed: ",
        "E: OpenPGP signature verification failed: ",
    ];
    let line = lines
        .iter()
        .find_map(|line| begin.iter().find_map(|one| line.strip_prefix(one)));
    let line = line?;
    let own = repository.is_some_and(|own| {
        let own = own.trim_end_matches('/');
        line.contains(own)
    });
    let signed = [
        "not signed",
        "NO_PUBKEY",
        "signatures were invalid",
        "couldn't be verified",
        "signature verification",
        "BADSIG",
        "Missing key",
        "no longer signed",
        "Bad signature",
        "isn't valid",
    ];
    let hashes = ["Hash Sum mismatch", "unexpected size", "hashes of the file"];
    let all = lines.iter();
    let said = |words: &[&str]| {
        all.clone()
            .any(|line| words.iter().any(|one| line.contains(one)))
    };
    let (code, what) = if said(&signed) {
        ("signature", "its signature is not good")
    } else if said(&hashes) {
        ("hash-mismatch", "what it gave is not what it has signed")
    } else if line.contains("404") || line.contains("File not found") {
        ("not-found", "it has no such file any more")
    } else {
        ("unreachable", "it cannot be reached")
    };
    let (cause, who) = if own {
        (Cause::Farm, "the farm's repository")
    } else {
        (Cause::Apt, "a repository of this host")
    };
    let hint = match code {
        "signature" => "do not work around this; ask whoever runs the repository",
        "hash-mismatch" => {
            "try again; if it stays, ask whoever runs the repository or the proxy before it"
        }
        "not-found" => "try again later; if it stays, ask whoever runs the repository",
        _ => "see that this host reaches it, then try again",
    };
    Some(plain(
        cause,
        code,
        format!("{who} cannot be used: {what} ({})", bare(line)),
        hint,
    ))
}

/// Everything that apt has one sentence for: what the sentence has in it, the code, what it means, what to do.
const SENTENCES: [(&str, &str, &str, &str); 6] = [
    (
        "Could not get lock",
        "lock-held",
        "another program kept apt or dpkg busy for too long",
        "wait until it is done, then try again",
    ),
    (
        "Unable to acquire the dpkg frontend lock",
        "lock-held",
        "another program kept apt or dpkg busy for too long",
        "wait until it is done, then try again",
    ),
    (
        "Held packages were changed",
        "held",
        "the package is held at its version",
        "release it first: `apt-mark unhold PACKAGE`",
    ),
    (
        "remove is disabled",
        "would-remove",
        "another package would have to be removed for it",
        "look at what is in the way: `apt-get install --simulate PACKAGE`",
    ),
    (
        "dpkg was interrupted",
        "dpkg-interrupted",
        "dpkg was interrupted before, and cannot go on",
        "run `dpkg --configure -a`, then try again",
    ),
    (
        "needs to be reinstalled, but I can't find an archive for it",
        "damaged-package",
        "another package is damaged, and apt does nothing before it is mended",
        "remove it (`dpkg --remove --force-remove-reinstreq PACKAGE`) or install it again",
    ),
];

fn told(lines: &[String]) -> Option<Diagnosis> {
    SENTENCES.iter().find_map(|(has, code, means, hint)| {
        let line = lines.iter().find(|line| line.contains(has))?;
        Some(plain(
            Cause::Apt,
            code,
            format!("{means}: {}", bare(line)),
            hint,
        ))
    })
}

/// A sentence without apt's mark.
fn bare(line: &str) -> &str {
    line.trim_start_matches("E: ")
        .trim_start_matches("W: ")
        .trim()
}
