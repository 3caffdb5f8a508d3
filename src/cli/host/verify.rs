//! `plugfarm-host verify`: installed plugins back to their commits.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::apt::Apt;
use crate::cli::commands::verify::{approved, describe_provenance, provenance_in_words};
use crate::cli::output;
use crate::host::evidence::{self, Evidence};
use crate::host::verify::{Admission, Verdict, Verification, verify};
use crate::model::{InvalidValue, PluginId};

#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct VerifyArgs {
    /// The plugins, as namespace/name or by their packages' names; all that are installed, if none is named
    #[arg(value_name = "PACKAGE", value_parser = plugin)]
    packages: Vec<PluginId>,
    /// How many people must have approved each, for a channel of the farms that this host follows
    #[arg(long, default_value_t = 0, value_name = "PEOPLE")]
    approvals: usize,
    /// Print one JSON object for machines, in place of words for people
    #[arg(long)]
    json: bool,
}

const NOTES: &str = "No network is used. Files below /etc may be edited: that is told, and is no difference. Every approval that the \
    farm's signed index names must be here, signed, and of this package; a channel that asks for none has none, and neither has a rollback.\n\nExit codes: 0 \
    everything is what the farm has built, signed and let in, 1 something differs, 2 wrong usage, 3 it cannot be told.";

fn plugin(text: &str) -> Result<PluginId, InvalidValue> {
    PluginId::of_package(text).map_or_else(|| text.parse(), Ok)
}

pub(super) async fn run(arguments: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let apt = Apt::new();
    let kept = Evidence::below(evidence::FOLDER.as_ref());
    let found = verify(&apt, &kept, &arguments.packages, arguments.approvals).await?;
    let worst = found.iter().map(|one| one.verdict).max();
    let verdict = worst.unwrap_or(Verdict::Verified);
    if arguments.json {
        let packages: Vec<_> = found.iter().map(describe).collect();
        output::line(&json!({"verdict": verdict, "packages": packages}).to_string());
    } else {
        found.iter().for_each(tell);
        if found.is_empty() {
            output::line("no plugin is installed");
        }
    }
    Ok(ExitCode::from(match verdict {
        Verdict::Verified => 0,
        Verdict::Differs => 1,
        Verdict::CannotTell => 3,
    }))
}

fn describe(found: &Verification) -> Value {
    let Verification {
        installed,
        verdict,
        reasons,
        index,
        provenance,
        admissions,
        files,
    } = found;
    json!({
        "plugin": installed.plugin.to_string(),
        "package": installed.package,
        "version": installed.version,
        "state": installed.state,
        "verdict": verdict,
        "reasons": reasons,
        "index_sha256": index,
        "files": files,
        "admissions": admissions.iter().map(admitted).collect::<Vec<_>>(),
        "provenance": provenance.as_ref().map(describe_provenance),
    })
}

fn admitted(admission: &Admission) -> Value {
    let approvals = admission.approvals.iter().map(|one| {
        let mut approval = json!(one.approval());
        approval["key"] = json!(one.key().id());
        approval
    });
    json!({"suite": admission.suite, "approvals": approvals.collect::<Vec<_>>()})
}

fn tell(found: &Verification) {
    let Verification {
        installed, files, ..
    } = found;
    let word = match found.verdict {
        Verdict::Verified => "verified",
        Verdict::Differs => "DIFFERS",
        Verdict::CannotTell => "cannot tell",
    };
    output::line(&format!(
        "{} {}: {word}",
        installed.package, installed.version
    ));
    for reason in &found.reasons {
        output::line(&format!("  {reason}"));
    }
    let lists = [
        ("changed", &files.changed),
        ("missing", &files.missing),
        ("edited here", &files.edited),
    ];
    for (what, paths) in lists {
        for path in paths {
            output::line(&format!("  {what:<11} /{path}"));
        }
    }
    let against = if files.signed {
        "against the farm's signed digests"
    } else {
        "against dpkg's own sums"
    };
    output::line(&format!("  {:<11} {} {against}", "files", files.looked_at));
    if let Some(provenance) = &found.provenance {
        for line in provenance_in_words(provenance) {
            output::line(&format!("  {line}"));
        }
    }
    for Admission { suite, approvals } in &found.admissions {
        for one in approvals {
            output::line(&format!("  {}", approved(one.approval())));
        }
        if approvals.is_empty() {
            output::line(&format!(
                "  {:<11} {suite}; its index names no approval",
                "admitted"
            ));
        }
    }
}
