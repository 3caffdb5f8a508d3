//! The programs that the farm's repository is compared with. Each has a repository of its own in one folder, with the
//! indices that it makes by default, and the same key.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

/// How many packages a program is told of at once.
const BATCH: usize = 5_000;

/// Adds packages to a program's repository.
pub type Add = fn(&Peers, &[PathBuf]);

/// Reprepro writes gz; aptly gz, bz2 and by-hash; apt-ftparchive, with its cache and what a person adds, gz and xz.
pub const PEERS: [(&str, Add); 3] = [
    ("reprepro", reprepro),
    ("aptly", aptly),
    ("apt_ftparchive", apt_ftparchive),
];

/// A folder with a key, and the repositories of every program.
pub struct Peers {
    folder: PathBuf,
}

impl Peers {
    pub fn new(folder: PathBuf) -> Self {
        let peers = Self { folder };
        for name in ["gnupg", "reprepro/conf", "archive/pool"] {
            std::fs::create_dir_all(peers.path(name)).unwrap();
        }
        let generate =
            "--batch --passphrase= --quick-generate-key bench@example.org ed25519 sign never";
        peers.run("chmod", &["700", "gnupg"]);
        peers.run("gpg", &generate.split(' ').collect::<Vec<_>>());
        let distributions = "Codename: bench\nComponents: main\nArchitectures: amd64\nSignWith: bench@example.org\n";
        std::fs::write(peers.path("reprepro/conf/distributions"), distributions).unwrap();
        let config = json!({ "rootDir": peers.path("aptly"), "architectures": ["amd64"] });
        std::fs::write(peers.path("aptly.conf"), config.to_string()).unwrap();
        peers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs a program, which must succeed.
    fn run(&self, program: &str, arguments: &[&str]) {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .env("GNUPGHOME", self.path("gnupg"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
    }
}

fn words(debs: &[PathBuf]) -> Vec<&str> {
    debs.iter().map(|deb| deb.to_str().unwrap()).collect()
}

fn reprepro(peers: &Peers, debs: &[PathBuf]) {
    for batch in debs.chunks(BATCH) {
        let mut arguments = vec!["--silent", "-b", "reprepro", "includedeb", "bench"];
        arguments.extend(words(batch));
        peers.run("reprepro", &arguments);
    }
}

fn aptly(peers: &Peers, debs: &[PathBuf]) {
    let aptly = |arguments: &[&str]| {
        peers.run("aptly", &[&["-config=aptly.conf"][..], arguments].concat());
    };
    let fresh = !peers.path("aptly").exists();
    if fresh {
        aptly(&["repo", "create", "bench"]);
    }
    for batch in debs.chunks(BATCH) {
        aptly(&[&["repo", "add", "bench"][..], &words(batch)].concat());
    }
    if fresh {
        let publish = "publish repo -batch -skip-contents -distribution=bench bench";
        aptly(&publish.split(' ').collect::<Vec<_>>());
    } else {
        aptly(&["publish", "update", "-batch", "-skip-contents", "bench"]);
    }
}

fn apt_ftparchive(peers: &Peers, debs: &[PathBuf]) {
    let pool = peers.path("archive/pool");
    for deb in debs {
        let name = deb.file_name().unwrap();
        std::fs::hard_link(deb, Path::new(&pool).join(name)).unwrap();
    }
    let script = "cd archive
        apt-ftparchive --db cache.db packages pool >Packages
        gzip -9nkf Packages
        xz -6kf Packages
        rm -f Release InRelease
        apt-ftparchive release . >../Release
        mv ../Release Release
        gpg --batch --yes --clearsign --output InRelease Release";
    peers.run("sh", &["-e", "-c", script]);
}
