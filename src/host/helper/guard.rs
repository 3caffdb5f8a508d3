//! The last word before dpkg: apt hands over what it is about to unpack and remove (`DPkg::Pre-Install-Pkgs`, apt.conf(5)), and
//! goes on only if every plugin's package is of the very bytes that a farm's signed index lists.
//!
//! Whatever led apt to a package (a source that looks alike, a pin, a version that two repositories have, a cache that somebody
//! wrote to), these are the bytes that dpkg reads next.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::apt::Available;
use crate::model::{PluginId, Sha256, Sha256Writer, printable};

/// The file with a [`Plan`], and the one with the reason of a refusal, in the folder that the guard is called with.
const PLAN: &str = "plan.json";
const REFUSED: &str = "refused";
/// The most bytes that apt hands over.
const MAX_INPUT: u64 = 64 << 20;

/// What dpkg may do with plugins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    /// The packages of plugins that may be unpacked: name, version, digest.
    pub(super) unpack: BTreeSet<(String, String, Sha256)>,
    /// The packages that may be removed.
    pub(super) remove: BTreeSet<String>,
}

impl Plan {
    /// Lets everything be unpacked that the farms offer.
    pub(super) fn of_offers(offers: &[Available]) -> Self {
        let unpack = offers.iter().map(|one| {
            let version = one.version.to_string();
            (one.package.clone(), version, one.sha256)
        });
        Self {
            unpack: unpack.collect(),
            remove: BTreeSet::new(),
        }
    }

    /// Writes the plan where the guard looks for it.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        fs_err::write(folder.join(PLAN), serde_json::to_vec(self)?)
    }
}

/// The reason for which the guard refused, if it did.
pub(super) fn refusal(folder: &Path) -> Option<String> {
    fs_err::read_to_string(folder.join(REFUSED)).ok()
}

/// apt's options that put the guard before dpkg.
pub(super) fn options(program: &Path, folder: &Path) -> Vec<String> {
    let (program, folder) = (program.display(), folder.display());
    vec![
        format!("--option=DPkg::Pre-Install-Pkgs::={program} guard {folder}"),
        format!("--option=DPkg::Tools::Options::{program}::Version=3"),
    ]
}

/// What dpkg must not do, or what cannot be known of it.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The plan, a package or apt's words cannot be read.
    #[error("the guard cannot read {what}: {source}")]
    Read {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A package must not be unpacked or removed.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
    },
}

/// Judges what apt hands over on `input`, by the plan in `folder`. A refusal is left there for the helper.
///
/// # Errors
///
/// [`GuardError`]; apt does nothing then.
pub fn guard(folder: &Path, input: impl Read) -> Result<(), GuardError> {
    let judged = judge(folder, input);
    if let Err(error) = &judged {
        let written = fs_err::write(folder.join(REFUSED), error.to_string());
        written.map_err(unreadable("its folder"))?;
    }
    judged
}

fn judge(folder: &Path, input: impl Read) -> Result<(), GuardError> {
    let plan = fs_err::read(folder.join(PLAN)).map_err(unreadable("its plan"))?;
    let plan: Plan = serde_json::from_slice(&plan)
        .map_err(io::Error::other)
        .map_err(unreadable("its plan"))?;
    let mut text = String::new();
    let mut limited = input.take(MAX_INPUT + 1);
    limited
        .read_to_string(&mut text)
        .map_err(unreadable("what apt is about to do"))?;
    if text.len() as u64 > MAX_INPUT {
        // What is not read is not judged.
        let reason = format!("apt is about to do more than {MAX_INPUT} bytes say; do it in parts");
        return Err(GuardError::Refused { reason });
    }
    // Version 3: a line with the version, apt's configuration, an empty line, and an action a line.
    let actions = text.strip_prefix("VERSION 3\n");
    let actions = actions.and_then(|text| text.split_once("\n\n"));
    let (_, actions) = actions.ok_or_else(|| GuardError::Refused {
        reason: "apt does not say what it is about to do in the form that was asked for".to_owned(),
    })?;
    actions.lines().try_for_each(|line| act(&plan, line))
}

