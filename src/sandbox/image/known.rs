//! The names of all packages that a target's suites have: a list that is made beside each builder image, from apt's own, and
//! kept in the folder of the images. Checks of a plugin's dependencies use it; nothing needs it.

use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::ImageName;
use crate::model::Target;

/// The script that writes the list.
const SCRIPT: &str = include_str!("../../../images/builder/known");
/// The list's name in the folder that an image is made in.
const LIST: &str = "known.gz";
/// The most bytes that a list has, unpacked; Debian's have under two million.
const SIZE: u64 = 32 << 20;

/// What mmdebstrap is asked for beside an image, before its lists of packages go.
pub(super) fn hooks(name: ImageName) -> Vec<String> {
    if name != ImageName::Builder {
        return Vec::new();
    }
    let quoted = SCRIPT.replace('\'', r"'\''");
    vec![
        format!(r#"--customize-hook=chroot "$1" /bin/sh -c '{quoted}' >"$1/{LIST}""#),
        format!("--customize-hook=copy-out /{LIST} ."),
        format!(r#"--customize-hook=rm "$1/{LIST}""#),
    ]
}

/// Moves the list from the folder that an image was made in to where [`known_packages`] finds it.
pub(super) fn keep(made: &Path, folder: &Path, target: Target) -> io::Result<()> {
    match fs_err::rename(made.join(LIST), place(folder, target)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        moved => moved,
    }
}

/// The names of the packages that `target` has, one a line; `None` if no builder image was made with this folder.
///
/// # Errors
///
/// A list that cannot be read, or is none.
pub fn known_packages(folder: &Path, target: Target) -> io::Result<Option<String>> {
    let file = match fs_err::File::open(place(folder, target)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut names = String::new();
    let unpacked = flate2::read::GzDecoder::new(file);
    unpacked.take(SIZE).read_to_string(&mut names)?;
    Ok(Some(names))
}

fn place(folder: &Path, target: Target) -> PathBuf {
    folder.join(format!("packages-{target}.gz"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_list_is_found_where_it_was_kept_and_is_no_must() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("image-1");
        fs_err::create_dir(&made).unwrap();
        let find = || known_packages(folder.path(), Target::Trixie);
        keep(&made, folder.path(), Target::Trixie).unwrap();
        assert_eq!(find().unwrap(), None);

        let file = fs_err::File::create(made.join(LIST)).unwrap();
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        packed.write_all(b"tig\n").unwrap();
        packed.finish().unwrap();
        keep(&made, folder.path(), Target::Trixie).unwrap();
        assert_eq!(find().unwrap().as_deref(), Some("tig\n"));

        fs_err::write(place(folder.path(), Target::Trixie), "no gzip").unwrap();
        assert!(find().is_err());
    }
}
