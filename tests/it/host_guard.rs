//! The root helper attacked: by other sources, by other users, and by what is sent to its socket.

use serde_json::json;

use crate::host_lab::{HelperHost, Plugin, install, install_version, package, remove};

/// Sets up another repository on the host, trusted by a source's option, with this package. `origin` is what its Release says.
fn other_source(lab: &HelperHost, version: &str, origin: &str) {
    let package = package("hello");
    let script = format!(
        r#"set -e
mkdir -p /srv/other/deb/DEBIAN && cd /srv/other
cat >deb/DEBIAN/control <<END
Package: {package}
Version: {version}
Architecture: all
Section: wazo-plugind-plugin
Wazo-Plugin: demo/hello
Maintainer: x <x@example.org>
Description: another one
END
printf '#!/bin/sh\ntouch /tmp/taken\n' >deb/DEBIAN/postinst && chmod 755 deb/DEBIAN/postinst
dpkg-deb --build deb other.deb >/dev/null
{{ cat deb/DEBIAN/control; echo "Filename: ./other.deb"; echo "Size: $(stat -c %s other.deb)"; echo "SHA256: $(sha256sum other.deb | cut -d' ' -f1)"; }} >Packages
cat >Release <<END
Origin: {origin}
Suite: bookworm
Codename: bookworm
Date: Sat, 21 Nov 2026 00:00:00 UTC
SHA256:
 $(sha256sum Packages | cut -d' ' -f1) $(stat -c %s Packages) Packages
END
echo "deb [trusted=yes] file:/srv/other ./" >/etc/apt/sources.list.d/other.list
apt-get update"#
    );
    lab.host.run(&script).succeeds();
}

#[test]
fn a_lookalike_of_another_source_is_not_installed() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    other_source(&lab, "9.0", "Debian");
    let simulated = lab
        .host
        .run(&format!("apt-get install --simulate {}", package("hello")))
        .succeeds();
    assert!(
        simulated.stdout.contains("(9.0 "),
        "plain apt would take it: {}",
        simulated.stdout
    );
    assert_eq!(
        lab.refuses(&install_version("hello", "9.0"))["code"],
        "unknown-version"
    );
    assert_eq!(lab.does(&install("hello"))["did"], "installed");
    assert_eq!(
        lab.installed("hello"),
        format!("installed {}", lab.packaged("1.0"))
    );
    lab.host.run("! test -e /tmp/taken").succeeds();
}

#[test]
fn other_bytes_under_the_farms_version_are_never_unpacked() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    other_source(&lab, &lab.packaged("1.0"), "Debian");
    // apt prefers the other one where a pin says so.
    lab.host
        .run("printf 'Package: *\\nPin: origin \"\"\\nPin-Priority: 1001\\n' >/etc/apt/preferences.d/00other")
        .succeeds();
    let failure = lab.fails(&install("hello"));
    assert_eq!(failure["code"], "not-the-farms", "{failure:#}");
    assert_eq!(lab.installed("hello"), "");
    lab.host.run("! test -e /tmp/taken").succeeds();
    let plain = format!(
        "apt-get install --yes {}={}",
        package("hello"),
        lab.packaged("1.0")
    );
    lab.host.run(&plain).succeeds();
    lab.host.run("test -e /tmp/taken").succeeds();
}

#[test]
fn a_source_that_calls_itself_the_farm_is_passed_over() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    other_source(&lab, "9.0", "plugfarm-local");
    assert_eq!(
        lab.refuses(&install_version("hello", "9.0"))["code"],
        "unknown-version"
    );
    assert_eq!(lab.does(&install("hello"))["did"], "installed");
    assert_eq!(
        lab.installed("hello"),
        format!("installed {}", lab.packaged("1.0"))
    );
    assert!(
        lab.log().contains("an index is passed over"),
        "{}",
        lab.log()
    );
    // The farm's own source goes: what is left only pretends.
    lab.host
        .run("rm /etc/apt/sources.list.d/plugfarm-local.sources")
        .succeeds();
    assert_eq!(
        lab.refuses(&install_version("hello", "9.0"))["code"],
        "no-farm"
    );
}

#[test]
fn an_index_that_was_changed_on_the_host_is_not_believed() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    lab.host
        .run("sed -i 's/^Size: .*/Size: 1/' /var/lib/apt/lists/127.0.0.1*Packages")
        .succeeds();
    let refusal = lab.refuses(&install("hello"));
    assert_eq!(refusal["code"], "no-farm", "{refusal:#}");
    assert!(
        refusal["message"]
            .as_str()
            .unwrap()
            .contains("is not what the farm local has signed")
    );
}

