//! Whether builds wait for the mirror that packages come from.

use super::Upkeep;
use crate::model::FailureCode;

impl Upkeep {
    /// What an operator should know of builds that wait for the mirror.
    pub(super) async fn mirror(&self) -> Option<String> {
        match self.store.waiting_after(FailureCode::MirrorError.word()).await {
            Ok(waiting) => waiting.map(|(count, since)| {
                let builds = match count {
                    1 => "a build waits".to_owned(),
                    count => format!("{count} builds wait"),
                };
                format!(
                    "{builds} for the package mirror, which does not answer well, the first since {since}; they go on by \
                     themselves; see whether `images.mirror` is reached from this machine"
                )
            }),
            Err(error) => {
                tracing::warn!(%error, "whether builds wait for the mirror is not known");
                None
            }
        }
    }
}
