//! Publishers that are killed at every step, that come at the same time, or whose disk is full: readers never notice.
//!
//! strace makes the crashes: it kills a real publisher at its Nth rename, or lets its Nth write fail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use plugfarm::evidence::StatementKey;
use plugfarm::model::{FailureCode, Stage, Target, Timestamp};
use plugfarm::repo::{Batch, Publishable, RepoError, Repository};
use plugfarm::sign::Keys;

use crate::evidence;
use crate::repo_lab::{Lab, Package, clock, open, read_strictly, suite};

/// What the publisher in another process is told: the farm's folder and the packages.
const FARM: &str = "PLUGFARM_TEST_FARM";
const DEBS: &str = "PLUGFARM_TEST_DEBS";
const URL: &str = "PLUGFARM_TEST_URL";

#[test]
#[ignore = "no story, but the publisher of the others: they run it as a process of its own"]
fn publisher() {
    let folder = std::env::var(FARM).unwrap();
    let (keys, repository) = open(Path::new(&folder), |settings| {
        settings.url = std::env::var(URL).ok();
    });
    let debs = std::env::var_os(DEBS).unwrap();
    let debs: Vec<_> = std::env::split_paths(&debs).collect();
    let published = publish(&keys, &repository, &debs);
    println!(
        "outcome {}",
        published.map_or_else(|code| code.word(), |()| "published")
    );
}

fn publish(keys: &Keys, repository: &Repository, debs: &[PathBuf]) -> Result<(), FailureCode> {
    let key = StatementKey::from_pem(&keys.public().statement_pem).unwrap();
    let statement = |deb: &Path| {
        let bytes = fs_err::read(deb.with_extension("intoto.jsonl")).unwrap();
        evidence::verify(&bytes, std::slice::from_ref(&key)).unwrap()
    };
    let run = || {
        let mut suites: BTreeMap<Target, Vec<Publishable>> = BTreeMap::new();
        for deb in debs {
            let statement = statement(deb);
            let packages = suites.entry(statement.target()).or_default();
            packages.push(Publishable::open(deb, statement)?);
        }
        let lock = repository.lock()?;
        // Ahead of the clock by nothing: the date rises by itself, and nobody has to wait.
        let known = repository.suites()?;
        let last = known.iter().map(|suite| suite.date.seconds()).max();
        let now = Timestamp::from_seconds(last.unwrap_or(0) + 1).max(keys_made(repository));
        let suites: Vec<_> = suites
            .into_iter()
            .map(|(target, packages)| (suite(target), packages))
            .collect();
        let batches: Vec<_> = suites
            .iter()
            .map(|(suite, packages)| Batch { suite, packages })
            .collect();
        repository.publish(&lock, &batches, now, keys)
    };
    run().map(drop).map_err(|error: RepoError| {
        println!("{error}");
        error.failure(Stage::Publish).code
    })
}

/// When the farm's keys were made: no signature can be older.
fn keys_made(repository: &Repository) -> Timestamp {
    let keys = repository
        .folder()
        .unwrap()
        .with_file_name("keys/archive.secret.asc");
    let made = fs_err::metadata(keys).unwrap().modified().unwrap();
    let made = made.duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(made.as_secs().cast_signed())
}

