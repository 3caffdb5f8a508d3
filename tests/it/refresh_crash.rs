//! A refresh does everything at once: it signs again, makes Contents, keeps what the suites are, and lets go what is old. Here
//! it is killed at every step; hosts never notice, and the next one completes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use plugfarm::model::{FarmName, Target, Timestamp};
use plugfarm::repo::{Repository, Retention};
use plugfarm::sign::Keys;

use crate::farm::{Host, TestFarm};
use crate::repo_lab::{
    DAY, Package, clock, files, make, make_old_keys, publish_in, read_strictly, settings, suite,
};

const PACKAGE: &str = "wazo-plugind-hello-demo";

/// How many steps it is killed at; at every one by `scripts/test --soak`.
const KILLS: usize = 12;

/// What changes the repository: a process that is killed elsewhere leaves what it leaves before the next of these.
const CALLS: [&str; 3] = ["renameat", "linkat", "unlink"];

/// A farm with a past, which the next refresh has everything to do with.
struct Farm {
    farm: TestFarm,
    keys: Keys,
    repository: Repository,
}

impl Farm {
    fn new() -> Self {
        let policy = "{versions: 1, time: 192h, snapshots: 240h}";
        let farm = TestFarm::with_repository(&format!(", snapshots: 24h, keep: {policy}"));
        fs_err::create_dir_all(farm.data()).unwrap();
        let folder = farm.data().join("keys");
        make_old_keys(&folder);
        let keys = Keys::open_or_create(&folder, &FarmName::local(), clock).unwrap();
        let mut settings = settings(&keys);
        settings.url = Some(Host::REPOSITORY_URL.to_owned());
        let repository = Repository::new(farm.repository(), settings);
        Self {
            farm,
            keys,
            repository,
        }
    }

    fn publish(&self, version: &str, days: i64) {
        let deb = make(
            &self.farm.data().join("out"),
            &Package::new("hello", version),
            &self.keys,
        );
        let bytes = fs_err::read(deb.with_extension("intoto.jsonl")).unwrap();
        let pem = &self.keys.public().statement_pem;
        let key = plugfarm::evidence::StatementKey::from_pem(pem).unwrap();
        let statement = plugfarm::evidence::verify(&bytes, &[key]).unwrap();
        let package = plugfarm::repo::Publishable::open(&deb, statement).unwrap();
        let bookworm = suite(Target::Bookworm);
        publish_in(
            &self.repository,
            &self.keys,
            &bookworm,
            &[package],
            ago(days),
        )
        .unwrap();
    }

    /// 1.0 and 1.1 are out of use, and in a dated publication that is over; 1.2 is old, and 1.3 is what hosts have.
    fn grow_old(&self) {
        let suites = [suite(Target::Bookworm)];
        self.publish("1.0", 40);
        self.publish("1.1", 39);
        let lock = || self.repository.lock().unwrap();
        let (repository, keys) = (&self.repository, &self.keys);
        repository
            .snapshot(&lock(), &suites, ago(38), keys)
            .unwrap();
        repository.refresh(&lock(), &suites, ago(37), keys).unwrap();
        self.publish("1.2", 20);
        let policy = Retention {
            versions: 1,
            time: Duration::from_secs(8 * 24 * 3600),
            snapshots: None,
            downloaded: [].into(),
        };
        let retired = repository.retire(&lock(), &policy, ago(19), keys).unwrap();
        assert_eq!((retired.left.len(), retired.erased.len()), (2, 0));
        repository
            .snapshot(&lock(), &suites, ago(17), keys)
            .unwrap();
        self.publish("1.3", 10);
    }

    /// What hosts have.
    fn seen(&self) -> Vec<String> {
        let keyring = &self.keys.public().archive_keyring;
        let (root, suite) = (self.farm.repository(), suite(Target::Bookworm));
        let mut seen = read_strictly(&root, &suite, keyring);
        seen.retain(|one| one.starts_with(PACKAGE));
        seen
    }

