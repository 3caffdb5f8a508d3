//! The farm's own side: a process that publishes one package after the other, as a farm does that goes on running.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use plugfarm::app::App;
use plugfarm::model::Channel;
use plugfarm::pipeline::{Publisher, publish_packages};
use tokio::runtime::Builder;

/// The first argument of the process.
pub const ROLE: &str = "publisher";

/// Publishes packages that the farm built: all at once.
pub fn publish(publisher: &Publisher, debs: &[PathBuf]) {
    let runtime = Builder::new_current_thread().build().unwrap();
    let channel = Channel::stable();
    let published = publish_packages(publisher, debs, &channel, false);
    if let Err(failure) = runtime.block_on(published) {
        panic!("{failure:?}");
    }
}

/// The process itself: opens the farm in `data` once, publishes the package that each line of its input names, and says how
/// many seconds that took, from the package that lies there with its evidence to the `InRelease` in its place. In the end it
/// says how much memory it has taken, in KiB.
pub fn run(data: &str, config: &str) {
    let app = App::open(Some(data.into()), Some(Path::new(config))).unwrap();
    let publisher = app.publisher().unwrap();
    for line in std::io::stdin().lines() {
        let deb = PathBuf::from(line.unwrap());
        let start = Instant::now();
        publish(&publisher, &[deb]);
        println!("{}", start.elapsed().as_secs_f64());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.unwrap().trim().trim_end_matches(" kB");
    println!("{kib}");
}

/// Such a process.
pub struct Resident {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Resident {
    pub fn start(data: &Path, config: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(ROLE)
            .args([data, config])
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    /// Publishes one package; gives how long it took.
    pub fn add(&mut self, deb: &Path) -> Duration {
        writeln!(self.input, "{}", deb.display()).unwrap();
        Duration::from_secs_f64(self.said())
    }

    /// Ends it; gives its peak resident size in KiB.
    pub fn end(mut self) -> f64 {
        drop(self.input);
        let line = self.output.next().unwrap().unwrap();
        assert!(self.child.wait().unwrap().success());
        line.parse().unwrap()
    }

    fn said(&mut self) -> f64 {
        let line = self.output.next().unwrap().unwrap();
        line.parse().unwrap()
    }
}
