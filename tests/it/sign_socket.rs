//! The signer as a process of its own, under a user of its own: the farm publishes, and cannot read a key.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use plugfarm::model::{FarmName, IndexTail, ReleaseToSign, Signer, SigningError};
use plugfarm::sign::{Keys, SignerServer, SocketSigner};

use crate::repo_lab::{Package, clock, make};

/// System users of every Debian: who holds the keys, who runs the farm, and somebody else.
const NOBODY: u32 = 65534;
const DAEMON: u32 = 1;
const GAMES: u32 = 5;

/// A folder that everybody may enter, with one for each user.
struct House {
    folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        for (name, user) in [("signer", NOBODY), ("farm", DAEMON)] {
            let path = folder.path().join(name);
            fs_err::create_dir(&path).unwrap();
            chown(&path, Some(user), Some(user)).unwrap();
        }
        let house = Self { folder };
        let config = format!("signer: {{socket: {}}}\n", house.socket().display());
        fs_err::write(house.path("plugfarm.yml"), config).unwrap();
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn socket(&self) -> PathBuf {
        self.path("signer/socket")
    }

    /// A command that a user runs.
    fn command(user: u32, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        let id = user.to_string();
        command
            .args([
                "--reuid",
                &id,
                "--regid",
                &id,
                "--clear-groups",
                "--",
                program,
            ])
            .stdin(Stdio::null())
            .env("NO_COLOR", "1");
        command
    }

    fn signer(&self) -> Running {
        let mut command = Self::command(NOBODY, env!("CARGO_BIN_EXE_plugfarm"));
        command.env("PLUGFARM_DATA_DIR", self.path("signer"));
        command.args(["signer", "--user", "0", "--user", &DAEMON.to_string()]);
        command.arg("--socket").arg(self.socket());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        assert!(line.starts_with("signing at "), "{line}");
        Running(child)
    }

    /// What a user's command of the farm gives.
    fn farm(&self, user: u32, arguments: &[&str]) -> Output {
        let mut command = Self::command(user, env!("CARGO_BIN_EXE_plugfarm"));
        command
            .env("PLUGFARM_DATA_DIR", self.path("farm"))
            .env("PLUGFARM_CONFIG", self.path("plugfarm.yml"))
            .args(arguments);
        command.output().unwrap()
    }

    /// A package with evidence that the signer signed.
    fn package(&self, version: &str) -> String {
        let signer = SocketSigner::connect(&self.socket()).unwrap();
        let deb = make(&self.path("out"), &Package::new("hello", version), &signer);
        deb.to_str().unwrap().to_owned()
    }
}

/// A signer, killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn text(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_farm_publishes_with_keys_that_it_cannot_read() {
    let house = House::new();
    let running = house.signer();
    let deb = house.package("1.0");
    let published = house.farm(DAEMON, &["publish", &deb]);
    assert!(published.status.success(), "{}", text(&published));
    let checked = house.farm(DAEMON, &["repo", "check"]);
    assert!(checked.status.success(), "{}", text(&checked));

    let secret = house.path("signer/keys/archive.secret.asc");
    assert!(secret.is_file());
    let read = House::command(DAEMON, "cat").arg(&secret).output().unwrap();
    assert!(!read.status.success());
    assert!(
        !house.path("farm/keys").exists(),
        "the farm makes none either"
    );

    // Without the signer nothing is published, and nothing is lost.
    let deb = house.package("1.1");
    let shown = house.farm(DAEMON, &["repo", "show"]);
    drop(running);
    // Only signing needs it.
    for reading in [
        &["repo", "show"][..],
        &["repo", "check"],
        &["key", "show"],
        &["verify", &deb],
    ] {
        let read = house.farm(DAEMON, reading);
        assert!(read.status.success(), "{reading:?} {}", text(&read));
        assert!(text(&read).contains("reading goes on"), "{}", text(&read));
    }
    let shown_again = house.farm(DAEMON, &["repo", "show"]);
    assert_eq!(shown.stdout, shown_again.stdout);
    let failed = house.farm(DAEMON, &["publish", &deb]);
    assert_eq!(failed.status.code(), Some(3), "{}", text(&failed));
    assert!(
        text(&failed).contains("does not answer"),
        "{}",
        text(&failed)
    );
    let _running = house.signer();
    let published = house.farm(DAEMON, &["publish", &deb]);
    assert!(published.status.success(), "{}", text(&published));
}

