//! What a user reads when a command cannot do its work, and what a program gets.

use serde_json::Value;

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
        (&["--log", "wran", "key", "show"], "is no log filter"),
    ] {
        let ran = farm.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{arguments:?}");

        let ran = farm.run(&[&["--json"], arguments].concat());
        let object = ran.json();
        assert_eq!(ran.code, 2, "{arguments:?}: {object}");
        assert_eq!(
            [&object["outcome"], &object["code"], &object["blame"]],
            ["failed", "usage", "caller"],
            "{arguments:?}: {object}"
        );
        let said = format!("{} {}", object["message"], object["hint"]);
        assert!(said.contains(words), "{arguments:?}: {object}");
    }
}

#[test]
fn every_command_gives_a_program_one_object_that_begins_alike() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    let report = farm.publish(&plugin, &[]);
    let package = report["artifacts"][0]["path"].as_str().unwrap();
    let (plugin, keys) = (plugin.to_str().unwrap(), farm.data().join("exported"));
    let changed = farm.data().join("changed.deb");
    std::fs::write(&changed, "no package").unwrap();
    for (arguments, code) in [
        (&["doctor"][..], 0),
        (&["images", "list"], 0),
        (&["images", "build", "--target", "bookworm"], 0),
        (&["check", plugin], 0),
        (&["check", "/etc"], 1),
        (&["build", plugin], 0),
        (&["build", "/etc/default"], 1),
        (&["publish", package], 0),
        (&["publish", changed.to_str().unwrap()], 1),
        (&["verify", package], 0),
        (&["verify", changed.to_str().unwrap()], 1),
        (&["key", "show"], 0),
        (&["key", "export", keys.to_str().unwrap()], 0),
        (&["key", "export", "/proc/none"], 3),
        (&["repo", "show"], 0),
        (&["repo", "check"], 0),
        (&["repo"], 2),
        (&[], 2),
    ] {
        let ran = farm.run(&[arguments, &["--json"]].concat());
        let object = ran.json();
        assert_eq!(ran.code, code, "{arguments:?}: {object}");
        let fields: Vec<_> = object.as_object().unwrap().keys().take(7).collect();
        assert_eq!(
            fields,
            [
                "outcome", "stage", "code", "blame", "message", "hint", "lines"
            ],
            "{arguments:?}"
        );
        let done = code == 0;
        assert_eq!(object["outcome"] == "succeeded", done, "{object}");
        assert_eq!(object["code"].is_null(), done, "{arguments:?}: {object}");
        assert_eq!(object["hint"].is_null(), done, "{arguments:?}: {object}");
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
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&object["code"], &object["blame"]),
        (&"engine-api".into(), &"farm".into())
    );
    assert!(
        object["hint"].as_str().unwrap().contains("start Docker"),
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
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["findings"][0]["code"], "rules-postrm-missing");
}

#[test]
fn a_machine_that_is_set_up_is_ready() {
    let examined = TestFarm::new().run(&["doctor", "--json"]).succeeds().json();
    assert_eq!(examined["outcome"], "succeeded", "{examined}");
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