/// The command that publishes `debs` in a process of its own, below `wrapper`.
pub(crate) fn publisher_of(lab: &Lab, debs: &[PathBuf], wrapper: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    let arguments = [
        "--ignored",
        "--exact",
        "repo_crash::publisher",
        "--nocapture",
    ];
    let line = [wrapper, &[program], &arguments].concat();
    let mut command = Command::new(line[0]);
    command
        .args(&line[1..])
        .env(FARM, lab.folder.path())
        .env(URL, lab.repository.url())
        .env(DEBS, std::env::join_paths(debs).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Publishes `deb` with one system call tampered with: `renameat:signal=KILL:when=3`.
fn publish_with(lab: &Lab, deb: PathBuf, injection: &str) -> Output {
    let call = injection.split(':').next().unwrap();
    let (trace, inject) = (format!("trace={call}"), format!("inject={injection}"));
    let wrapper = [
        "strace",
        "-f",
        "-qq",
        "-o/dev/null",
        "-e",
        &trace,
        "-e",
        &inject,
    ];
    publisher_of(lab, &[deb], &wrapper)
        .output()
        .unwrap_or_else(|error| panic!("strace cannot be run: {error}"))
}

fn said(output: &Output, outcome: &str) -> bool {
    String::from_utf8_lossy(&output.stdout).contains(&format!("outcome {outcome}\n"))
}

/// What hosts can see; nothing before the first publication.
fn seen(lab: &Lab) -> Vec<String> {
    let suite = suite(Target::Bookworm);
    if !lab.path("dists/bookworm/InRelease").exists() {
        return Vec::new();
    }
    read_strictly(lab.root(), &suite, &lab.keys.public().archive_keyring)
}

/// What hosts can see after the next one who comes has taken the lock. Everything must be in order then.
fn recovered(lab: &Lab) -> Vec<String> {
    drop(lab.repository.lock().unwrap());
    assert_eq!(lab.problems(), Vec::<String>::new());
    let left = fs_err::read_dir(lab.path(".tmp")).map(Iterator::count);
    assert_eq!(left.unwrap_or(0), 0, "nothing is left of the killed writer");
    seen(lab)
}

/// Kills one publication at its `n`th `call`; gives whether that killed it.
fn kill_at(lab: &Lab, call: &str, n: usize, version: &str) -> bool {
    let deb = lab.make(&Package::new("hello", version));
    let before = seen(lab);
    let output = publish_with(lab, deb, &format!("{call}:signal=KILL:when={n}"));
    let at_once = seen(lab);
    let later = recovered(lab);
    let new = format!("wazo-plugind-hello-demo {version}-0+deb12u1");
    for found in [&at_once, &later] {
        let unchanged = **found == before;
        let changed = found.contains(&new) && found.len() > before.len();
        assert!(
            unchanged || changed,
            "{call} {n}: {before:?} became {found:?}"
        );
    }
    assert!(
        at_once == before || at_once == later,
        "{call} {n}: it goes forward only"
    );
    if said(&output, "published") {
        assert!(
            later.contains(&new),
            "{call} {n}: what was published is there"
        );
        return false;
    }
    true
}

#[test]
fn a_publisher_that_is_killed_at_any_rename_leaves_the_old_state_or_the_new_one() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let kills = (1..)
        .take_while(|n| kill_at(&lab, "renameat", *n, &format!("1.{n}")))
        .count();
    assert!(
        kills >= 20,
        "every rename of a publication was hit: {kills}"
    );
}

#[test]
fn a_first_publisher_that_is_killed_at_any_step_leaves_nothing_or_everything() {
    for call in ["renameat", "mkdir"] {
        let kills = (1..)
            .take_while(|n| kill_at(&Lab::new(), call, *n, "1.0"))
            .count();
        assert!(kills >= 8, "every {call} of a publication was hit: {kills}");
    }
}

#[test]
fn a_disk_that_is_full_at_any_write_stops_a_publication_and_breaks_nothing() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let mut stopped = 0;
    for n in 1.. {
        let version = format!("1.{n}");
        let deb = lab.make(&Package::new("hello", &version));
        let before = seen(&lab);
        let output = publish_with(&lab, deb, &format!("write:error=ENOSPC:when={n}"));
        let at_once = seen(&lab);
        assert!(at_once == before || recovered(&lab) == at_once, "write {n}");
        recovered(&lab);
        if said(&output, "farm-disk-full") {
            stopped += 1;
        }
        // Beyond the publication's own writes there are only those of its last words.
        if said(&output, "published") && stopped > 0 {
            break;
        }
    }
    assert!(stopped >= 15, "{stopped} writes were refused");
}

#[test]
fn publishers_that_come_at_the_same_time_all_succeed() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let names = ["one", "two", "three", "four", "five"];
    let debs = names.map(|name| lab.make(&Package::new(name, "1.0")));
    let publishers = debs.map(|deb| publisher_of(&lab, &[deb], &[]).spawn().unwrap());
    for publisher in publishers {
        let output = publisher.wait_with_output().unwrap();
        assert!(said(&output, "published"), "{output:?}");
    }
    let found = seen(&lab);
    for name in names {
        assert!(found.contains(&format!("wazo-plugind-{name}-demo 1.0-0+deb12u1")));
    }
    let state = lab
        .repository
        .suite(&suite(Target::Bookworm))
        .unwrap()
        .unwrap();
    assert_eq!(state.generation, 6, "each has its own generation");
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn of_two_publishers_of_one_version_the_first_wins() {
    let lab = Lab::new();
    let other = lab.folder.path().join("other");
    let package = Package::new("hello", "1.0");
    let one = lab.make(&package);
    let two = crate::repo_lab::make(&other, &package.with(|p| p.commit = 'b'), &lab.keys);
    let publishers = [one, two].map(|deb| publisher_of(&lab, &[deb], &[]).spawn().unwrap());
    let outputs = publishers.map(|publisher| publisher.wait_with_output().unwrap());
    let winners = outputs
        .iter()
        .filter(|output| said(output, "published"))
        .count();
    let losers = outputs
        .iter()
        .filter(|output| said(output, "version-used"))
        .count();
    assert_eq!((winners, losers), (1, 1), "{outputs:?}");
    assert_eq!(seen(&lab).len(), 2, "the keyring and one package");
    assert!(lab.repository.suites().unwrap()[0].date <= clock());
}
