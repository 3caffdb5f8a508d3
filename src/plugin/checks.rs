//! The list of every static check: its stable code, its severity, and what it is about in one line.
//!
//! A check is added here first; a test of the whole module then demands an input that produces it.

use crate::model::{Finding, Severity, checks, printable};

checks! {
    /// A static check of a plugin's source. Its code is stable: programs and people may name it.
    pub enum Check;

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
    ConffilePathInvalid = "conffile-path-invalid", Refuse, "An item of `not_conffiles` is no absolute path of a file below /etc.";
    DebianDependsBuildTool = "debian-depends-build-tool", Warn, "A build tool is in `debian_depends`, which is not there during the build.";
    DebianDependsUnknown = "debian-depends-unknown", Warn, "A package of `debian_depends` or `build_depends` is not in the target's release.";
    DependsUnpublished = "depends-unpublished", Warn, "A plugin of `depends` is not in the farm's repository.";
    // The rules as a file.
    RulesMissing = "rules-missing", Refuse, "There is a manifest but no `wazo/rules`.";
    RulesMisplaced = "rules-misplaced", Refuse, "The rules are in another folder than `wazo`.";
    RulesExtension = "rules-extension", Refuse, "The rules' file name has an extension.";
    RulesNotAFile = "rules-not-a-file", Refuse, "`wazo/rules` is a link or a folder.";
    RulesNotExecutable = "rules-not-executable", Refuse, "`wazo/rules` has no execute permission.";
    RulesNoShebang = "rules-no-shebang", Refuse, "The first line of the rules names no interpreter.";
    RulesCarriageReturn = "rules-carriage-return", Refuse, "The first line of the rules ends in a carriage return.";
    RulesCarriageReturns = "rules-carriage-returns", Warn, "Later lines of the rules end in carriage returns.";
    RulesInterpreterMissing = "rules-interpreter-missing", Refuse, "The builder has no such interpreter.";
    RulesInterpreterUnknown = "rules-interpreter-unknown", Warn, "The interpreter must come from `build_depends`, if it comes at all.";
    RulesInterpreterNotOnHost = "rules-interpreter-not-on-host", Warn, "A host may not have the interpreter, which runs `install` there.";
    // The rules' steps.
    RulesStepMissing = "rules-step-missing", Refuse, "The rules fail for a step that every plugin needs.";
    RulesPostrmMissing = "rules-postrm-missing", Refuse, "The format promises a `postrm` step, and the rules fail for it: the package could not be removed.";
    RulesPostrmUnclear = "rules-postrm-unclear", Warn, "The format promises a `postrm` step, and the rules never name it.";
    RulesPostrmUnused = "rules-postrm-unused", Warn, "The rules have a `postrm` step that format 0 never calls.";
    // The rules' commands.
    StepCallsGit = "step-calls-git", Warn, "A build needs the git history, which is not in the source.";
    StepUsesNetwork = "step-uses-network", Warn, "A step needs the network, which the sandbox has not.";
    StepNeedsRoot = "step-needs-root", Warn, "A step wants to be root or to install packages.";
    StepWritesOutside = "step-writes-outside", Warn, "A step writes to an absolute path outside the package.";
    BuildUsesPkgdir = "build-uses-pkgdir", Warn, "`build` uses `pkgdir`, which only `package` has.";
    PackageWritesReserved = "package-writes-reserved", Warn, "`package` writes what the farm itself writes.";
    TarGlobUnchecked = "tar-glob-unchecked", Warn, "An archive that is not there would go unnoticed.";
    TarGlobDashed = "tar-glob-dashed", Warn, "The archive's name has underscores on trixie, and the pattern has dashes.";
    ShellBashism = "shell-bashism", Warn, "The rules use bash, and name `sh`.";
    InstallPipesDownload = "install-pipes-download", Warn, "A step on the host runs what it downloads, as root.";
    UninstallRemovesPackaged = "uninstall-removes-packaged", Warn, "`uninstall` removes files that dpkg owns.";
    // The rest of the source.
    SetupYamlLoad = "setup-yaml-load", Warn, "`yaml.load` without a loader fails with PyYAML 6.";
    SetupShipsTests = "setup-ships-tests", Warn, "A folder such as `tests` would become a Python package of the whole host.";
    SubmoduleEmpty = "submodule-empty", Warn, "A declared submodule is not in the source.";
    SourceNameNotUtf8 = "source-name-not-utf8", Warn, "A file's name is not UTF-8.";
    // The old layout.
    LegacyNamespaceMissing = "legacy-namespace-missing", Refuse, "A plugin in the old layout has no namespace, and none was given.";
    LegacyMakefileMissing = "legacy-makefile-missing", Refuse, "There is a `package.yml` but no `Makefile`.";
    LegacyTargetMissing = "legacy-target-missing", Refuse, "The `Makefile` has no target `install` or `uninstall`.";
    LegacyMakefileSpaces = "legacy-makefile-spaces", Refuse, "The `Makefile` has spaces where make wants a tab.";
}

/// The place of a finding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) line: Option<u64>,
}

/// Findings of one check; a hostile source could make as many as it has lines.
const FINDINGS: usize = 10;

/// Collects findings in the order in which they are made: at most ten of a
/// check, and one warning of a check about a line.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// Adds a finding about `place`. Both texts are made printable, whatever a stranger's words in them hold.
    pub(super) fn add(&mut self, check: Check, place: Place<'_>, message: &str, fix: &str) {
        self.add_about(check, place, None, message, fix);
    }

    /// Likewise, about a field of the manifest.
    pub(super) fn add_about(
        &mut self,
        check: Check,
        place: Place<'_>,
        field: Option<String>,
        message: &str,
        fix: &str,
    ) {
        let file = Some(printable(place.file, 300));
        let mut same = self
            .findings
            .iter()
            .filter(|finding| finding.code == check.code());
        let is_repeated = place.line.is_some()
            && check.severity() == Severity::Warn
            && same
                .clone()
                .any(|finding| finding.line == place.line && finding.file == file);
        if is_repeated || same.nth(FINDINGS - 1).is_some() {
            return;
        }
        self.findings.push(Finding {
            code: check.code().to_owned(),
            severity: check.severity(),
            message: printable(message, 600),
            fix: printable(fix, 600),
            file,
            line: place.line,
            field,
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
