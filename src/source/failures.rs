//! The words of a fetch that failed: what happened, whose fault it is, what to do next.

use std::net::IpAddr;
use std::path::Path;

use super::location::{RepositoryUrl, Scheme};
use super::names::{RequestedRef, Subdirectory};
use super::objects::branches_and_tags;
use crate::model::{Failure, FailureCode, Stage, printable};
use crate::sandbox::Ending;

/// How many refs are offered in place of one that is gone.
const OFFERS: usize = 5;
/// How many refs are looked at for that.
const CANDIDATES: usize = 5000;

fn failure(code: FailureCode, message: String, hint: &str) -> Failure {
    Failure::new(Stage::Fetch, code, message, hint)
}

pub(super) fn no_folder(path: &Path) -> Failure {
    failure(
        FailureCode::SourceInvalid,
        format!("`{}` is no folder", printable(&path.to_string_lossy(), 200)),
        "give the folder that holds the plugin (its parts must be folders, not links), or a git URL",
    )
}

pub(super) fn no_address(url: &RepositoryUrl, reason: &str) -> Failure {
    failure(
        FailureCode::SourceUnreachable,
        format!(
            "the host {} cannot be found: {}",
            url.host(),
            printable(reason, 200)
        ),
        "check the host's name in the URL, and try again",
    )
}

pub(super) fn address_refused(url: &RepositoryUrl, address: IpAddr, kind: &str) -> Failure {
    let hint = if kind.contains("private") {
        "use a public host; for a farm inside a company network, the operator sets `source.private_networks: true`"
    } else {
        "use the URL that other machines reach the repository by"
    };
    failure(
        FailureCode::PolicyRejected,
        format!("{} is at {address}, which is {kind}", url.host()),
        hint,
    )
}

pub(super) fn unpinned_host(url: &RepositoryUrl) -> Failure {
    failure(
        FailureCode::PolicyRejected,
        format!("the farm has no pinned key for the ssh host {}", url.host()),
        "use the repository's https URL, or let the operator add the host's key to the file of `source.known_hosts`",
    )
}

pub(super) fn redirected(url: &RepositoryUrl, to: &str) -> Failure {
    failure(
        FailureCode::PolicyRejected,
        format!(
            "{url} redirects to `{}`, and only redirects within one host are followed",
            printable(to.trim(), 200)
        ),
        "use the URL that it redirects to, if that is the repository you mean",
    )
}

pub(super) fn bad_submodule(path: &str, reason: &str) -> Failure {
    failure(
        FailureCode::PolicyRejected,
        format!(
            "the submodule `{}` cannot be fetched: {reason}",
            printable(path, 200)
        ),
        "correct its URL in .gitmodules: https, ssh or git, or relative to the repository's own",
    )
}

pub(super) fn too_many_submodules(limit: usize) -> Failure {
    failure(
        FailureCode::SourceTooLarge,
        format!("the repository has more than {limit} submodules, those of submodules included"),
        "take out the submodules that the build does not need",
    )
}

/// The operator's file of a setting cannot be read.
pub(super) fn setting(name: &str, error: &std::io::Error) -> Failure {
    failure(
        FailureCode::StorageError,
        format!("the file of `{name}` cannot be read: {error}"),
        "correct the setting, or the file's rights",
    )
}

/// What was asked for, as far as words about it need it.
pub(super) struct Asked<'a> {
    pub(super) url: &'a RepositoryUrl,
    pub(super) reference: Option<&'a str>,
    pub(super) subdirectory: Option<&'a Subdirectory>,
    /// What `git ls-remote` printed, as far as it got.
    pub(super) refs: &'a str,
}

/// The failure that the script's exit status stands for; `images/fetcher/fetch` lists them.
pub(super) fn of_status(status: i64, asked: &Asked<'_>) -> Failure {
    let url = asked.url;
    match status {
        20 => failure(
            FailureCode::SourceUnreachable,
            format!("{url} did not answer as a repository does"),
            "see the lines of the log; check the URL, and try again when its host is well",
        ),
        21 => failure(
            FailureCode::SourceDenied,
            format!("{url} does not exist, or wants a credential that it was not given"),
            "check the URL; for a private repository, give a token in it (https://TOKEN@host/…)",
        ),
        22 => ref_gone(asked),
        23 => {
            let name = printable(asked.reference.unwrap_or_default(), 120);
            failure(
                FailureCode::RefGone,
                format!("`{name}` is a branch and a tag, at different commits"),
                &format!(
                    "ask for `refs/heads/{name}` for the branch, or `refs/tags/{name}` for the tag"
                ),
            )
        }
        24 => failure(
            FailureCode::SourceTooLarge,
            format!("{url} has more bytes or more files than a source may have"),
            "take what the build does not need out of the repository, or ask for a higher `source` limit",
        ),
        25 => failure(
            FailureCode::SourceInvalid,
            format!("{url} sent objects that git refuses"),
            "see the lines of the log, and what `git fsck --full` says about the repository",
        ),
        27 => failure(
            FailureCode::PolicyRejected,
            format!(
                "the ssh host {} showed another key than the pinned one, or one that is not pinned",
                url.host()
            ),
            "use the repository's https URL, or let the operator check the host's key and pin it in `source.known_hosts`",
        ),
        28 => failure(
            FailureCode::SourceInvalid,
            match asked.subdirectory {
                Some(folder) => format!("the repository has no folder `{folder}` at that commit"),
                None => format!("{url} has a commit without files"),
            },
            "check the subdirectory and the ref; links are not followed",
        ),
        _ => failure(
            FailureCode::EngineError,
            format!("the fetch container gave up with status {status}"),
            "try again; if it stays, rebuild the images with `plugfarm images build`",
        ),
    }
}

