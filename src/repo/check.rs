//! Verifies every published byte: what hosts see against the state, and the state against the packages and their evidence.

use super::index;
use super::state::{Published, SuiteState};
use super::storage::{Expected, Object};
use super::{RepoError, Repository, layout};
use crate::evidence::{self, StatementKey};
use crate::model::{Architecture, Sha256, Target};

/// The most bytes that a checked text may have.
const MAX_TEXT: u64 = 4 << 30;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many suites were looked at.
    pub suites: usize,
    /// How many packages.
    pub packages: usize,
    /// What is wrong, one sentence each; nothing, if all is well.
    pub problems: Vec<String>,
}

/// Verifies a clear-signed Release, and gives what the signature covers; or says why not.
pub type Verifier<'a> = &'a dyn Fn(&[u8]) -> Result<Vec<u8>, String>;

impl Repository {
    /// Checks every suite: its signature, the indices that its Release lists at both their places, the packages and the
    /// evidence of each; and what hosts take as their first trust.
    ///
    /// # Errors
    ///
    /// [`RepoError::Storage`] and [`RepoError::State`] for what cannot even be looked at.
    pub fn check(&self, verify: Verifier<'_>) -> Result<Checked, RepoError> {
        let mut checked = Checked::default();
        for state in self.suites()? {
            checked.suites += 1;
            self.check_release(&state, verify, &mut checked.problems)?;
            self.check_indices(&state, &mut checked.problems)?;
            for published in &state.packages {
                checked.packages += 1;
                self.check_package(published, &mut checked.problems)?;
            }
        }
        if checked.suites > 0 {
            self.check_first_trust(&mut checked.problems)?;
        }
        Ok(checked)
    }

    /// What hosts take before they trust anything must be what the farm made.
    fn check_first_trust(&self, problems: &mut Vec<String>) -> Result<(), RepoError> {
        let (farm, settings) = (&self.settings().farm, self.settings());
        for target in Target::ALL {
            if let Some(newest) = self.history(&farm.keyring_package(), target)?.last() {
                let key = layout::keyring(farm, target);
                self.check_bytes(&key, newest.expected(), problems)?;
            }
        }
        let keyring = Expected::of(&settings.archive_keyring);
        self.check_bytes(&layout::archive_key(farm), keyring, problems)?;
        let pem = Expected::of(settings.statement_pem.as_bytes());
        self.check_bytes(&layout::statement_key(farm), pem, problems)
    }

    fn check_release(
        &self,
        state: &SuiteState,
        verify: Verifier<'_>,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        let suite = &state.suite;
        for (name, text) in [
            ("InRelease", &state.in_release),
            ("Release", &state.release),
            ("Release.gpg", &state.release_gpg),
        ] {
            let key = format!("{}/{name}", layout::dists(suite));
            let found = self.storage().get(&key, MAX_TEXT)?;
            if found.is_none_or(|found| found.bytes != text.as_bytes()) {
                problems.push(format!("{key} is not what the state says"));
            }
        }
        match verify(state.in_release.as_bytes()) {
            Err(reason) => problems.push(format!("{suite}: InRelease does not verify: {reason}")),
            Ok(text) if text.trim_ascii_end() != state.release.as_bytes().trim_ascii_end() => {
                problems.push(format!("{suite}: InRelease and Release differ"));
            }
            Ok(_) => {}
        }
        Ok(())
    }

    fn check_indices(
        &self,
        state: &SuiteState,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        let folder = layout::dists(&state.suite);
        let listed = state.listed();
        for (path, expected) in &listed {
            for place in [path.clone(), layout::by_hash(path, expected.sha256)] {
                self.check_bytes(&format!("{folder}/{place}"), *expected, problems)?;
            }
        }
        for (place, _) in &state.retired {
            let key = format!("{folder}/{place}");
            let named = place.rsplit('/').next().and_then(|name| name.parse().ok());
            let found = self.storage().digest(&key)?.map(|found| found.sha256);
            if found.is_none() || found != named {
                problems.push(format!(
                    "{key}, of an earlier publication, is missing or was changed"
                ));
            }
        }
        for architecture in [Architecture::All, Architecture::Amd64] {
            let text = index::text(&state.packages, architecture);
            let path = layout::packages(architecture);
            let expected = Expected::of(text.as_bytes());
            if !listed.contains(&(path.clone(), expected)) {
                problems.push(format!("{folder}/{path} does not list what the state says"));
            }
        }
        Ok(())
    }

    fn check_package(
        &self,
        published: &Published,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        self.check_bytes(&published.filename, published.expected(), problems)?;
        match published.statement {
            Some(digest) => self.check_evidence(published, digest, problems),
            None => Ok(()),
        }
    }

    fn check_evidence(
        &self,
        published: &Published,
        digest: Sha256,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        let key = layout::attestation(published.sha256);
        let Some(Object { bytes, .. }) = self.storage().get(&key, MAX_TEXT)? else {
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
        let statement = match evidence::verify(&bytes, &trusted) {
            Ok(statement) => statement,
            Err(error) => {
                problems.push(format!("{key} does not verify: {error}"));
                return Ok(());
            }
        };
        if statement.deb().sha256 != published.sha256 {
            problems.push(format!("{key} is about another package"));
        }
        for subject in statement.subjects() {
            if subject.name != statement.deb().name {
                let key = layout::evidence(published.sha256, &subject.name);
                self.check_bytes(&key, super::admit::expected(subject), problems)?;
            }
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
