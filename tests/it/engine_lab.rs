//! A Docker Engine of one's own, which may be killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::farm::TestFarm;
use crate::source_lab::run;

/// Its network, which is nobody else's.
const BRIDGE: &str = "plugfarm-test0";
const NETWORK: &str = "172.30.99.1/24";

/// A private engine with the farm's images. Its containers reach this machine, and nothing else.
pub(crate) struct PrivateEngine {
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl PrivateEngine {
    pub(crate) fn start(farm: &TestFarm) -> Self {
        let ip = |arguments: &[&str]| run(Path::new("/"), "ip", arguments);
        if Path::new("/sys/class/net").join(BRIDGE).exists() {
            ip(&["link", "delete", BRIDGE]);
        }
        ip(&["link", "add", BRIDGE, "type", "bridge"]);
        ip(&["address", "add", NETWORK, "dev", BRIDGE]);
        ip(&["link", "set", BRIDGE, "up"]);
        let folder = tempfile::tempdir().unwrap();
        let mut engine = Self {
            folder,
            process: None,
        };
        engine.restart();
        let listed = farm.run(&["images", "list", "--json"]).succeeds().json();
        let listed = listed["images"].as_array().unwrap().iter();
        let wanted = |image: &&Value| {
            image["target"] == "bookworm"
                && (image["name"] == "builder" || image["name"] == "fetcher")
        };
        let images = listed.filter(wanted).map(|image| {
            let id = image["id"].as_str().unwrap();
            let format = "--format={{index .RepoTags 0}}";
            run(Path::new("/"), "docker", &["inspect", format, id])
        });
        let images: Vec<_> = images.collect();
        let load = format!(
            "docker save {} | docker --host={} load",
            images.join(" "),
            engine.address()
        );
        run(Path::new("/"), "sh", &["-c", &load]);
        engine
    }

    /// What `DOCKER_HOST` says.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.path("socket"))
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn restart(&mut self) {
        let options = [
            format!("--data-root={}", self.path("data")),
            format!("--exec-root={}", self.path("exec")),
            format!("--pidfile={}", self.path("pid")),
            format!("--host={}", self.address()),
            format!("--bridge={BRIDGE}"),
        ];
        let started = Command::new("dockerd")
            .args(options)
            .args(["--iptables=false", "--ip-masq=false"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(started.unwrap());
        let began = Instant::now();
        let host = format!("--host={}", self.address());
        let answers = || {
            let asked = Command::new("docker").args([&host, "version"]).output();
            asked.unwrap().status.success()
        };
        while !answers() {
            assert!(began.elapsed() < Duration::from_secs(60), "it answers");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Kills it, and what it runs itself by.
    pub(crate) fn kill(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        process.kill().unwrap();
        process.wait().unwrap();
        // containerd is a child that lives on, and would be found by the next.
        let number = Path::new(&self.path("exec")).join("containerd/containerd.pid");
        if let Ok(number) = std::fs::read_to_string(number) {
            run(Path::new("/"), "kill", &["-9", number.trim()]);
        }
        std::fs::remove_file(self.path("pid")).unwrap();
    }

    /// Its containers.
    pub(crate) fn containers(&self) -> Vec<String> {
        let host = format!("--host={}", self.address());
        let listed = run(Path::new("/"), "docker", &[&host, "ps", "--all", "--quiet"]);
        listed.lines().map(str::to_owned).collect()
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Asked to, it takes its containers and its mounts with it.
            run(Path::new("/"), "kill", &[&process.id().to_string()]);
            process.wait().unwrap();
        }
        // What one that was killed had mounted stays mounted.
        let unmount = ["--lazy", "--quiet", &self.path("data")];
        Command::new("umount").args(unmount).status().unwrap();
        run(Path::new("/"), "ip", &["link", "delete", BRIDGE]);
    }
}
