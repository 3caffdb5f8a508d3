//! The bus of a Wazo: an event for each outcome.
//!
//! Its name is `plugfarm_build_succeeded`, `plugfarm_build_failed` or `plugfarm_build_recovered`, or `plugfarm_rollout_halted` for
//! the build that had published what was rolled out; its routing key is
//! `plugfarm.build.<build>.<outcome>`, its data what web addresses are told. The message has the letter's id.

use jiff::tz::TimeZone;

use super::{Notifier, Untold, described};
use crate::bus::Event;
use crate::model::Timestamp;
use crate::store::{Build, Letter};

impl Notifier {
    pub(super) async fn publish(&self, letter: &Letter, build: &Build) -> Result<(), Untold> {
        let never = |reason: &str| Untold {
            reason: reason.to_owned(),
            passes: false,
        };
        let bus = self.bus.as_ref();
        let bus =
            bus.ok_or_else(|| never("this farm has no bus: see notify.bus in its settings"))?;
        let name = match letter.event.as_str() {
            "succeeded" => "plugfarm_build_succeeded",
            "recovered" => "plugfarm_build_recovered",
            "halted" => "plugfarm_rollout_halted",
            _ => "plugfarm_build_failed",
        };
        let key = [
            "plugfarm",
            "build",
            build.id.as_str(),
            letter.event.as_str(),
        ];
        let event = Event {
            name,
            key: key.map(str::to_owned).to_vec(),
            data: described(&self.farm, letter, build),
            timestamp: local(letter.created_at),
            origin: None,
            id: letter.id.clone(),
        };
        let sent = bus.lock().await.publish(&event.message()).await;
        sent.map_err(|error| Untold {
            reason: error.to_string(),
            passes: true,
        })
    }
}

/// Local time without a zone, as events of Wazo have it.
fn local(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.seconds()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let at = at.to_zoned(TimeZone::system());
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
