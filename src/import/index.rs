//! The indices of another repository: which packages it has, where they are, and what their bytes are.

use std::io::Read;

use super::ImportError;
use super::origin::Origin;
use super::release::{Digest, Release};
use crate::deb::control::Paragraph;
use crate::model::{DebianVersion, Sha256};

/// The most bytes that an index may have, before and after decompression.
const MAX_INDEX: u64 = 256 << 20;

/// The most memory that decompressing an index may take, in bytes: xz's best preset needs 65 MiB.
const MAX_MEMORY: u64 = 128 << 20;

/// The most packages that an index may have.
const MAX_PACKAGES: u64 = 200_000;

/// The architectures that Wazo hosts have.
const ARCHITECTURES: [&str; 2] = ["all", "amd64"];

/// The forms of an index, the smallest first.
const FORMS: [&str; 3] = [".xz", ".gz", ""];

/// A package that an index lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// Its architecture: `all` or `amd64`.
    pub architecture: String,
    /// Its place, relative to the repository's root.
    pub(super) filename: String,
    /// The digest of its bytes.
    pub sha256: Sha256,
    /// Its size, in bytes.
    pub size: u64,
}

/// Fetches the indices of a component, and reads what they list.
pub(super) async fn fetch(
    origin: &Origin,
    release: &Release,
    component: &str,
) -> Result<Vec<Found>, ImportError> {
    let (mut found, mut read) = (Vec::new(), false);
    for architecture in ARCHITECTURES {
        let path = format!("{component}/binary-{architecture}/Packages");
        let forms = FORMS.iter().map(|form| format!("{path}{form}"));
        let listed = |form: &String| is_inside(form) && release.listed.contains_key(form);
        for form in forms.filter(listed) {
            // A Release may list what was never published, such as an empty plain index.
            if let Some(text) = index(origin, release, &path, &form).await? {
                found.extend(parse(&text).map_err(|reason| ImportError::Invalid {
                    place: origin.place(&format!("{}/{form}", release.folder)),
                    reason,
                })?);
                read = true;
                break;
            }
        }
    }
    if read {
        Ok(found)
    } else {
        let (folder, names) = (&release.folder, release.components.join(", "));
        let place = origin.place(&format!("{folder}/{component}"));
        Err(ImportError::Missing {
            place: format!("an index of {place} (its components are: {names})"),
        })
    }
}

/// One form of the index `path`, fetched, verified and decompressed.
async fn index(
    origin: &Origin,
    release: &Release,
    path: &str,
    form: &str,
) -> Result<Option<String>, ImportError> {
    let Some(expected) = release.listed.get(form) else {
        return Ok(None);
    };
    let key = format!("{}/{form}", release.folder);
    let place = origin.place(&key);
    if expected.size > MAX_INDEX {
        return Err(too_large(&place));
    }
    let mut bytes = None;
    if release.by_hash {
        let (folder, _) = key.rsplit_once('/').unwrap_or_default();
        let by_hash = format!("{folder}/by-hash/SHA256/{}", expected.sha256);
        bytes = origin.get(&by_hash, expected.size).await?;
    }
    if bytes.is_none() {
        bytes = origin.get(&key, expected.size).await?;
    }
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    check(&place, &bytes, *expected)?;
    let text = decompress(&bytes, form, MAX_INDEX).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => too_large(&place),
        _ => ImportError::Invalid {
            place: place.clone(),
            reason: error.to_string(),
        },
    })?;
    if let Some(plain) = release.listed.get(path) {
        check(&place, &text, *plain)?;
    }
    let text = String::from_utf8(text).map_err(|_| ImportError::Invalid {
        place,
        reason: "it is not UTF-8".to_owned(),
    })?;
    Ok(Some(text))
}

fn too_large(place: &str) -> ImportError {
    ImportError::TooLarge {
        place: place.to_owned(),
        limit: MAX_INDEX,
        what: "bytes",
    }
}

fn check(place: &str, bytes: &[u8], expected: Digest) -> Result<(), ImportError> {
    let sha256 = Sha256::of(bytes);
    if (sha256, bytes.len() as u64) == (expected.sha256, expected.size) {
        return Ok(());
    }
    Err(ImportError::Differs {
        place: place.to_owned(),
        reason: format!(
            "its SHA-256 is {sha256}, the listed one {}",
            expected.sha256
        ),
    })
}

/// The text of an index in this form, of at most `limit` bytes.
fn decompress(bytes: &[u8], form: &str, limit: u64) -> std::io::Result<Vec<u8>> {
    let reader: Box<dyn Read + '_> = if form.ends_with(".xz") {
        let stream = liblzma::stream::Stream::new_stream_decoder(MAX_MEMORY, 0)?;
        Box::new(liblzma::read::XzDecoder::new_stream(bytes, stream))
    } else if form.ends_with(".gz") {
        Box::new(flate2::read::MultiGzDecoder::new(bytes))
    } else {
        Box::new(bytes)
    };
    let mut text = Vec::new();
    reader.take(limit + 1).read_to_end(&mut text)?;
    if text.len() as u64 > limit {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

/// Reads an index; fails with the reason.
fn parse(text: &str) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    for paragraph in text.split("\n\n").filter(|text| !text.trim().is_empty()) {
        if found.len() as u64 >= MAX_PACKAGES {
            return Err(format!("it lists more than {MAX_PACKAGES} packages"));
        }
        let fields = Paragraph::parse(paragraph).map_err(|error| error.to_string())?;
        found.push(package(&fields)?);
    }
    Ok(found)
}

