//! Approvals: who lets a package into a channel. Each is a signed statement of its own; where one person is not enough, it
//! waits in the catalog for the next.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::entry::Published;
use super::promote::Promotion;
use super::storage::{Content, Expected, Write};
use super::{RepoError, Repository, layout};
use crate::evidence::{
    Approval, PAYLOAD_TYPE, Provenance, StatementKey, approval_statement, envelope, trace,
    verify_approval,
};
use crate::model::{Actor, DebianVersion, Sha256, Signer, Suite, Timestamp};

/// The most bytes that a file of signed statements may have; [`trace`] has the same limit.
const MAX_EVIDENCE: u64 = 4 << 20;

/// A package that not enough people have approved yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// Where it is to go.
    pub suite: Suite,
    /// The share of hosts that are to upgrade to it at first, in percent; all, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phased: Option<u8>,
    /// The digest of the .deb.
    pub(super) sha256: Sha256,
    /// Who has approved it.
    pub approvals: Vec<Standing>,
}

/// One person's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Whose.
    pub by: Actor,
    /// Since when.
    pub at: Timestamp,
    /// The digest of the signed statement's file.
    pub(super) digest: Sha256,
}

impl Repository {
    /// What not enough people have approved yet.
    ///
    /// # Errors
    ///
    /// [`RepoError::Storage`], [`RepoError::State`].
    pub fn pending(&self) -> Result<Vec<Pending>, RepoError> {
        match self.root()? {
            Some(root) => Ok(root.catalog(self.storage())?.pending),
            None => Ok(Vec::new()),
        }
    }

    /// The farm's own statement keys.
    pub(super) fn statement_keys(&self) -> Result<Vec<StatementKey>, RepoError> {
        Ok(StatementKey::all_from_pem(&self.settings().statement_pem)?)
    }

    /// Reads again what the farm has signed of a published package, and that its bytes are what was signed.
    pub(super) fn prove_published(
        &self,
        published: &Published,
        keys: &[StatementKey],
    ) -> Result<Provenance, RepoError> {
        let mismatch = |what: &str| RepoError::Mismatch {
            reason: format!("{} {what}", published.filename),
        };
        let key = layout::attestation(published.sha256);
        let evidence = self.storage().get(&key, MAX_EVIDENCE)?;
        let evidence = evidence.ok_or_else(|| mismatch("has no evidence any more"))?;
        if published.statement != Some(Sha256::of(&evidence)) {
            return Err(mismatch("has other evidence than it was published with"));
        }
        let provenance = trace(&evidence, keys)?;
        let same_content = match &provenance {
            Provenance::Built(proof) => proof.statement().content() == published.content,
            Provenance::Imported(_) => published.imported,
        };
        if *provenance.deb() != published.artifact() || !same_content {
            return Err(mismatch("is not what its evidence is about"));
        }
        if self.storage().digest(&published.filename)? != Some(published.expected()) {
            return Err(mismatch("is not there, or was changed"));
        }
        Ok(provenance)
    }

    /// Adds the approval of whoever promotes to those that stand already. Gives all of them, sorted by their time.
    pub(super) fn approve(
        &self,
        draft: &mut Draft<'_>,
        published: &Published,
        promotion: &Promotion,
        suite: &Suite,
        signer: &dyn Signer,
    ) -> Result<Vec<Standing>, RepoError> {
        let approval = Approval {
            package: published.package.clone(),
            version: published.version.clone(),
            target: suite.target,
            from: promotion.from.clone(),
            to: promotion.to.clone(),
            phased: promotion.phased,
            by: promotion.by.clone(),
            reason: promotion.reason.clone(),
            at: draft.now,
            generation: draft.root.generation,
        };
        let mut standing = self.standing(draft, published, suite, &approval)?;
        let others = standing.iter().filter(|one| one.by != approval.by).count();
        if others < standing.len() && others + 1 < self.settings().approvals {
            return Err(RepoError::SamePerson {
                package: format!("{} {}", published.package, published.version),
                by: approval.by.to_string(),
            });
        }
        standing.retain(|one| one.by != approval.by);
        let deb = published.artifact();
        let statement = approval_statement(&approval, &deb);
        let evidence = envelope(
            &statement,
            &signer.sign_statement(PAYLOAD_TYPE, &statement)?,
        );
        let expected = Expected::of(&evidence);
        let key = layout::approval(deb.sha256, expected.sha256);
        let content = Content::Bytes(evidence.into());
        draft.wave.push(Write::immutable(key, content, expected));
        standing.push(Standing {
            by: approval.by,
            at: approval.at,
            digest: expected.sha256,
        });
        Ok(standing)
    }

    /// The approvals of the very same step by others, each verified again.
    fn standing(
        &self,
        draft: &Draft<'_>,
        published: &Published,
        suite: &Suite,
        wanted: &Approval,
    ) -> Result<Vec<Standing>, RepoError> {
        let pending = draft.catalog.pending.iter();
        let waiting = pending
            .filter(|one| one.is_of(published, suite) && one.phased == wanted.phased)
            .flat_map(|one| &one.approvals);
        let keys = self.statement_keys()?;
        let mut standing = Vec::new();
        for one in waiting {
            let key = layout::approval(published.sha256, one.digest);
            let changed = || RepoError::Mismatch {
                reason: format!("{key}, an approval by {}, is gone or was changed", one.by),
            };
            let evidence = self
                .storage()
                .get(&key, MAX_EVIDENCE)?
                .ok_or_else(changed)?;
            let verified = verify_approval(&evidence, &keys)?;
            let given = verified.approval();
            let same = Approval {
                by: one.by.clone(),
                from: given.from.clone(),
                reason: given.reason.clone(),
                at: given.at,
                generation: given.generation,
                ..wanted.clone()
            };
            let intact = Sha256::of(&evidence) == one.digest;
            if !intact || *given != same || *verified.deb() != published.artifact() {
                return Err(changed());
            }
            standing.push(one.clone());
        }
        Ok(standing)
    }
}

impl Pending {
    /// Whether it is about letting `published` into `suite`.
    pub(super) fn is_of(&self, published: &Published, suite: &Suite) -> bool {
        self.sha256 == published.sha256 && self.package == published.package && self.suite == *suite
    }
}