#[test]
fn a_repository_with_a_broken_signature_is_told() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    lab.host
        .run("sed -i 's/^Date: .*/Date: Sat, 01 Jan 2028 00:00:00 UTC/' /srv/apt/dists/bookworm/InRelease")
        .succeeds();
    let failure = lab.fails(&json!({"verb": "refresh"}));
    assert_eq!(
        (&failure["code"], &failure["cause"]),
        (&json!("signature"), &json!("farm")),
        "{failure:#}"
    );
    // What was fetched before is good as ever.
    assert_eq!(lab.does(&install("hello"))["did"], "installed");
}

#[test]
fn a_package_that_was_changed_in_the_repository_is_told() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    lab.host
        .run("for deb in /srv/apt/pool/wazo*/*/*.deb; do echo x >>$deb; done")
        .succeeds();
    let failure = lab.fails(&install("hello"));
    assert_eq!(
        (&failure["code"], &failure["cause"]),
        (&json!("hash-mismatch"), &json!("farm")),
        "{failure:#}"
    );
    assert_eq!(lab.installed("hello"), "");
}

#[test]
fn only_root_and_the_agents_user_are_let_in() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    let request = install("hello").to_string();
    let as_stranger = format!(
        "setpriv --reuid=65534 --regid=65534 --clear-groups python3 /usr/local/bin/ask.py <<'END'\n{request}\nEND"
    );
    let refused = lab.host.run(&as_stranger);
    assert!(
        refused.stderr.contains("PermissionError"),
        "{}",
        refused.stderr
    );
    lab.host
        .run("chmod 666 /run/plugfarm-host/helper.sock")
        .succeeds();
    let turned_away = lab.host.run(&as_stranger);
    assert_eq!(turned_away.stdout, "");
    assert!(lab.log().contains("turned somebody away"));
    assert_eq!(lab.installed("hello"), "");
    // In a folder that others write to, something else could be put in the socket's place.
    let elsewhere = lab
        .host
        .run("plugfarm-host helper --socket /tmp/helper.sock");
    assert_eq!(elsewhere.code, 3);
    assert!(
        elsewhere.stderr.contains("must be root's"),
        "{}",
        elsewhere.stderr
    );
    let as_root = format!("python3 /usr/local/bin/ask.py <<'END'\n{request}\nEND");
    assert!(
        lab.host
            .run(&as_root)
            .succeeds()
            .stdout
            .contains("installed")
    );
}

#[test]
fn what_is_no_request_hurts_nobody() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    for request in [
        "nonsense".to_owned(),
        "{\"verb\": \"remove\", \"package\": \"bash\"}".to_owned(),
        "{\"verb\": \"install\", \"plugin\": {\"namespace\": \"demo\", \"name\": \"../x\"}}".to_owned(),
        "{\"verb\": \"install\", \"plugin\": {\"namespace\": \"demo\", \"name\": \"x\"}, \"version\": \"1 -o Dir=/\"}".to_owned(),
        "[".repeat(60_000),
        "x".repeat(70_000),
    ] {
        let answered = lab.send(&request).stdout;
        assert!(answered.contains("bad-request"), "{answered}");
    }
    let binary = "import socket\nfor size in (1, 4096, 1 << 20):\n    s = socket.socket(socket.AF_UNIX)\n    s.connect('/run/plugfarm-host/helper.sock')\n    try:\n        s.sendall(bytes(range(256)) * (size // 256 + 1))\n    except OSError:\n        pass\n    s.close()\nidle = [socket.socket(socket.AF_UNIX) for i in range(20)]\nfor s in idle:\n    s.connect('/run/plugfarm-host/helper.sock')\n";
    lab.host
        .run(&format!("python3 - <<'END'\n{binary}END"))
        .succeeds();
    assert_eq!(lab.does(&install("hello"))["did"], "installed");
    assert_eq!(lab.does(&remove("hello"))["did"], "removed");
}

#[test]
fn too_many_callers_are_turned_away_and_the_helper_goes_on() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    let many = "import socket, time\nall = []\nbusy = 0\nfor i in range(60):\n    s = socket.socket(socket.AF_UNIX); s.settimeout(0.5)\n    s.connect('/run/plugfarm-host/helper.sock'); all.append(s)\nfor s in all:\n    try:\n        busy += b'busy' in s.recv(4096)\n    except OSError:\n        pass\nprint(busy)\n";
    let busy = lab
        .host
        .run(&format!("python3 - <<'END'\n{many}END"))
        .succeeds()
        .stdout;
    assert_eq!(busy.trim(), "28", "60 callers, 32 places");
    assert_eq!(lab.does(&install("hello"))["did"], "installed");
}