    fn refresh(&self) {
        self.farm.run(&["repo", "refresh"]).succeeds();
        let checked = self.farm.run(&["repo", "check", "--json"]).json();
        assert_eq!(checked["problems"], serde_json::json!([]));
    }
}

fn ago(days: i64) -> Timestamp {
    Timestamp::from_seconds(clock().seconds() - days * DAY)
}

fn copy(from: &Path, to: &Path) {
    let mut command = Command::new("cp");
    command.arg("--archive").arg(from).arg(to);
    assert!(command.status().unwrap().success());
}

/// Every step of a refresh that can be told from the one before: the system call, and which one of its kind it is.
fn steps(farm: &TestFarm) -> Vec<(&'static str, usize)> {
    let trace = farm.data().with_file_name("trace");
    let output = format!("-o{}", trace.display());
    let calls = format!("trace={}", CALLS.join(","));
    let options = [output.as_str(), "-e", &calls];
    let traced = farm
        .traced(&options, &["repo", "refresh"])
        .output()
        .unwrap();
    assert!(traced.status.success(), "{traced:?}");
    // strace counts for each thread by itself.
    let (mut counts, mut steps) = (BTreeMap::<(String, &str), usize>::new(), Vec::new());
    for line in fs_err::read_to_string(trace).unwrap().lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let call = CALLS
            .iter()
            .find(|call| rest.trim_start().starts_with(&format!("{call}(")));
        if let Some(call) = call {
            let count = counts.entry((thread.to_owned(), call)).or_default();
            *count += 1;
            steps.push((*call, *count));
        }
    }
    steps
}

#[test]
fn a_refresh_that_is_killed_at_any_step_loses_nothing_and_the_next_completes() {
    let farm = Farm::new();
    farm.grow_old();
    let (data, past) = (farm.farm.data(), farm.farm.data().with_file_name("past"));
    copy(&data, &past);
    let before = farm.seen();
    assert_eq!(
        before,
        ["1.2", "1.3"].map(|one| format!("{PACKAGE} {one}-0+deb12u1"))
    );
    let steps = steps(&farm.farm);
    let after = farm.seen();
    assert_eq!(after, before[1..]);
    assert!(steps.len() > 60, "{steps:?}");

    let soak = std::env::var_os("PLUGFARM_SOAK").is_some();
    let stride = if soak { 1 } else { steps.len() / KILLS };
    let mut kills = 0;
    for (call, n) in steps.into_iter().step_by(stride) {
        fs_err::remove_dir_all(&data).unwrap();
        copy(&past, &data);
        let (trace, inject) = (
            format!("trace={call}"),
            format!("inject={call}:signal=KILL:when={n}"),
        );
        let options = ["-o/dev/null", "-e", &trace, "-e", &inject];
        let killed = farm
            .farm
            .traced(&options, &["repo", "refresh"])
            .output()
            .unwrap();
        kills += usize::from(!killed.status.success());
        let at_once = farm.seen();
        assert!(
            at_once == before || at_once == after,
            "{call} {n}: {at_once:?}"
        );

        farm.refresh();
        assert_eq!(farm.seen(), after, "{call} {n}");
        let kept = farm.repository.snapshots().unwrap();
        assert!(
            kept.len() == 2 && kept[1].time > ago(1),
            "{call} {n}: {kept:?}"
        );
        // What was killed between its commit and the removal of files leaves them for a day.
        let lock = farm.repository.lock().unwrap();
        farm.repository.collect(&lock, ago(-2)).unwrap();
        drop(lock);
        let pool = files(&farm.farm.repository().join("pool").join(PACKAGE));
        assert_eq!(
            pool.len(),
            2,
            "{call} {n}: of the suite and the dated publications: {pool:?}"
        );
        let dated = farm.farm.repository().join("dists/snapshots");
        let dated = files(&dated)
            .into_iter()
            .filter(|file| file.ends_with("/InRelease"));
        assert_eq!(dated.count(), 2, "{call} {n}");
        farm.refresh();
    }
    assert!(kills + 2 > KILLS, "{kills} refreshes were killed");
}