fn package(fields: &Paragraph) -> Result<Found, String> {
    let name = fields.get("Package").unwrap_or_default();
    let shown = crate::model::printable(name, 100);
    let field = |what: &str| {
        let value = fields.get(what).filter(|value| !value.is_empty());
        value.ok_or_else(|| format!("the package `{shown}` has no {what}"))
    };
    let wrong = |what: &str| format!("the package `{shown}` has the {what} of no package");
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
    if name.len() < 2 || name.len() > 200 || !name.bytes().all(plain) {
        return Err(wrong("name"));
    }
    let filename = field("Filename")?;
    let filename = filename.strip_prefix("./").unwrap_or(filename);
    if !is_inside(filename) {
        return Err(wrong("Filename"));
    }
    Ok(Found {
        package: name.to_owned(),
        version: DebianVersion::new(field("Version")?).map_err(|_| wrong("Version"))?,
        architecture: field("Architecture")?.to_owned(),
        filename: filename.to_owned(),
        sha256: field("SHA256")?.parse().map_err(|_| wrong("SHA256"))?,
        size: field("Size")?.parse().map_err(|_| wrong("Size"))?,
    })
}

/// Whether a path stays below the folder that it is relative to.
fn is_inside(path: &str) -> bool {
    let plain = |name: &str| !name.is_empty() && name != "." && name != "..";
    let odd = |c: char| c.is_control() || c == '\\';
    path.len() <= 1000 && path.split('/').all(plain) && !path.contains(odd)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn stanza() -> String {
        let digest = Sha256::of(b"x");
        format!(
            "Package: wazo-plugind-a-b\nVersion: 1:1.0~rc1\nArchitecture: all\nDescription: words\n more\n\
             Filename: ./pool/a/a_1.0~rc1_all.deb\nSize: 1\nSHA256: {digest}\n"
        )
    }

    #[test]
    fn an_index_lists_packages() {
        let text = format!("{}\n{}", stanza(), stanza().replace("a-b", "a-c"));
        let found = parse(&text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].filename, "pool/a/a_1.0~rc1_all.deb");
        assert_eq!(found[1].package, "wazo-plugind-a-c");
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn what_leads_out_of_the_repository_is_refused() {
        for bad in [
            "../x.deb",
            "/etc/passwd",
            "pool/../../x",
            "a//b",
            "a/./b",
            "a\\b",
        ] {
            let text = stanza().replace("./pool/a/a_1.0~rc1_all.deb", bad);
            let reason = parse(&text).unwrap_err();
            assert_eq!(
                reason,
                "the package `wazo-plugind-a-b` has the Filename of no package"
            );
        }
        for field in [
            "Package",
            "Version",
            "Architecture",
            "Filename",
            "Size",
            "SHA256",
        ] {
            let text = stanza().replace(&format!("{field}:"), "X-Other:");
            assert!(parse(&text).is_err(), "{field}");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let zeros = vec![0_u8; 4 << 20];
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
        xz.write_all(&zeros).unwrap();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gz.write_all(&zeros).unwrap();
        for (bytes, form) in [
            (xz.finish().unwrap(), "a.xz"),
            (gz.finish().unwrap(), "a.gz"),
        ] {
            let kind = decompress(&bytes, form, 1 << 20).unwrap_err().kind();
            assert_eq!(kind, std::io::ErrorKind::FileTooLarge, "{form}");
            assert_eq!(decompress(&bytes, form, 4 << 20).unwrap(), zeros);
            assert!(decompress(&bytes[..bytes.len() / 2], form, 4 << 20).is_err());
        }
        // A dictionary of 1.5 GiB is memory, too.
        let mut options = liblzma::stream::LzmaOptions::new_preset(6).unwrap();
        options.dict_size(1 << 30);
        let mut filters = liblzma::stream::Filters::new();
        filters.lzma2(&options);
        let check = liblzma::stream::Check::Crc32;
        let stream = liblzma::stream::Stream::new_stream_encoder(&filters, check);
        if let Ok(stream) = stream {
            let mut xz = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
            xz.write_all(b"text").unwrap();
            assert!(decompress(&xz.finish().unwrap(), "a.xz", 100).is_err());
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_the_reader_panic_or_leave_the_repository(
            text in "([A-Za-z0-9]{1,8}: [ -~]{0,20}\n|\n| [ -~]{0,9}\n){0,30}",
            path in "[./a-z]{0,20}",
        ) {
            let _ignored = parse(&text).is_ok();
            let text = stanza().replace("pool/a/a_1.0~rc1_all.deb", &path);
            for one in parse(&text).unwrap_or_default() {
                let path = std::path::Path::new(&one.filename);
                let normal = |part| matches!(part, std::path::Component::Normal(_));
                prop_assert!(path.components().all(normal), "{path:?}");
            }
        }
    }
}
