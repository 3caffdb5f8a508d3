//! From the files of an installed plugin back to its commit, without a network: whether what is on the disk is what a farm has
//! built, signed and published.
//!
//! 1. The index that apt has, under the farm's archive key, gives the digest of the .deb.
//! 2. The statement that was kept when it was installed, under the farm's statement key, is about a .deb of that digest, and
//!    names the commit.
//! 3. The bill of materials, whose digest that statement signs, has the digest of every file.
//! 4. The files on the disk have these digests.
//! 5. The approvals that the index names for the suite, as they were kept, are signed by the statement key, about this package
//!    and this suite, each by somebody else.
//!
//! dpkg's own `md5sums` are not asked where there is a bill of materials: whoever changes a file can change them as well. Files
//! below `/etc` are the administrator's to edit: changed ones are told, and are no difference. Nothing here defends against
//! somebody who is root and changes this program.

mod approvals;
mod files;

use std::collections::BTreeMap;
use std::io;

pub use approvals::Admission;
pub use files::Files;

use super::evidence::{Evidence, Kept, contents_of, statement_keys};
use crate::apt::{Apt, AptError, Available, Farm, Installed};
use crate::evidence::{Provenance, StatementKey, trace};
use crate::model::{PluginId, Sha256};

/// What can be said of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// What is on the disk is what the farm has built and signed.
    Verified,
    /// Something that it would take to know is not here.
    CannotTell,
    /// What is on the disk is not what the farm has signed.
    Differs,
}

/// What was found of one package.
#[derive(Debug)]
pub struct Verification {
    /// The package, as dpkg has it.
    pub installed: Installed,
    /// What can be said of it.
    pub verdict: Verdict,
    /// Why it is not verified, a sentence each.
    pub reasons: Vec<String>,
    /// The digest of the .deb in the farm's signed index; none, if that does not list this version any more.
    pub index: Option<Sha256>,
    /// What the farm has signed about the .deb.
    pub provenance: Option<Provenance>,
    /// How it came into the suites that this host follows, and who approved that.
    pub admissions: Vec<Admission>,
    /// The files on the disk.
    pub files: Files,
}

/// Nothing can be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// dpkg cannot be asked.
    #[error(transparent)]
    Apt(#[from] AptError),
    /// The plugin is not installed.
    #[error("the plugin {plugin} is not installed")]
    NotInstalled {
        /// The plugin.
        plugin: PluginId,
    },
}

/// Verifies the named plugins, or all that are installed, in the order of their packages' names. `approvals` is how many people
/// must have approved each.
///
/// # Errors
///
/// [`VerifyError`]. What is wrong with a package is in its verification.
pub async fn verify(
    apt: &Apt,
    evidence: &Evidence,
    named: &[PluginId],
    approvals: usize,
) -> Result<Vec<Verification>, VerifyError> {
    let installed = apt.installed().await?;
    let missing = named
        .iter()
        .find(|plugin| installed.iter().all(|one| one.plugin != **plugin));
    if let Some(plugin) = missing.cloned() {
        return Err(VerifyError::NotInstalled { plugin });
    }
    let known = Known {
        offers: apt.available().await.map_err(|error| error.to_string()),
        keys: keys(),
        approvals,
    };
    let asked = installed
        .into_iter()
        .filter(|one| named.is_empty() || named.contains(&one.plugin));
    Ok(asked.map(|one| known.verify(one, evidence)).collect())
}

/// The statement keys of all farms that this host follows.
fn keys() -> Result<Vec<StatementKey>, String> {
    let mut keys = Vec::new();
    for farm in Farm::installed().map_err(|error| error.to_string())? {
        let own = statement_keys(&farm);
        let name = &farm.name;
        keys.extend(
            own.map_err(|error| format!("the statement keys of {name} cannot be read: {error}"))?,
        );
    }
    Ok(keys)
}

/// What this host knows of its farms, or why it does not.
struct Known {
    offers: Result<Vec<Available>, String>,
    keys: Result<Vec<StatementKey>, String>,
    /// How many people must have approved a package.
    approvals: usize,
}

