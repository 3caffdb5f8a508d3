//! Outcomes of installations: a real host tells its farm, and the farm halts the roll-out of what fails on hosts.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::outcomes_lab::{BAD, PACKAGE, PLUGIN, Story, names_nobody, wait_for};

const GOOD: &str = "0.0.1-0+deb12u1";
/// Longer than the farm takes to look at what was told.
const LOOK: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_on_hosts_is_told_and_goes_to_no_others() {
    let mut story = Story::begin().await;
    story
        .host
        .run("echo 0123456789abcdef0123456789abcdef >/etc/machine-id")
        .succeeds();
    let token = story.token();
    what_came_of_it_is_told_without_the_host(&mut story, &token);
    nobody_tells_unasked(&story, &token);
    nobody_else_may(&story, &token);
    one_host_is_one_however_often_it_tells(&story);
    a_roll_out_that_fails_is_halted(&mut story);
    it_goes_on_when_somebody_says_so(&story);
}

fn what_came_of_it_is_told_without_the_host(story: &mut Story, token: &str) {
    story.agent(token, true);
    assert_eq!(story.install("0.0.1")["state"], "completed");
    wait_for("a success is told", || story.seen(GOOD)["installed"] == 1);
    let failed = story.install("0.0.2");
    assert_eq!(failed["error"]["details"]["blame"], "plugin", "{failed:#}");
    wait_for("a failure is told", || {
        story.seen(BAD)["failed"]["plugin"] == 1
    });
    let seen = story.seen(BAD);
    let expected = json!([{ "step": "install", "exit_status": 7, "count": 1 }]);
    assert_eq!(
        (&seen["failures"], &seen["installed"]),
        (&expected, &json!(0))
    );

    // The farm is away: what it is to be told is kept with the job, and is told once.
    story.service.stop();
    let removed = story.job("DELETE", &format!("/plugins/{PLUGIN}"), "");
    assert_eq!(removed["state"], "completed", "{removed:#}");
    let kept = &removed["report"]["installation"];
    let names: Vec<_> = kept
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut all = [
        "id",
        "plugin",
        "version",
        "target",
        "architecture",
        "verb",
        "blame",
        "step",
        "exit_status",
    ];
    all.sort_unstable();
    let mut names = names;
    names.sort_unstable();
    assert_eq!(names, all);
    names_nobody(kept.to_string().as_bytes(), &story.host);
    story.service.start();
    wait_for("it is told later", || story.seen(BAD)["removed"] == 1);
    let uuid = removed["uuid"].as_str().unwrap();
    let file = format!("cat /var/lib/plugfarm-host/jobs/{uuid}.json");
    wait_for("and forgotten", || {
        story.host.run(&file).succeeds().json()["report"].is_null()
    });
    for file in ["farm.sqlite", "farm.sqlite-wal"] {
        let bytes = fs::read(story.service.farm.data().join(file)).unwrap_or_default();
        names_nobody(&bytes, &story.host);
    }
}

fn nobody_tells_unasked(story: &Story, token: &str) {
    story.agent(token, false);
    let job = story.install("0.0.1");
    assert_eq!(
        (&job["state"], &job["report"]),
        (&json!("completed"), &Value::Null)
    );
    std::thread::sleep(Duration::from_secs(2));
    let (good, bad) = (story.seen(GOOD), story.seen(BAD));
    assert_eq!(
        (&good["installed"], &bad["removed"]),
        (&json!(1), &json!(1))
    );
}

/// A host's token does nothing else, and only who answers for a plugin reads what hosts tell of it.
fn nobody_else_may(story: &Story, token: &str) {
    let path = format!("/plugins/{PLUGIN}/installations");
    let with = |token: &str| format!("Authorization: Bearer {token}");
    let service = &story.service;
    assert_eq!(service.get(&path).status, 401);
    assert_eq!(service.get_with(&path, &with(token)).status, 403);
    let build = json!({ "url": "https://git.example.org/x", "plugin": PLUGIN });
    assert_eq!(service.post("/builds", token, &build).status, 403);
    assert_eq!(
        service
            .post("/tokens", token, &json!({ "scopes": ["report"] }))
            .status,
        403
    );
    assert_eq!(story.tell(&story.partner, 1), 403);
    let unknown = json!({
        "id": "7c9e6679-7425-40de-944b-000000000002", "plugin": PLUGIN, "version": "9.9-0+deb12u1", "target": "bookworm",
        "architecture": "amd64", "verb": "install",
    });
    assert_eq!(service.post("/installations", token, &unknown).status, 404);
}