/// The failure of a fetch that did not end by itself.
pub(super) fn of_ending(ending: Ending, url: &RepositoryUrl, seconds: u64) -> Failure {
    match ending {
        Ending::TotalTime | Ending::SilenceTime => failure(
            FailureCode::SourceUnreachable,
            format!("{url} did not deliver within {seconds} s"),
            "try again; a large repository may need a higher `source.time`",
        ),
        Ending::Cancelled => failure(
            FailureCode::Cancelled,
            "somebody asked for the fetch to stop".to_owned(),
            "start it again when you like",
        ),
        Ending::FarmDiskFull => failure(
            FailureCode::FarmDiskFull,
            "the farm's disk was as good as full, so the fetch was stopped".to_owned(),
            "free some space on the file system of the engine's data folder",
        ),
        Ending::OutOfMemory
        | Ending::LogLimit
        | Ending::DiskLimit
        | Ending::InodeLimit
        | Ending::Exited { .. } => failure(
            FailureCode::SourceTooLarge,
            format!("fetching {url} needed more memory or disk than a fetch may use"),
            "make the repository smaller, or fetch a branch with less in it",
        ),
    }
}

fn quoted(reference: Option<&str>) -> String {
    reference.map_or_else(
        || "the default branch".to_owned(),
        |name| format!("`{}`", printable(name, 120)),
    )
}

fn ref_gone(asked: &Asked<'_>) -> Failure {
    let names = branches_and_tags(asked.refs);
    let offers = nearest(asked.reference.unwrap_or("main"), &names);
    let hint = if offers.is_empty() {
        "push a branch to it first".to_owned()
    } else {
        let offers: Vec<_> = offers.iter().map(|name| printable(name, 80)).collect();
        format!("it has: {}", offers.join(", "))
    };
    let message = format!(
        "{} has no {}",
        asked.url,
        match asked.reference {
            Some(_) => format!("branch, tag or commit {}", quoted(asked.reference)),
            None => "default branch".to_owned(),
        }
    );
    failure(FailureCode::RefGone, message, &hint)
}

/// The names most like `wanted`, the likest first. `main` and `master` stand for each other.
fn nearest<'a>(wanted: &str, names: &[&'a str]) -> Vec<&'a str> {
    let distance = |name: &str| match (wanted, name) {
        ("master", "main") | ("main", "master") => 0,
        _ => edits(wanted, name),
    };
    let mut names: Vec<_> = names
        .iter()
        .take(CANDIDATES)
        .map(|name| (distance(name), *name))
        .collect();
    names.sort_unstable();
    names
        .into_iter()
        .take(OFFERS)
        .map(|(_, name)| name)
        .collect()
}

/// Levenshtein's distance between two names.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, c) in one.chars().take(100).enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, d) in row.iter_mut().skip(1).zip(&other) {
            let above = *cell;
            *cell = (diagonal + usize::from(c != *d))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

pub(super) fn ref_of_folder(reference: &RequestedRef) -> Failure {
    failure(
        FailureCode::PolicyRejected,
        format!("a folder is taken as it is, so it has no ref `{reference}`"),
        "leave the ref out, or give the folder as a `file:///…` URL to build one of its commits",
    )
}

pub(super) fn no_repository(url: &RepositoryUrl) -> Failure {
    debug_assert!(url.scheme() == Scheme::File);
    failure(
        FailureCode::SourceDenied,
        format!("{url} holds no repository: neither a `.git` folder nor a bare one"),
        "give the folder of a repository; of a linked work tree, give the main one",
    )
}

#[cfg(test)]
mod tests {
    use super::super::location::{Asker, Location};
    use super::*;

    fn gone(reference: Option<&str>, refs: &str) -> String {
        let Ok(Location::Repository(url)) = Location::parse("https://joe:pw@h/x", Asker::Stranger)
        else {
            panic!("it is a URL");
        };
        let asked = Asked {
            url: &url,
            reference,
            subdirectory: None,
            refs,
        };
        let failure = of_status(22, &asked);
        format!("{}; {}", failure.message, failure.hint)
    }

    #[test]
    fn a_ref_that_is_gone_is_answered_with_what_there_is() {
        let refs = "ref: refs/heads/main\tHEAD\n1\tHEAD\n1\trefs/heads/main\n1\trefs/tags/v1.0\n2\trefs/tags/v1.0^{}\n\
                    3\trefs/tags/v1.1\n4\trefs/pull/1/head\n";
        insta::assert_snapshot!(gone(Some("master"), refs), @"https://h/x has no branch, tag or commit `master`; it has: main, v1.0, v1.1");
        insta::assert_snapshot!(gone(Some("1.0"), refs), @"https://h/x has no branch, tag or commit `1.0`; it has: v1.0, v1.1, main");
        insta::assert_snapshot!(gone(None, ""), @"https://h/x has no default branch; push a branch to it first");
    }

    #[test]
    fn distances_count_edits() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", ""), 3);
        assert_eq!(edits("é", "e"), 1);
    }
}
