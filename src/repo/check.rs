//! Verifies every published byte: what hosts see against the state, and the state against the packages and their evidence.

use super::catalog::{Catalog, Unused};
use super::entry::Entry;
use super::root::{Root, SuiteRoot};
use super::storage::Expected;
use super::table::Table;
use super::{RepoError, Repository, layout, object};
use crate::evidence::{self, Provenance, StatementKey};
use crate::model::Sha256;

/// The most bytes that a checked text may have.
const MAX_TEXT: u64 = 4 << 30;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many suites were looked at.
    pub suites: usize,
    /// How many packages they have.
    pub packages: u64,
    /// What is wrong, one sentence each; nothing, if all is well.
    pub problems: Vec<String>,
}

/// Verifies a clear-signed Release, and gives what the signature covers; or says why not.
pub type Verifier<'a> = &'a dyn Fn(&[u8]) -> Result<Vec<u8>, String>;

impl Repository {
    /// Checks every suite: its signature, the indices that its Release lists at both their places, and that they list what
    /// the ledger says; every package that was ever published, with its evidence; what went out of use and is kept; what
    /// hosts take as their first trust; and the audit log, which the Releases were signed over.
    ///
    /// # Errors
    ///
    /// [`RepoError::Storage`] and [`RepoError::State`] for what cannot even be looked at.
    pub fn check(&self, verify: Verifier<'_>) -> Result<Checked, RepoError> {
        let mut checked = Checked::default();
        let Some(root) = self.root()? else {
            return Ok(checked);
        };
        let problems = &mut checked.problems;
        let catalog = readable(root.catalog(self.storage()), problems)?.unwrap_or_default();
        for leaf in catalog.ledger.leaves() {
            for entry in readable(leaf.load(self.storage()), problems)?.unwrap_or_default() {
                self.check_package(&entry, problems)?;
                let approvals = entry.listings.values().flat_map(|own| &own.approvals);
                for digest in approvals {
                    self.check_approval(entry.published.sha256, *digest, problems)?;
                }
            }
        }
        for suite in root.suites.values() {
            checked.suites += 1;
            checked.packages += suite.packages;
            self.check_release(suite, verify, problems)?;
            self.check_indices(suite, &catalog, problems)?;
        }
        for pending in &catalog.pending {
            for standing in &pending.approvals {
                self.check_approval(pending.sha256, standing.digest, problems)?;
            }
        }
        self.check_snapshots(verify, problems)?;
        self.check_retired(&catalog, problems)?;
        self.check_first_trust(&root, problems)?;
        self.check_log(&root, problems)?;
        Ok(checked)
    }

    /// What hosts take before they trust anything must be what the farm made.
    fn check_first_trust(&self, root: &Root, problems: &mut Vec<String>) -> Result<(), RepoError> {
        for suite in root.suites.values() {
            for write in self.trust(suite) {
                self.check_bytes(&write.key, write.expected, problems)?;
            }
        }
        Ok(())
    }

