//! `plugfarm verify`: from a package's bytes back to the commit.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::import::describe_origin;
use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::VerifyArgs;
use crate::cli::output;
use crate::cli::usage::WrongUsage;
use crate::evidence::{Approval, Import, Proof, Provenance, StatementKey, VerifiedApproval};
use crate::model::printable;
use crate::pipeline::{VerifiedPackage, VerifyError, verify_package};

/// Where the keyring packages of farms put their statement keys.
const INSTALLED_KEYS: &str = "/usr/share/plugfarm";
/// The most bytes that a key file may have.
const MAX_KEY: u64 = 16 * 1024;

pub(in crate::cli) fn run(app: &App, arguments: &VerifyArgs) -> anyhow::Result<Answer> {
    let trusted = trusted_keys(app, &arguments.keys)?;
    if !arguments.package.is_file() {
        let path = printable(&arguments.package.to_string_lossy(), 200);
        return Err(WrongUsage(format!("there is no package `{path}`")).into());
    }
    let published = app.published()?;
    match verify_package(&arguments.package, &trusted, Some(&published)) {
        Ok(verified) => Ok(tell(&verified)),
        Err(error) => Ok(unverified(&error)),
    }
}

/// Verifying is no stage of a build.
pub(super) fn unverified(error: &VerifyError) -> Answer {
    Answer::failed(error.code(), error.to_string(), error.hint())
}

/// The keys that were named; else this machine's own farm's, and those that keyring packages installed. Never one that
/// lies beside the evidence.
pub(super) fn trusted_keys(app: &App, named: &[PathBuf]) -> anyhow::Result<Vec<StatementKey>> {
    let mut keys = Vec::new();
    if named.is_empty() {
        keys.extend(app.statement_keys()?);
        for path in installed_keys() {
            keys.extend(read_keys(&path)?);
        }
        if keys.is_empty() {
            let message = "there is no key to trust: this machine has neither a farm nor a farm's keyring \
                           package; name a key with --key";
            return Err(WrongUsage(message.to_owned()).into());
        }
    }
    for path in named {
        keys.extend(read_keys(path)?);
    }
    Ok(keys)
}

fn installed_keys() -> Vec<PathBuf> {
    let Ok(farms) = fs_err::read_dir(INSTALLED_KEYS) else {
        return Vec::new();
    };
    let keys = farms.filter_map(|farm| Some(farm.ok()?.path().join("statement.pem")));
    let mut keys: Vec<_> = keys.filter(|path| path.is_file()).collect();
    keys.sort();
    keys
}

fn read_keys(path: &Path) -> anyhow::Result<Vec<StatementKey>> {
    let wrong = |reason: String| {
        let path = path.display();
        WrongUsage(format!("{path} is no public statement key: {reason}"))
    };
    let mut text = String::new();
    fs_err::File::open(path)
        .and_then(|file| file.take(MAX_KEY).read_to_string(&mut text))
        .map_err(|error| wrong(error.to_string()))?;
    Ok(StatementKey::all_from_pem(&text).map_err(|error| wrong(error.to_string()))?)
}

fn tell(verified: &VerifiedPackage) -> Answer {
    let VerifiedPackage {
        provenance,
        approvals,
        missing,
    } = verified;
    let message = match provenance {
        Provenance::Built(_) => "verified: the bytes are what was built from that source",
        Provenance::Imported(_) => {
            "verified: the bytes are what was imported; it was NOT built by this farm, which cannot say from what it was made"
        }
    };
    let mut lines = provenance_in_words(provenance);
    let mut details = describe_provenance(provenance);
    let approved_by = approvals.iter().map(VerifiedApproval::approval);
    details["approvals"] = json!(approved_by.collect::<Vec<_>>());
    details["missing"] = json!(missing);
    lines.extend(
        approvals
            .iter()
            .map(VerifiedApproval::approval)
            .map(approved),
    );
    if !missing.is_empty() {
        let names = missing.join(", ");
        lines.push(output::warning(&format!(
            "not beside the package, so not verified: {names}"
        )));
    }
    lines.push(message.to_owned());
    Answer::done(message).with(details).saying(lines)
}

