//! What manifests may and may not say, line by line.

use proptest::prelude::*;

use super::*;

const GOOD: &str = "name: helloworld\nnamespace: demo\nversion: 0.0.1\n";

fn read_text(text: &str) -> (Option<Manifest>, Vec<String>) {
    let mut report = Report::default();
    let options = CheckOptions::default();
    let manifest = read(
        "wazo/plugin.yml",
        text.as_bytes(),
        Layout::Standard,
        &options,
        &mut report,
    );
    let manifest = manifest.filter(|_| !report.refuses());
    let findings = report.into_findings();
    let line = |finding: &crate::model::Finding| finding.line.unwrap_or_default();
    let codes = findings
        .iter()
        .map(|finding| format!("{}:{}", finding.code, line(finding)));
    (manifest, codes.collect())
}

fn good(more: &str) -> Manifest {
    let (manifest, findings) = read_text(&format!("{GOOD}{more}"));
    manifest.unwrap_or_else(|| panic!("{more:?}: {findings:?}"))
}

/// The findings about the line after the good ones.
fn findings(more: &str) -> Vec<String> {
    read_text(&format!("{GOOD}{more}")).1
}

#[test]
fn the_documentations_example_is_read() {
    let text = "name: foobar\nnamespace: foocorp\nversion: 0.0.1\ndescription: This plugin adds some foo to your Wazo\n\
                plugin_format_version: 1\ndepends:\n  - name: foobaz\n    namespace: foocorp\n  - name: admin-ui-context\n    \
                namespace: official\ndebian_depends:\n  - golang-go\n";
    let manifest = read_text(text).0.unwrap();
    assert_eq!(manifest.id.package(), "wazo-plugind-foobar-foocorp");
    assert_eq!(manifest.version.as_str(), "0.0.1");
    assert!(manifest.has_postrm());
    assert_eq!(
        manifest.description.as_deref(),
        Some("This plugin adds some foo to your Wazo")
    );
    let depends: Vec<_> = manifest.depends.iter().map(PluginId::package).collect();
    assert_eq!(
        depends,
        [
            "wazo-plugind-foobaz-foocorp",
            "wazo-plugind-admin-ui-context-official"
        ]
    );
    assert_eq!(manifest.debian_depends[0].to_string(), "golang-go");
}

