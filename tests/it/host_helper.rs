//! The root helper on hosts with real apt and dpkg: what it does, and what it says of what fails.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::host_lab::{
    HelperHost, Plugin, install, install_version, package, reinstall, remove, update,
};

/// Two versions of one plugin.
fn two_versions() -> [Plugin<'static>; 2] {
    let second = Plugin {
        version: "2.0",
        ..Plugin::default()
    };
    [Plugin::default(), second]
}

fn plugins_come_change_and_go(target: &'static str) {
    let lab = HelperHost::new(target, &two_versions());
    let (one, two) = (lab.packaged("1.0"), lab.packaged("2.0"));
    let done = lab.does(&install_version("hello", &one));
    assert_eq!(done["did"], "installed");
    assert_eq!(lab.installed("hello"), format!("installed {one}"));
    let done = lab.does(&install("hello"));
    assert_eq!(
        (&done["did"], &done["before"]),
        (&json!("upgraded"), &json!(one))
    );
    assert_eq!(lab.does(&install("hello"))["did"], "unchanged");
    lab.host.run("rm /usr/lib/demo/hello").succeeds();
    assert_eq!(lab.does(&reinstall("hello"))["did"], "reinstalled");
    lab.host
        .run("grep -x 'hello 2.0' /usr/lib/demo/hello")
        .succeeds();
    assert_eq!(
        lab.does(&install_version("hello", &one))["did"],
        "downgraded"
    );
    assert_eq!(lab.installed("hello"), format!("installed {one}"));
    let refusal = lab.refuses(&install_version("hello", "3.0-1"));
    assert_eq!(refusal["code"], "unknown-version");
    assert_eq!(lab.does(&update())["did"], "upgraded");
    assert_eq!(lab.installed("hello"), format!("installed {two}"));
    assert_eq!(lab.does(&remove("hello"))["did"], "removed");
    assert_eq!(lab.installed("hello"), format!("config-files {two}"));
    assert_eq!(lab.refuses(&remove("hello"))["code"], "not-installed");
    assert_eq!(lab.refuses(&install("nothing"))["code"], "unknown-plugin");
    lab.host.is_healthy();
}

#[test]
fn plugins_come_change_and_go_on_bookworm() {
    plugins_come_change_and_go("bookworm");
}

#[test]
fn plugins_come_change_and_go_on_trixie() {
    plugins_come_change_and_go("trixie");
}

#[test]
fn an_edited_conffile_is_kept_and_nobody_is_asked() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    lab.does(&install("hello"));
    lab.host
        .run("echo edited here >/etc/demo/hello.conf")
        .succeeds();
    lab.publish(&Plugin {
        version: "2.0",
        conffile: "shipped anew\n",
        ..Plugin::default()
    });
    // The helper fetches the farm's index by itself when it does not know a version.
    let two = lab.packaged("2.0");
    assert_eq!(lab.does(&install_version("hello", &two))["did"], "upgraded");
    lab.host
        .run("grep -x 'edited here' /etc/demo/hello.conf")
        .succeeds();
    lab.host.is_healthy();
}

/// A plugin whose script fails with its own words.
fn broken() -> Plugin<'static> {
    Plugin {
        name: "broken",
        install: "echo from the script; echo to its errors >&2; exit 7",
        ..Plugin::default()
    }
}

fn a_script_that_fails_is_told_and_poisons_nothing(target: &'static str) {
    let lab = HelperHost::new(target, &[Plugin::default(), broken()]);
    let failure = lab.fails(&install("broken"));
    assert_eq!(failure["cause"], "plugin");
    assert_eq!(failure["code"], "script-failed");
    assert_eq!(failure["package"], package("broken"));
    assert_eq!(
        (&failure["script"], &failure["step"]),
        (&json!("postinst"), &json!("install"))
    );
    assert_eq!(failure["exit_status"], 7);
    assert_eq!(
        failure["output"],
        json!(["from the script", "to its errors"])
    );
    let report = lab.report(&install("hello"));
    assert_eq!(report["failures"], json!([]), "{report:#}");
    assert_eq!(report["plugins"][0]["did"], "installed");
    assert_eq!(report["unfinished"][0]["package"], package("broken"));
    assert_eq!(lab.does(&remove("hello"))["did"], "removed");
    assert_eq!(lab.fails(&reinstall("broken"))["exit_status"], 7);
    assert_eq!(lab.does(&remove("broken"))["did"], "removed");
    lab.host.is_healthy();
}

