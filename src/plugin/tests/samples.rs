//! For each check, the smallest change to a good plugin that produces it.

use super::{Check, MANIFEST, RULES};

/// A manifest with one more line.
fn manifest(line: &str) -> Vec<(&'static str, u32, String)> {
    vec![("wazo/plugin.yml", 0o644, format!("{MANIFEST}{line}\n"))]
}

/// Rules with other lines in their branches.
fn rules(
    build: &str,
    package: &str,
    install: &str,
    uninstall: &str,
) -> Vec<(&'static str, u32, String)> {
    let text = format!(
        "#!/bin/sh\ncase $1 in\nbuild) {build} ;;\npackage) {package} ;;\ninstall) {install} ;;\nuninstall) {uninstall} ;;\nesac\n"
    );
    vec![("wazo/rules", 0o755, text)]
}

fn file(path: &'static str, content: &str) -> Vec<(&'static str, u32, String)> {
    vec![(path, 0o755, content.to_owned())]
}

fn no_plugin(path: &'static str, content: &str) -> Vec<(&'static str, u32, String)> {
    vec![
        ("wazo/plugin.yml", 0, String::new()),
        ("wazo/rules", 0, String::new()),
        (path, 0o755, content.to_owned()),
    ]
}

fn no_rules(path: &'static str, content: &str) -> Vec<(&'static str, u32, String)> {
    vec![
        ("wazo/rules", 0, String::new()),
        (path, 0o755, content.to_owned()),
    ]
}

fn legacy(makefile: &str) -> Vec<(&'static str, u32, String)> {
    let mut files = no_plugin("package.yml", "name: helloworld\nversion: 0.0.1\n");
    files.push(("Makefile", 0o644, makefile.to_owned()));
    files
}

