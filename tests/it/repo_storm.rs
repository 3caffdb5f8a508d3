//! apt of bookworm and trixie in a loop, while publishers publish and are killed: no host ever sees a broken moment. And a
//! clock that jumps between publications.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plugfarm::model::{FarmName, Target, Timestamp};
use plugfarm::sign::Keys;

use crate::farm::{Ran, TestFarm};
use crate::repo_apt::{PACKAGE, hello, index_files, lab, publish};
use crate::repo_crash::publisher_of;
use crate::repo_host::Host;
use crate::repo_lab::{self, Lab, Package, clock};

/// What a host must never see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Broken {
    /// A file that is not what the Release lists.
    Mismatch,
    /// A signature that is none of the farm's, or of another text.
    Signature,
    /// A file that something names, and that is not there.
    Missing,
    /// Whatever else apt complains of.
    Other,
}

/// The words by which apt and the web server tell of it.
const SIGNS: [(Broken, &[&str]); 4] = [
    (
        Broken::Mismatch,
        &["Hash Sum mismatch", "has unexpected size"],
    ),
    (
        Broken::Signature,
        &["is not signed", "signatures were invalid", "NODATA", "sqv"],
    ),
    (Broken::Missing, &[" 404  "]),
    (
        Broken::Other,
        &["W:", "E:", "N:", "Warning:", "Error:", "Err:", "Ign:"],
    ),
];

fn broken(said: &str) -> Option<Broken> {
    // A host that missed more publications than there are patches for takes the whole index.
    let outdated = |line: &&str| line.starts_with("Ign:") && line.contains("Packages.diff/Index");
    let told: Vec<_> = said.lines().filter(|line| !outdated(line)).collect();
    let seen = |words: &[&str]| {
        let mut lines = told.iter();
        lines.any(|line| words.iter().any(|word| line.contains(word)))
    };
    let found = SIGNS.into_iter().find(|(_, words)| seen(words));
    found.map(|(broken, _)| broken)
}

/// One round of a host, and what it said. Every other round fetches everything anew; in the others apt has the last round's
/// lists, and takes patches.
fn round(host: &Host, number: usize) -> String {
    let forget = if number.is_multiple_of(2) {
        "rm -rf /var/lib/apt/lists/*;"
    } else {
        ""
    };
    let said = host.run(&format!(
        "{forget} apt-get update && apt-get install --yes --download-only {PACKAGE}; apt-get clean"
    ));
    said.text
}

/// A host that trusts the farm, that tries nothing twice, and to which publishers may be ahead of the clock, which they do not
/// ask.
fn host(lab: &Lab, target: Target) -> Host {
    let host = Host::trusting(lab, target);
    host.run(
        "printf 'Acquire::Retries 0;\\nAcquire::Max-FutureTime 7200;\\n' >/etc/apt/apt.conf.d/99storm",
    )
    .succeeds();
    host
}

/// The packages of one publication: one for each release.
fn make(lab: &Lab, number: usize) -> Vec<PathBuf> {
    let make = |target| lab.make(&hello(&format!("1.{number}"), target));
    Target::ALL.iter().map(|target| make(*target)).collect()
}

/// What comes of publishers, of which three in four are killed at some moment of their lives.
#[derive(Default)]
struct Storm {
    killed: usize,
    finished: usize,
}

impl Storm {
    fn publish(&mut self, lab: &Lab, number: usize, life: Duration) {
        let mut publisher = publisher_of(lab, &make(lab, number), &[]).spawn().unwrap();
        if !number.is_multiple_of(4) {
            // Each moment is as likely as the next, and another one each time.
            let moment = (number as f64 * 0.618_034).fract();
            std::thread::sleep(life.mul_f64(moment));
            self.killed += usize::from(kill(&mut publisher));
        }
        self.finished += usize::from(publisher.wait().unwrap().success());
    }
}

