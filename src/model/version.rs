//! Versions: a plugin's own, and the Debian version that the farm makes of it for a target.

use std::cmp::Ordering;
use std::str::FromStr;

use super::text::{InvalidValue, text_type};
use super::{CommitId, Target, Timestamp};

/// A Debian version (Debian Policy 5.6.12), compared in dpkg's order. At most 200 characters.
#[derive(Debug, Clone)]
pub struct DebianVersion(String, debversion::Version);
text_type!(DebianVersion);

impl DebianVersion {
    /// Checks `text` by Debian Policy 5.6.12: an optional epoch, an upstream version that starts with a digit, an
    /// optional revision.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "a Debian version starts with a digit and has only letters, digits and . + - ~ \
                            (with an epoch such as `1:` before it if need be)";
        let invalid = || InvalidValue::new("version", text, RULE);
        if text.len() > 200 || !has_debian_form(text) {
            return Err(invalid());
        }
        let parsed = debversion::Version::from_str(text).map_err(|_| invalid())?;
        Ok(Self(text.to_owned(), parsed))
    }

    /// The version of a package that brings back what `older` holds in place of this one: higher than this one, and lower than
    /// whatever the plugin's next version is packaged as.
    ///
    /// Debian writes `2.0+really1.0-1` and so goes above `2.0-2`. Here the end grows instead: `2.0-0+deb12u1` that is brought
    /// back to `1.0-1` is `2.0-0+deb12u1+really1.0+1`.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] when it would have more than 200 characters.
    pub fn bringing_back(&self, older: &PluginVersion) -> Result<Self, InvalidValue> {
        // A revision has no dash of its own (Debian Policy 5.6.12), and `~` would be lower than nothing.
        let older = older.0.without_epoch().replace('-', "+");
        let dash = if self.0.contains('-') { "" } else { "-0" };
        Self::new(&format!("{}{dash}+really{older}", self.0))
    }

    /// The version without its epoch, as Debian's file names have it.
    #[must_use]
    pub fn without_epoch(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(_, rest)| rest)
    }
}

fn has_debian_form(text: &str) -> bool {
    let (epoch, rest) = text
        .split_once(':')
        .map_or((None, text), |(epoch, rest)| (Some(epoch), rest));
    let (upstream, revision) = rest
        .rsplit_once('-')
        .map_or((rest, None), |(up, rev)| (up, Some(rev)));
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".+~".contains(c);
    epoch.is_none_or(|e| (1..=9).contains(&e.len()) && e.bytes().all(|b| b.is_ascii_digit()))
        && upstream.starts_with(|c: char| c.is_ascii_digit())
        && upstream.chars().all(|c| allowed(c) || c == '-')
        && revision.is_none_or(|r| !r.is_empty() && r.chars().all(allowed))
}

impl PartialEq for DebianVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for DebianVersion {}

impl PartialOrd for DebianVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DebianVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.1.cmp(&other.1)
    }
}

/// A plugin's version, as its manifest writes it: any Debian version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PluginVersion(DebianVersion);

impl PluginVersion {
    /// Checks `text`; see [`DebianVersion::new`].
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        DebianVersion::new(text).map(Self)
    }

    /// The text, as the manifest writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The version of the package that the farm builds of it for `target`; `n` counts from 1.
    ///
    /// `1.0.0` becomes `1.0.0-0+deb12u1` and `1.0.0-1` becomes `1.0.0-1+deb12u1`: each is higher than the plain version
    /// that wazo-plugind builds on a host, and dpkg's order between plugin versions is kept.
    #[must_use]
    pub fn packaged(&self, target: Target, n: u32) -> DebianVersion {
        let revision = if self.as_str().contains('-') {
            ""
        } else {
            "-0"
        };
        let text = format!("{}{revision}+deb{}u{n}", self.as_str(), target.release());
        let parsed = debversion::Version::from_str(&text).unwrap_or_else(|_| self.0.1.clone());
        DebianVersion(text, parsed)
    }
}

impl PluginVersion {
    /// The version of a preview that is built for `target` from a commit of `time`: below the version itself, so that whoever
    /// tried the preview gets the release, and above the previews of earlier commits.
    ///
    /// `1.0.0` becomes `1.0.0~preview1769860800.0123456-0+deb12u1`.
    #[must_use]
    pub fn previewed(
        &self,
        target: Target,
        time: Timestamp,
        commit: Option<&CommitId>,
        n: u32,
    ) -> DebianVersion {
        let (upstream, revision) = self
            .as_str()
            .rsplit_once('-')
            .unwrap_or((self.as_str(), "0"));
        let commit = commit.map_or("0", CommitId::as_str);
        let commit: String = commit.chars().take(7).collect();
        let text = format!(
            "{upstream}~preview{}.{commit}-{revision}+deb{}u{n}",
            time.seconds(),
            target.release()
        );
        let parsed = debversion::Version::from_str(&text).unwrap_or_else(|_| self.0.1.clone());
        DebianVersion(text, parsed)
    }
}

