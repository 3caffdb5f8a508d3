//! From a ref at a commit to a build.

use super::Watching;
use crate::forge::RefPattern;
use crate::model::{CommitId, Priority, Sha256, Timestamp};
use crate::store::{BoundSource, StoreError, Submission, Submitted, Watch};

/// Whether a watch means the ref of this full name.
pub(super) fn means(watch: &Watch, reference: &str) -> bool {
    let one_of = |patterns: &[String], name: &str| {
        let mut patterns = patterns.iter().filter_map(|text| text.parse().ok());
        patterns.any(|pattern: RefPattern| pattern.matches(name))
    };
    match reference.strip_prefix("refs/tags/") {
        Some(tag) => one_of(&watch.tags, tag),
        None => reference
            .strip_prefix("refs/heads/")
            .is_some_and(|branch| one_of(&watch.branches, branch)),
    }
}

impl Watching {
    /// Submits what was pushed; once, however often it is heard of.
    pub(super) async fn submit(
        &self,
        watch: &Watch,
        bound: &BoundSource,
        (reference, commit): (&str, &CommitId),
        actor: &str,
        now: Timestamp,
    ) -> Result<Submitted, StoreError> {
        let Watch {
            plugin,
            target,
            channel,
            ..
        } = watch;
        let push = format!("{plugin}\n{reference}\n{commit}\n{target}\n{channel}");
        let submission = Submission {
            id: (self.new_id)(),
            partner: bound.partner.clone(),
            plugin: plugin.clone(),
            url: bound.source.url.clone(),
            subdirectory: bound.source.subdirectory.clone(),
            reference: Some(reference.to_owned()),
            target: *target,
            channel: channel.clone(),
            priority: Priority::Normal,
            idempotency_key: Some(format!("push-{}", Sha256::of(push.as_bytes()))),
            actor: actor.to_owned(),
            most_waiting: self.most_waiting,
        };
        let submitted = self.store.submit(&submission, now).await?;
        self.changed.notify_one();
        Ok(submitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Channel, Target};

    #[test]
    fn branches_and_tags_are_meant_apart() {
        let watch = Watch {
            plugin: "demo/x".parse().unwrap(),
            branches: vec!["main".to_owned(), "release/*".to_owned()],
            tags: vec!["v*".to_owned()],
            target: Target::Bookworm,
            channel: Channel::stable(),
            lists: 0,
        };
        for meant in ["refs/heads/main", "refs/heads/release/1", "refs/tags/v1"] {
            assert!(means(&watch, meant), "{meant}");
        }
        for other in [
            "refs/tags/main",
            "refs/heads/v1",
            "refs/pull/1/head",
            "main",
            "v1",
            "",
        ] {
            assert!(!means(&watch, other), "{other}");
        }
    }
}
