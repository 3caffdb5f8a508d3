//! What apt and dpkg of this machine know about plugins, and the few things that they are asked to do about it.
//!
//! [`Apt`] tells what is installed, whoever built it, and what the farms that this host follows offer. An index counts as a farm's
//! only if it is listed by a Release that the farm's own archive key has signed: neither the `Origin` that a Release gives
//! itself nor the options of a source are believed. What must not live here: what is done with packages, which `host` decides.

mod available;
mod command;
mod download;
mod error;
mod farm;
mod index;
mod installed;
mod machine;
mod phasing;
mod policy;
mod stamp;
mod upgrade;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

pub use available::Available;
pub use command::command;
pub use download::download;
pub use error::AptError;
pub use farm::Farm;
pub use installed::{Installed, PackageState, Packages, Unfinished};
pub use machine::{machine_id, release};
pub use phasing::is_due;
pub use policy::Policies;
pub use upgrade::{Kept, Upgrade, upgrade};

use crate::model::{FarmName, Timestamp};
use index::Target;
use stamp::Stamp;

/// How long after apt has put one of two files in its place the other one is there as well.
const REPLACING: Duration = Duration::from_millis(500);

/// apt and dpkg of this machine, as far as plugins are concerned. Clones share what they have read.
#[derive(Debug, Clone, Default)]
pub struct Apt {
    read: Arc<Mutex<HashMap<PathBuf, Cached>>>,
    targets: Arc<Mutex<HashMap<FarmName, Named>>>,
}

/// An index that was read, and when its files were written.
#[derive(Debug, Clone)]
struct Cached {
    written: [(SystemTime, u64); 2],
    offers: Arc<[Available]>,
}

/// The indices that apt named, and what its settings and lists were then.
#[derive(Debug, Clone)]
struct Named {
    stamp: Stamp,
    targets: Vec<Target>,
}

impl Apt {
    /// The machine that this is. The farms that it follows are looked up each time: one can be added while it runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The plugins that dpkg has, and what it has not finished with. Packages that were removed and left configuration files
    /// are among them ([`PackageState::ConfigFiles`]).
    ///
    /// # Errors
    ///
    /// [`AptError`], where dpkg cannot be asked.
    pub async fn packages(&self) -> Result<Packages, AptError> {
        installed::packages().await
    }

    /// The plugins that are installed, or that dpkg has begun to install.
    ///
    /// # Errors
    ///
    /// As [`Apt::packages`].
    pub async fn installed(&self) -> Result<Vec<Installed>, AptError> {
        let mut plugins = self.packages().await?.plugins;
        plugins.retain(|one| !one.state.is_gone());
        Ok(plugins)
    }

    /// Every version of every plugin that the farms offer to this host, by package, the highest version first.
    ///
    /// Nothing is fetched: this is what apt has since its last update. What was read is kept as long as apt's files stay.
    ///
    /// # Errors
    ///
    /// [`AptError::NoFarm`] where no farm is followed; else where apt cannot be asked, or an index that claims to be a farm's is
    /// not and no other one is.
    pub async fn available(&self) -> Result<Vec<Available>, AptError> {
        let mut found: Vec<Available> = Vec::new();
        for farm in &Farm::installed()? {
            let (mut refused, mut any) = (None, false);
            for target in self.targets(farm).await? {
                match self.read(&target, farm).await {
                    Ok(offers) => {
                        any = true;
                        found.extend(offers.iter().cloned());
                    }
                    Err(error @ AptError::NotTheFarms { .. }) => {
                        tracing::warn!(%error, "an index is passed over");
                        refused = Some(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            if let Some(error) = refused.filter(|_| !any) {
                return Err(error);
            }
        }
        found.sort_by(|a, b| {
            let by_version = b.version.cmp(&a.version);
            a.package.cmp(&b.package).then(by_version)
        });
        found.dedup_by(|other, one| {
            let same = (&other.package, other.sha256) == (&one.package, one.sha256);
            if same {
                one.approvals.append(&mut other.approvals);
            }
            same
        });
        Ok(found)
    }

    async fn read(&self, target: &Target, farm: &Farm) -> Result<Arc<[Available]>, AptError> {
        let written = index::written(target);
        if let Some(known) = self.known(target)
            && Some(known.written) == written
        {
            return Ok(known.offers);
        }
        let now = Timestamp::from_seconds(jiff::Timestamp::now().as_second());
        let index = match index::read(target, farm, now).await {
            // apt puts the Release and the index in their places one after the other.
            Err(AptError::NotTheFarms { .. }) => {
                tokio::time::sleep(REPLACING).await;
                index::read(target, farm, now).await?
            }
            index => index?,
        };
        let offers: Arc<[_]> = available::read(&index, &farm.name, &target.repository).into();
        if let Some(written) = written.filter(|before| index::written(target) == Some(*before)) {
            let cached = Cached {
                written,
                offers: Arc::clone(&offers),
            };
            let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            read.insert(target.path.clone(), cached);
        }
        Ok(offers)
    }

    /// The indices that apt has of a farm. apt is asked again once its settings or lists have changed: it takes as long for
    /// that as for a good part of an installation.
    async fn targets(&self, farm: &Farm) -> Result<Vec<Target>, AptError> {
        let known = || self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::take();
        if let Some(named) = known().get(&farm.name)
            && Some(&named.stamp) == stamp.as_ref()
        {
            return Ok(named.targets.clone());
        }
        let targets = index::targets(farm).await?;
        // Lists that are kept in an unusual place come without a change of the usual one.
        if let Some(stamp) = stamp.filter(|_| !targets.is_empty()) {
            let targets = targets.clone();
            known().insert(farm.name.clone(), Named { stamp, targets });
        }
        Ok(targets)
    }

    fn known(&self, target: &Target) -> Option<Cached> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.get(&target.path).cloned()
    }

    /// What the administrator lets apt do with packages by itself.
    ///
    /// # Errors
    ///
    /// [`AptError`], where apt cannot be asked.
    pub async fn policies(&self, packages: &[String]) -> Result<Policies, AptError> {
        Policies::of(packages).await
    }

    /// The files of the sources that lead to a farm: what an update of that farm alone needs.
    ///
    /// # Errors
    ///
    /// [`AptError::NoSource`]; else as [`Apt::available`].
    pub async fn sources(&self, farm: &Farm) -> Result<Vec<PathBuf>, AptError> {
        let targets = self.targets(farm).await?;
        let mut sources: Vec<_> = targets.into_iter().map(|target| target.source).collect();
        if sources.is_empty() {
            // Before the first update nobody knows what a source leads to; this is what the keyring package installs.
            let own = format!("/etc/apt/sources.list.d/plugfarm-{}.sources", farm.name);
            sources.extend(Some(PathBuf::from(own)).filter(|path| path.is_file()));
        }
        sources.sort();
        sources.dedup();
        if sources.is_empty() {
            return Err(AptError::NoSource {
                farm: farm.name.to_string(),
            });
        }
        Ok(sources)
    }
}
