//! Whether, and when, a build is tried again by itself: after what was no fault of the plugin's.

use std::time::Duration;

use crate::model::{Blame, FailureCode};

/// How long the first pause is.
const FIRST: Duration = Duration::from_secs(60);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(3600);
/// How many attempts a build has, where the fault may be its own after all.
const ATTEMPTS: u32 = 4;

/// The pause before the next attempt, after attempt number `tries` failed with `code`; none if there is no next one.
///
/// Pauses are 1, 3, 9 minutes, and so on. What keeps only the signature or the publication from happening is waited for as
/// long as it takes: the package is good. So is the farm's mirror: no build is the better for another one.
#[must_use]
pub(super) fn after(code: FailureCode, tries: u32) -> Option<Duration> {
    let waits = match (code.blame(), code) {
        (Blame::Partner | Blame::Caller, _) | (_, FailureCode::Cancelled) => false,
        (
            _,
            FailureCode::SignUnavailable
            | FailureCode::PublishConflict
            | FailureCode::StorageUnreachable
            | FailureCode::MirrorError
            | FailureCode::FarmDiskFull,
        ) => true,
        (Blame::Farm | Blame::Upstream, _) => tries < ATTEMPTS,
    };
    waits.then(|| {
        let factor = 3_u32.saturating_pow(tries.saturating_sub(1));
        FIRST.saturating_mul(factor).min(LONGEST)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_no_fault_of_the_plugin_is_tried_again() {
        for code in FailureCode::ALL {
            let own = matches!(code.blame(), Blame::Partner | Blame::Caller);
            let again = after(*code, 1).is_some();
            assert_eq!(again, !own && *code != FailureCode::Cancelled, "{code}");
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let pauses = |code| -> Vec<_> {
            let tries = (1..7).map(|tries| after(code, tries));
            tries
                .map(|pause| pause.map(|pause| pause.as_secs()))
                .collect()
        };
        let engine = pauses(FailureCode::EngineError);
        assert_eq!(engine, [Some(60), Some(180), Some(540), None, None, None]);
        let signer = pauses(FailureCode::SignUnavailable);
        assert_eq!(signer.last(), Some(&Some(3600)));
        assert_eq!(pauses(FailureCode::MirrorError), signer);
    }
}