/// What was signed about a package, a line each.
pub(in crate::cli) fn provenance_in_words(provenance: &Provenance) -> Vec<String> {
    match provenance {
        Provenance::Built(proof) => words(proof),
        Provenance::Imported(import) => imported_words(import),
    }
}

/// Likewise, for machines.
pub(in crate::cli) fn describe_provenance(provenance: &Provenance) -> Value {
    match provenance {
        Provenance::Built(proof) => describe(proof),
        Provenance::Imported(import) => describe_import(import),
    }
}

/// Who approved what, as a line.
pub(in crate::cli) fn approved(approval: &Approval) -> String {
    let Approval {
        from,
        to,
        by,
        reason,
        at,
        ..
    } = approval;
    format!("approved    {from} to {to}, by {by} at {at}: {reason}")
}

fn describe_import(import: &Import) -> Value {
    let mut imported = describe_origin(&import.origin);
    imported["by"] = json!(import.by);
    imported["at"] = json!(import.at.rfc3339());
    json!({
        "package": import.package,
        "version": import.version,
        "architecture": import.architecture,
        "sha256": import.deb.sha256,
        "imported": imported,
    })
}

fn imported_words(import: &Import) -> Vec<String> {
    let origin = &import.origin;
    let rows = [
        ("package", format!("{} {}", import.package, import.version)),
        ("sha256", import.deb.sha256.to_string()),
        (
            "imported",
            format!("from {}, suite {}", origin.uri, origin.suite),
        ),
        (
            "signed by",
            format!("its archive key {}", origin.fingerprint),
        ),
        ("release", origin.release_sha256.to_string()),
        ("taken", format!("by {} at {}", import.by, import.at)),
    ];
    let rows = rows.into_iter();
    rows.map(|(name, value)| format!("{name:<11} {value}"))
        .collect()
}

fn describe(proof: &Proof) -> Value {
    let statement = proof.statement();
    let rollback = proof.rollback().map(|rollback| {
        json!({
            "replaces": rollback.replaces,
            "original": rollback.original.sha256,
            "original_version": statement.version(),
            "data_sha256": rollback.data,
            "by": rollback.by,
            "reason": rollback.reason,
            "at": rollback.at.rfc3339(),
        })
    });
    json!({
        "package": statement.package(),
        "version": proof.version(),
        "plugin": statement.plugin().to_string(),
        "plugin_version": statement.plugin_version(),
        "target": statement.target(),
        "architecture": statement.architecture(),
        "sha256": proof.deb().sha256,
        "commit": statement.commit(),
        "pinned": statement.pinned(),
        "source_url": statement.source_url(),
        "source_sha256": statement.source_tar(),
        "image_sha256": statement.image(),
        "builder": statement.builder_id(),
        "build": statement.build(),
        "finished": statement.finished(),
        "key": statement.key().id(),
        "rollback": rollback,
        "imported": null,
    })
}

fn words(proof: &Proof) -> Vec<String> {
    let statement = proof.statement();
    let url = statement.source_url();
    let source = match (statement.commit(), statement.pinned()) {
        (Some(commit), true) => format!("{url} at commit {commit}"),
        (Some(commit), false) => format!("{url} at commit {commit}, with changes"),
        (None, _) => format!("{url}, which no commit holds"),
    };
    let rows = [
        (
            "package",
            format!("{} {}", statement.package(), proof.version()),
        ),
        ("sha256", proof.deb().sha256.to_string()),
        (
            "signed by",
            format!("statement key {}", statement.key().id()),
        ),
        (
            "plugin",
            format!("{} {}", statement.plugin(), statement.plugin_version()),
        ),
        ("source", source),
        ("source tar", statement.source_tar().to_string()),
        (
            "built in",
            format!("root file system {}", statement.image()),
        ),
        ("built by", statement.builder_id().to_owned()),
        ("built at", statement.finished().to_string()),
    ];
    let back = proof.rollback().map(|rollback| {
        let (by, reason, at) = (&rollback.by, &rollback.reason, rollback.at);
        let old = statement.version();
        let text = format!(
            "{old} in place of {}, by {by} at {at}: {reason}",
            rollback.replaces
        );
        ("brings back", text)
    });
    let rows = rows.into_iter().chain(back);
    rows.map(|(name, value)| format!("{name:<11} {value}"))
        .collect()
}
