//! `plugfarm key adopt`: keys that were restored from an older backup learn what they signed since.

use anyhow::Context as _;
use serde_json::json;

use super::keys_here;
use crate::app::App;
use crate::cli::answer::Answer;
use crate::sign::SignedPackage;

pub(super) fn adopt(app: &App) -> anyhow::Result<Answer> {
    let keys = keys_here(app)?;
    let repository = app.repository()?;
    let (mut statements, mut releases, mut others) = (0, 0, Vec::new());
    for suite in repository.suites()? {
        for entry in repository.packages(&suite.suite)? {
            let published = entry?.published;
            let adopted = match repository.attestation(published.sha256)? {
                Some(evidence) => keys.adopt_statements(&evidence).with_context(|| {
                    format!(
                        "the evidence of {} {} is not taken note of",
                        published.package, published.version
                    )
                })?,
                None => 0,
            };
            statements += adopted;
            let version = published.version.without_epoch();
            let name = format!(
                "{}_{version}_{}.deb",
                published.package, published.architecture
            );
            let sha256 = published.sha256;
            if !keys.knows(&SignedPackage { name, sha256 })? {
                others.push(format!("{} {}", published.package, published.version));
            }
        }
        if let Some(in_release) = repository.in_release(&suite.suite)? {
            let adopted = keys.adopt_release(&in_release, suite.generation);
            let adopted = adopted.with_context(|| {
                format!("the InRelease of {} is not taken note of", suite.suite)
            })?;
            releases += u64::from(adopted);
        }
    }
    others.sort();
    others.dedup();
    let message = format!(
        "the signer takes note of {statements} statements and {releases} Releases that it signed and had forgotten"
    );
    let strange = others.iter().map(|package| {
        format!("{package} has no statement of these keys: while it is there nothing is signed in its suite; withdraw it")
    });
    let lines: Vec<_> = [message.clone()].into_iter().chain(strange).collect();
    Ok(Answer::done(message)
        .with(json!({ "statements": statements, "releases": releases, "unknown": others }))
        .saying(lines))
}