/// A check, and an input that produces it.
pub(super) type Sample = (Check, Vec<(&'static str, u32, String)>);

fn manifest_samples() -> Vec<Sample> {
    vec![
        (Check::ManifestMissing, no_plugin("README.md", "x")),
        (
            Check::ManifestMisplaced,
            no_plugin("wazo/plugin.yaml", MANIFEST),
        ),
        (
            Check::ManifestInSubdirectory,
            no_plugin("plugins/hello/wazo/plugin.yml", MANIFEST),
        ),
        (
            Check::ManifestNotAFile,
            file("wazo/plugin.yml", "->../plugin.yml"),
        ),
        (Check::ManifestTooLarge, manifest(&"x".repeat(70_000))),
        (Check::ManifestNotText, manifest("author: a\u{7}")),
        (Check::ManifestSyntax, manifest("author: [")),
        (Check::ManifestAmbiguous, manifest("tags: [?a]")),
        (Check::ManifestAnchor, manifest("author: &a b")),
        (Check::ManifestDuplicateKey, manifest("name: other")),
        (Check::ManifestMergeKey, manifest("<<: {a: b}")),
        (
            Check::FieldMissing,
            file("wazo/plugin.yml", "name: a\nnamespace: b\n"),
        ),
        (Check::FieldType, manifest("debian_depends: tig")),
        (Check::FieldAmbiguous, manifest("author: yes")),
        (Check::FieldControlCharacter, manifest("author: \"a\\nb\"")),
        (
            Check::FieldTooLong,
            manifest(&format!("author: {}", "x".repeat(3000))),
        ),
        (
            Check::NameInvalid,
            file("wazo/plugin.yml", "name: A\nnamespace: b\nversion: 1.0.0\n"),
        ),
        (
            Check::NameReserved,
            file(
                "wazo/plugin.yml",
                "name: client\nnamespace: python3\nversion: 1.0.0\n",
            ),
        ),
        (
            Check::VersionInvalid,
            file("wazo/plugin.yml", "name: a\nnamespace: b\nversion: v1.0\n"),
        ),
        (Check::VersionUnquoted, manifest("min_wazo_version: 24.10")),
        (Check::FormatInvalid, manifest("plugin_format_version: 3")),
        (
            Check::WazoVersionInvalid,
            manifest("max_wazo_version: later"),
        ),
        (Check::HomepageDropped, manifest("homepage: javascript:x")),
        (Check::DependsInvalid, manifest("depends: [foo]")),
        (
            Check::DependsVersionIgnored,
            manifest("depends: [{name: a, namespace: b, version: 1.0.0}]"),
        ),
        (
            Check::DebianDependsInvalid,
            manifest("debian_depends: ['tig [amd64]']"),
        ),
        (
            Check::DebianDependsObsolete,
            manifest("debian_depends: ['tig (< 2)']"),
        ),
        (
            Check::ConffilePathInvalid,
            manifest("not_conffiles: [etc/x]"),
        ),
        (
            Check::DebianDependsBuildTool,
            manifest("debian_depends: [golang-go]"),
        ),
    ]
}

fn rules_samples() -> Vec<Sample> {
    let postrm = |rules: &str| {
        let mut files = manifest("plugin_format_version: 1");
        files.push(("wazo/rules", 0o755, rules.to_owned()));
        files
    };
    vec![
        (Check::RulesMissing, no_rules("README.md", "x")),
        (Check::RulesMisplaced, no_rules("rules", RULES)),
        (Check::RulesExtension, no_rules("wazo/rules.sh", RULES)),
        (Check::RulesNotAFile, file("wazo/rules", "->../build.sh")),
        (
            Check::RulesNotExecutable,
            vec![("wazo/rules", 0o644, RULES.to_owned())],
        ),
        (
            Check::RulesNoShebang,
            file("wazo/rules", "case $1 in build) ;; esac\n"),
        ),
        (
            Check::RulesCarriageReturn,
            file("wazo/rules", &RULES.replace('\n', "\r\n")),
        ),
        (
            Check::RulesCarriageReturns,
            file("wazo/rules", "#!/bin/sh\nexit 0\r\n"),
        ),
        (
            Check::RulesInterpreterMissing,
            file("wazo/rules", "#!/usr/bin/node\n"),
        ),
        (Check::RulesInterpreterUnknown, {
            let mut files = manifest("build_depends: [nodejs]");
            files.push(("wazo/rules", 0o755, "#!/usr/bin/node\n".to_owned()));
            files
        }),
        (
            Check::RulesInterpreterNotOnHost,
            file(
                "wazo/rules",
                "#!/usr/bin/make -f\nbuild package install uninstall:\n\ttrue\n",
            ),
        ),
        (
            Check::RulesStepMissing,
            file(
                "wazo/rules",
                "#!/bin/sh\ncase $1 in build|package|install) ;; *) exit 1 ;; esac\n",
            ),
        ),
        (Check::RulesPostrmMissing, postrm(RULES)),
        (
            Check::RulesPostrmUnclear,
            postrm("#!/usr/bin/python3\nimport sys\n"),
        ),
        (
            Check::RulesPostrmUnused,
            file(
                "wazo/rules",
                "#!/bin/sh\ncase $1 in build|package|install|uninstall|postrm) ;; esac\n",
            ),
        ),
        (
            Check::StepCallsGit,
            rules("git describe --tags > version", "", "", ""),
        ),
        (
            Check::StepUsesNetwork,
            rules("", "wget https://example.org/x", "", ""),
        ),
        (
            Check::StepNeedsRoot,
            rules("sudo apt-get install -y tig", "", "", ""),
        ),
        (Check::StepWritesOutside, rules("cp -R etc /", "", "", "")),
        (
            Check::BuildUsesPkgdir,
            rules("cp a ${pkgdir}/a", "", "", ""),
        ),
        (
            Check::PackageWritesReserved,
            rules("", "mkdir -p ${pkgdir}/DEBIAN", "", ""),
        ),
        (
            Check::TarGlobUnchecked,
            rules("", "tar xf dist/*.tar.gz -C $pkgdir", "", ""),
        ),
        (
            Check::TarGlobDashed,
            rules(
                "",
                "tar xf dist/my-plugin-*.tar.gz -C $pkgdir || exit 1",
                "",
                "",
            ),
        ),
        (
            Check::ShellBashism,
            rules("", "", "[[ -f /etc/x ]] && true", ""),
        ),
        (
            Check::InstallPipesDownload,
            rules("", "", "curl -s https://example.org | sh", ""),
        ),
        (
            Check::UninstallRemovesPackaged,
            rules(
                "",
                "cp a.conf ${pkgdir}/etc/asterisk/",
                "",
                "rm -f /etc/asterisk/a.conf",
            ),
        ),
    ]
}

fn source_samples() -> Vec<Sample> {
    let mut shipped = file("setup.py", "setup(packages=find_packages())\n");
    shipped.push(("tests/__init__.py", 0o644, "#".to_owned()));
    let mut submodule = file(
        ".gitmodules",
        "[submodule \"x\"]\n\tpath = vendor/x\n\turl = https://example.org\n",
    );
    submodule.push(("vendor/y/z", 0o644, "z".to_owned()));
    vec![
        (Check::SetupYamlLoad, file("setup.py", "yaml.load(f)\n")),
        (Check::SetupShipsTests, shipped),
        (Check::SubmoduleEmpty, submodule),
        (
            Check::LegacyNamespaceMissing,
            legacy("install:\n\ttrue\nuninstall:\n\ttrue\n"),
        ),
        (
            Check::LegacyMakefileMissing,
            no_plugin("package.yml", "name: a\nversion: 1.0.0\n"),
        ),
        (Check::LegacyTargetMissing, legacy("install:\n\ttrue\n")),
        (
            Check::LegacyMakefileSpaces,
            legacy("install:\n        cp a b\nuninstall:\n"),
        ),
    ]
}

/// Every sample.
pub(super) fn all() -> Vec<Sample> {
    [manifest_samples(), rules_samples(), source_samples()].concat()
}
