//! Adding one package to a repository of N packages: the farm's, in a folder and in a bucket, against reprepro, aptly and
//! apt-ftparchive, in turns.
//!
//! Run it with `cargo bench --profile dev --bench publication -- 1000 10000`; one JSON object per N goes to standard output.
//! Everybody gets the same packages. The farm writes gz, xz, by-hash and patches, signs by its own key, and has everything on
//! the disk in the end (fsync); `process` is a process that goes on running, `command` is `plugfarm publish`. The bucket is one
//! of SeaweedFS on this machine; it begins as a copy of the folder without its pool, which publishing does not read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    unfulfilled_lint_expectations,
    reason = "a measurement may stop at the first surprise, and tells less than the stories do"
)]

use plugfarm::{evidence, model};

#[path = "../../src/evidence/sample.rs"]
mod facts;
#[path = "../it/fault_proxy.rs"]
mod fault_proxy;
#[path = "../it/object_store.rs"]
mod object_store;
mod peak;
mod peers;
mod publisher;
#[path = "../it/repo_lab.rs"]
mod repo_lab;
mod samples;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fault_proxy::FaultProxy;
use object_store::{BUCKET, CREDENTIALS, ObjectStore, ask};
use peers::{PEERS, Peers};
use plugfarm::app::App;
use publisher::{ROLE, Resident, publish};
use repo_lab::{Package, files};
use samples::{Rounds, Samples};
use serde_json::{Map, Value, json};

/// How often one more package is added.
const ROUNDS: usize = 9;

/// How many of them go into the bucket through the proxy that counts.
const COUNTED: usize = 3;

/// How many packages are published at once until there are N.
const BATCH: usize = 1_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [role, data, config] = words.as_slice()
        && role == ROLE
    {
        return publisher::run(data, config);
    }
    let mut sizes: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000];
    }
    for size in sizes {
        println!("{}", measure(size));
    }
}

fn measure(size: usize) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::new(folder.path().join("farm"), "{}\n");
    let debs = farm.make(size + 2 * ROUNDS + 2);
    let (first, more) = debs.split_at(size);
    let (warm, more) = more.split_at(2);
    let mut loads = Map::new();
    let load = time(|| farm.fill(first));
    loads.insert("plugfarm".to_owned(), json!(load.as_secs_f64()));
    let peers = Peers::new(folder.path().join("peers"));
    for (name, add) in PEERS {
        let load = time(|| add(&peers, first));
        loads.insert(name.to_owned(), json!(load.as_secs_f64()));
    }

    let store = ObjectStore::seaweed();
    let away = farm.in_bucket(folder.path().join("away"), &store);
    let (mut near, mut far) = (farm.resident(), away.resident());
    near.add(&warm[0]);
    far.add(&warm[0]);
    let [mut process, mut command, mut memory, mut bucket] = [(); 4].map(|()| Samples::default());
    let mut others = PEERS.map(|_| Samples::default());
    let mut rounds = Rounds::new(ROUNDS);
    while let Some(round) = rounds.next() {
        let (deb, another) = (&more[2 * round - 2], &more[2 * round - 1]);
        pause();
        process.push_time(near.add(deb));
        bucket.push_time(far.add(deb));
        for ((_, add), samples) in PEERS.iter().zip(&mut others) {
            samples.push_time(time(|| add(&peers, std::slice::from_ref(deb))));
        }
        pause();
        let (took, kib) = farm.command(another);
        command.push_time(took);
        memory.push(kib);
    }
    let counted = away.count(&store, &more[1..]);
    let mut result = json!({
        "bench": "publication",
        "packages": size,
        "samples": rounds.json(),
        "load_s": loads,
        "process": { "add_ms": process.json(), "peak_kib": near.end() },
        "command": { "add_ms": command.json(), "peak_kib": memory.json() },
        "bucket": { "add_ms": bucket.json(), "peak_kib": far.end(), "counted": counted },
    });
    for ((name, _), samples) in PEERS.iter().zip(&others) {
        result[name] = json!({
            "add_ms": samples.json(),
            "process_ratio": process.median() / samples.median(),
            "command_ratio": command.median() / samples.median(),
        });
    }
    result
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// apt's dates have seconds: a publication within the same one is dated ahead, and must not wait for that here.
fn pause() {
    std::thread::sleep(Duration::from_millis(1_100));
}

/// A farm in a folder of its own.
struct Farm {
    data: PathBuf,
    config: PathBuf,
}

