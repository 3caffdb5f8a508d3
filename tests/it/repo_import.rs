//! Repositories of reprepro and aptly become a farm's: their packages and versions, by their own key, and marked as imported.

use std::path::{Path, PathBuf};
use std::time::Duration;

use plugfarm::model::{Sha256, Target};
use serde_json::{Value, json};

use crate::channels_lab::{Farm, code, hello};
use crate::farm::{Host, Ran};
use crate::foreign_lab::{Foreigner, Served};
use crate::repo_lab::files;

pub(crate) const PLUGIN: &str = "wazo-plugind-old-demo";

/// Imports the suite `stable` of the repository at `origin` for bookworm.
pub(crate) fn import(farm: &Farm, other: &Foreigner, origin: &str, more: &[&str]) -> Ran {
    let key = other.key();
    let arguments = [
        "repo", "import", origin, "--suite", "stable", "--to", "bookworm",
    ];
    let named = ["--key", key.to_str().unwrap(), "--by", "alice", "--json"];
    farm.farm.run(&[&arguments[..], &named, more].concat())
}

fn names(value: &Value) -> Vec<String> {
    let list = value.as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.map(|one| format!("{} {}", text(&one["package"]), text(&one["version"])))
        .collect()
}

/// Three versions of a plugin, another plugin, and what is none.
fn packages(other: &Foreigner) -> Vec<PathBuf> {
    let mut debs: Vec<_> = ["1.0", "1.1~rc1", "1:0.9"]
        .map(|version| other.pack(PLUGIN, version, version))
        .into();
    debs.push(other.pack("wazo-plugind-second-demo", "2.0", "two"));
    debs.push(other.pack("some-tool", "3.0", "a tool"));
    debs
}

#[test]
fn a_repository_of_aptly_is_imported_with_every_version_and_hosts_install_it() {
    let (other, farm) = (Foreigner::new(), Farm::new(""));
    let public = other.aptly(&packages(&other));
    let served = Served::folder(&public);
    let dry = import(&farm, &other, &served.url, &["--dry-run"])
        .succeeds()
        .json();
    assert_eq!(dry["imported"].as_array().unwrap().len(), 4);
    assert_eq!(dry["left_out"], json!(["some-tool"]));
    assert!(
        !farm.farm.repository().join("dists").exists(),
        "nothing was changed"
    );

    let only = ["--package", "wazo-plugind-s*"];
    let done = import(&farm, &other, &served.url, &only).succeeds().json();
    assert_eq!(names(&done["imported"]), ["wazo-plugind-second-demo 2.0"]);
    let done = import(&farm, &other, &served.url, &[]).succeeds().json();
    let all = ["1.0", "1.1~rc1", "1:0.9"].map(|version| format!("{PLUGIN} {version}"));
    assert_eq!(names(&done["imported"]), all);
    assert_eq!(names(&done["present"]), ["wazo-plugind-second-demo 2.0"]);
    assert_eq!(done["origin"]["fingerprint"], other.fingerprint());
    assert_eq!(done["published"]["generation"], 2);
    let again = import(&farm, &other, &served.url, &[]).succeeds().json();
    assert_eq!(
        (names(&again["imported"]).len(), &again["published"]),
        (0, &Value::Null)
    );
    let fetched = farm.farm.data().join("imports");
    assert_eq!(
        files(&fetched),
        Vec::<String>::new(),
        "what was imported is not kept twice"
    );
    farm.is_sound();

    // The very bytes of the other repository.
    let pool = farm.farm.repository().join("pool").join(PLUGIN);
    let digest = |path: &Path| Sha256::of(&fs_err::read(path).unwrap());
    let ours: Vec<_> = files(&pool)
        .iter()
        .map(|name| digest(&pool.join(name)))
        .collect();
    assert!(ours.contains(&digest(&other.path(&format!("{PLUGIN}_1.0_all.deb")))));

    for target in ["bookworm", "trixie"] {
        if target == "trixie" {
            let arguments = [
                "repo",
                "import",
                &served.url,
                "--suite",
                "stable",
                "--to",
                "trixie",
            ];
            let key = other.key();
            let named = ["--key", key.to_str().unwrap(), "--by", "alice", "--json"];
            farm.farm.run(&[&arguments[..], &named].concat()).succeeds();
        }
        let host = Host::new(&farm.farm, target);
        host.run(&format!("apt-get install --yes {PLUGIN}=1.0"))
            .succeeds();
        host.run("apt-get upgrade --yes").succeeds();
        let shown = host
            .run(&format!("cat /usr/share/other/{PLUGIN}"))
            .succeeds();
        assert_eq!(shown.stdout, "1:0.9");
        host.is_healthy();
    }
    farm.is_sound();
}