fn act(plan: &Plan, line: &str) -> Result<(), GuardError> {
    let refused = |reason: String| Err(GuardError::Refused { reason });
    // Name, old version, architecture and kind, direction, new version, architecture and kind, what is done.
    let mut words = line.splitn(9, ' ');
    let (Some(package), Some(version), Some(action)) = (words.next(), words.nth(4), words.nth(2))
    else {
        let shown = printable(line, 200);
        return refused(format!("apt is about to do what cannot be read: `{shown}`"));
    };
    match action {
        "**CONFIGURE**" => Ok(()),
        "**REMOVE**" if plan.remove.contains(package) => Ok(()),
        "**REMOVE**" => refused(format!("{package} would be removed for it")),
        _ if PluginId::of_package(package).is_none() => Ok(()),
        path => {
            let found = digest(Path::new(path)).map_err(unreadable(path))?;
            let key = (package.to_owned(), version.to_owned(), found);
            if plan.unpack.contains(&key) {
                return Ok(());
            }
            refused(format!(
                "{package} {version} with the SHA-256 {found} is of no farm that this host follows; another source offers it"
            ))
        }
    }
}

fn digest(path: &Path) -> io::Result<Sha256> {
    let mut writer = Sha256Writer::new(io::sink());
    io::copy(&mut fs_err::File::open(path)?, &mut writer)?;
    Ok(writer.finish().1)
}

fn unreadable(what: &str) -> impl FnOnce(io::Error) -> GuardError {
    let what = printable(what, 200);
    move |source| GuardError::Read { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "wazo-plugind-a-demo";

    /// What the guard says of these actions; `PATH` in them is the path of a package with the bytes `good`.
    fn said(actions: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let deb = folder.path().join("a.deb");
        fs_err::write(&deb, "good").unwrap();
        let plan = Plan {
            unpack: [(PACKAGE.to_owned(), "1.0".to_owned(), Sha256::of(b"good"))].into(),
            remove: [PACKAGE.to_owned()].into(),
        };
        plan.write(folder.path()).unwrap();
        let actions = actions.replace("PATH", deb.to_str().unwrap());
        let input = format!("VERSION 3\nAPT::Architecture=amd64\n\n{actions}");
        let judged = guard(folder.path(), input.as_bytes());
        let left = refusal(folder.path());
        match judged {
            Ok(()) => {
                assert_eq!(left, None);
                "goes on".to_owned()
            }
            Err(error) => {
                assert_eq!(left.unwrap(), error.to_string());
                error.to_string()
            }
        }
    }

    #[test]
    fn the_farms_own_bytes_are_let_through() {
        let actions = "wazo-plugind-a-demo - - none < 1.0 all none PATH\nlibc6 1 amd64 same < 2 amd64 same /nowhere\nwazo-plugind-a-demo - - none < 1.0 all none **CONFIGURE**\n";
        assert_eq!(said(actions), "goes on");
        assert_eq!(said(""), "goes on");
        let removed = "wazo-plugind-a-demo 1.0 all none > - - none **REMOVE**\n";
        assert_eq!(said(removed), "goes on");
    }

    #[test]
    fn what_is_not_the_farms_is_refused() {
        let digest = Sha256::of(b"good");
        let expected = |package: &str, version: &str| {
            format!(
                "{package} {version} with the SHA-256 {digest} is of no farm that this host follows; another source offers it"
            )
        };
        let other = "wazo-plugind-b-demo - - none < 1.0 all none PATH";
        assert_eq!(said(other), expected("wazo-plugind-b-demo", "1.0"));
        let version = "wazo-plugind-a-demo - - none < 2.0 all none PATH";
        assert_eq!(said(version), expected(PACKAGE, "2.0"));
        let missing = said("wazo-plugind-a-demo - - none < 1.0 all none /nowhere/a.deb");
        assert!(
            missing.starts_with("the guard cannot read /nowhere/a.deb"),
            "{missing}"
        );
    }

    #[test]
    fn what_is_too_long_to_be_read_whole_is_refused() {
        let line = "libc6 1 amd64 same < 2 amd64 same **CONFIGURE**\n";
        let many = usize::try_from(MAX_INPUT).unwrap() / line.len();
        let other = "wazo-plugind-b-demo - - none < 1.0 all none PATH\n";
        let refused = said(&format!("{}{line}{other}", line.repeat(many)));
        assert_eq!(
            refused,
            "apt is about to do more than 67108864 bytes say; do it in parts"
        );
    }

    #[test]
    fn nothing_else_is_removed() {
        let removed = "asterisk 1.0 all none > - - none **REMOVE**\n";
        assert_eq!(said(removed), "asterisk would be removed for it");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(said("nonsense\n").contains("cannot be read"));
        let folder = tempfile::tempdir().unwrap();
        Plan::default().write(folder.path()).unwrap();
        assert!(guard(folder.path(), &b"VERSION 2\n\n"[..]).is_err());
        assert!(guard(folder.path(), &b""[..]).is_err());
    }
}