impl Farm {
    fn new(data: PathBuf, settings: &str) -> Self {
        std::fs::create_dir_all(&data).unwrap();
        let config = data.join("plugfarm.yml");
        std::fs::write(&config, settings).unwrap();
        Self { data, config }
    }

    fn app(&self) -> App {
        App::open(Some(self.data.clone()), Some(&self.config)).unwrap()
    }

    /// Makes packages with evidence that the farm has signed. Their paragraphs have some 790 bytes, as those of Debian have on
    /// average.
    fn make(&self, count: usize) -> Vec<PathBuf> {
        let (keys, out) = (self.app().keys().unwrap(), self.data.join("out"));
        let package = |number| repo_lab::make(&out, &package(number), &keys);
        (0..count).map(package).collect()
    }

    fn fill(&self, debs: &[PathBuf]) {
        let publisher = self.app().publisher().unwrap();
        for batch in debs.chunks(BATCH) {
            publish(&publisher, batch);
        }
    }

    fn resident(&self) -> Resident {
        Resident::start(&self.data, &self.config, &CREDENTIALS)
    }

    /// Publishes by the command; gives how long that took, and its peak resident size.
    fn command(&self, deb: &Path) -> (Duration, f64) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugfarm"));
        command
            .arg("publish")
            .arg(deb)
            .env("PLUGFARM_DATA_DIR", &self.data)
            .env("PLUGFARM_CONFIG", &self.config);
        let start = Instant::now();
        let (output, kib) = peak::peak(&command, &self.data);
        let took = start.elapsed();
        assert!(output.status.success(), "{output:?}");
        (took, kib)
    }

    /// A farm with the same keys and the same repository, which is in a bucket.
    fn in_bucket(&self, data: PathBuf, store: &ObjectStore) -> Self {
        let root = self.data.join("repository");
        let kept = files(&root).into_iter().filter(|key| {
            let old = key.contains("/by-hash/") && !is_current(&root, key);
            (key.starts_with(".state/") || key.starts_with("dists/")) && !old
        });
        for key in kept {
            let bytes = std::fs::read(root.join(&key)).unwrap();
            let (head, _) = ask(store.port, "PUT", &format!("/{BUCKET}/{key}"), &bytes).unwrap();
            assert!(head.contains(" 200 "), "{key}: {head}");
        }
        let farm = Self::new(data, &settings(&store.endpoint()));
        let keys = [self.data.join("keys"), farm.data.join("keys")];
        let copied = Command::new("cp").arg("-a").args(keys).status();
        assert!(copied.unwrap().success());
        farm
    }

    /// What is asked of the bucket and sent to it for one package each.
    fn count(&self, store: &ObjectStore, debs: &[PathBuf]) -> Vec<Value> {
        let proxy = FaultProxy::to(store.port);
        std::fs::write(&self.config, settings(&proxy.endpoint())).unwrap();
        let mut resident = self.resident();
        let mut add = |deb: &PathBuf| {
            pause();
            resident.add(deb);
            let traffic = proxy.traffic();
            json!({
                "requests": traffic.requests,
                "sent_bytes": traffic.sent,
                "received_bytes": traffic.received,
            })
        };
        let debs = debs.iter().step_by(2);
        let counted: Vec<_> = debs.take(COUNTED + 1).map(&mut add).collect();
        resident.end();
        // The first one asks whether the server can be relied on.
        counted.into_iter().skip(1).collect()
    }
}

fn settings(endpoint: &str) -> String {
    let bucket = format!("{{bucket: 's3://{BUCKET}', endpoint: '{endpoint}'}}");
    format!("repository: {{url: '{endpoint}/{BUCKET}', s3: {bucket}}}\n")
}

/// Whether a file by content is one of an index that is published now.
fn is_current(root: &Path, key: &str) -> bool {
    let digest = key.rsplit('/').next().unwrap();
    let release = std::fs::read_to_string(root.join("dists/bookworm/Release")).unwrap();
    release.contains(digest)
}

fn package(number: usize) -> Package {
    let words = [
        "call", "queue", "phone", "record", "route", "dial", "meeting", "agent",
    ];
    let word = |place: usize| words[(number / 8usize.pow(place as u32 % 5) + place) % words.len()];
    let text: Vec<_> = (0..40).map(word).collect();
    let name = format!("{}-{}{number}", word(0), word(1));
    let version = format!("1.{}.{}", number % 9, number % 31);
    Package::new(&name, &version).with(|package| {
        package.description = format!(
            "{} for {} {number}\n {}\n {}",
            word(3),
            word(4),
            text[..20].join(" "),
            text[20..].join(" ")
        );
    })
}
