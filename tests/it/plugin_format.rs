//! The fixture plugins, as the static checks see them: which ones are refused before any container starts, and why.

use std::fs;
use std::path::{Path, PathBuf};

use plugfarm::model::Namespace;
use plugfarm::plugin::{CheckOptions, Checked, Layout, Tree, TreeLimits, check};

/// What the checks find in fixtures that are not clean. Most hostile ones look like any other plugin until they run.
const FINDINGS: &[(&str, &[&str])] = &[
    ("debian-folder", &["package-writes-reserved"]),
    ("postrm-missing", &["rules-postrm-missing"]),
    ("reserved-path", &["package-writes-reserved"]),
    ("silent-download", &["step-uses-network"]),
    ("silent-glob", &["tar-glob-unchecked", "tar-glob-dashed"]),
    ("subdirectory", &["manifest-in-subdirectory"]),
    ("tests-package", &["setup-ships-tests"]),
    ("wazo-versions", &["version-unquoted"]),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugins")
}

/// Checks the folder `name` of the fixtures, as a source tar of it.
fn check_fixture(name: &str) -> Checked {
    let mut builder = tar::Builder::new(Vec::new());
    builder.follow_symlinks(false);
    builder.append_dir_all(".", fixtures().join(name)).unwrap();
    let source = builder.into_inner().unwrap();
    let tree = Tree::read(source.as_slice(), TreeLimits::default()).unwrap();
    let options = CheckOptions {
        legacy_namespace: Some(Namespace::new("demo").unwrap()),
        ..CheckOptions::default()
    };
    check(&tree, &options)
}

/// The codes of the findings, each run of one code once.
fn codes(checked: &Checked) -> Vec<&str> {
    let codes = checked.findings.iter().map(|finding| finding.code.as_str());
    let mut codes: Vec<_> = codes.collect();
    codes.dedup();
    codes
}

#[test]
fn each_fixture_has_the_findings_that_it_is_there_for() {
    let mut names: Vec<String> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 40, "{names:?}");
    for name in &names {
        let expected = FINDINGS.iter().find(|(fixture, _)| fixture == name);
        let expected = expected.map_or(&[][..], |(_, codes)| codes);
        let checked = check_fixture(name);
        assert_eq!(codes(&checked), expected, "{name}: {:?}", checked.findings);
    }
    let unknown = FINDINGS
        .iter()
        .find(|(fixture, _)| !names.iter().any(|name| name == fixture));
    assert_eq!(unknown, None);
}

#[test]
fn each_fixture_says_in_one_line_what_it_proves() {
    for entry in fs::read_dir(fixtures()).unwrap() {
        let folder = entry.unwrap().path();
        let text = fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(text.len() > 20 && text.lines().count() == 1, "{folder:?}");
    }
}

#[test]
fn the_documentations_example_is_the_same_plugin_in_both_layouts() {
    let standard = check_fixture("helloworld").plugin.unwrap();
    let legacy = check_fixture("helloworld-legacy").plugin.unwrap();
    assert_eq!(standard.layout, Layout::Standard);
    assert_eq!(legacy.layout, Layout::Legacy);
    assert_eq!(standard.manifest, legacy.manifest);
    assert_eq!(
        standard.manifest.id.package(),
        "wazo-plugind-helloworld-demo"
    );
}

#[test]
fn a_plugin_below_the_root_is_found_by_its_folder() {
    let refused = check_fixture("subdirectory");
    assert_eq!(
        refused.findings[0].fix,
        "Name the folder: `--subdirectory plugins/inner`."
    );
    assert!(check_fixture("subdirectory/plugins/inner").plugin.is_some());
}

#[test]
fn bounds_on_wazos_version_keep_their_digits() {
    let manifest = check_fixture("wazo-versions").plugin.unwrap().manifest;
    let (min, max) = (
        manifest.min_wazo_version.unwrap(),
        manifest.max_wazo_version.unwrap(),
    );
    assert_eq!((min.as_str(), max.as_str()), ("9.10", "24.10"));
    assert!(min < max);
}
