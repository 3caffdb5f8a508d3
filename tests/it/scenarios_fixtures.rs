//! The plugins that the scenarios of wazo-plugind install, written on the spot.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::farm::{commit, git};

/// A plugin's files.
#[derive(Clone)]
pub(crate) struct Fixture {
    /// The plugin as the farm's partner bound it: what the manifest says, where that is a name.
    pub(crate) plugin: &'static str,
    /// The folder of its repository that it is in.
    pub(crate) folder: &'static str,
    manifest: String,
    rules: String,
}

/// The beginning of `package` where something is shipped.
const SHIP: &str = "mkdir -p ${pkgdir}/tmp/results";

impl Fixture {
    /// A plugin of this version whose steps do this, in shell.
    fn new(plugin: &'static str, version: &str, steps: &[(&str, &str)]) -> Self {
        let (namespace, name) = plugin.split_once('/').unwrap();
        let mut rules = "#!/bin/sh\nset -e\n\ncase \"$1\" in\n".to_owned();
        for step in ["build", "package", "install", "uninstall", "postrm"] {
            let script = steps.iter().find(|(name, _)| *name == step);
            let script = script.map_or("", |(_, script)| script);
            rules.push_str(&format!("    {step})\n        {script}\n        ;;\n"));
        }
        rules.push_str("    *)\n        exit 1\n        ;;\nesac\n");
        Self {
            plugin,
            folder: "",
            manifest: format!("namespace: {namespace}\nname: {name}\nversion: {version}\n"),
            rules,
        }
    }

    /// A plugin that does nothing. It ships one file, for the farm holds a package that would be empty.
    pub(crate) fn idle(plugin: &'static str, version: &str) -> Self {
        let file = plugin.replace('/', "-");
        let ship =
            format!("install -D -m 0644 wazo/plugin.yml ${{pkgdir}}/usr/share/scenarios/{file}");
        Self::new(plugin, version, &[("package", &ship)])
    }

    /// `plugindtests/foobar`: each step leaves a file.
    pub(crate) fn foobar() -> Self {
        let package = format!(
            "{SHIP}\n        cp build_success ${{pkgdir}}/tmp/results/\n        echo yes >${{pkgdir}}/tmp/results/package_success"
        );
        let steps = [
            ("build", "echo yes >build_success"),
            ("package", package.as_str()),
            (
                "install",
                "mkdir -p /tmp/results; touch /tmp/results/install_success",
            ),
        ];
        Self::new("plugindtests/foobar", "0.0.1", &steps).saying("debian_depends:\n  - tig\n")
    }

    /// The same plugin on its branch `v2`.
    pub(crate) fn foobar_v2() -> Self {
        Self::shipping("plugindtests/foobar", "0.0.2", "package_success_2")
    }

    /// A plugin that ships one file into the folder of results.
    pub(crate) fn shipping(plugin: &'static str, version: &str, file: &str) -> Self {
        let package = format!("{SHIP}\n        echo yes >${{pkgdir}}/tmp/results/{file}");
        Self::new(plugin, version, &[("package", &package)])
    }

    /// A plugin of format 1: `install` and `postrm` leave a file each.
    pub(crate) fn postrm() -> Self {
        let ship = format!("{SHIP}\n        echo yes >${{pkgdir}}/tmp/results/package_success");
        let steps = [
            ("package", ship.as_str()),
            (
                "install",
                "mkdir -p /tmp/results; touch /tmp/results/postinst_success",
            ),
            (
                "postrm",
                "rm -f /tmp/results/postinst_success; mkdir -p /tmp/results; touch /tmp/results/postrm_success",
            ),
        ];
        Self::new("plugindtests/postrm", "0.0.1", &steps).saying("plugin_format_version: 1\n")
    }

    /// A plugin that cannot be built.
    pub(crate) fn failing_build() -> Self {
        Self::new("plugindtests/failing", "0.0.1", &[("build", "false")])
    }

    /// The same, with more lines of the manifest.
    pub(crate) fn saying(mut self, lines: &str) -> Self {
        self.manifest.push_str(lines);
        self
    }

    /// The same, with a change of the manifest.
    pub(crate) fn but(mut self, from: &str, to: &str) -> Self {
        assert!(self.manifest.contains(from), "{}", self.manifest);
        self.manifest = self.manifest.replace(from, to);
        self
    }

    /// The same, in a folder of its repository.
    pub(crate) fn below(self, folder: &'static str) -> Self {
        Self { folder, ..self }
    }

    /// Makes it the next commit of a repository, on a branch.
    pub(crate) fn commit(&self, repository: &Path, branch: &str) {
        if !repository.exists() {
            fs::create_dir_all(repository).unwrap();
            git(repository, &["init", "--quiet", "--initial-branch=master"]);
        }
        if branch != "master" {
            git(repository, &["checkout", "--quiet", "-b", branch]);
        }
        let folder = repository.join(self.folder).join("wazo");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("plugin.yml"), &self.manifest).unwrap();
        let rules = folder.join("rules");
        fs::write(&rules, &self.rules).unwrap();
        fs::set_permissions(&rules, fs::Permissions::from_mode(0o755)).unwrap();
        commit(repository, 1_700_000_000);
        if branch != "master" {
            git(repository, &["checkout", "--quiet", "master"]);
        }
    }
}
