//! Telling partners what became of their builds: by signed requests to web addresses, by mail, and on the bus of a Wazo.
//!
//! What is told was written down with the outcome, and stays until it was taken or nobody will take it. So it is told at least
//! once; the letter's id, the same each time, lets whoever gets it twice see that.

mod bus;
mod mail;
mod subscribe;
mod web;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::bus::Bus;
use crate::config::NotifyConfig;
use crate::http::{Client, Reach};
use crate::model::{FarmName, Timestamp};
use crate::pipeline::now;
use crate::sandbox::Cancel;
use crate::secrets::Secrets;
use crate::store::{Build, Letter, Store, StoreError};
use mail::Mailer;

pub use mail::mail_program;
pub use subscribe::{NewSubscription, SubscribeError, subscribe};

/// How often it is looked whether there is something to tell.
const TICK: Duration = Duration::from_secs(1);
/// How many are told at once.
const AT_ONCE: usize = 8;
/// How long one telling may take.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long nobody else sends what somebody sends, in seconds.
const LEASE: i64 = 120;
/// How often something is told before it is given up: about a day.
const TRIES: u32 = 10;
/// The first pause between two tries, and the longest, in seconds.
const FIRST: i64 = 30;
const LONGEST: i64 = 6 * 3600;
/// How long letters are kept that were told, or given up, in seconds.
const KEPT: i64 = 30 * 24 * 3600;

/// Why somebody was not told.
#[derive(Debug)]
struct Untold {
    reason: String,
    /// Whether it may go better another time.
    passes: bool,
}

/// Tells.
pub struct Notifier {
    store: Store,
    secrets: Secrets,
    client: Client,
    mailer: Option<Mailer>,
    bus: Option<Mutex<Bus>>,
    farm: FarmName,
    plain: bool,
}

impl Notifier {
    /// Tells what `store` has to tell, by the ways that the settings open.
    ///
    /// # Errors
    ///
    /// [`std::io::Error`] where this machine trusts no certificate authority.
    pub fn new(
        store: Store,
        secrets: Secrets,
        config: &NotifyConfig,
        farm: FarmName,
    ) -> std::io::Result<Self> {
        let private_networks = config.private_networks;
        let client = Client::new(Reach::Checked { private_networks });
        Ok(Self {
            store,
            secrets,
            client: client?,
            mailer: config.mail.as_ref().map(Mailer::new),
            bus: config.bus.clone().map(|bus| Mutex::new(Bus::new(bus))),
            farm,
            plain: private_networks,
        })
    }

    /// Tells until somebody asks to stop.
    pub async fn run(self, mut stop: Cancel) {
        let (this, mut telling) = (Arc::new(self), JoinSet::new());
        while !stop.is_cancelled() {
            while telling.try_join_next().is_some() {}
            if telling.len() < AT_ONCE {
                let until = Timestamp::from_seconds(now().seconds() + LEASE);
                match this.store.take_letter(until, now()).await {
                    Ok(Some(letter)) => {
                        let this = Arc::clone(&this);
                        telling.spawn(async move { this.post(&letter).await });
                        continue;
                    }
                    Ok(None) => this.tidy().await,
                    Err(error) => {
                        tracing::error!(%error, "it cannot be found out what to tell; trying again")
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn tidy(&self) {
        let before = Timestamp::from_seconds(now().seconds() - KEPT);
        if let Err(error) = self.store.forget_letters(before).await {
            tracing::error!(%error, "old letters cannot be forgotten");
        }
    }

    /// Tells, and notes how that went.
    async fn post(&self, letter: &Letter) {
        let told = match tokio::time::timeout(PATIENCE, self.tell(letter)).await {
            Ok(told) => told,
            Err(_) => Err(Untold {
                reason: format!("it took longer than {} seconds", PATIENCE.as_secs()),
                passes: true,
            }),
        };
        let noted = match told {
            Ok(()) => self.store.letter_sent(&letter.id, now()).await,
            Err(Untold { reason, passes }) => {
                let again = again(letter.tries, now()).filter(|_| passes);
                tracing::warn!(
                    letter = letter.id,
                    reason,
                    ?again,
                    "an outcome could not be told"
                );
                self.store
                    .letter_failed(&letter.id, &reason, again, now())
                    .await
            }
        };
        if let Err(error) = noted {
            tracing::error!(%error, letter = letter.id, "how telling went could not be noted: it is told again");
        }
    }

    async fn tell(&self, letter: &Letter) -> Result<(), Untold> {
        let build = self.store.build(&letter.build).await;
        let build = build.map_err(|error| passing(&error))?.ok_or(Untold {
            reason: "the build is not kept any more".to_owned(),
            passes: false,
        })?;
        match (letter.subscription.kind.as_str(), &self.mailer) {
            ("webhook", _) => self.send(letter, &build).await,
            ("bus", _) => self.publish(letter, &build).await,
            (_, Some(mailer)) => mailer.send(&self.farm, letter, &build).await,
            (_, None) => Err(Untold {
                reason: "this farm sends no mail".to_owned(),
                passes: false,
            }),
        }
    }
}

fn passing(error: &StoreError) -> Untold {
    Untold {
        reason: error.to_string(),
        passes: true,
    }
}

/// When something is told again that was told `tries` times; none, if it is given up.
fn again(tries: u32, now: Timestamp) -> Option<Timestamp> {
    let pause = FIRST.saturating_mul(3_i64.saturating_pow(tries.saturating_sub(1)));
    (tries < TRIES).then(|| Timestamp::from_seconds(now.seconds() + pause.min(LONGEST)))
}

/// What is told, for programs.
fn described(farm: &FarmName, letter: &Letter, build: &Build) -> Value {
    let result = letter.result.as_deref();
    json!({
        "id": letter.id,
        "event": letter.event,
        "at": letter.created_at.rfc3339(),
        "farm": farm.to_string(),
        "build": {
            "id": build.id.to_string(),
            "plugin": build.plugin.to_string(),
            "target": build.target.to_string(),
            "channel": build.channel.to_string(),
            "url": build.url,
            "ref": build.reference,
            "commit": build.commit,
        },
        "result": result.and_then(|text| serde_json::from_str::<Value>(text).ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_after_about_a_day() {
        let pauses: Vec<_> = (1..=TRIES)
            .map(|tries| again(tries, Timestamp::from_seconds(0)).map(Timestamp::seconds))
            .collect();
        let known: Vec<i64> = pauses.iter().flatten().copied().collect();
        assert_eq!(known, [30, 90, 270, 810, 2430, 7290, 21600, 21600, 21600]);
        assert_eq!(pauses.last(), Some(&None));
    }
}
