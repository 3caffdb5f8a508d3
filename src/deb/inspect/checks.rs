//! The list of every payload check: its stable code, its severity, what it is about, and what to do.

use std::collections::BTreeMap;

use crate::model::{Finding, checks, printable};

/// How many entries a finding names.
const NAMED: usize = 5;

checks! {
    /// A check of a payload. Its code is stable: programs and people may name it.
    pub enum Check;

    // What no package of the farm may hold.
    ControlFolder = "payload-control-folder", Refuse,
        "The payload has a `DEBIAN` folder, which only the farm writes.",
        "Remove `DEBIAN` from $pkgdir; relations and descriptions belong into the manifest.";
    PlugindFolder = "payload-plugind-folder", Refuse,
        "The payload holds files in `/usr/lib/wazo-plugind`, where the farm puts the plugin's `wazo` folder.",
        "Ship them elsewhere, or put them into `wazo/`, which is shipped whole.";
    PackageDatabase = "payload-package-database", Refuse,
        "The payload holds files of dpkg's or apt's own databases.",
        "Remove them from $pkgdir; a package that a plugin needs belongs into `debian_depends`.";
    KernelFolder = "payload-kernel-folder", Refuse,
        "The payload holds files in `/dev`, `/proc` or `/sys`, which no package can install.",
        "Remove them from $pkgdir.";
    ForeignMachine = "payload-foreign-machine", Refuse,
        "A program or a library is for another kind of machine than the farm builds for.",
        "Ship programs for amd64 only; what is data to a host, such as firmware, belongs below `/usr/share` or `/var/lib`.";
    Device = "payload-device", Refuse,
        "A device was made, which fakeroot only pretends: hosts would get an empty file.",
        "Let the service's unit or the `install` step make it on the host.";
    // What looks like a build that failed without saying so.
    Empty = "payload-empty", Hold,
        "The payload holds no file, so the package would carry nothing but `wazo/`.",
        "Let `rules package` copy files into $pkgdir, and begin the rules with `set -e` so that a failure stops them.";
    ArchiveLost = "payload-archive-lost", Hold,
        "A Python archive was built, and no Python file reached the payload.",
        "Check the file name by which `rules package` unpacks the archive: setuptools 69.3 and later write `_` for `-`.";
    EmptyExecutable = "payload-empty-executable", Hold,
        "An executable is empty, as after a download that failed.",
        "Keep the file in the repository instead of downloading it, and begin the rules with `set -e`.";
    LogFailure = "payload-log-failure", Hold,
        "A command failed during the build, and the rules went on.",
        "Begin the rules with `set -e`; end a command that may fail with `|| true` and silence it.";
    PythonVersion = "payload-python-version", Hold,
        "Python files are in the folder of a Python version that the target does not have.",
        "Let the build ask the Python of the target for its folders instead of naming a version.";
    PythonUnseen = "payload-python-unseen", Hold,
        "Python files are in `site-packages`, where Debian's Python does not look.",
        "Install into `dist-packages`, as Debian's own setuptools and pip do.";
    TopLevel = "payload-top-level", Hold,
        "The payload adds something to the root of the file system.",
        "Ship it below `/usr`, `/etc` or `/var`; check for a path to which $pkgdir was not prepended.";
    VolatileFolder = "payload-volatile-folder", Hold,
        "The payload holds files in `/run` or `/var/run`, which are gone after a restart.",
        "Let the service's unit create them with `RuntimeDirectory=`, or ship a file in `/usr/lib/tmpfiles.d`.";
    PersonalFolder = "payload-personal-folder", Hold,
        "The payload holds files in `/home` or `/root`, which belong to people.",
        "Ship them below `/usr`, `/etc` or `/var`.";
    DeceptiveName = "payload-deceptive-name", Hold,
        "A name holds invisible characters, or ones that change the order in which it is shown.",
        "Rename it.";
    // What works and should be better.
    TemporaryFolder = "payload-temporary-folder", Warn,
        "The payload holds files in `/tmp` or `/var/tmp`, which hosts clean.",
        "Ship them below `/usr`, `/etc` or `/var`.";
    OwnerLost = "payload-owner-lost", Warn,
        "Files were given to a user or a group, and every file of a package is root's.",
        "Give them away in the `install` step, which runs on the host as root.";
    MergedUsr = "payload-merged-usr", Warn,
        "The payload holds files in `/bin`, `/sbin` or `/lib`, which are links into `/usr` on every host.",
        "Put `usr/` before these paths, as in `usr/lib/systemd/system`.";
    PythonPollution = "payload-python-pollution", Warn,
        "The payload adds a top-level Python package that two plugins would fight over.",
        "Exclude it from the packages in `setup.py` or `pyproject.toml`.";
    PythonCache = "payload-python-cache", Warn,
        "The payload holds compiled Python files, which differ from build to build.",
        "Keep `__pycache__` out of $pkgdir; Python writes it on the host.";
    AptConfiguration = "payload-apt-configuration", Warn,
        "The payload changes from where, and whose, packages hosts install.",
        "Tell the administrator to do it, unless this is what the plugin is for.";
    ForeignData = "payload-foreign-data", Warn,
        "Programs for another kind of machine are shipped as data.",
        "Leave them if they are firmware that the host hands on, such as a phone's.";
    WorldWritable = "payload-world-writable", Warn,
        "Everybody could have written to a file; the package ships it writable for root alone.",
        "Give it to the user who writes it, in the `install` step.";
    UninstallFailed = "payload-uninstall-failed", Warn,
        "`make uninstall` failed in the sandbox, so what it would call on a host may not be known in full.",
        "Let `make uninstall` remove with `rm -f`, and end a command that may fail with `|| true`.";
    NameCollision = "payload-name-collision", Warn,
        "Two names in one folder look the same, or differ in case alone.",
        "Rename one of them.";
}

/// What the checks found: entries by check.
#[derive(Debug, Default)]
pub(super) struct Report {
    found: BTreeMap<Check, Found>,
}

#[derive(Debug, Default)]
struct Found {
    count: usize,
    named: Vec<String>,
}

impl Report {
    /// Notes that `check` is about `entry`, a path of the payload or a text.
    pub(super) fn add(&mut self, check: Check, entry: &str) {
        let found = self.found.entry(check).or_default();
        found.count += 1;
        if found.named.len() < NAMED {
            found.named.push(printable(entry, 200));
        }
    }

    /// One finding for each check that found something.
    pub(super) fn findings(self) -> Vec<Finding> {
        let finding = |(check, found): (Check, Found)| {
            let more = match found.count - found.named.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let about = check.about().trim_end_matches('.');
            Finding {
                code: check.code().to_owned(),
                severity: check.severity(),
                message: format!("{about}: {}{more}", found.named.join(", ")),
                fix: check.fix().to_owned(),
                file: None,
                line: None,
                field: None,
            }
        };
        self.found.into_iter().map(finding).collect()
    }
}
