//! What these keys signed, and their journal does not know: it was restored from a backup that is older.
//!
//! Nothing is believed but the keys' own signatures. Who can show one of theirs about a package shows that the signer let that
//! package in before.

use super::journal::{JournalEntry, JournalKind};
use super::release_check;
use super::statement_check;
use super::verify::open_in_release;
use super::{KeyError, Keys, VerifyError};
use crate::evidence::{EvidenceError, PAYLOAD_TYPE, signed_payloads};
use crate::model::Sha256;

/// Why something that was signed is not taken note of.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The journal or the keys do not let it.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// It is no evidence.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// These keys did not sign the Release.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// These keys would not sign it.
    #[error("these keys signed it, and would not today: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
}

impl Keys {
    /// Takes note of the statements about packages in an evidence file that these keys have signed and their journal does not
    /// know. Gives how many those are; what others have signed is passed over.
    ///
    /// # Errors
    ///
    /// [`AdoptError`].
    pub fn adopt_statements(&self, evidence: &[u8]) -> Result<u64, AdoptError> {
        let own = self.statement_public()?;
        let mut adopted = 0;
        for (payload, _) in signed_payloads(evidence, &[own])? {
            let checked = statement_check::check(PAYLOAD_TYPE, &payload)
                .map_err(|reason| AdoptError::Refused { reason })?;
            let known = |keys: &Self| -> Result<bool, KeyError> {
                let known = keys.journal_file().known()?;
                Ok(checked.packages.iter().all(|one| known.is_signed_for(one)))
            };
            if known(self)? {
                continue;
            }
            let kind = JournalKind::Statement {
                subjects: checked.subjects,
                packages: checked.packages,
                keys: self.keys_in(checked.keyring),
            };
            self.note(kind, &payload)?;
            adopted += 1;
        }
        Ok(adopted)
    }

    /// Takes note of a Release of generation `generation` that these keys have signed, if it is later than those that their
    /// journal knows: the next one must be later still. Gives whether it is.
    ///
    /// # Errors
    ///
    /// [`AdoptError`].
    pub fn adopt_release(&self, in_release: &[u8], generation: u64) -> Result<bool, AdoptError> {
        let keyring = &self.public().archive_keyring;
        let release = open_in_release(in_release, keyring, self.now())?.text;
        let checked = release_check::check(&release, self.farm())
            .map_err(|reason| AdoptError::Refused { reason })?;
        {
            let known = self.journal_file().known().map_err(AdoptError::Keys)?;
            let last = known.suite(&checked.suite);
            if last.is_some_and(|last| last.date >= checked.date && last.generation >= generation) {
                return Ok(false);
            }
        }
        let kind = JournalKind::Release {
            suite: checked.suite,
            release_date: checked.date,
            generation,
            // It is read whole the next time.
            kept: Vec::new(),
            shipped: Vec::new(),
        };
        self.note(kind, &release)?;
        Ok(true)
    }

    fn note(&self, kind: JournalKind, signed: &[u8]) -> Result<(), KeyError> {
        self.journal_file().append(|known| {
            self.check_present(known)?;
            Ok::<_, KeyError>(JournalEntry {
                date: self.now(),
                kind,
                sha256: Sha256::of(signed),
            })
        })?;
        Ok(())
    }
}
