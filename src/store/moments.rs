//! What happened when to a build, as programs and pages are told.

use super::{Attempt, Build, Publication, StageRow};
use crate::model::Timestamp;

impl Build {
    /// The moments of its life, in their order: from its submission over its `last` attempt to where hosts get it.
    #[must_use]
    pub fn moments(
        &self,
        last: Option<(&Attempt, &[StageRow])>,
        publication: Option<&Publication>,
    ) -> Vec<(&'static str, Timestamp)> {
        let mut moments = vec![
            ("received", Some(self.created_at)),
            ("queued", Some(self.queued_at)),
        ];
        if let Some((attempt, stages)) = last {
            moments.push(("started", Some(attempt.started_at)));
            moments.extend(stages.iter().map(|stage| {
                let seconds = stage.took_ms.map(|took| (took / 1000).cast_signed());
                let ended = |took| Timestamp::from_seconds(stage.started_at.seconds() + took);
                (done(&stage.stage), seconds.map(ended))
            }));
        }
        moments.push(("visible", publication.and_then(|one| one.visible_at)));
        let known = moments.into_iter();
        let mut known: Vec<_> = known.filter_map(|(name, at)| Some((name, at?))).collect();
        // What waits for another try came into the queue after its last one began.
        known.sort_by_key(|(_, at)| *at);
        known
    }
}

/// What a build is after a stage.
fn done(stage: &str) -> &'static str {
    match stage {
        "fetch" => "fetched",
        "check" => "checked",
        "build" => "built",
        "package" => "packaged",
        "inspect" => "inspected",
        "assemble" => "packed",
        "sign" => "signed",
        _ => "published",
    }
}
