//! Keys whose maker is killed on the way: never two of a kind, and never one that hosts trust and the farm has lost.

use std::path::Path;
use std::process::{Command, Stdio};

use plugfarm::model::{FarmName, Timestamp};
use plugfarm::sign::Keys;

/// What the maker in another process is told: the folder of the keys.
pub(crate) const FOLDER: &str = "PLUGFARM_TEST_KEYS";

fn open(folder: &Path) -> Keys {
    let clock = || Timestamp::from_seconds(1_769_860_800);
    Keys::open_or_create(folder, &FarmName::local(), clock).unwrap()
}

#[test]
#[ignore = "no story, but the maker of the others: they run it as a process of its own"]
fn maker() {
    open(Path::new(&std::env::var(FOLDER).unwrap()));
}

/// Runs `test` in a process that is killed at its `n`th `call`; gives whether that killed it.
pub(crate) fn run_and_kill(test: &str, folder: &Path, call: &str, n: usize) -> bool {
    let program = std::env::current_exe().unwrap();
    let (trace, inject) = (
        format!("trace={call}"),
        format!("inject={call}:signal=KILL:when={n}"),
    );
    let status = Command::new("strace")
        .args(["-f", "-qq", "-o/dev/null", "-e", &trace, "-e", &inject])
        .arg(program)
        .args(["--ignored", "--exact", test])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap_or_else(|error| panic!("strace cannot be run: {error}"));
    !status.success()
}

#[test]
fn a_maker_that_is_killed_at_any_step_leaves_no_key_or_the_one_that_stays() {
    let secret = |folder: &Path| fs_err::read(folder.join("archive.secret.asc")).ok();
    let public = |folder: &Path| fs_err::read(folder.join("archive.public.gpg")).ok();
    for (call, least) in [("rename", 5), ("mkdir", 2), ("fsync", 10)] {
        let mut kills = 0;
        loop {
            let home = tempfile::tempdir().unwrap();
            let folder = home.path().join("keys");
            if !run_and_kill("sign_crash::maker", &folder, call, kills + 1) {
                break;
            }
            kills += 1;
            let (made, told) = (secret(&folder), public(&folder));
            let keys = open(&folder);
            assert!(made.is_none() || made == secret(&folder), "{call} {kills}");
            assert!(told.is_none() || told == public(&folder), "{call} {kills}");
            let fingerprint = &keys.public().archive_fingerprint;
            let revocations: Vec<_> = fs_err::read_dir(folder.join("revocation"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| !name.ends_with(".new"))
                .collect();
            assert_eq!(
                revocations,
                [format!("{fingerprint}.asc")],
                "{call} {kills}"
            );
        }
        assert!(kills >= least, "every {call} was hit: {kills}");
    }
}
