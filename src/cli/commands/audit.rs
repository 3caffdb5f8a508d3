//! `plugfarm audit`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::AuditArgs;
use crate::evidence::{Approval, Proof, VerifiedStatement};
use crate::model::{Sha256, printable};
use crate::repo::{AuditQuery, Audited, RepoError, Repository};

/// What is known of the packages in question, beyond the log.
#[derive(Default)]
struct Evidence {
    /// How they were built, by their digests.
    proofs: BTreeMap<Sha256, Option<Proof>>,
    /// Who approved of them, by the digests of the statements.
    approvals: BTreeMap<Sha256, Option<Approval>>,
}

pub(in crate::cli) fn run(app: &App, arguments: &AuditArgs) -> anyhow::Result<Answer> {
    let repository = app.repository()?;
    let query = AuditQuery {
        package: arguments.package.clone(),
        since: arguments.since,
        commit: arguments.commit.clone(),
    };
    let found = repository.audit(&query)?;
    let evidence = Evidence::of(&repository, &found)?;
    let message = match found.len() {
        0 => "the log is whole, and has nothing of this".to_owned(),
        1 => "1 event; the log is whole".to_owned(),
        count => format!("{count} events; the log is whole"),
    };
    let mut lines: Vec<_> = found.iter().map(|one| words(one, &evidence)).collect();
    lines.push(message.clone());
    let rows: Vec<_> = found.iter().map(|one| describe(one, &evidence)).collect();
    Ok(Answer::done(message)
        .with(json!({ "events": rows }))
        .saying(lines))
}

impl Evidence {
    fn of(repository: &Repository, found: &[Audited]) -> Result<Self, RepoError> {
        let mut evidence = Self::default();
        for event in found.iter().map(|one| &one.event) {
            let Some(about) = &event.about else {
                continue;
            };
            if let Entry::Vacant(unknown) = evidence.proofs.entry(about.sha256) {
                unknown.insert(repository.proof(about.sha256)?);
            }
            for digest in &event.approvals {
                if let Entry::Vacant(unknown) = evidence.approvals.entry(*digest) {
                    unknown.insert(repository.approval(about.sha256, *digest)?);
                }
            }
        }
        Ok(evidence)
    }

    /// How the event's package was built, if a build made it.
    fn built(&self, audited: &Audited) -> Option<&VerifiedStatement> {
        let about = audited.event.about.as_ref()?;
        let proof = self.proofs.get(&about.sha256)?.as_ref();
        proof.map(Proof::statement)
    }

    /// The approvals that the event rests on.
    fn approvals<'a>(
        &'a self,
        audited: &'a Audited,
    ) -> impl Iterator<Item = (Sha256, Option<&'a Approval>)> {
        let digests = audited.event.approvals.iter();
        digests.map(|digest| {
            let approval = self.approvals.get(digest);
            (*digest, approval.and_then(Option::as_ref))
        })
    }
}

fn describe(audited: &Audited, evidence: &Evidence) -> Value {
    let (event, about) = (&audited.event, audited.event.about.as_ref());
    let built = evidence.built(audited).map(|statement| {
        json!({
            "by": statement.builder_id(),
            "build": statement.build(),
            "finished": statement.finished().rfc3339(),
            "image_sha256": statement.image(),
            "source_url": statement.source_url(),
            "source_sha256": statement.source_tar(),
            "pinned": statement.pinned(),
        })
    });
    let approvals = evidence.approvals(audited).map(|(digest, approval)| {
        json!({
            "statement": digest,
            "by": approval.map(|one| &one.by),
            "at": approval.map(|one| one.at.rfc3339()),
            "reason": approval.map(|one| &one.reason),
        })
    });
    json!({
        "time": audited.time.rfc3339(),
        "action": event.action,
        "by": event.by,
        "suite": event.suite.as_ref().map(ToString::to_string),
        "package": about.map(|about| &about.package),
        "version": about.map(|about| &about.version),
        "sha256": about.map(|about| about.sha256),
        "commit": about.and_then(|about| about.commit.as_ref()),
        "built": built,
        "phased": event.phased,
        "reason": event.reason,
        "approvals": approvals.collect::<Vec<_>>(),
        "generation": audited.generation,
        "record": audited.record,
        "chain": audited.chain,
        "program": audited.program,
    })
}

fn words(audited: &Audited, evidence: &Evidence) -> String {
    let (time, event) = (audited.time, &audited.event);
    let mut text = format!("{time}  {:<8}", event.action.word());
    if let Some(suite) = &event.suite {
        text.push_str(&format!(" {suite}"));
    }
    if let Some(about) = &event.about {
        text.push_str(&format!("  {} {}", about.package, about.version));
    }
    if let Some(percent) = event.phased {
        text.push_str(&format!(" for {percent} percent of the hosts"));
    }
    let by = event.by.as_ref();
    let by = by.map_or("the farm itself", |by| by.as_str());
    text.push_str(&format!("  by {by}, with plugfarm {}", audited.program));
    if let Some(statement) = evidence.built(audited) {
        text.push_str(&format!("\n    {}", origin(statement)));
    }
    if let Some(reason) = &event.reason {
        text.push_str(&format!("\n    reason: {reason}"));
    }
    for (digest, approval) in evidence.approvals(audited) {
        let approval = match approval {
            Some(Approval { by, at, reason, .. }) => format!("{by} at {at}: {reason}"),
            None => format!("somebody whose statement {digest} is gone"),
        };
        text.push_str(&format!("\n    approved by {approval}"));
    }
    text
}

fn origin(statement: &VerifiedStatement) -> String {
    let url = printable(statement.source_url(), 200);
    let source = match (statement.commit(), statement.pinned()) {
        (Some(commit), true) => format!("commit {commit} of {url}"),
        (Some(commit), false) => format!("commit {commit} of {url}, with changes"),
        (None, _) => format!("{url}, which no commit holds"),
    };
    let (builder, image) = (statement.builder_id(), statement.image());
    format!("{source}\n    built by {builder} in root file system {image}")
}
