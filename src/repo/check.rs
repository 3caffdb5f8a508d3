//! Verifies every published byte: what hosts see against the state, and the state against the packages.

use super::state::SuiteState;
use super::{RepoError, Repository, files, layout};

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
    /// Checks every suite.
    ///
    /// # Errors
    ///
    /// [`RepoError::Io`] and [`RepoError::State`] for what cannot even be looked at.
    pub fn check(&self, verify: Verifier<'_>) -> Result<Checked, RepoError> {
        let mut checked = Checked::default();
        for state in self.suites()? {
            checked.suites += 1;
            self.check_suite(&state, verify, &mut checked.problems)?;
            for published in &state.packages {
                checked.packages += 1;
                self.check_package(published, &mut checked.problems)?;
            }
        }
        Ok(checked)
    }

    fn check_suite(
        &self,
        state: &SuiteState,
        verify: Verifier<'_>,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        let suite = &state.suite;
        let folder = self.root.join(layout::dists(suite));
        match verify(state.in_release.as_bytes()) {
            Err(reason) => problems.push(format!("{suite}: InRelease does not verify: {reason}")),
            Ok(text) if text.trim_ascii_end() != state.release.as_bytes().trim_ascii_end() => {
                problems.push(format!("{suite}: InRelease and Release differ"));
            }
            Ok(_) => {}
        }
        let indices = self.render(state)?;
        let mut expected = vec![
            ("InRelease".to_owned(), state.in_release.as_bytes()),
            ("Release".to_owned(), state.release.as_bytes()),
            ("Release.gpg".to_owned(), state.release_gpg.as_bytes()),
        ];
        for file in &indices {
            let line = format!(" {} {} {}\n", file.sha256, file.bytes.len(), file.path);
            if !state.release.contains(&line) {
                problems.push(format!(
                    "{suite}: Release does not list {} as it is",
                    file.path
                ));
            }
            expected.push((file.path.clone(), &file.bytes));
            expected.push((layout::by_hash(&file.path, file.sha256), &file.bytes));
        }
        for (path, bytes) in expected {
            let found = files::read(&folder.join(&path), 1 << 32)?;
            if found.as_deref() != Some(bytes) {
                problems.push(format!("{suite}: {path} is not what the state says"));
            }
        }
        Ok(())
    }

    fn check_package(
        &self,
        published: &super::Published,
        problems: &mut Vec<String>,
    ) -> Result<(), RepoError> {
        let path = self.root.join(&published.filename);
        let good = path.is_file() && files::digest(&path)? == (published.sha256, published.size);
        if !good {
            problems.push(format!("{} is missing or was changed", published.filename));
        }
        let attestation = self.root.join(layout::attestation(published.sha256));
        if published.plugin_version.is_some() && !attestation.is_file() {
            problems.push(format!(
                "{} {} has no evidence",
                published.package, published.version
            ));
        }
        Ok(())
    }
}
