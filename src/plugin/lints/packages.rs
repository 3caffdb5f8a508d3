//! What a plugin depends on: whether hosts, and the build, can get it.

use super::{Check, CheckOptions, Manifest, Place, Report, quote};
use crate::model::Target;
use crate::plugin::Dependency;

/// Warns about dependencies that cannot be had.
pub(super) fn check(file: &str, manifest: &Manifest, options: &CheckOptions, report: &mut Report) {
    build_tools(file, manifest, report);
    unknown_packages(file, manifest, options, report);
    unpublished_plugins(file, manifest, options, report);
}

/// The names of all alternatives.
fn names(dependencies: &[Dependency]) -> impl Iterator<Item = &str> {
    let relations = dependencies
        .iter()
        .flat_map(|dependency| &dependency.alternatives);
    relations.map(|relation| relation.package.as_str())
}

fn build_tools(file: &str, manifest: &Manifest, report: &mut Report) {
    const TOOLS: &[&str] = &[
        "build-essential",
        "cargo",
        "cmake",
        "g++",
        "gcc",
        "golang",
        "golang-go",
        "libc6-dev",
        "npm",
        "pkg-config",
        "rustc",
    ];
    let present: Vec<_> = names(&manifest.build_depends).collect();
    let tools = names(&manifest.debian_depends).filter(|name| TOOLS.contains(name));
    for tool in tools.filter(|name| !present.contains(name)) {
        let place = Place { file, line: None };
        let message = format!(
            "{} is in `debian_depends`, which hosts install, and is not there where the plugin is built",
            quote(tool)
        );
        let fix =
            format!("If `build` needs it, add it to `build_depends`: `build_depends: [{tool}]`.");
        report.add(Check::DebianDependsBuildTool, place, &message, &fix);
    }
}

/// One alternative that can be had will do.
fn unknown_packages(file: &str, manifest: &Manifest, options: &CheckOptions, report: &mut Report) {
    let known = &options.known;
    let hosts_lack = |package: &str, target| {
        known.is_unlisted(package, target) && !known.is_from_elsewhere(package)
    };
    let fix = "Correct the name; if hosts get the package from elsewhere, the farm's operator names it in `plugins.host_packages`.";
    let field = ("debian_depends", manifest.debian_depends.as_slice());
    unknown(file, field, options, &hosts_lack, fix, report);
    let build_lacks = |package: &str, target| known.is_unlisted(package, target);
    let fix =
        "Correct the name: a build can have packages of the target's own Debian release alone.";
    let field = ("build_depends", manifest.build_depends.as_slice());
    unknown(file, field, options, &build_lacks, fix, report);
}

fn unknown(
    file: &str,
    (field, dependencies): (&str, &[Dependency]),
    options: &CheckOptions,
    lacks: &dyn Fn(&str, Target) -> bool,
    fix: &str,
    report: &mut Report,
) {
    for dependency in dependencies {
        let lack_all = |target: &&Target| {
            let mut packages = dependency.alternatives.iter();
            packages.all(|relation| lacks(&relation.package, **target))
        };
        let targets: Vec<_> = options
            .targets
            .iter()
            .filter(lack_all)
            .map(ToString::to_string)
            .collect();
        if targets.is_empty() {
            continue;
        }
        let message = format!(
            "{} of `{field}` is no package of {}",
            quote(&dependency.to_string()),
            targets.join(" or "),
        );
        report.add(
            Check::DebianDependsUnknown,
            Place { file, line: None },
            &message,
            fix,
        );
    }
}

fn unpublished_plugins(
    file: &str,
    manifest: &Manifest,
    options: &CheckOptions,
    report: &mut Report,
) {
    let Some(published) = &options.known.plugins else {
        return;
    };
    for plugin in &manifest.depends {
        if published.contains(&plugin.package()) {
            continue;
        }
        let message = format!(
            "the farm has not published the plugin {}: hosts cannot install this one before that one is there too",
            quote(&plugin.to_string())
        );
        report.add(
            Check::DependsUnpublished,
            Place { file, line: None },
            &message,
            "Publish it for the same target and channel, or correct `depends`.",
        );
    }
}
