//! A PostgreSQL server of one's own, in a temporary folder, for as long as it is held.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The server. It listens at a socket in its folder, and trusts whoever reaches that.
pub(crate) struct Postgres {
    folder: tempfile::TempDir,
    server: Child,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(Command::new("chown").arg("postgres").arg(folder.path()));
        let data = folder.path().join("data");
        let mut made = program("initdb");
        made.args(["--auth=trust", "--username=farm", "--no-sync", "-D"]);
        run(made.arg(&data));
        let mut server = program("postgres");
        server
            .args(["-c", "listen_addresses=", "-F", "-k"])
            .arg(folder.path())
            .arg("-D")
            .arg(&data);
        let server = server.stderr(Stdio::null()).spawn().unwrap();
        let started = Self { folder, server };
        for _ in 0..300 {
            let mut ready = program("pg_isready");
            ready.arg("-h").arg(started.folder.path());
            if ready.stdout(Stdio::null()).status().unwrap().success() {
                return started;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the server does not answer");
    }

    /// The URL of its database.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgres://farm@localhost/postgres?host={}",
            self.folder.path().display()
        )
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A fast shutdown; its own processes end with it.
        let id = self.server.id().to_string();
        run(Command::new("kill").args(["-s", "INT", &id]));
        self.server.wait().unwrap();
    }
}

/// A program of the server, as the user that Debian's package makes: the server refuses to run as root.
fn program(name: &str) -> Command {
    let mut command = Command::new(newest().join(name));
    if id("-u", "") == 0 {
        command.uid(id("-u", "postgres")).gid(id("-g", "postgres"));
    }
    command.current_dir("/");
    command
}

fn newest() -> PathBuf {
    let versions = fs_err::read_dir("/usr/lib/postgresql").unwrap();
    let mut versions: Vec<_> = versions.map(|entry| entry.unwrap().path()).collect();
    versions.sort();
    Path::new(versions.last().unwrap()).join("bin")
}

fn id(what: &str, user: &str) -> u32 {
    let mut command = Command::new("id");
    command.arg(what);
    if !user.is_empty() {
        command.arg(user);
    }
    let output = command.output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

fn run(command: &mut Command) {
    let done = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(done.status.success(), "{command:?}: {done:?}");
}
