//! The passphrase that the secret keys are encrypted with, and what is asked of the file that it is in.

use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sequoia_openpgp::crypto::Password;

use super::KeyError;

/// The most bytes that the file may have.
const MAX_FILE: u64 = 4096;

/// A passphrase. It does not print, and memory has it encrypted.
#[derive(Clone)]
pub struct Passphrase(Password);

impl Passphrase {
    /// Reads the one line of the file at `path`, which others than its owner and group must not be able to read: a file that
    /// the operator wrote, or a credential that systemd hands to a service.
    ///
    /// # Errors
    ///
    /// [`KeyError::Passphrase`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let wrong = |reason: String| KeyError::Passphrase {
            path: path.to_owned(),
            reason,
        };
        let mut text = Vec::new();
        let file = fs_err::File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => wrong("there is no such file".to_owned()),
            _ => wrong(error.to_string()),
        })?;
        let found = file.metadata().map_err(|error| wrong(error.to_string()))?;
        if found.permissions().mode() & 0o007 != 0 {
            let path = path.display();
            return Err(wrong(format!("everybody may use it; chmod o= {path}")));
        }
        file.take(MAX_FILE + 1)
            .read_to_end(&mut text)
            .map_err(|error| wrong(error.to_string()))?;
        let line = text.strip_suffix(b"\n").unwrap_or(&text);
        match line {
            [] => Err(wrong("it is empty".to_owned())),
            line if line.len() as u64 > MAX_FILE => {
                Err(wrong(format!("it has more than {MAX_FILE} bytes")))
            }
            line if line.contains(&b'\n') => Err(wrong("it has more than one line".to_owned())),
            line => Ok(Self(line.to_vec().into())),
        }
    }

    /// For OpenPGP.
    pub(super) fn password(&self) -> &Password {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrase").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_line_that_others_cannot_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        let read = |text: &[u8], mode| {
            fs_err::write(&path, text).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match Passphrase::read(&path) {
                Ok(passphrase) => passphrase.0.map(|bytes| String::from_utf8(bytes.to_vec())),
                Err(KeyError::Passphrase { reason, .. }) => Ok(format!("refused: {reason}")),
                Err(other) => panic!("{other}"),
            }
            .unwrap()
        };
        assert_eq!(read(b"correct horse\n", 0o600), "correct horse");
        assert_eq!(read(b" as it is ", 0o440), " as it is ");
        assert!(read(b"secret", 0o604).starts_with("refused: everybody may use it; chmod o= /"));
        insta::assert_snapshot!(read(b"\n", 0o600), @"refused: it is empty");
        insta::assert_snapshot!(read(b"a\nb\n", 0o600), @"refused: it has more than one line");
        insta::assert_snapshot!(read(&[b'x'; 5000], 0o600), @"refused: it has more than 4096 bytes");
        fs_err::remove_file(&path).unwrap();
        let gone = Passphrase::read(&path).unwrap_err().to_string();
        assert!(gone.contains("there is no such file"), "{gone}");
    }
}