#[test]
fn every_optional_field_is_read() {
    let manifest = good(
        "description: >\n  one\n  line\nauthor: É. Mile\ndisplay_name: Hello\nhomepage: https://example.org\nlicense: MIT\n\
         min_wazo_version: \"24.09\"\nmax_wazo_version: \"24.10\"\nbuild_depends: [golang-go]\n\
         not_conffiles: [/etc/wazo/x.yml]\ntags: [a, 1.10]\nicon: null\n",
    );
    assert_eq!(manifest.description.as_deref(), Some("one line"));
    assert_eq!(manifest.author.as_deref(), Some("É. Mile"));
    assert_eq!(manifest.homepage.unwrap().as_str(), "https://example.org/");
    assert!(manifest.min_wazo_version < manifest.max_wazo_version);
    assert_eq!(manifest.build_depends[0].to_string(), "golang-go");
    assert_eq!(manifest.not_conffiles, ["/etc/wazo/x.yml"]);
    let unknown = serde_json::to_string(&manifest.unknown).unwrap();
    insta::assert_snapshot!(unknown, @r#"{"tags":["a","1.10"],"icon":null}"#);
}

#[test]
fn a_version_is_the_text_that_was_written() {
    for (line, version) in [
        ("24.10", "24.10"),
        ("1", "1"),
        ("\"1:2.0\"", "1:2.0"),
        ("1.0~rc1", "1.0~rc1"),
        ("1.0-1-2", "1.0-1-2"),
    ] {
        let text = format!("name: a\nnamespace: b\nversion: {line}\n");
        assert_eq!(read_text(&text).0.unwrap().version.as_str(), version);
    }
    assert_eq!(
        read_text("name: a\nnamespace: b\nversion: 24.10\n").1,
        ["version-unquoted:3"]
    );
    assert_eq!(
        findings("min_wazo_version: 24.10\n"),
        ["version-unquoted:4"]
    );
    assert_eq!(
        good("min_wazo_version: 24.10\n")
            .min_wazo_version
            .unwrap()
            .as_str(),
        "24.10"
    );
}

#[test]
fn what_is_no_debian_version_is_refused_with_a_better_spelling() {
    for (version, better) in [
        ("v1.0", Some("\"1.0\"")),
        ("1.0_beta", Some("1.0~beta")),
        ("1.0 beta", Some("1.0~beta")),
        ("wazo-17.09", Some("\"17.09\"")),
        ("\"1.0_1\"", Some("1.0.1")),
        ("true", None),
        ("latest", None),
        ("\"\"", None),
        ("\"1/é\"", None),
    ] {
        let text = format!("name: a\nnamespace: b\nversion: {version}\n");
        let mut report = Report::default();
        read(
            "f",
            text.as_bytes(),
            Layout::Standard,
            &CheckOptions::default(),
            &mut report,
        );
        let findings = report.into_findings();
        let finding = findings
            .iter()
            .find(|finding| finding.code == "version-invalid")
            .unwrap();
        let expected = better.map(|better| format!("Write `version: {better}`."));
        assert_eq!(
            finding.fix,
            expected.unwrap_or_else(|| "Write a version such as `version: 1.0.0`.".into())
        );
    }
}

#[test]
fn what_wazo_plugind_refuses_is_refused() {
    for (text, expected) in [
        ("namespace: demo\nversion: 1.0.0\n", "field-missing:0"),
        (
            "name:\nnamespace: demo\nversion: 1.0.0\n",
            "field-missing:1",
        ),
        ("name: a\nversion: 1.0.0\n", "field-missing:0"),
        ("name: a\nnamespace: demo\n", "field-missing:0"),
        ("name: a\nnamespace: demo\nversion: ~\n", "field-missing:3"),
        (
            "name: no_underscore_allowed\nnamespace: demo\nversion: 1.0.0\n",
            "name-invalid:1",
        ),
        (
            "name: a\nnamespace: no-dash\nversion: 1.0.0\n",
            "name-invalid:2",
        ),
        (
            "name: \"a\\n\"\nnamespace: demo\nversion: 1.0.0\n",
            "field-control-character:1",
        ),
        (
            "name: 12\nnamespace: demo\nversion: 1.0.0\n",
            "field-type:1",
        ),
        ("name: a\nnamespace: true\nversion: 1.0.0\n", "field-type:2"),
        ("name: a\nnamespace: demo\nversion: [1]\n", "field-type:3"),
        (
            "name: a\nnamespace: demo\nversion: 2020-01-01\n",
            "field-ambiguous:3",
        ),
        (
            "name: client\nnamespace: python3\nversion: 1.0.0\n",
            "name-reserved:1",
        ),
    ] {
        assert_eq!(read_text(text).1, [expected], "{text:?}");
    }
}

#[test]
fn each_field_is_refused_at_its_line() {
    for (line, expected) in [
        ("plugin_format_version: 3", "format-invalid"),
        ("plugin_format_version: 999", "format-invalid"),
        ("plugin_format_version: \"1\"", "format-invalid"),
        ("plugin_format_version: 1.5", "format-invalid"),
        ("plugin_format_version:", "format-invalid"),
        ("plugin_format_version: -1", "format-invalid"),
        ("plugin_format_version: [1]", "format-invalid"),
        ("depends:", "field-type"),
        ("depends: foo", "field-type"),
        ("depends: [foo]", "depends-invalid"),
        ("depends: [{name: a}]", "field-missing"),
        ("depends: [{name: A, namespace: b}]", "name-invalid"),
        (
            "depends: [{name: a, namespace: b, version: 1.0}]",
            "field-type",
        ),
        (
            "depends: [{name: a, namespace: b, version: '>= 1'}]",
            "depends-version-ignored",
        ),
        (
            "depends: [{name: helloworld, namespace: demo}]",
            "depends-invalid",
        ),
        ("debian_depends: tig", "field-type"),
        ("debian_depends: [Tig]", "debian-depends-invalid"),
        ("debian_depends: [[tig]]", "field-type"),
        (
            "debian_depends: ['tig\n\n  evil']",
            "field-control-character",
        ),
        ("debian_depends: [12]", "field-type"),
        ("debian_depends: ['tig (< 1)']", "debian-depends-obsolete"),
        ("debian_depends: [yes]", "field-ambiguous"),
        (
            "debian_depends: [wazo-plugind-helloworld-demo]",
            "debian-depends-invalid",
        ),
        ("build_depends: [-rf]", "debian-depends-invalid"),
        ("description: yes", "field-ambiguous"),
        ("description: \"a\\nb\"", "field-control-character"),
        ("description: \"a\\u202eb\"", "field-control-character"),
        ("description: |\n  a\n  b", "field-control-character"),
        ("author: 1:2", "field-ambiguous"),
        ("license: 010", "field-ambiguous"),
        ("homepage: ftp://x", "homepage-dropped"),
        ("homepage: https://user:pw@x/", "homepage-dropped"),
        ("min_wazo_version: soon", "wazo-version-invalid"),
        ("max_wazo_version: ~", "field-type"),
        ("not_conffiles: [/usr/x]", "conffile-path-invalid"),
        ("not_conffiles: [/etc/../usr]", "conffile-path-invalid"),
        ("not_conffiles: [/etc/x/]", "conffile-path-invalid"),
    ] {
        let codes: Vec<_> = findings(line)
            .iter()
            .map(|code| code.split(':').next().unwrap().to_owned())
            .collect();
        assert_eq!(codes, [expected], "{line:?}");
    }
    let long = format!("author: {}", "x".repeat(2001));
    assert_eq!(findings(&long), ["field-too-long:4"]);
    let many = format!("debian_depends: [{}]", "aa,".repeat(201));
    assert_eq!(findings(&many), ["field-too-long:4"]);
    assert_eq!(
        findings("min_wazo_version: '24.10'\nmax_wazo_version: '24.9'"),
        ["wazo-version-invalid:5"]
    );
}

#[test]
fn what_wazo_plugind_accepts_is_accepted() {
    for line in [
        "plugin_format_version: 0",
        "plugin_format_version: 1",
        "plugin_format_version: 2",
        "depends: []",
        "debian_depends:",
        "debian_depends: ['a2 (>= 1) | b2', c2]",
        "description:",
        "max_wazo_version: '100.01'",
        "on: yes",
        "icon: ~",
        "asterisk: {a: [1, {b: 2020-01-01}]}",
        "description: 42",
    ] {
        assert_eq!(findings(line), [""; 0], "{line:?}");
    }
    assert!(
        read_text("name: -a\nnamespace: '1'\nversion: 1.0.0\n")
            .0
            .is_some()
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let text =
        "name: Bad\nnamespace: a-b\nversion: v1\nplugin_format_version: 7\ndebian_depends: tig\n";
    assert_eq!(
        read_text(text).1,
        [
            "name-invalid:1",
            "name-invalid:2",
            "version-invalid:3",
            "format-invalid:4",
            "field-type:5"
        ]
    );
}

proptest! {
    #[test]
    fn a_hostile_value_never_panics_and_never_reaches_a_field(value in "\\PC{0,30}|\"[a-z\\\\nrx0-9u:]{0,20}\"|[|>][+-]?\n  .{0,20}") {
        for key in KNOWN {
            let text = format!("{key}: {value}\n{GOOD}");
            if let Some(manifest) = read_text(&text).0 {
                let texts = [manifest.description, manifest.author, manifest.display_name, manifest.license];
                let controls = texts.iter().flatten().flat_map(|text| text.chars()).filter(|c| c.is_control());
                prop_assert_eq!(controls.count(), 0);
            }
        }
    }
}