impl Known {
    fn verify(&self, installed: Installed, evidence: &Evidence) -> Verification {
        let kept = evidence.kept(&installed.package, &installed.version);
        let mut found = Verification {
            index: self.listed(&installed, None).map(|one| one.sha256),
            installed,
            verdict: Verdict::Verified,
            reasons: Vec::new(),
            provenance: None,
            admissions: Vec::new(),
            files: Files::default(),
        };
        if let Err(reason) = &self.offers {
            found.cannot_tell(reason.clone());
        }
        let state = found.installed.state;
        if !state.is_whole() {
            found.cannot_tell(format!(
                "dpkg has not finished with it: it is {}",
                state.word()
            ));
        }
        match kept {
            Ok(kept) => self.follow(&mut found, &kept),
            Err(error) => found.cannot_tell(format!("its evidence cannot be read: {error}")),
        }
        found
    }

    /// The installed version in the farm's index, with this digest if there is one.
    fn listed(&self, installed: &Installed, sha256: Option<Sha256>) -> Option<&Available> {
        let mut offers = self.offers.as_ref().ok()?.iter();
        offers.find(|one| {
            one.package == installed.package
                && one.version == installed.version
                && sha256.is_none_or(|sha256| one.sha256 == sha256)
        })
    }

    fn follow(&self, found: &mut Verification, kept: &Kept) {
        let package = found.installed.package.clone();
        let provenance = match (&kept.statement, &self.keys) {
            (Some(statement), Ok(keys)) => trace(statement, keys).map_err(|error| error.to_string()),
            (_, Err(reason)) => Err(reason.clone()),
            (None, _) if found.index.is_none() => {
                Err("it is of no farm that this host follows: it was built here, or came from elsewhere".to_owned())
            }
            (None, _) => Err("no evidence of it was kept; install it again with plugfarm-host".to_owned()),
        };
        let contents = match provenance {
            Ok(provenance) => {
                found.compare(&provenance);
                let contents = signed_files(&provenance, kept);
                let offer = self.listed(&found.installed, Some(provenance.deb().sha256));
                found.provenance = Some(provenance);
                let keys = self.keys.as_deref().unwrap_or_default();
                found.admit(offer, kept, keys, self.approvals);
                contents
            }
            Err(reason) => Err(reason),
        };
        match contents {
            Ok(contents) => found.files = files::compare(&contents),
            Err(reason) => {
                found.cannot_tell(reason);
                match files::compare_with_dpkg(&package) {
                    Ok(files) => found.files = files,
                    Err(error) => {
                        found.cannot_tell(format!("dpkg's sums of it cannot be read: {error}"))
                    }
                }
            }
        }
        let count = found.files.changed.len() + found.files.missing.len();
        if count > 0 {
            let what = if count == 1 {
                "file differs"
            } else {
                "files differ"
            };
            found.differs(format!("{count} {what} from what was published"));
        }
    }
}

impl Verification {
    /// Holds what dpkg and the index say against what is signed.
    fn compare(&mut self, provenance: &Provenance) {
        let deb = provenance.deb();
        let Installed {
            package, version, ..
        } = &self.installed;
        let named = format!("{package}_{}_", version.without_epoch());
        if !deb.name.starts_with(&named) {
            let other = deb.name.clone();
            self.differs(format!("the evidence that was kept of it is about {other}"));
        }
        if let Some(listed) = self.index.filter(|listed| *listed != deb.sha256) {
            let signed = deb.sha256;
            self.differs(format!(
                "the farm's index lists it with the SHA-256 {listed}, its evidence with {signed}"
            ));
        }
    }

    fn cannot_tell(&mut self, reason: String) {
        self.verdict = self.verdict.max(Verdict::CannotTell);
        self.reasons.push(reason);
    }

    fn differs(&mut self, reason: String) {
        self.verdict = Verdict::Differs;
        self.reasons.push(reason);
    }
}

/// The digests of a package's files, by their paths, as the farm has signed them.
fn signed_files(provenance: &Provenance, kept: &Kept) -> Result<BTreeMap<String, Sha256>, String> {
    let signed = contents_of(provenance);
    let signed = signed.ok_or("no farm has built it, so nothing is signed about its files")?;
    let bytes = kept.contents.as_ref();
    let bytes =
        bytes.ok_or("its bill of materials was not kept; install it again with plugfarm-host")?;
    if Sha256::of(bytes) != signed.sha256 {
        return Err("its bill of materials is not what the farm has signed".to_owned());
    }
    files::of_bill(bytes)
        .map_err(|error: io::Error| format!("its bill of materials cannot be read: {error}"))
}
