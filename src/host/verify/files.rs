//! Files on the disk, held against digests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::Path;

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use crate::host::evidence::read_limited;
use crate::model::{Sha256, Sha256Writer};

/// The most bytes that dpkg's own list of a package may have.
const MAX_LIST: u64 = 64 << 20;

/// What hosts may leave out of packages (dpkg(1), `--path-exclude`): documentation.
const LEFT_OUT: [&str; 3] = ["usr/share/doc/", "usr/share/man/", "usr/share/locale/"];

/// The files of a package on the disk. Paths have no leading slash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Files {
    /// How many were looked at.
    pub looked_at: usize,
    /// Whether they were held against what the farm has signed, and not only against what dpkg has noted.
    pub signed: bool,
    /// Those that have other bytes.
    pub changed: Vec<String>,
    /// Those that are not there, or cannot be read.
    pub missing: Vec<String>,
    /// Those below `/etc` that have other bytes or are not there: they are the administrator's.
    pub edited: Vec<String>,
}

impl Files {
    fn note(&mut self, path: &str, same: io::Result<bool>) {
        self.looked_at += 1;
        let configuration = path.starts_with("etc/");
        match same {
            Ok(true) => {}
            Ok(false) | Err(_) if configuration => self.edited.push(path.to_owned()),
            Ok(false) => self.changed.push(path.to_owned()),
            Err(error)
                if error.kind() == ErrorKind::NotFound
                    && LEFT_OUT.iter().any(|folder| path.starts_with(folder)) => {}
            Err(_) => self.missing.push(path.to_owned()),
        }
    }
}

#[derive(Deserialize)]
struct Bill {
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    hashes: Vec<Hash>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

/// The files that a bill of materials lists (CycloneDX 1.5, components of type `file`).
pub(super) fn of_bill(bytes: &[u8]) -> io::Result<BTreeMap<String, Sha256>> {
    let bill: Bill = serde_json::from_slice(bytes)?;
    let files = bill.components.into_iter().filter(|one| one.kind == "file");
    files
        .map(|file| {
            let hash = file.hashes.iter().find(|hash| hash.alg == "SHA-256");
            let sha256 = hash.and_then(|hash| hash.content.parse().ok());
            let sha256 = sha256.ok_or_else(|| io::Error::from(ErrorKind::InvalidData))?;
            Ok((file.name, sha256))
        })
        .collect()
}

/// Holds the files on the disk against signed digests.
pub(super) fn compare(files: &BTreeMap<String, Sha256>) -> Files {
    let mut found = Files {
        signed: true,
        ..Files::default()
    };
    for (path, expected) in files {
        found.note(path, sha256(path).map(|digest| digest == *expected));
    }
    found
}

fn sha256(path: &str) -> io::Result<Sha256> {
    let mut writer = Sha256Writer::new(io::sink());
    io::copy(&mut open(path)?, &mut writer)?;
    Ok(writer.finish().1)
}

fn open(path: &str) -> io::Result<fs_err::File> {
    let path = Path::new("/").join(path);
    // A pipe or a device in the place of a file must not keep the reader waiting.
    if !fs_err::metadata(&path)?.is_file() {
        return Err(ErrorKind::InvalidData.into());
    }
    fs_err::File::open(path)
}

/// Holds the files on the disk against what dpkg noted when it unpacked them (deb-md5sums(5), and its conffiles).
pub(super) fn compare_with_dpkg(package: &str) -> io::Result<Files> {
    let list = |end: &str| match read_limited(
        Path::new(&format!("/var/lib/dpkg/info/{package}.{end}")),
        MAX_LIST,
    ) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    };
    let (sums, mut found) = (list("md5sums")?, Files::default());
    let conffiles = list("conffiles")?;
    let conffiles: BTreeSet<_> = conffiles
        .lines()
        .map(|path| path.trim_start_matches('/'))
        .collect();
    for (sum, path) in sums.lines().filter_map(|line| line.split_once("  ")) {
        if !conffiles.contains(path) {
            found.note(path, md5(path).map(|digest| digest == sum));
        }
    }
    Ok(found)
}

fn md5(path: &str) -> io::Result<String> {
    let mut hasher = Md5::new();
    io::copy(&mut open(path)?, &mut Sum(&mut hasher))?;
    Ok(hex::encode(hasher.finalize()))
}

struct Sum<'a>(&'a mut Md5);

impl io::Write for Sum<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_bill_are_read() {
        let digest = Sha256::of(b"x");
        let bill = format!(
            r#"{{"components":[{{"type":"library","name":"libc6"}},{{"type":"file","name":"usr/a","hashes":[{{"alg":"SHA-256","content":"{digest}"}}]}}]}}"#
        );
        let files = of_bill(bill.as_bytes()).unwrap();
        assert_eq!(files, BTreeMap::from([("usr/a".to_owned(), digest)]));
        let without = bill.replace("SHA-256", "MD5");
        assert!(of_bill(without.as_bytes()).is_err());
    }

    #[test]
    fn configuration_may_be_edited_and_documentation_left_out() {
        let mut files = Files::default();
        let gone = || Err(ErrorKind::NotFound.into());
        files.note("usr/lib/same", Ok(true));
        files.note("usr/lib/changed", Ok(false));
        files.note("usr/lib/gone", gone());
        files.note("etc/changed", Ok(false));
        files.note("etc/gone", gone());
        files.note("usr/share/doc/x/copyright", gone());
        files.note("usr/share/doc/x/changed", Ok(false));
        assert_eq!(files.looked_at, 7);
        assert_eq!(
            files.changed,
            ["usr/lib/changed", "usr/share/doc/x/changed"]
        );
        assert_eq!(files.missing, ["usr/lib/gone"]);
        assert_eq!(files.edited, ["etc/changed", "etc/gone"]);
    }

    #[test]
    fn files_are_compared_by_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs_err::write(&path, "bytes").unwrap();
        let path = path.to_str().unwrap().trim_start_matches('/').to_owned();
        let same = BTreeMap::from([(path.clone(), Sha256::of(b"bytes"))]);
        assert_eq!(compare(&same).changed, [] as [String; 0]);
        let other = BTreeMap::from([(path.clone(), Sha256::of(b"other"))]);
        assert_eq!(compare(&other).changed, std::slice::from_ref(&path));
        assert_eq!(md5(&path).unwrap(), "4b3a6218bb3e3a7303e8a171a60fcf92");
        let folder = folder.path().to_str().unwrap().trim_start_matches('/');
        let folder = BTreeMap::from([(folder.to_owned(), Sha256::of(b""))]);
        assert_eq!(compare(&folder).missing.len(), 1);
    }
}