#[test]
fn a_script_that_fails_is_told_and_poisons_nothing_on_bookworm() {
    a_script_that_fails_is_told_and_poisons_nothing("bookworm");
}

#[test]
fn a_script_that_fails_is_told_and_poisons_nothing_on_trixie() {
    a_script_that_fails_is_told_and_poisons_nothing("trixie");
}

#[test]
fn a_plugin_that_was_mended_is_configured_by_installing_it_again() {
    let gate = Plugin {
        install: "test -e /tmp/gate",
        ..Plugin::default()
    };
    let lab = HelperHost::new("bookworm", &[gate]);
    lab.fails(&install("hello"));
    lab.host.run("touch /tmp/gate").succeeds();
    assert_eq!(lab.does(&install("hello"))["did"], "configured");
    lab.host.is_healthy();
}

fn what_cannot_be_had_is_named(target: &'static str) {
    let needy = Plugin {
        name: "needy",
        manifest: "debian_depends: [no-such-package]\n",
        ..Plugin::default()
    };
    let lab = HelperHost::new(target, &[needy]);
    let failure = lab.fails(&install("needy"));
    assert_eq!(failure["code"], "unmet-dependency", "{failure:#}");
    assert_eq!(failure["cause"], "apt");
    let message = failure["message"].as_str().unwrap();
    assert!(message.contains("no-such-package"), "{message}");
    lab.host.is_healthy();
}

#[test]
fn what_cannot_be_had_is_named_on_bookworm() {
    what_cannot_be_had_is_named("bookworm");
}

#[test]
fn what_cannot_be_had_is_named_on_trixie() {
    what_cannot_be_had_is_named("trixie");
}

#[test]
fn plugins_bring_those_that_they_need_and_take_along_those_that_need_them() {
    let needed = Plugin {
        name: "needed",
        ..Plugin::default()
    };
    let needy = Plugin {
        manifest: "depends:\n  - {namespace: demo, name: needed}\n",
        ..Plugin::default()
    };
    let lab = HelperHost::new("bookworm", &[needed, needy]);
    let report = lab.report(&install("hello"));
    let both = &report["plugins"];
    assert_eq!(
        (&both[0]["did"], &both[1]["did"]),
        (&json!("installed"), &json!("installed"))
    );
    let report = lab.report(&remove("needed"));
    assert_eq!(report["failures"], json!([]));
    let both = &report["plugins"];
    assert_eq!(
        (&both[0]["did"], &both[1]["did"]),
        (&json!("removed"), &json!("removed"))
    );
    assert_eq!(both[1]["package"], package("hello"));
}

#[test]
fn what_another_package_needs_is_not_removed_with_it() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    lab.does(&install("hello"));
    let control = "Package: pbx\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@x.x>\\nDepends: wazo-plugind-hello-demo\\nDescription: x\\n";
    lab.host
        .run(&format!(
            "mkdir -p /tmp/pbx/DEBIAN && printf '{control}' >/tmp/pbx/DEBIAN/control && dpkg-deb --build /tmp/pbx /tmp/pbx.deb && dpkg --install /tmp/pbx.deb"
        ))
        .succeeds();
    let failure = lab.fails(&remove("hello"));
    assert!(
        failure["message"]
            .as_str()
            .unwrap()
            .contains("pbx would be removed"),
        "{failure:#}"
    );
    assert_eq!(lab.host.status("pbx"), "install ok installed");
    lab.host.is_healthy();
}

