//! The headers before an entry that change its name: pax records (POSIX.1-2008, "pax Interchange Format") and GNU's long
//! names. Everything else that pax can carry is refused, so that no two readers can see two different archives.

use std::collections::BTreeMap;

/// What the extension headers in front of an entry said about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

/// Records that say nothing about what a package would hold: times, owners, and comments such as git's commit id.
const IGNORED: &[&str] = &[
    "atime", "ctime", "mtime", "uid", "gid", "uname", "gname", "comment",
];

impl Extension {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes a GNU long name (`L`): the bytes up to the first NUL.
    pub(super) fn set_long_path(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        set_once(&mut self.path, up_to_nul(bytes), "path")
    }

    /// Takes a GNU long link name (`K`).
    pub(super) fn set_long_link(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        set_once(&mut self.link, up_to_nul(bytes), "linkpath")
    }

    /// Takes the records of a local pax header (`x`).
    pub(super) fn set_records(&mut self, bytes: &[u8]) -> Result<(), String> {
        for (key, value) in records(bytes)? {
            match key.as_str() {
                "path" => set_once(&mut self.path, value, "path")?,
                "linkpath" => set_once(&mut self.link, value, "linkpath")?,
                "size" => {
                    let size = std::str::from_utf8(&value)
                        .ok()
                        .and_then(|v| v.parse().ok());
                    self.size = Some(size.ok_or("its pax size is no number")?);
                }
                other if IGNORED.contains(&other) => {}
                other => return Err(refused(other)),
            }
        }
        Ok(())
    }
}

/// Checks a global pax header (`g`), which may hold only records that are ignored.
pub(super) fn check_global(bytes: &[u8]) -> Result<(), String> {
    match records(bytes)?
        .into_keys()
        .find(|key| !IGNORED.contains(&key.as_str()))
    {
        None => Ok(()),
        Some(key) => Err(refused(&key)),
    }
}

fn refused(key: &str) -> String {
    let key = crate::model::printable(key, 60);
    if key.contains("xattr") {
        format!("it has extended attributes or capabilities (`{key}`)")
    } else if key.starts_with("GNU.sparse") {
        format!("it is a sparse file (`{key}`)")
    } else {
        format!("it has the pax record `{key}`")
    }
}

fn set_once(slot: &mut Option<Vec<u8>>, value: Vec<u8>, what: &str) -> Result<(), String> {
    if value.contains(&0) {
        return Err(format!("its {what} has a NUL"));
    }
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("its {what} is given twice")),
    }
}

fn up_to_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

/// Splits `"<length> <key>=<value>\n"` records; a key that comes twice is refused.
fn records(mut rest: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let malformed = || "its pax header is malformed".to_owned();
    let mut found = BTreeMap::new();
    while !rest.is_empty() {
        let space = rest.iter().position(|b| *b == b' ').ok_or_else(malformed)?;
        let (digits, _) = rest.split_at_checked(space).ok_or_else(malformed)?;
        let length: usize = std::str::from_utf8(digits)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(malformed)?;
        let (record, next) = rest.split_at_checked(length).ok_or_else(malformed)?;
        let body = record
            .get(space + 1..)
            .and_then(|body| body.strip_suffix(b"\n"))
            .ok_or_else(malformed)?;
        let equals = body.iter().position(|b| *b == b'=').ok_or_else(malformed)?;
        let (key, value) = body.split_at_checked(equals).ok_or_else(malformed)?;
        let key = std::str::from_utf8(key)
            .map_err(|_| malformed())?
            .to_owned();
        let value = value.get(1..).unwrap_or_default().to_vec();
        if found.insert(key, value).is_some() {
            return Err("its pax header has a record twice".to_owned());
        }
        rest = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> Result<Extension, String> {
        let mut extension = Extension::default();
        extension.set_records(bytes)?;
        Ok(extension)
    }

    #[test]
    fn a_pax_header_gives_names_and_sizes() {
        let found = parsed(b"12 path=a/b\n10 size=7\n20 mtime=12345.6789\n").unwrap();
        assert_eq!(found.path.as_deref(), Some(b"a/b".as_slice()));
        assert_eq!(found.size, Some(7));
    }

    #[test]
    fn records_that_change_an_entry_are_refused_by_name() {
        let error = parsed(b"38 SCHILY.xattr.security.capability=x\n").unwrap_err();
        assert!(error.contains("capabilities"), "{error}");
        let error = parsed(b"22 GNU.sparse.major=1\n").unwrap_err();
        assert!(error.contains("sparse"), "{error}");
        assert!(parsed(b"21 hdrcharset=BINARY\n").is_err());
        assert!(check_global(b"52 comment=0123456789012345678901234567890123456789\n").is_ok());
        assert!(check_global(b"12 path=a/b\n").is_err());
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in [
            b"12 path=a/b".as_slice(),
            b"x path=a\n",
            b"99 path=a/b\n",
            b"0 \n",
            b"3 \n",
            b"8 path=\0\n",
            b"9 path=a\n9 path=a\n",
            b"18446744073709551615 path=a\n",
            b"9 path-a\n",
            b"9 size=-\n",
        ] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }
}
