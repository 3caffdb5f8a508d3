//! The list of every static check: its stable code, its severity, and what it is about in one line.
//!
//! A check is added here first; a test of the whole module then demands an input that produces it.

use crate::model::{Finding, Severity, printable};

macro_rules! checks {
    ($($variant:ident = $code:literal, $severity:ident, $about:literal;)*) => {
        /// A static check of a plugin's source. Its code is stable: programs and people may name it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check { $(#[doc = $about] $variant,)* }

        impl Check {
            /// Every check.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The check's stable code, as in [`Finding::code`].
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// How much a finding of this check matters.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What the check is about, in one line.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
}

checks! {
    // Where the plugin is.
    ManifestMissing = "manifest-missing", Refuse, "The source has no `wazo/plugin.yml`.";
    ManifestMisplaced = "manifest-misplaced", Refuse, "The manifest is in the wrong folder or has the wrong name.";
    ManifestInSubdirectory = "manifest-in-subdirectory", Refuse, "The plugin is in a folder below the root.";
    ManifestNotAFile = "manifest-not-a-file", Refuse, "The manifest is a link or a folder.";
    // The manifest as a text.
    ManifestTooLarge = "manifest-too-large", Refuse, "The manifest has more bytes, entries or levels than a manifest needs.";
    ManifestNotText = "manifest-not-text", Refuse, "The manifest is not UTF-8, or holds control characters.";
    ManifestSyntax = "manifest-syntax", Refuse, "The manifest is not YAML, or not one mapping.";
    ManifestAmbiguous = "manifest-ambiguous", Refuse, "Two YAML readers understand the manifest differently.";
    ManifestAnchor = "manifest-anchor", Refuse, "The manifest uses YAML anchors, aliases or tags.";
    ManifestDuplicateKey = "manifest-duplicate-key", Refuse, "A key stands twice in one mapping.";
    ManifestMergeKey = "manifest-merge-key", Refuse, "The manifest uses a YAML merge key (`<<`).";
    // The manifest's fields.
    FieldMissing = "field-missing", Refuse, "A required field is absent or empty.";
    FieldType = "field-type", Refuse, "A field holds another kind of value than it may.";
    FieldAmbiguous = "field-ambiguous", Refuse, "YAML 1.1 and YAML 1.2 read the value differently.";
    FieldControlCharacter = "field-control-character", Refuse, "A field holds a line break, a control character or a character that hides text.";
    FieldTooLong = "field-too-long", Refuse, "A field is longer than a package's control file should carry.";
    NameInvalid = "name-invalid", Refuse, "The name or the namespace breaks wazo-plugind's rule.";
    NameReserved = "name-reserved", Refuse, "The package's name belongs to a Debian or Wazo package.";
    VersionInvalid = "version-invalid", Refuse, "The version is no Debian version.";
    VersionUnquoted = "version-unquoted", Warn, "YAML reads the version as a number.";
    FormatInvalid = "format-invalid", Refuse, "`plugin_format_version` is not 0, 1 or 2.";
    WazoVersionInvalid = "wazo-version-invalid", Refuse, "A bound on Wazo's version is no Wazo version, or no version lies between the two.";
    HomepageDropped = "homepage-dropped", Warn, "The homepage is no http or https URL.";
    DependsInvalid = "depends-invalid", Refuse, "An item of `depends` names no plugin, or the plugin itself.";
    DependsVersionIgnored = "depends-version-ignored", Warn, "A plugin dependency's version has no effect.";
    DebianDependsInvalid = "debian-depends-invalid", Refuse, "An item of `debian_depends` or `build_depends` is no package relation that dpkg accepts.";
    DebianDependsObsolete = "debian-depends-obsolete", Warn, "A package relation uses an obsolete operator.";
    LegacyNamespaceMissing = "legacy-namespace-missing", Refuse, "A plugin in the old layout has no namespace, and none was given.";
    ConffilePathInvalid = "conffile-path-invalid", Refuse, "An item of `not_conffiles` is no absolute path of a file below /etc.";
}

/// The place of a finding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) line: Option<u64>,
}

/// Collects findings in the order in which they are made.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// Adds a finding about `place`. Both texts are made printable, whatever a stranger's words in them hold.
    pub(super) fn add(&mut self, check: Check, place: Place<'_>, message: &str, fix: &str) {
        self.findings.push(Finding {
            code: check.code().to_owned(),
            severity: check.severity(),
            message: printable(message, 600),
            fix: printable(fix, 600),
            file: Some(printable(place.file, 300)),
            line: place.line,
        });
    }

    /// Whether a finding so far stops the build.
    pub(super) fn refuses(&self) -> bool {
        let refuse = |finding: &Finding| finding.severity == Severity::Refuse;
        self.findings.iter().any(refuse)
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// A stranger's text between backticks, on one line and cut to 80 characters.
pub(super) fn quote(text: &str) -> String {
    format!("`{}`", printable(text, 80))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_its_own_code() {
        let mut codes: Vec<_> = Check::ALL.iter().map(|check| check.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Check::ALL.len());
    }

    #[test]
    fn a_finding_is_printable_whatever_the_plugin_wrote() {
        let mut report = Report::default();
        let place = Place {
            file: "a\nb",
            line: None,
        };
        report.add(Check::ManifestSyntax, place, "x\u{1b}[31m", "y\u{202e}");
        let findings = report.into_findings();
        assert_eq!(findings[0].message, "x\\u{1b}[31m");
        assert_eq!(findings[0].file.as_deref(), Some("a\\nb"));
    }
}
