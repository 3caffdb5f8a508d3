//! The `.buildinfo` file (deb-buildinfo(5), format 1.0): what Debian's auditors and `debrebuild` read.
//!
//! Checksums are SHA-256 alone: nothing should trust the MD5 and SHA-1 that Debian's own tools still add.

use std::fmt::Write as _;

use super::facts::{Artifact, BuildFacts};
use crate::model::Target;

/// Writes the `.buildinfo` of a build whose package is `deb`. The same facts give the same bytes.
#[must_use]
pub fn buildinfo(facts: &BuildFacts, deb: &Artifact) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: &str| {
        text.push_str(name);
        text.push(':');
        if !value.starts_with('\n') {
            text.push(' ');
        }
        text.push_str(value);
        text.push('\n');
    };
    let package = facts.plugin.package();
    field("Format", "1.0");
    field("Source", &package);
    field("Binary", &package);
    field("Architecture", &facts.architecture.to_string());
    field("Version", facts.version.as_str());
    field(
        "Checksums-Sha256",
        &format!("\n {} {} {}", deb.sha256, deb.size, deb.name),
    );
    field("Build-Origin", &format!("plugfarm-{}", facts.farm.name));
    field("Build-Architecture", build_architecture(facts.target));
    field("Build-Date", &facts.finished.changelog_date());
    field("Build-Path", "/work/src");
    field("Installed-Build-Depends", &installed(facts));
    field("Environment", &environment(facts));
    for (name, value) in extensions(facts) {
        field(name, &value);
    }
    text
}

/// The architecture of the images, which is every target's own.
fn build_architecture(target: Target) -> &'static str {
    match target {
        Target::Bookworm | Target::Trixie => "amd64",
    }
}

fn installed(facts: &BuildFacts) -> String {
    let packages = facts.image.packages.iter();
    let lines: Vec<_> = packages
        .map(|package| format!("\n {} (= {})", package.name, package.version))
        .collect();
    lines.join(",")
}

fn environment(facts: &BuildFacts) -> String {
    let mut lines = String::new();
    for (name, value) in &facts.environment {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        let line = value.replace(|c: char| c.is_control(), " ");
        // Writing to a String cannot fail.
        if write!(lines, "\n {name}=\"{line}\"").is_err() {
            break;
        }
    }
    lines
}

/// What the format has no field for, in the `X-` form that Debian Policy 5.7 leaves to users.
fn extensions(facts: &BuildFacts) -> Vec<(&'static str, String)> {
    let source = &facts.source;
    let optional = [
        ("X-Plugfarm-Source-Ref", source.resolved_ref.clone()),
        (
            "X-Plugfarm-Source-Commit",
            source.commit.as_ref().map(ToString::to_string),
        ),
        (
            "X-Plugfarm-Source-Subdirectory",
            source.subdirectory.clone(),
        ),
    ];
    let mut fields = vec![
        ("X-Plugfarm-Version", facts.farm.version.clone()),
        (
            "X-Plugfarm-Builder",
            facts.farm.builder_id(&facts.sandbox.engine),
        ),
        ("X-Plugfarm-Build", facts.build.to_string()),
        ("X-Plugfarm-Target", facts.target.to_string()),
        ("X-Plugfarm-Source", source.url.clone()),
    ];
    fields.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name, value))),
    );
    fields.push(("X-Plugfarm-Source-Sha256", source.tar.to_string()));
    fields.push(("X-Plugfarm-Image-Sha256", facts.image.root_fs.to_string()));
    fields
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_buildinfo_has_debians_form() {
        insta::assert_snapshot!(buildinfo(&sample::build(), &sample::deb()), @r#"
        Format: 1.0
        Source: wazo-plugind-hello-demo
        Binary: wazo-plugind-hello-demo
        Architecture: all
        Version: 1.0.0-0+deb12u1
        Checksums-Sha256:
         60cb823e09ac21b09a473f1d0e3218f42fa3138c3bdb4764be52adc1a343a5de 1234 wazo-plugind-hello-demo_1.0.0-0+deb12u1_all.deb
        Build-Origin: plugfarm-acme
        Build-Architecture: amd64
        Build-Date: Sat, 31 Jan 2026 13:01:00 +0000
        Build-Path: /work/src
        Installed-Build-Depends:
         dash (= 0.5.12-2),
         libstdc++6 (= 1:12.2.0-14+deb12u1),
         python3-babel (= 2.10.3-1)
        Environment:
         LC_ALL="C.UTF-8"
         SOURCE_DATE_EPOCH="1769860800"
        X-Plugfarm-Version: 0.1.0
        X-Plugfarm-Builder: plugfarm:farm:acme:runc
        X-Plugfarm-Build: 0198c0de-0000-7000-8000-000000000001
        X-Plugfarm-Target: bookworm
        X-Plugfarm-Source: https://git.example.org/hello.git
        X-Plugfarm-Source-Ref: refs/tags/v1
        X-Plugfarm-Source-Commit: 0123456789012345678901234567890123456789
        X-Plugfarm-Source-Subdirectory: plugins/hello
        X-Plugfarm-Source-Sha256: 90aebae315675cbf04612de4f7d5874850f48e0b8dd82becbeaa47ca93f5ebfb
        X-Plugfarm-Image-Sha256: 4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2
        "#);
    }

    #[test]
    fn a_folders_buildinfo_names_no_commit() {
        let text = buildinfo(&sample::folder_build(), &sample::deb());
        assert!(text.contains("\nX-Plugfarm-Source: file:hello\n"));
        assert!(!text.contains("Source-Commit") && !text.contains("Source-Ref"));
    }

    #[test]
    fn an_environment_cannot_add_a_field() {
        let mut facts = sample::build();
        facts.environment = vec![("A".to_owned(), "x\"\\\nBinary: other".to_owned())];
        let text = buildinfo(&facts, &sample::deb());
        assert!(
            text.contains("\n A=\"x\\\"\\\\ Binary: other\"\n"),
            "{text}"
        );
    }
}