#[test]
fn a_repository_of_reprepro_is_imported_from_its_folder_and_builds_go_on_from_it() {
    let (other, farm) = (Foreigner::new(), Farm::two_channels());
    let package = "wazo-plugind-hello-demo";
    let base = other.reprepro(&[other.pack(package, "1.5", "theirs")]);
    let done = import(&farm, &other, base.to_str().unwrap(), &[])
        .succeeds()
        .json();
    assert_eq!(names(&done["imported"]), [format!("{package} 1.5")]);
    assert_eq!(done["suite"], "bookworm-testing");

    // It goes through the channels as any other package, and says what it is.
    farm.decide(&["promote", package]).succeeds();
    let shown = farm.farm.run(&["repo", "show", "--json"]).succeeds().json();
    let suites = shown["suites"].as_array().unwrap();
    for suite in suites {
        let mut own = suite["packages"].as_array().unwrap().iter();
        let own = own.find(|one| one["package"] == package).unwrap();
        assert_eq!(
            (&own["imported"], &own["commit"]),
            (&json!(true), &Value::Null)
        );
    }
    let pool = farm.farm.repository().join("pool").join(package);
    let deb = pool.join(&files(&pool)[0]);
    let verified = farm.farm.run(&["verify", deb.to_str().unwrap(), "--json"]);
    let verified = verified.succeeds().json();
    assert!(
        verified["message"]
            .as_str()
            .unwrap()
            .contains("NOT built by this farm")
    );
    assert_eq!(verified["imported"]["fingerprint"], other.fingerprint());
    assert_eq!(verified["imported"]["uri"], "file:reprepro");
    assert_eq!(verified["approvals"].as_array().unwrap().len(), 1);
    let rebuilt = farm.farm.run(&["rebuild", deb.to_str().unwrap(), "--json"]);
    assert_eq!(code(&rebuilt), (1, "evidence-invalid".to_owned()));

    // What is built here must be higher.
    let lower = farm.make(&hello("1.0", Target::Bookworm));
    let refused = farm
        .farm
        .run(&["publish", lower.to_str().unwrap(), "--json"]);
    assert_eq!(code(&refused), (1, "version-not-higher".to_owned()));
    farm.publish(&hello("2.0", Target::Bookworm), &[]);
    farm.decide(&["promote", package]).succeeds();
    let back = farm.decide(&["rollback", package]);
    assert_eq!(code(&back), (2, "not-published".to_owned()));
    assert!(
        back.json()["message"]
            .as_str()
            .unwrap()
            .contains("was imported from")
    );
    farm.is_sound();

    // Another package under a version that is published is no import at all.
    let other = Foreigner::new();
    let taken = [
        other.pack("wazo-plugind-another-demo", "1.0", "fine"),
        other.pack(package, "1.5", "other bytes"),
    ];
    let base = other.aptly(&taken);
    let refused = import(&farm, &other, base.to_str().unwrap(), &[]);
    assert_eq!(code(&refused), (1, "version-used".to_owned()));
    assert_eq!(
        refused.json()["message"],
        format!("published already, with other bytes: {package} 1.5")
    );
    let names = farm.farm.run(&["repo", "show"]).succeeds().stdout;
    assert!(!names.contains("another"), "nothing is half done");
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_was() {
    let (other, farm) = (Foreigner::new(), Farm::new(""));
    let debs: Vec<_> = (0..12)
        .map(|n| {
            other.pack(
                &format!("wazo-plugind-p{n}-demo"),
                "1.0",
                &"x".repeat(n * 1000),
            )
        })
        .collect();
    let base = other.aptly(&debs);
    let key = other.key();
    let arguments = [
        "repo",
        "import",
        base.to_str().unwrap(),
        "--suite",
        "stable",
    ];
    let named = [
        "--key",
        key.to_str().unwrap(),
        "--to",
        "bookworm",
        "--by",
        "alice",
    ];
    let arguments = [&arguments[..], &named].concat();
    let fetched = farm.farm.data().join("imports");
    for millis in [20, 40, 60, 80, 110, 150, 200, 300, 400] {
        let mut child = farm.farm.command(&arguments).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        let killed = child.kill();
        assert!(child.wait().is_ok() && killed.is_ok());
        let shown = farm.farm.run(&["repo", "show"]).succeeds().stdout;
        let count = shown.matches(" imported").count();
        assert!(count == 0 || count == 12, "all or nothing: {count}");
    }
    let done = import(&farm, &other, base.to_str().unwrap(), &[])
        .succeeds()
        .json();
    let (new, present) = (
        names(&done["imported"]).len(),
        names(&done["present"]).len(),
    );
    assert_eq!(new + present, 12);
    if new > 0 {
        assert_eq!(files(&fetched), Vec::<String>::new());
    }
    farm.is_sound();
}
