//! Which version a package gets: the `n` in `1.0.0-0+deb12u<n>`.

use super::attempt::Attempt;
use super::run::Built;
use crate::model::{CommitId, DebianVersion, Failure, PluginVersion, Sha256, Stage, Target};
use crate::repo::Published;

/// Chooses the version by what is published of the plugin: the same content of the same commit keeps its version, and
/// another payload (a newer image, a newer farm) gets the next `n`.
///
/// Whether the version may be published at all is the repository's to say: another commit under it is refused there.
pub(super) fn choose(
    attempt: &Attempt<'_>,
    built: &Built,
    content: Sha256,
) -> Result<DebianVersion, Failure> {
    let manifest = &built.checked.plugin.manifest;
    let target = attempt.report.target;
    let history = attempt
        .farm
        .repository
        .history(&manifest.id.package(), target);
    let history = history.map_err(|error| error.failure(Stage::Assemble))?;
    let commit = built.checked.source().commit.as_ref();
    Ok(decide(&manifest.version, target, commit, content, &history))
}

fn decide(
    version: &PluginVersion,
    target: Target,
    commit: Option<&CommitId>,
    content: Sha256,
    history: &[Published],
) -> DebianVersion {
    let same_commit = || {
        history
            .iter()
            .filter(|published| published.plugin_version.as_ref() == Some(version))
            .filter(|published| published.commit.as_ref() == commit)
    };
    match same_commit().find(|published| published.content == content) {
        Some(published) => published.version.clone(),
        None => {
            let highest = same_commit()
                .filter_map(|published| counter(&published.version))
                .max();
            version.packaged(target, highest.unwrap_or(0) + 1)
        }
    }
}

/// The `n` of a version that [`PluginVersion::packaged`] made.
fn counter(version: &DebianVersion) -> Option<u32> {
    version.as_str().rsplit_once('u')?.1.parse().ok()
}
