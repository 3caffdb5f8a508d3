//! Every check, shown by the smallest change to a good plugin that produces it.

use std::collections::BTreeSet;

use super::*;
use crate::model::{Namespace, Severity, Target};

mod samples;

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

#[test]
fn every_check_is_produced_by_some_input_and_at_most_by_few() {
    let samples = samples::all();
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
    let elsewhere = [
        Check::SourceNameNotUtf8,
        Check::DebianDependsUnknown,
        Check::DependsUnpublished,
    ];
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
fn what_cannot_be_had_is_told_where_the_farm_knows_it() {
    let manifest = format!(
        "{MANIFEST}debian_depends: ['tig (>= 1)', tigg, 'no | awk', wazo-calld]\nbuild_depends: [wazo-calld]\n\
         depends: [{{name: base, namespace: demo}}, {{name: absent, namespace: demo}}]\n"
    );
    let tree = tree(&[
        ("wazo/plugin.yml", 0o644, &manifest),
        ("wazo/rules", 0o755, RULES),
    ]);
    let names = PackageNames::parse("awk\ntig\n");
    let known = Known {
        debian: Target::ALL.map(|target| (target, names.clone())).into(),
        host_packages: vec!["wazo-*".to_owned()],
        plugins: Some(["wazo-plugind-base-demo".to_owned()].into()),
    };
    let said = |known: Known| {
        let options = CheckOptions {
            known,
            ..CheckOptions::default()
        };
        let findings = check(&tree, &options).findings.into_iter();
        let lines = findings.map(|finding| format!("{}: {}", finding.code, finding.message));
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(said(known), @r"
    debian-depends-unknown: `tigg` of `debian_depends` is no package of bookworm or trixie
    debian-depends-unknown: `wazo-calld` of `build_depends` is no package of bookworm or trixie
    depends-unpublished: the farm has not published the plugin `demo/absent`: hosts cannot install this one before that one is there too
    ");
    assert_eq!(
        said(Known::default()),
        "",
        "of what is not known nothing is said"
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