fn one_host_is_one_however_often_it_tells(story: &Story) {
    story.phase("99");
    // A machine whose id is zero has none, for apt, and takes everything at once.
    let mut machines = 1..40;
    let due = machines.any(|machine| {
        let id = format!("echo {machine:032x} >/etc/machine-id");
        story.host.run(&id).succeeds();
        story.upgrade().contains(&format!("Inst {PACKAGE}"))
    });
    assert!(due, "it is this host's turn");
    let alone = story.token();
    let told = (0..1000).map(|number| story.tell(&alone, 1000 + number));
    let taken = told.filter(|status| *status == 204).count();
    assert_eq!(taken, 30, "so many count within an hour");
    std::thread::sleep(LOOK);
    assert_eq!(
        story.seen(BAD)["places"][0]["phased"],
        99,
        "two hosts are too few"
    );
}

fn a_roll_out_that_fails_is_halted(story: &mut Story) {
    assert_eq!(story.tell(&story.token(), 3000), 204);
    wait_for("it is halted", || {
        story.seen(BAD)["places"][0]["halted"].is_object()
    });
    let place = story.seen(BAD)["places"][0].clone();
    let (failures, hosts) = (&place["halted"]["failures"], &place["halted"]["hosts"]);
    assert_eq!(
        (failures, hosts, &place["phased"]),
        (&json!(3), &json!(3), &json!(0))
    );
    let upgrade = story.upgrade();
    assert!(!upgrade.contains(&format!("Inst {PACKAGE}")), "{upgrade}");
    let index = story
        .host
        .run(&format!("apt-cache show {PACKAGE}={BAD}"))
        .succeeds();
    assert!(
        index.stdout.contains("Phased-Update-Percentage: 0"),
        "{}",
        index.stdout
    );
    let updated = story.host.run("plugfarm-host update").succeeds().stdout;
    assert!(updated.contains("not this host's turn yet"), "{updated}");

    // Once, whoever starts again.
    story.service.stop();
    story.service.start();
    std::thread::sleep(LOOK);
    let audit = ["audit", PACKAGE, "--json"];
    let audit = story.service.farm.run(&audit).succeeds().json();
    let events = audit["events"]
        .as_array()
        .unwrap_or_else(|| panic!("{audit:#}"));
    let halts: Vec<_> = events.iter().filter(|one| one["by"] == "farm").collect();
    assert_eq!(halts.len(), 1, "{audit:#}");
    assert_eq!(
        halts[0]["reason"],
        "its script failed on 3 of 3 hosts that tried it"
    );
    let own = format!("Authorization: Bearer {}", story.partner);
    let letters = format!("/subscriptions/{}/letters", story.subscription);
    let letters = story.service.get_with(&letters, &own).json();
    let events: Vec<_> = letters
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["event"].clone())
        .collect();
    assert_eq!(events, ["halted"]);
    let page = story.page();
    assert!(
        page.contains("Halted") && page.contains("failed on 3 of 3 hosts"),
        "{page}"
    );
    let status = story.service.get("/status").json();
    assert_eq!(status["notices"][0]["about"], "roll-out", "{status:#}");
    let metrics = story.service.get("/metrics").text();
    assert!(
        metrics.contains("plugfarm_rollouts_halted 1\n"),
        "{metrics}"
    );
    let mut command = story
        .service
        .farm
        .command(&["plugins", "installations", PLUGIN]);
    command
        .env("PLUGFARM_FARM", story.service.url())
        .env("PLUGFARM_TOKEN", &story.partner);
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(said.contains("its script failed on 3 of 3 hosts"), "{said}");
    assert!(
        said.contains("`rules install` failed with status 7: 32 times"),
        "{said}"
    );
}

fn it_goes_on_when_somebody_says_so(story: &Story) {
    story.phase("50");
    wait_for("it is seen", || {
        story.seen(BAD)["places"][0]["halted"].is_null()
    });
    std::thread::sleep(LOOK);
    assert_eq!(
        story.seen(BAD)["places"][0]["phased"],
        50,
        "what was known then is not held against it"
    );
    assert_eq!(story.service.get("/status").json()["notices"], json!([]));
}