    /// Dated publications must stay what they were.
    fn check_snapshots(
        &self,
        verify: Verifier<'_>,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        for snapshot in readable(self.snapshots(), problems)?.unwrap_or_default() {
            for file in &snapshot.files {
                self.check_bytes(&file.key, file.content, problems)?;
            }
            let key = snapshot.in_release();
            if let Some(bytes) = self.storage().get(&key, MAX_TEXT)?
                && let Err(reason) = verify(&bytes)
            {
                problems.push(format!("{key} does not verify: {reason}"));
            }
        }
        Ok(())
    }

    /// What earlier publications listed must stay what it was.
    fn check_retired(
        &self,
        catalog: &Catalog,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        let retired = readable(catalog.retired.keys(self.storage()), problems)?;
        for Unused { key, sha256, .. } in retired.unwrap_or_default() {
            let found = self.storage().digest(&key)?;
            if found.is_none_or(|found| found.sha256 != sha256) {
                problems.push(format!(
                    "{key}, of an earlier publication, is missing or was changed"
                ));
            }
        }
        Ok(())
    }

    fn check_release(
        &self,
        root: &SuiteRoot,
        verify: Verifier<'_>,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        let suite = &root.suite;
        for (name, text) in [
            ("InRelease", &root.in_release),
            ("Release", &root.release),
            ("Release.gpg", &root.release_gpg),
        ] {
            let key = format!("{}/{name}", layout::dists(suite));
            let found = self.storage().get(&key, MAX_TEXT)?;
            if found.is_none_or(|found| found != text.as_bytes()) {
                problems.push(format!("{key} is not what the state says"));
            }
        }
        match verify(root.in_release.as_bytes()) {
            Err(reason) => problems.push(format!("{suite}: InRelease does not verify: {reason}")),
            Ok(text) if text.trim_ascii_end() != root.release.as_bytes().trim_ascii_end() => {
                problems.push(format!("{suite}: InRelease and Release differ"));
            }
            Ok(_) => {}
        }
        Ok(())
    }

    fn check_indices(
        &self,
        root: &SuiteRoot,
        catalog: &Catalog,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        let folder = layout::dists(&root.suite);
        for (path, expected) in root.stored() {
            for place in [path.clone(), layout::by_hash(&path, expected.sha256)] {
                self.check_bytes(&format!("{folder}/{place}"), expected, problems)?;
            }
        }
        for patch in &root.patches {
            self.check_bytes(&patch.key, patch.content, problems)?;
        }
        let table = object::load::<Table>(self.storage(), root.table);
        let stanzas = catalog.ledger.stanzas(self.storage(), &root.suite);
        let (table, stanzas) = (readable(table, problems)?, readable(stanzas, problems)?);
        if let (Some(table), Some(stanzas)) = (table, stanzas) {
            if stanzas.len() as u64 != root.packages {
                problems.push(format!(
                    "{folder} does not have as many packages as the state says"
                ));
            }
            problems.extend(table.check(self.storage(), &root.suite, &stanzas)?);
        }
        Ok(())
    }

    fn check_package(&self, entry: &Entry, problems: &mut Vec<String>) -> Result<(), RepoError> {
        let published = &entry.published;
        if entry.erased.is_none() {
            self.check_bytes(&published.filename, published.expected(), problems)?;
        }
        match published.statement {
            Some(digest) => self.check_evidence(entry, digest, problems),
            None => Ok(()),
        }
    }

    fn check_evidence(
        &self,
        entry: &Entry,
        digest: Sha256,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        let published = &entry.published;
        let key = layout::attestation(published.sha256);
        let Some(bytes) = self.storage().get(&key, MAX_TEXT)? else {
            problems.push(format!("{key} is missing"));
            return Ok(());
        };
        if Sha256::of(&bytes) != digest {
            problems.push(format!("{key} was changed"));
        }
        let trusted = StatementKey::all_from_pem(&self.settings().statement_pem)?;
        if published.package == self.settings().farm.keyring_package() {
            match evidence::verify_keyring(&bytes, &trusted) {
                Err(error) => problems.push(format!("{key} does not verify: {error}")),
                Ok(facts) if facts.deb.sha256 != published.sha256 => {
                    problems.push(format!("{key} is about another package"));
                }
                Ok(_) => {}
            }
            return Ok(());
        }
        let provenance = match evidence::trace(&bytes, &trusted) {
            Ok(provenance) => provenance,
            Err(error) => {
                problems.push(format!("{key} does not verify: {error}"));
                return Ok(());
            }
        };
        if provenance.deb().sha256 != published.sha256 {
            problems.push(format!("{key} is about another package"));
        }
        if entry.erased.is_some() {
            return Ok(());
        }
        let companions = match &provenance {
            Provenance::Built(proof) => proof.companions().collect(),
            Provenance::Imported(_) => Vec::new(),
        };
        for companion in companions {
            let key = layout::evidence(published.sha256, &companion.name);
            self.check_bytes(&key, super::admit::expected(companion), problems)?;
        }
        Ok(())
    }

    /// Whoever let the package in must have signed for it.
    fn check_approval(
        &self,
        package: Sha256,
        digest: Sha256,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        let key = layout::approval(package, digest);
        let Some(bytes) = self.storage().get(&key, MAX_TEXT)? else {
            problems.push(format!("{key} is missing"));
            return Ok(());
        };
        match evidence::verify_approval(&bytes, &self.statement_keys()?) {
            _ if Sha256::of(&bytes) != digest => problems.push(format!("{key} was changed")),
            Err(error) => problems.push(format!("{key} does not verify: {error}")),
            Ok(approval) if approval.deb().sha256 != package => {
                problems.push(format!("{key} is about another package"));
            }
            Ok(_) => {}
        }
        Ok(())
    }

    fn check_bytes(
        &self,
        key: &str,
        expected: Expected,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        match self.storage().digest(key)? {
            Some(found) if found == expected => {}
            Some(_) => problems.push(format!("{key} was changed")),
            None => problems.push(format!("{key} is missing")),
        }
        Ok(())
    }
}

/// What was read; or nothing, if it is damaged, which is noted.
pub(super) fn readable<T>(
    read: Result<T, RepoError>,
    problems: &mut Vec<String>,
) -> Result<Option<T>, RepoError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error @ RepoError::State { .. }) => {
            problems.push(error.to_string());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
