//! What partners decide about their plugins with the client: who approves, who is one person, what a branch's preview is.

use crate::client::{PACKAGE, Somebody, operator, token};
use crate::farm::{commit, edit};
use crate::service_lab::Service;

/// A farm whose second channel takes what two people approved, with two versions published in the first; and its operator.
async fn two_versions() -> (Service, Somebody) {
    let approvals = ", channels: [testing, stable], approvals: 2";
    let mut service = Service::with_repository(approvals, "").await;
    let plugin = service.farm.plugin("helloworld");
    service.farm.publish(&plugin, &["--unpinned"]);
    edit(&plugin.join("wazo/plugin.yml"), "0.0.1", "0.0.2");
    commit(&plugin, 1_700_000_100);
    service.farm.publish(&plugin, &["--unpinned"]);
    service.start();
    let operator = operator(&service);
    operator
        .run(&["namespace", "add", "demo", "--partner=acme"])
        .succeeds();
    let url = "https://git.example.org/helloworld";
    let bound = operator.json(&["source", "bind", "demo/helloworld", url]);
    assert_eq!(bound["source"]["url"], url);
    (service, operator)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_are_not_two_people() {
    let (service, operator) = two_versions().await;
    let person = |name: &str, scope: &str| {
        let (person, scope) = (format!("--person={name}"), format!("--scope={scope}"));
        token(&operator, &["--partner=acme", &person, &scope])
    };
    let (alice, again, bob) = (
        person("alice", "release"),
        person("alice", "release"),
        person("bob", "release"),
    );
    let promote = ["promote", PACKAGE, "--reason=it works", "--json"];
    let refused = |somebody: &Somebody, words: &str| {
        let ran = somebody.run(&promote);
        assert_eq!(ran.code, 2, "{}", ran.stdout);
        assert!(ran.stdout.contains(words), "{words} in {}", ran.stdout);
    };
    refused(&person("carol", "submit"), "does not allow to release");
    service.farm.run(&["partner", "add", "other"]).succeeds();
    refused(
        &token(&operator, &["--partner=other", "--scope=release"]),
        "does not allow to release",
    );
    refused(
        &token(&operator, &["--partner=acme", "--scope=release"]),
        "who holds it",
    );
    let first = alice.json(&["promote", PACKAGE, "--reason=it works"]);
    assert_eq!(first["promoted"][0]["missing"], 1);
    refused(&again, "alice has approved");
    let shown = alice
        .run(&["plugins", "show", "demo/helloworld"])
        .succeeds();
    let waits = "0.0.2-0+deb12u1 waits for bookworm: approved by alice";
    assert!(shown.stdout.contains(waits), "{}", shown.stdout);
    let second = bob.json(&["promote", PACKAGE, "--reason=it works"]);
    assert_eq!(second["promoted"][0]["missing"], 0);

    let named = format!("{PACKAGE}=0.0.2-0+deb12u1");
    let phased = bob.run(&["phase", &named, "10"]).succeeds().stdout;
    assert!(
        phased.starts_with("10 percent of the hosts of bookworm"),
        "{phased}"
    );
    let rolled = bob.json(&[
        "rollback",
        PACKAGE,
        "--channel=testing",
        "--reason=calls drop",
    ]);
    let version = &rolled["rolled_back"][0]["version"];
    assert_eq!(version, "0.0.2-0+deb12u1+really0.0.1");
    let highest = bob.json(&["plugins"])["plugins"][0]["highest"].clone();
    assert_eq!(highest[1]["version"], *version, "{highest}");
    let audit = service.farm.run(&["audit", PACKAGE]).succeeds().stdout;
    for words in ["alice", "bob", "calls drop"] {
        assert!(audit.contains(words), "{words}: {audit}");
    }
    let channels = bob.run(&["channels"]).succeeds().stdout;
    assert!(
        channels.contains("stable  takes what 2 people approved  bookworm"),
        "{channels}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_has_a_preview_and_a_locked_farm_says_so() {
    let mut service = Service::new("").await;
    let url = service.repository("helloworld", "helloworld");
    service.start();
    let operator = operator(&service);
    operator
        .run(&["namespace", "add", "demo", "--partner=acme"])
        .succeeds();
    let partner = token(&operator, &["--partner=acme"]);
    operator
        .run(&["queue", "lock", "--reason=new disks"])
        .succeeds();
    let preview = [
        "submit",
        &url,
        "--plugin=demo/helloworld",
        "--preview=master",
    ];
    let submitted = partner.json(&preview);
    let id = submitted["id"].as_str().unwrap();
    let why = partner.run(&["builds", "why", id]).succeeds().stdout;
    assert!(why.contains("new disks"), "{why}");
    let queue = partner.run(&["queue", "show"]).succeeds().stdout;
    assert!(
        queue.starts_with("locked: new disks\n") && queue.contains(id),
        "{queue}"
    );
    operator.run(&["queue", "unlock"]).succeeds();
    let followed = partner.run(&["builds", "logs", id, "--follow"]).succeeds();
    assert!(
        followed
            .stdout
            .ends_with(" is in bookworm-preview-master\n"),
        "{}",
        followed.stdout
    );
}
