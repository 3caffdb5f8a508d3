//! Which version a package gets: the `n` in `1.0.0-0+deb12u<n>`.

use super::attempt::Attempt;
use super::check::Checked;
use super::run::Built;
use crate::model::{
    CommitId, DebianVersion, Failure, PluginVersion, Sha256, Stage, Target, Timestamp,
};
use crate::repo::Published;

/// Chooses the version by what is published of the plugin: the same content of the same commit keeps its version, and
/// another payload (a newer image, a newer farm) gets the next `n`.
///
/// Whether the version may be published at all is the repository's to say: another commit under it is refused there.
pub(super) fn choose(
    attempt: &Attempt<'_>,
    built: &Built,
    content: Sha256,
    preview: bool,
) -> Result<DebianVersion, Failure> {
    let history = history(attempt, &built.checked, Stage::Assemble)?;
    let source = built.checked.source();
    let wanted = Wanted {
        version: &built.checked.plugin.manifest.version,
        target: attempt.report.target,
        commit: source.commit.as_ref(),
        preview: preview.then_some(source.commit_time),
        content,
    };
    Ok(wanted.decide(&history))
}

/// Fails if the repository's state is damaged: better now than after a long build, whose package would get no version.
pub(super) fn foresee(attempt: &Attempt<'_>, checked: &Checked) -> Result<(), Failure> {
    history(attempt, checked, Stage::Check).map(drop)
}

/// What is published of the plugin for the target.
fn history(
    attempt: &Attempt<'_>,
    checked: &Checked,
    stage: Stage,
) -> Result<Vec<Published>, Failure> {
    let package = checked.plugin.manifest.id.package();
    let repository = &attempt.farm.publisher.repository;
    repository
        .history(&package, attempt.report.target)
        .map_err(|error| error.failure(stage))
}

/// What is to get a version.
struct Wanted<'a> {
    version: &'a PluginVersion,
    target: Target,
    commit: Option<&'a CommitId>,
    /// The commit's time, if it is the preview of a branch.
    preview: Option<Timestamp>,
    content: Sha256,
}

impl Wanted<'_> {
    fn decide(&self, history: &[Published]) -> DebianVersion {
        let same_commit = || {
            history
                .iter()
                .filter(|published| published.plugin_version.as_ref() == Some(self.version))
                .filter(|published| published.commit.as_ref() == self.commit)
                .filter(|published| published.preview == self.preview.is_some())
        };
        match same_commit().find(|published| published.content == self.content) {
            Some(published) => published.version.clone(),
            None => {
                let highest = same_commit()
                    .filter_map(|published| counter(&published.version))
                    .max();
                self.numbered(highest.unwrap_or(0) + 1)
            }
        }
    }

    fn numbered(&self, n: u32) -> DebianVersion {
        match self.preview {
            Some(time) => self.version.previewed(self.target, time, self.commit, n),
            None => self.version.packaged(self.target, n),
        }
    }
}

/// The `n` of a version that [`PluginVersion::packaged`] made.
fn counter(version: &DebianVersion) -> Option<u32> {
    version.as_str().rsplit_once('u')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Architecture, Timestamp};

    fn commit(digit: &str) -> CommitId {
        CommitId::new(&digit.repeat(40)).unwrap()
    }

    /// The version that a build gets, after one with this commit and content was published as `1.0-0+deb12u4`.
    fn built_after(
        version: &str,
        own: &CommitId,
        content: &[u8],
        preview: Option<Timestamp>,
    ) -> String {
        let plugin = |text: &str| PluginVersion::new(text).unwrap();
        let published = Published {
            package: "wazo-plugind-a-b".to_owned(),
            version: plugin("1.0").packaged(Target::Bookworm, 4),
            architecture: Architecture::All,
            plugin_version: Some(plugin("1.0")),
            preview: false,
            imported: false,
            commit: Some(commit("a")),
            source: None,
            statement: None,
            content: Sha256::of(b"content"),
            sha256: Sha256::of(b"deb"),
            size: 3,
            filename: String::new(),
            published: Timestamp::from_seconds(0),
            stanza: String::new(),
        };
        let wanted = Wanted {
            version: &plugin(version),
            target: Target::Bookworm,
            commit: Some(own),
            preview,
            content: Sha256::of(content),
        };
        wanted.decide(&[published]).to_string()
    }

    fn after(version: &str, own: &CommitId, content: &[u8]) -> String {
        built_after(version, own, content, None)
    }

    #[test]
    fn the_same_content_keeps_its_version() {
        assert_eq!(after("1.0", &commit("a"), b"content"), "1.0-0+deb12u4");
    }

    #[test]
    fn another_payload_of_the_same_commit_gets_the_next_number() {
        assert_eq!(after("1.0", &commit("a"), b"newer image"), "1.0-0+deb12u5");
    }

    #[test]
    fn another_commit_or_version_counts_from_one() {
        assert_eq!(after("1.0", &commit("b"), b"content"), "1.0-0+deb12u1");
        assert_eq!(after("1.1", &commit("a"), b"content"), "1.1-0+deb12u1");
    }

    #[test]
    fn a_preview_is_numbered_apart_from_its_release() {
        let preview = built_after(
            "1.0",
            &commit("a"),
            b"content",
            Some(Timestamp::from_seconds(7)),
        );
        assert_eq!(preview, "1.0~preview7.aaaaaaa-0+deb12u1");
    }
}
