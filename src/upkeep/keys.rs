//! Whether hosts will go on to accept what is published.

use std::collections::BTreeSet;

use super::Upkeep;
use crate::model::Timestamp;
use crate::sign::forecast;

/// From how many days before on the operator is told: hosts must get the next key in time.
const AHEAD: u32 = 90;

impl Upkeep {
    /// What hosts refuse today, or will refuse within some months.
    pub(super) fn forecast(&self, now: Timestamp) -> Option<String> {
        match self.refusals(now) {
            Ok(refusals) if refusals.is_empty() => None,
            Ok(refusals) => {
                let refusals: Vec<_> = refusals.into_iter().collect();
                let next = "begin `plugfarm key rotate`, and see `plugfarm key doctor`";
                Some(format!("{}; {next}", refusals.join("; ")))
            }
            Err(words) => Some(format!(
                "whether hosts accept the keys is not known: {words}"
            )),
        }
    }

    fn refusals(&self, now: Timestamp) -> Result<BTreeSet<String>, String> {
        let repository = &self.publisher.repository;
        let mut refusals = BTreeSet::new();
        for state in repository.suites().map_err(|error| error.to_string())? {
            let signed = repository.in_release(&state.suite);
            let Some(in_release) = signed.map_err(|error| error.to_string())? else {
                continue;
            };
            for (key, keyring) in self.keys.keyrings().map_err(|error| error.to_string())? {
                let forecast = forecast(&in_release, &keyring, now);
                let soon = forecast.map_err(|error| error.to_string())?.into_iter();
                let mut soon = soon.filter(|one| one.days <= AHEAD);
                if let Some((first, problem)) =
                    soon.find_map(|one| Some((one.days, one.problem.clone()?)))
                {
                    let when = match first {
                        0 => "now".to_owned(),
                        days => format!("in {days} days"),
                    };
                    let suite = &state.suite;
                    refusals.insert(format!(
                        "hosts that know the key {key} alone refuse {suite} {when}: {problem}"
                    ));
                }
            }
        }
        Ok(refusals)
    }
}
