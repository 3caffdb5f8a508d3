//! Whose certificates the client believes.

use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::Duration;

use crate::client::Somebody;
use crate::farm::Ran;
use crate::source_lab::{free_port, run};

/// A web server with a certificate by an authority of its own: its address, and the authority's file.
struct Web {
    server: Child,
    folder: tempfile::TempDir,
    url: String,
}

impl Web {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let openssl = |arguments: &str| {
            let arguments: Vec<_> = arguments.split(' ').collect();
            run(folder.path(), "openssl", &arguments)
        };
        let new = "req -x509 -newkey ed25519 -nodes -days 2 -subj";
        openssl(&format!("{new} /CN=authority -keyout ca.key -out ca.crt"));
        openssl(&format!(
            "{new} /CN=web -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=CA:FALSE -CA ca.crt -CAkey ca.key \
             -keyout web.key -out web.crt"
        ));
        let address = format!("127.0.0.1:{}", free_port("127.0.0.1"));
        let server = Command::new("openssl")
            .args([
                "s_server", "-quiet", "-www", "-cert", "web.crt", "-key", "web.key",
            ])
            .args(["-accept", &address])
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        while TcpStream::connect(&address).is_err() {
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            server,
            folder,
            url: format!("https://{address}"),
        }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

#[test]
fn a_certificate_is_believed_where_its_authority_is_named() {
    let web = Web::start();
    let somebody = Somebody {
        farm: web.url.clone(),
        token: String::new(),
    };
    let list = ["builds", "list"];
    let unknown = somebody.run(&list);
    assert_eq!(unknown.code, 3, "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("SSL_CERT_FILE"),
        "{}",
        unknown.stderr
    );
    let authority = web.folder.path().join("ca.crt");
    let known = somebody
        .command(&list)
        .env("SSL_CERT_FILE", authority)
        .output();
    let known: Ran = known.unwrap().into();
    assert_eq!(known.code, 2, "{}", known.stderr);
    assert!(
        known.stderr.contains("but not as a farm does"),
        "{}",
        known.stderr
    );
}
