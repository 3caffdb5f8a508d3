//! What a user reads when a command cannot do its work, and what a program gets.

use crate::farm::TestFarm;

#[test]
fn wrong_usage_has_its_own_exit_code_and_names_the_fix() {
    let farm = TestFarm::new();
    for (arguments, words) in [
        (&["build", "x", "--target", "sid"][..], "bookworm or trixie"),
        (
            &["build", "ext::sh -c x"],
            "helpers such as `ext::` are never run",
        ),
        (&["build", "-u"], "unexpected argument"),
        (&["build", "/nonexistent"], "there is no folder"),
        (&["check", "/nonexistent"], "there is no folder"),
        (
            &["verify", "/nonexistent.deb", "--key", "/dev/null"],
            "is no public statement key",
        ),
        (&["build", ".", "--allow", "payload-emtpy"], "payload-empty"),
        (&["build", ".", "--ref=-x"], "is not a valid"),
        (&["build", ".", "--unpinned"], "--publish"),
        (
            &["--config", "/nonexistent", "doctor"],
            "cannot read the configuration",
        ),
    ] {
        let ran = farm.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn without_an_engine_a_program_still_gets_an_object() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    let build = ["build", plugin.to_str().unwrap(), "--json"];
    let output = farm
        .command(&build)
        .env("DOCKER_HOST", "unix:///nonexistent.sock")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["blame"], "farm");
    assert!(
        object["message"].as_str().unwrap().contains("start Docker"),
        "{object}"
    );
}

#[test]
fn a_folder_is_checked_without_docker() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("postrm-missing");
    let output = farm
        .command(&["check", plugin.to_str().unwrap(), "--json"])
        .env("DOCKER_HOST", "unix:///nonexistent.sock")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["findings"][0]["code"], "rules-postrm-missing");
}

#[test]
fn a_machine_that_is_set_up_is_ready() {
    let examined = TestFarm::new().run(&["doctor", "--json"]).succeeds().json();
    assert_eq!(examined["ready"], true, "{examined}");
}

#[test]
fn a_repository_is_built_by_its_url() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    let url = format!("file://{}", plugin.display());
    let fetched = farm
        .run(&["build", &url, "--ref", "master", "--json"])
        .succeeds()
        .json();
    let folder = farm
        .run(&["build", plugin.to_str().unwrap(), "--json"])
        .succeeds()
        .json();
    assert_eq!(fetched["commit"], folder["commit"]);
    assert_eq!(fetched["source_sha256"], folder["source_sha256"]);
    assert_eq!(
        fetched["artifacts"][0]["sha256"], folder["artifacts"][0]["sha256"],
        "one commit gives one package, wherever it comes from"
    );
}