impl std::fmt::Display for PluginVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for PluginVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for PluginVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DebianVersion::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packaged(text: &str) -> DebianVersion {
        PluginVersion::new(text)
            .unwrap()
            .packaged(Target::Bookworm, 1)
    }

    #[test]
    fn a_package_version_names_its_target() {
        assert_eq!(packaged("1.0.0").as_str(), "1.0.0-0+deb12u1");
        assert_eq!(packaged("1.0.0-1").as_str(), "1.0.0-1+deb12u1");
        assert_eq!(
            PluginVersion::new("2")
                .unwrap()
                .packaged(Target::Trixie, 3)
                .as_str(),
            "2-0+deb13u3"
        );
    }

    #[test]
    fn dpkgs_order_survives_packaging() {
        let rising = [
            "1.0.0~rc1",
            "1.0.0",
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0a",
            "1.0.1",
            "1:0.1",
        ];
        for pair in rising.windows(2) {
            assert!(packaged(pair[0]) < packaged(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn a_host_built_version_upgrades_to_the_packaged_one() {
        for plain in ["1.0.0", "1.0.0-1", "1.0.0~rc1", "1.0.0a", "9999"] {
            assert!(
                DebianVersion::new(plain).unwrap() < packaged(plain),
                "{plain}"
            );
        }
    }

    #[test]
    fn what_is_brought_back_is_above_the_bad_and_below_the_next() {
        let back = |bad: &DebianVersion, old: &str| {
            bad.bringing_back(&PluginVersion::new(old).unwrap())
                .unwrap()
        };
        let bad = packaged("2.0");
        let first = back(&bad, "1:1.0-1~rc1");
        assert_eq!(first.as_str(), "2.0-0+deb12u1+really1.0+1~rc1");
        let again = back(&first, "0.9");
        let native = back(&DebianVersion::new("2").unwrap(), "1");
        assert_eq!(native.as_str(), "2-0+really1");
        let next = [
            "2.0-1", "2.0.0", "2.0.1", "2.0a", "2.0+git1", "2.1~rc1", "1:0",
        ]
        .map(packaged);
        let rebuilt = PluginVersion::new("2.0")
            .unwrap()
            .packaged(Target::Bookworm, 2);
        for next in next.iter().chain([&rebuilt]) {
            assert!(bad < first && first < again && again < *next, "{next}");
        }
        let long = DebianVersion::new(&"1".repeat(200)).unwrap();
        assert!(
            long.bringing_back(&PluginVersion::new("1").unwrap())
                .is_err()
        );
    }

    proptest::proptest! {
        #[test]
        fn what_is_brought_back_stays_below_every_next_version(
            one in "[0-9]{1,2}(\\.[0-9]{1,2}){0,2}([a-c~+][a-c0-9]{1,2})?(-[0-9]{1,2})?",
            other in "[0-9]{1,2}(\\.[0-9]{1,2}){0,2}([a-c~+][a-c0-9]{1,2})?(-[0-9]{1,2})?",
            old in "([0-9]:)?[0-9]{1,2}(\\.[0-9]{1,2}){0,2}([a-c~+][a-c0-9]{1,2})?(-[0-9]{1,2})?",
        ) {
            let (bad, next) = (packaged(&one), packaged(&other));
            let back = bad.bringing_back(&PluginVersion::new(&old).unwrap()).unwrap();
            proptest::prop_assert!(bad < back);
            proptest::prop_assert_eq!(bad < next, back < next);
        }
    }

    #[test]
    fn a_preview_is_below_its_release_and_above_the_earlier_ones() {
        let commit = CommitId::new(&"ab".repeat(20)).unwrap();
        let preview = |text: &str, time| {
            let version = PluginVersion::new(text).unwrap();
            version.previewed(
                Target::Bookworm,
                Timestamp::from_seconds(time),
                Some(&commit),
                1,
            )
        };
        assert_eq!(
            preview("1.0.0", 7).as_str(),
            "1.0.0~preview7.abababa-0+deb12u1"
        );
        for text in ["1.0.0", "1.0.0-1", "1:1.0", "1.0~rc1"] {
            assert!(preview(text, 9) < preview(text, 10), "{text}");
            assert!(preview(text, 10) < packaged(text), "{text}");
            assert!(
                preview(text, 10) < DebianVersion::new(text).unwrap(),
                "{text}"
            );
        }
        assert!(packaged("1.0.0") < preview("1.0.1", 1));
    }

    #[test]
    fn what_is_no_debian_version_is_refused() {
        for bad in [
            "", "v1.0", "1.0_beta", "1.0 beta", "True", "1.0\n", "1.0-", ":1", "1:", "é", "1/2",
            "a:1",
        ] {
            assert!(PluginVersion::new(bad).is_err(), "{bad:?}");
        }
        for good in [
            "1.0",
            "1",
            "1.0~rc1",
            "1.0-1-2",
            "1.0+git.abc",
            "1:2.0",
            "24.10",
            "0.0.1a1",
        ] {
            assert!(PluginVersion::new(good).is_ok(), "{good:?}");
        }
    }
}
