//! Every check, shown by the smallest change to a good plugin that produces it.

use std::collections::BTreeSet;

use super::*;
use crate::model::{Namespace, Severity, Target};

const MANIFEST: &str = "name: helloworld\nnamespace: demo\nversion: 0.0.1\n";
const RULES: &str = "#!/bin/sh\nset -e\ncase \"$1\" in\nbuild) ;;\npackage) cp a ${pkgdir}/etc/ ;;\ninstall) ;;\nuninstall) ;;\n*) exit 1 ;;\nesac\n";

/// A source tree: path, mode and content of each file; a content that begins with `->` is a link.
fn tree(files: &[(&str, u32, &str)]) -> Tree {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, mode, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(*mode);
        if let Some(target) = content.strip_prefix("->") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, path, target).unwrap();
        } else {
            header.set_size(content.len() as u64);
            builder
                .append_data(&mut header, path, content.as_bytes())
                .unwrap();
        }
    }
    Tree::read(
        builder.into_inner().unwrap().as_slice(),
        TreeLimits::default(),
    )
    .unwrap()
}

/// The codes for a good plugin with other or more files; a file without content is left out.
fn codes(files: &[(&str, u32, &str)]) -> BTreeSet<String> {
    let checked = check_files(files);
    let refused = checked
        .findings
        .iter()
        .any(|finding| finding.severity == Severity::Refuse);
    assert_eq!(checked.plugin.is_none(), refused, "{:?}", checked.findings);
    checked
        .findings
        .into_iter()
        .map(|finding| finding.code)
        .collect()
}

fn check_files(files: &[(&str, u32, &str)]) -> Checked {
    let mut all = vec![
        ("wazo/plugin.yml", 0o644, MANIFEST),
        ("wazo/rules", 0o755, RULES),
    ];
    all.retain(|(path, ..)| !files.iter().any(|(other, ..)| other == path));
    all.extend(files.iter().filter(|(_, _, content)| !content.is_empty()));
    check(&tree(&all), &CheckOptions::default())
}

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
type Sample = (Check, Vec<(&'static str, u32, String)>);

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

#[test]
fn every_check_is_produced_by_some_input_and_at_most_by_few() {
    let samples = [manifest_samples(), rules_samples(), source_samples()].concat();
    for (check, files) in &samples {
        let files: Vec<_> = files
            .iter()
            .map(|(path, mode, content)| (*path, *mode, content.as_str()))
            .collect();
        let found = codes(&files);
        assert!(found.contains(check.code()), "{}: {found:?}", check.code());
        assert!(found.len() <= 2, "{}: {found:?}", check.code());
    }
    let shown: BTreeSet<_> = samples.iter().map(|(check, _)| *check).collect();
    let elsewhere = [Check::SourceNameNotUtf8];
    let missing: Vec<_> = Check::ALL
        .iter()
        .filter(|check| !shown.contains(check) && !elsewhere.contains(check))
        .collect();
    assert_eq!(missing, Vec::<&Check>::new());
}

#[test]
fn a_name_that_is_not_utf8_is_told() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut manifest = tar::Header::new_old();
    manifest.set_size(MANIFEST.len() as u64);
    manifest.set_mode(0o644);
    builder
        .append_data(&mut manifest, "wazo/plugin.yml", MANIFEST.as_bytes())
        .unwrap();
    let mut header = tar::Header::new_old();
    header.as_old_mut().name[..3].copy_from_slice(b"a\xff\xfe");
    header.set_mode(0o644);
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, std::io::empty()).unwrap();
    let tree = Tree::read(
        builder.into_inner().unwrap().as_slice(),
        TreeLimits::default(),
    )
    .unwrap();
    let checked = check(&tree, &CheckOptions::default());
    assert!(
        checked
            .findings
            .iter()
            .any(|finding| finding.code == Check::SourceNameNotUtf8.code())
    );
}

#[test]
fn a_good_plugin_has_no_findings() {
    let checked = check_files(&[]);
    assert_eq!(checked.findings, []);
    assert_eq!(checked.plugin.unwrap().layout, Layout::Standard);
}

#[test]
fn the_old_layout_becomes_a_plugin_where_its_namespace_is_known() {
    let files = [
        (
            "package.yml",
            0o644,
            "name: helloworld\ndescription: Adds the extension \"***42\"\nversion: 0.0.1\n",
        ),
        (
            "Makefile",
            0o644,
            ".PHONY: install uninstall\n\ninstall:\n\tcp a /etc/\n\tasterisk -x 'dialplan reload'\n\nuninstall:\n\trm -f /etc/a\n",
        ),
    ];
    let options = CheckOptions {
        legacy_namespace: Some(Namespace::new("demo").unwrap()),
        ..CheckOptions::default()
    };
    let checked = check(&tree(&files), &options);
    assert_eq!(checked.findings, []);
    let plugin = checked.plugin.unwrap();
    assert_eq!(plugin.layout, Layout::Legacy);
    assert_eq!(plugin.manifest.id.package(), "wazo-plugind-helloworld-demo");
}

#[test]
fn a_dashed_pattern_is_fine_where_trixie_is_not_built_for() {
    let files = [
        ("wazo/plugin.yml", 0o644, MANIFEST),
        (
            "wazo/rules",
            0o755,
            "#!/bin/sh -e\ncase $1 in build) ;; package) tar xf dist/my-plugin-*.tar.gz -C $pkgdir ;; esac\n",
        ),
    ];
    let options = CheckOptions {
        targets: vec![Target::Bookworm],
        ..CheckOptions::default()
    };
    assert_eq!(check(&tree(&files), &options).findings, []);
    let fix = check(&tree(&files), &CheckOptions::default())
        .findings
        .remove(0)
        .fix;
    insta::assert_snapshot!(fix, @"Write `dist/my?plugin-*.tar.gz`, which matches both.");
}

#[test]
fn a_hostile_source_cannot_flood_the_findings() {
    let rules = format!(
        "#!/bin/sh\ncase $1 in\nbuild)\n{}\n;;\nesac\n",
        "git log\n".repeat(20_000)
    );
    let checked = check_files(&[("wazo/rules", 0o755, &rules)]);
    assert_eq!(checked.findings.len(), 10);
}

#[test]
fn a_hostile_script_cannot_cost_much() {
    let branch = |line: &str| {
        format!(
            "#!/bin/sh\ncase $1 in\npackage|uninstall)\n{}\n;;\nesac\n",
            line.repeat(200_000 / line.len())
        )
    };
    let scripts = [
        branch("rm /a; "),
        branch("cp a ${pkgdir}/a; "),
        branch("tar xf *;\n"),
        branch("case a in b)\n"),
        branch("case a in *)\n"),
        format!("#!/bin/sh\n{}", "a() {\na\n}\n".repeat(20_000)),
        format!("#!/usr/bin/make -f\n{}", "a: a\n\ta\n".repeat(20_000)),
        format!("#!/bin/sh\n{}", "\"'$(`".repeat(40_000)),
    ];
    for script in scripts {
        let checked = check_files(&[("wazo/rules", 0o755, &script)]);
        assert!(checked.findings.len() < 100);
    }
}
