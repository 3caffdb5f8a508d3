//! Who may read and write what a farm leaves, whatever the umask of the shell that started it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::farm::{Ran, TestFarm};

/// Runs a command of the farm from a shell with this umask.
fn run(farm: &TestFarm, umask: &str, arguments: &[&str]) -> Ran {
    let wanted = farm.command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"]);
    shell.arg(wanted.get_program()).args(wanted.get_args());
    for (name, value) in wanted.get_envs() {
        shell.env(name, value.unwrap());
    }
    shell.output().unwrap().into()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path)
        .unwrap_or_else(|error| panic!("{error}: {}", path.display()))
        .permissions()
        .mode()
        & 0o777
}

/// Every file and folder below `folder`, and itself.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_loose_or_a_strict_umask_changes_no_rights() {
    for umask in ["000", "077"] {
        let farm = TestFarm::new();
        let plugin = farm.plugin("helloworld");
        let (out, keys) = (farm.data().join("../out"), farm.data().join("../exported"));
        let build = ["build", plugin.to_str().unwrap(), "--publish", "--out"];
        run(
            &farm,
            umask,
            &[&build, &[out.to_str().unwrap()][..]].concat(),
        )
        .succeeds();
        run(&farm, umask, &["key", "export", keys.to_str().unwrap()]).succeeds();

        assert_eq!(mode(&farm.data()), 0o755, "umask {umask}");
        for private in ["keys", "sources", "builds", "images"] {
            assert_eq!(
                mode(&farm.data().join(private)),
                0o700,
                "umask {umask}, {private}"
            );
        }
        let secret = farm.data().join("keys/archive.secret.asc");
        assert_eq!(mode(&secret), 0o600, "umask {umask}");
        for folder in [&out, &keys, &farm.repository()] {
            // What starts with a dot is no business of hosts.
            let published = below(folder).into_iter();
            for path in published.filter(|path| !path.to_string_lossy().contains("/repository/.")) {
                let wanted = if path.is_dir() { 0o755 } else { 0o644 };
                assert_eq!(mode(&path), wanted, "umask {umask}, {}", path.display());
            }
        }
    }
}

#[test]
fn doctor_tells_of_a_data_folder_that_others_may_change() {
    let farm = TestFarm::new();
    fs::create_dir(farm.data()).unwrap();
    fs::set_permissions(farm.data(), fs::Permissions::from_mode(0o777)).unwrap();
    let ran = farm.run(&["doctor", "--json"]);
    let object = ran.json();
    assert_eq!((ran.code, &object["code"]), (3, &"not-ready".into()));
    let examined = object["examined"].as_array().unwrap();
    let folder = examined
        .iter()
        .find(|one| one["what"] == "data folder")
        .unwrap();
    assert!(
        folder["mend"].as_str().unwrap().starts_with("chmod go-w "),
        "{folder}"
    );
}

#[test]
fn doctor_tells_of_a_repository_that_hosts_cannot_get_at() {
    let farm = TestFarm::new();
    farm.publish(&farm.plugin("helloworld"), &[]);
    fs::set_permissions(farm.data(), fs::Permissions::from_mode(0o700)).unwrap();
    let examined = farm.run(&["doctor", "--json"]).succeeds().json()["examined"].clone();
    let warned = examined.as_array().unwrap().iter().any(|one| {
        one["what"] == "repository"
            && one["state"] == "warning"
            && one["mend"]
                .as_str()
                .unwrap()
                .contains(farm.data().to_str().unwrap())
    });
    assert!(warned, "{examined}");
}