/// Kills a publisher; gives whether it was still alive.
fn kill(publisher: &mut Child) -> bool {
    let alive = publisher.try_wait().unwrap().is_none();
    publisher.kill().unwrap();
    alive
}

#[test]
fn hosts_that_loop_see_no_broken_moment_while_publishers_are_killed() {
    // `scripts/test --soak` sets it.
    let soak = std::env::var_os("PLUGFARM_SOAK").is_some();
    let publications = if soak { 1_000 } else { 40 };
    let lab = lab();
    let began = Instant::now();
    let first = publisher_of(&lab, &make(&lab, 0), &[]).output().unwrap();
    assert!(first.status.success(), "{first:?}");
    let life = began.elapsed();
    let hosts = Target::ALL.map(|target| host(&lab, target));
    let (over, mut storm) = (AtomicBool::new(false), Storm::default());
    let rounds = std::thread::scope(|scope| {
        let readers = hosts.each_ref().map(|host| {
            scope.spawn(|| {
                let mut rounds = 0;
                while !over.load(Ordering::Relaxed) {
                    let said = round(host, rounds);
                    assert_eq!(broken(&said), None, "{said}");
                    rounds += 1;
                }
                rounds
            })
        });
        for number in 1..=publications {
            storm.publish(&lab, number, life);
            if readers.iter().any(|reader| reader.is_finished()) {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
        readers.map(|reader| reader.join().unwrap())
    });
    let Storm { killed, finished } = storm;
    println!("{finished} publications, {killed} kills, rounds of hosts: {rounds:?}");
    assert!(killed >= publications / 4, "{killed} were killed");
    assert!(finished >= publications / 4, "{finished} were not");
    assert!(rounds.iter().all(|rounds| *rounds >= 3), "{rounds:?}");
    for (host, target) in hosts.iter().zip(Target::ALL) {
        publish_last(&lab, target);
        let said = round(host, 1);
        assert_eq!(broken(&said), None, "{said}");
        assert!(said.contains(&format!("{PACKAGE} all 2.0-0+")), "{said}");
        let served = host.run("grep ' 404 ' /tmp/served");
        assert_eq!(served.text, "", "not even apt was told of these");
    }
    assert_eq!(lab.problems(), Vec::<String>::new());
}

/// Publishes after the dates of publishers that did not ask the clock.
fn publish_last(lab: &Lab, target: Target) {
    let suites = lab.repository.suites().unwrap();
    let last = suites.iter().map(|suite| suite.date.seconds()).max();
    let now = clock().max(Timestamp::from_seconds(last.unwrap() + 1));
    lab.publish_at(&hello("2.0", target), now).unwrap();
    // A thousand publications that do not ask the clock are minutes ahead of it.
    lab.now.set(now);
}

#[test]
fn a_broken_moment_would_be_seen() {
    for target in Target::ALL {
        let lab = lab();
        publish(&lab, &hello("1.0", target));
        let read = |files: &[String]| -> Vec<_> {
            let read = |file: &String| fs_err::read(lab.path(file)).unwrap();
            files.iter().map(read).collect()
        };
        let write = |files: &[String], bytes: &[Vec<u8>]| {
            for (file, bytes) in files.iter().zip(bytes) {
                fs_err::write(lab.path(file), bytes).unwrap();
            }
        };
        let host = host(&lab, target);
        let sees = |files: &[String], break_it: &dyn Fn()| {
            let good = read(files);
            break_it();
            let said = round(&host, 0);
            write(files, &good);
            let healed = round(&host, 0);
            assert_eq!(broken(&healed), None, "{healed}");
            (broken(&said), said)
        };
        let expect = |found: (Option<Broken>, String), expected: Broken| {
            assert_eq!(found.0, Some(expected), "{target}: {}", found.1);
        };
        let remove = |files: &[String]| {
            for file in files {
                fs_err::remove_file(lab.path(file)).unwrap();
            }
        };

        let indices = index_files(&lab, target);
        let earlier = read(&indices);
        publish(&lab, &hello("1.1", target));
        let present = index_files(&lab, target);
        // What a host may find where files are replaced one after the other: this Release with other indices.
        let old_index = || {
            let any = earlier.iter().max_by_key(|bytes| bytes.len()).unwrap();
            write(&present, &vec![any.clone(); present.len()]);
        };
        expect(sees(&present, &old_index), Broken::Mismatch);
        expect(sees(&present, &|| remove(&present)), Broken::Missing);

        let signed = [format!("dists/{target}/InRelease")];
        let other_text = || {
            let text = lab.text(&signed[0]).replace("Suite: ", "Suite: x");
            write(&signed, &[text.into_bytes()]);
        };
        expect(sees(&signed, &other_text), Broken::Signature);

        let history = lab.repository.history(PACKAGE, target).unwrap();
        let pool = [history.last().unwrap().filename.clone()];
        expect(sees(&pool, &|| remove(&pool)), Broken::Missing);
    }
}

/// A farm whose clock is set before each publication.
struct Clocked {
    farm: TestFarm,
    keys: Keys,
}

impl Clocked {
    fn new() -> Self {
        let farm = TestFarm::new();
        let keys = farm.data().join("keys");
        // No signature can be older than its key.
        let earlier = || Timestamp::from_seconds(clock().seconds() - 7_200);
        let keys = Keys::open_or_create(&keys, &FarmName::local(), earlier).unwrap();
        Self { farm, keys }
    }

    /// Publishes a version when the clock is `shift` from now; gives the code of what went wrong, if anything did.
    fn publish(&self, version: &str, shift: &str) -> Option<String> {
        let package = Package::new("hello", version);
        let deb = repo_lab::make(&self.farm.data().join("out"), &package, &self.keys);
        let plugfarm = self.farm.command(&["publish", "--json"]);
        let mut command = Command::new("faketime");
        command.args(["-f", shift]).arg(plugfarm.get_program());
        command.args(plugfarm.get_args()).arg(deb);
        for (name, value) in plugfarm.get_envs() {
            command.env(name, value.unwrap());
        }
        let answer = Ran::from(command.output().unwrap()).json();
        answer["code"].as_str().map(str::to_owned)
    }

    fn in_release(&self) -> String {
        let path = self.farm.repository().join("dists/bookworm/InRelease");
        fs_err::read_to_string(path).unwrap()
    }

    /// The date of what hosts find.
    fn date(&self) -> i64 {
        let text = self.in_release();
        let date = text.lines().find_map(|line| line.strip_prefix("Date: "));
        Timestamp::from_release_date(date.unwrap())
            .unwrap()
            .seconds()
    }
}

#[test]
fn a_clock_that_is_set_back_stops_publications_and_takes_no_date_back() {
    let clocked = Clocked::new();
    assert_eq!(clocked.publish("1.0", "+0s"), None);
    let before = clocked.in_release();
    assert_eq!(clocked.publish("1.1", "-1h").unwrap(), "storage-io");
    assert_eq!(clocked.in_release(), before);
    // Less than anybody would notice is waited for.
    let last = clocked.date();
    assert_eq!(clocked.publish("1.2", "-3s"), None);
    assert!(clocked.date() > last);
    assert_eq!(clocked.publish("1.3", "+0s"), None);
    assert!(clocked.date() <= clock().seconds() + 10);
}

#[test]
fn a_clock_that_was_ahead_stops_publications_until_it_is_reached() {
    let clocked = Clocked::new();
    assert_eq!(clocked.publish("1.0", "+1d"), None);
    let before = clocked.in_release();
    assert_eq!(clocked.publish("1.1", "+0s").unwrap(), "storage-io");
    assert_eq!(clocked.in_release(), before);
    assert_eq!(clocked.publish("1.2", "+86500s"), None);
    assert!(clocked.date() > clock().seconds() + 86_400);
}