#[test]
fn a_lock_that_another_apt_holds_is_waited_for() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    lab.host
        .run(
            "setsid python3 -c '
import fcntl, time
held = open(\"/var/lib/dpkg/lock-frontend\", \"w\"); fcntl.lockf(held, fcntl.LOCK_EX)
other = open(\"/var/lib/apt/lists/lock\", \"w\"); fcntl.lockf(other, fcntl.LOCK_EX)
open(\"/tmp/locked\", \"w\"); time.sleep(6)' >/dev/null 2>&1 </dev/null &
             while [ ! -e /tmp/locked ]; do sleep 0.1; done",
        )
        .succeeds();
    let began = Instant::now();
    assert_eq!(
        lab.report(&json!({"verb": "refresh"}))["failures"],
        json!([])
    );
    assert_eq!(lab.does(&install("hello"))["did"], "installed");
    assert!(began.elapsed() > Duration::from_secs(3), "it waited");
}

#[test]
fn a_script_that_never_ends_is_ended() {
    let endless = Plugin {
        name: "endless",
        install: "echo waiting; sleep 1000",
        ..Plugin::default()
    };
    let lab = HelperHost::with_options("bookworm", &[Plugin::default(), endless], "--run-limit 4");
    let failure = lab.fails(&install("endless"));
    assert_eq!(
        (&failure["code"], &failure["cause"]),
        (&json!("time-limit"), &json!("plugin")),
        "{failure:#}"
    );
    assert_eq!(failure["output"], json!(["waiting"]));
    lab.host
        .run("! ps -eo args | grep -x 'sleep 1000'")
        .succeeds();
    assert_eq!(lab.does(&remove("endless"))["did"], "removed");
    assert_eq!(lab.does(&install("hello"))["did"], "installed");
    lab.host.is_healthy();
}

#[test]
fn a_full_disk_is_told() {
    let large = Plugin {
        package: "mkdir -p ${pkgdir}/opt/demo && head -c 3000000 /dev/zero >${pkgdir}/opt/demo/large",
        ..Plugin::default()
    };
    let lab = HelperHost::new("bookworm", &[large]);
    lab.host
        .run("mkdir -p /dev/shm/demo && ln -s /dev/shm/demo /opt/demo; head -c 70M /dev/zero >/dev/shm/full; true")
        .succeeds();
    let failure = lab.fails(&install("hello"));
    assert_eq!(
        (&failure["code"], &failure["cause"]),
        (&json!("disk-full"), &json!("apt")),
        "{failure:#}"
    );
    lab.host.run("rm /dev/shm/full").succeeds();
    assert_eq!(lab.does(&install("hello"))["did"], "installed");
    lab.host.is_healthy();
}

#[test]
fn a_caller_that_goes_away_stops_nothing() {
    let slow = Plugin {
        install: "sleep 3",
        ..Plugin::default()
    };
    let lab = HelperHost::new("bookworm", &[slow]);
    let request = install("hello");
    lab.host
        .run(&format!(
            "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect(\"/run/plugfarm-host/helper.sock\"); s.sendall(b\"\"\"{request}\\n\"\"\")'"
        ))
        .succeeds();
    // The next request gets its turn once the first one is done.
    let answers = lab.ask(&request);
    assert_eq!(answers[0]["step"], "waiting", "{answers:?}");
    let report = &answers.last().unwrap()["report"];
    assert_eq!(report["plugins"][0]["did"], "unchanged", "{report:#}");
}

/// A plugin whose script takes a while.
fn slow() -> Plugin<'static> {
    Plugin {
        name: "slow",
        install: "touch /tmp/begun; sleep 4; touch /tmp/through",
        ..Plugin::default()
    }
}

/// Asks for the slow plugin, and comes back once its script runs.
fn begin(lab: &HelperHost) {
    let request = install("slow");
    let begun = lab.host.run(&format!(
        "echo '{request}' >/tmp/request; setsid python3 /usr/local/bin/ask.py </tmp/request >/tmp/answers 2>&1 &
         while [ ! -e /tmp/begun ]; do sleep 0.1; done; cat /run/helper.pid"
    ));
    begun.succeeds();
}

#[test]
fn a_helper_that_is_stopped_completes_what_it_began() {
    let lab = HelperHost::new("bookworm", &[slow(), Plugin::default()]);
    begin(&lab);
    lab.host
        .run("kill $(cat /run/helper.pid); while kill -0 $(cat /run/helper.pid) 2>/dev/null && ! grep -q '^State:.Z' /proc/$(cat /run/helper.pid)/status; do sleep 0.1; done; test -e /tmp/through")
        .succeeds();
    let answers = lab.host.run("cat /tmp/answers").stdout;
    assert!(answers.contains("\"did\":\"installed\""), "{answers}");
    lab.start("");
    assert_eq!(lab.does(&install("slow"))["did"], "unchanged");
    lab.host.is_healthy();
}

#[test]
fn a_helper_that_is_killed_leaves_nothing_that_the_next_one_does_not_mend() {
    let lab = HelperHost::new("bookworm", &[slow(), Plugin::default()]);
    begin(&lab);
    lab.host.run("kill -9 $(cat /run/helper.pid)").succeeds();
    lab.start("");
    let done = lab.does(&install("slow"));
    assert!(
        ["unchanged", "configured"].contains(&done["did"].as_str().unwrap()),
        "{done:#}"
    );
    assert_eq!(lab.does(&install("hello"))["did"], "installed");
    lab.host.is_healthy();
}