#[test]
fn who_is_not_named_is_turned_away() {
    let house = House::new();
    let _running = house.signer();
    let shown = house.farm(DAEMON, &["key", "show"]);
    assert!(shown.status.success(), "{}", text(&shown));
    let shown = house.farm(GAMES, &["key", "show"]);
    assert_eq!(shown.status.code(), Some(3), "{}", text(&shown));
    assert!(
        text(&shown).contains("lets this user in"),
        "{}",
        text(&shown)
    );
}

/// A signer in this process.
fn serve(folder: &Path, patience: Duration) -> PathBuf {
    let keys = Keys::open_or_create(&folder.join("keys"), &FarmName::local(), clock).unwrap();
    let socket = folder.join("socket");
    let server = SignerServer::bind(keys, &socket, &[]).unwrap();
    let server = server.with_patience(patience);
    std::thread::spawn(move || server.run());
    socket
}

#[test]
fn garbage_and_silence_end_a_connection_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let socket = serve(home.path(), Duration::from_millis(500));
    let garbage: [&[u8]; 6] = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 0, 0, 2, b'{', b'}'],
        &[0xff; 64],
        &[0, 0, 1, 0, b'{'],
        b"\0\0\0\x14{\"request\":\"secret\"}",
    ];
    for bytes in garbage {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        // The other side may hang up before it read everything.
        drop(stream.write_all(bytes));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        assert!(answer.is_empty(), "{bytes:?}");
    }
    // As many as are served at once, and as many again, say nothing; they are hung up on in time.
    let silent: Vec<_> = (0..16)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    SocketSigner::connect(&socket).unwrap();
    drop(silent);
}

#[test]
fn clients_at_the_same_time_get_what_they_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let socket = serve(home.path(), Duration::from_secs(60));
    let out = home.path().join("out");
    std::thread::scope(|scope| {
        for n in 0..20 {
            let (socket, out) = (&socket, out.join(n.to_string()));
            scope.spawn(move || {
                let signer = SocketSigner::connect(socket).unwrap();
                make(&out, &Package::new("hello", &format!("1.{n}")), &signer);
            });
        }
    });
}

#[test]
fn every_error_arrives_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let socket = serve(home.path(), Duration::from_secs(60));
    let signer = SocketSigner::connect(&socket).unwrap();
    let sign = |generation, from, text: &[u8]| {
        let release = format!(
            "Origin: plugfarm-local\nSuite: bookworm\nCodename: bookworm\nDate: {}\nSHA256:\n {} 0 main/Packages\n",
            clock().release_date(),
            plugfarm::model::Sha256::of(b"")
        );
        let index = IndexTail {
            path: "main/Packages",
            from,
            text,
            keep: from,
        };
        let release = ReleaseToSign {
            release: release.as_bytes(),
            generation,
            indices: vec![index],
        };
        signer.sign_release(&release)
    };
    let whole = sign(1, 7, b"");
    assert!(
        matches!(whole, Err(SigningError::WholeNeeded { from: 7, .. })),
        "{whole:?}"
    );
    // Refused at its first line, of more than any buffer holds.
    let refused = sign(1, 0, &b"\n".repeat(4 << 20));
    assert!(
        matches!(refused, Err(SigningError::Refused { .. })),
        "{refused:?}"
    );
    sign(2, 0, b"").unwrap();
    let rising = sign(1, 0, b"");
    assert!(
        matches!(rising, Err(SigningError::NotRising { generation: 2, .. })),
        "{rising:?}"
    );
    let refused = signer.sign_statement("text/plain", b"hello");
    assert!(
        matches!(refused, Err(SigningError::Refused { .. })),
        "{refused:?}"
    );
}

#[test]
fn one_signer_listens_at_a_socket_and_takes_the_place_of_a_dead_one() {
    let home = tempfile::tempdir().unwrap();
    let socket = serve(home.path(), Duration::from_secs(60));
    let keys =
        || Keys::open_or_create(&home.path().join("keys"), &FarmName::local(), clock).unwrap();
    let second = SignerServer::bind(keys(), &socket, &[]);
    assert!(second.is_err());
    let dead = home.path().join("dead");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    SignerServer::bind(keys(), &dead, &[]).unwrap();
    let file = home.path().join("file");
    fs_err::write(&file, "kept").unwrap();
    assert!(SignerServer::bind(keys(), &file, &[]).is_err());
    assert_eq!(fs_err::read_to_string(&file).unwrap(), "kept");
}
