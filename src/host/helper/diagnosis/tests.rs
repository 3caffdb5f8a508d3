//! Diagnoses of what apt and dpkg of bookworm and trixie print.

use super::*;

const PACKAGE: &str = "wazo-plugind-a-demo";
const FARM: &str = "http://farm.example/";

fn ended(output: &str) -> Ended {
    Ended {
        status: Some(100),
        lines: output.lines().map(str::to_owned).collect(),
        ..Ended::default()
    }
}

fn said(output: &str) -> String {
    let found = diagnose(PACKAGE, None, Some(FARM), &ended(output));
    let cause = serde_json::to_string(&found.cause).unwrap();
    format!(
        "{cause} {} {}: {}",
        found.code,
        found.package.unwrap_or_default(),
        found.message
    )
}

const SETTING_UP: &str = "Setting up wazo-plugind-a-demo (1.0) ...\n";
const FAILED: &str = "dpkg: error processing package wazo-plugind-a-demo (--configure):
 installed wazo-plugind-a-demo package post-installation script subprocess returned error exit status 7
";

#[test]
fn a_failed_script_is_told_with_its_own_output() {
    let output = format!("Get:1 x\n{SETTING_UP}one\ntwo\n{FAILED}Setting up other (1) ...\nmore\n");
    let found = diagnose(PACKAGE, None, Some(FARM), &ended(&output));
    assert_eq!(found.output, ["one", "two"]);
    assert_eq!(found.script.as_deref(), Some("postinst"));
    assert_eq!(found.step.as_deref(), Some("install"));
    assert_eq!(found.exit_status, Some(7));
    insta::assert_snapshot!(said(&output), @r#""plugin" script-failed wazo-plugind-a-demo: `rules install` (postinst) of wazo-plugind-a-demo failed with status 7"#);
}

#[test]
fn every_script_is_known_by_its_name() {
    for (words, script) in [
        (
            "new wazo-plugind-a-demo package pre-installation script subprocess returned error exit status 1",
            "preinst",
        ),
        (
            "installed wazo-plugind-a-demo package pre-removal script subprocess returned error exit status 1",
            "prerm",
        ),
        (
            "old wazo-plugind-a-demo package post-removal script subprocess was killed by signal (Killed)",
            "postrm",
        ),
    ] {
        for what in [
            "package wazo-plugind-a-demo (--remove)",
            "archive /var/cache/apt/archives/wazo-plugind-a-demo_1.0_all.deb (--unpack)",
        ] {
            let output = format!("dpkg: error processing {what}:\n {words}\n");
            let found = diagnose(PACKAGE, None, None, &ended(&output));
            assert_eq!(found.script.as_deref(), Some(script), "{output}");
        }
    }
    let killed = FAILED.replace(
        "returned error exit status 7",
        "was killed by signal (Killed)",
    );
    insta::assert_snapshot!(said(&killed), @r#""plugin" script-killed wazo-plugind-a-demo: `rules install` (postinst) of wazo-plugind-a-demo was killed (Killed)"#);
}

#[test]
fn another_packages_script_is_not_this_ones() {
    let other = FAILED.replace("a-demo", "a-demo-too");
    let found = said(&other);
    assert!(found.contains("apt-failed"), "{found}");
}

#[test]
fn a_service_that_does_not_answer_is_told_from_a_plugin_that_fails() {
    for (line, service) in [
        (
            "requests.exceptions.ConnectionError: HTTPConnectionPool(host='localhost', port=9486): Max retries exceeded with url: /1.1",
            "wazo-confd does not answer",
        ),
        (
            "curl: (7) Failed to connect to localhost port 9497: Connection refused",
            "wazo-auth does not answer",
        ),
        (
            "Unable to connect to remote asterisk (does /var/run/asterisk/asterisk.ctl exist?)",
            "Asterisk does not run",
        ),
        (
            "Job for wazo-calld.service failed because the control process exited with error code.",
            "wazo-calld does not start",
        ),
    ] {
        let found = said(&format!("{SETTING_UP}{line}\n{FAILED}"));
        assert!(found.contains("service-unavailable"), "{found}");
        assert!(found.contains(service), "{found}");
    }
    let elsewhere = "curl: (7) Failed to connect to example.org port 443: Connection refused";
    let found = said(&format!("{SETTING_UP}{elsewhere}\n{FAILED}"));
    assert!(found.contains("script-failed"), "{found}");
}

#[test]
fn a_wazo_of_another_version_is_told() {
    let output = "Preparing to unpack .../wazo-plugind-a-demo_1.0_all.deb ...
wazo-plugind-a-demo: this plugin needs Wazo 24.01 or later, and this host has 23.05
dpkg: error processing archive /var/cache/apt/archives/wazo-plugind-a-demo_1.0_all.deb (--unpack):
 new wazo-plugind-a-demo package pre-installation script subprocess returned error exit status 1
";
    insta::assert_snapshot!(said(output), @r#""plugin" wazo-version wazo-plugind-a-demo: this plugin needs Wazo 24.01 or later, and this host has 23.05"#);
}

#[test]
fn what_apt_says_is_told_by_whose_fault_it_is() {
    insta::assert_snapshot!(said("The following packages have unmet dependencies:\n wazo-plugind-a-demo : Depends: nothing (>= 2) but it is not installable\nE: Unable to correct problems, you have held broken packages.\n"), @r#""apt" unmet-dependency wazo-plugind-a-demo: it needs nothing (>= 2), which this host cannot get"#);
    insta::assert_snapshot!(said("E: Failed to fetch http://farm.example/pool/a.deb  Hash Sum mismatch\n"), @r#""farm" hash-mismatch wazo-plugind-a-demo: the farm's repository cannot be used: what it gave is not what it has signed (http://farm.example/pool/a.deb  Hash Sum mismatch)"#);
    insta::assert_snapshot!(said("E: Failed to fetch http://deb.debian.org/x.deb  Could not connect to deb.debian.org:80\n"), @r#""apt" unreachable wazo-plugind-a-demo: a repository of this host cannot be used: it cannot be reached (http://deb.debian.org/x.deb  Could not connect to deb.debian.org:80)"#);
    insta::assert_snapshot!(said("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt)\n"), @r#""apt" lock-held wazo-plugind-a-demo: another program kept apt or dpkg busy for too long: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt)"#);
    insta::assert_snapshot!(said("dpkg-deb: error: paste subprocess was killed by signal (Broken pipe)\n cannot copy extracted data: failed to write (No space left on device)\n"), @r#""apt" disk-full wazo-plugind-a-demo: this host has no space left: cannot copy extracted data: failed to write (No space left on device)"#);
    insta::assert_snapshot!(said("E: Something new.\n"), @r#""unknown" apt-failed wazo-plugind-a-demo: wazo-plugind-a-demo is not-installed now: Something new."#);
}

#[test]
fn a_plugin_that_waits_for_another_names_it() {
    let output = "Setting up wazo-plugind-b-demo (1.0) ...
broken
dpkg: error processing package wazo-plugind-b-demo (--configure):
 installed wazo-plugind-b-demo package post-installation script subprocess returned error exit status 1
dpkg: dependency problems prevent configuration of wazo-plugind-a-demo:
 wazo-plugind-a-demo depends on wazo-plugind-b-demo; however:
  Package wazo-plugind-b-demo is not configured yet.
";
    insta::assert_snapshot!(said(output), @r#""plugin" script-failed wazo-plugind-b-demo: wazo-plugind-a-demo waits for wazo-plugind-b-demo, which is not configured: its postinst failed"#);
}

#[test]
fn what_the_guard_and_the_clock_ended_is_told() {
    let refused = Ended {
        refused: Some("x is not the farm's".to_owned()),
        ..ended("")
    };
    let found = diagnose(PACKAGE, None, None, &refused);
    assert_eq!(found.code, "not-the-farms");
    let late = Ended {
        over_time: Some(60),
        ..ended(&format!("{SETTING_UP}waiting\n"))
    };
    let found = diagnose(PACKAGE, None, None, &late);
    assert_eq!(
        (found.cause, found.code.as_str()),
        (Cause::Plugin, "time-limit")
    );
    let late = Ended {
        over_time: Some(60),
        ..ended("Get:1 x\n")
    };
    assert_eq!(diagnose(PACKAGE, None, None, &late).cause, Cause::Apt);
}

#[test]
fn a_refresh_says_whose_signature_is_not_good() {
    let output = "W: GPG error: http://farm.example bookworm InRelease: The following signatures were invalid: BADSIG 1
E: The repository 'http://farm.example bookworm InRelease' is not signed.
";
    let found = diagnose_refresh(Some(FARM), &ended(output));
    assert_eq!(
        (found.cause, found.code.as_str()),
        (Cause::Farm, "signature")
    );
}
