//! wazo-plugind's scenarios of installations that come about, and of removals, named as there.

use serde_json::json;

use crate::scenarios_fixtures::Fixture;
use crate::scenarios_lab::{Cast, Scenario, uuid};

/// All steps of a plugin that comes from its repository.
const WHOLE: [&str; 11] = [
    "starting",
    "downloading",
    "extracting",
    "validating",
    "installing dependencies",
    "building",
    "packaging",
    "updating",
    "installing",
    "cleaning",
    "completed",
];

#[tokio::test(flavor = "multi_thread")]
async fn test_when_it_works() {
    let mut scenario = Scenario::with_bus().await;
    let url = scenario.repository(&Fixture::foobar());
    let job = scenario.git(&url);
    let (told, _) = scenario.told(&job).await;
    assert_eq!(told, WHOLE);
    for file in ["build_success", "package_success", "install_success"] {
        assert!(scenario.has(&format!("/tmp/results/{file}")), "{file}");
    }
    scenario.host.is_healthy();
}

#[tokio::test(flavor = "multi_thread")]
async fn test_get_plugin() {
    let scenario = Scenario::new().await;
    let url = scenario.repository(&Fixture::foobar());
    scenario.completes(&scenario.git(&url));
    let client = &scenario.client;
    let plugin = client.get("plugins/plugindtests/foobar");
    assert_eq!(plugin.status, 200);
    let plugin = plugin.json();
    assert_eq!(plugin["namespace"], "plugindtests");
    assert_eq!(plugin["name"], "foobar");
    assert_eq!(plugin["version"], "0.0.1");
    assert_eq!(client.get("plugins/plugindtests/not-foobar").status, 404);
    let stranger = client.with_token("expired");
    assert_eq!(stranger.get("plugins/plugindtests/foobar").status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn test_plugin_debian_dependency() {
    let scenario = Scenario::new().await;
    assert!(!scenario.has_package("tig"));
    let url = scenario.repository(&Fixture::foobar());
    scenario.completes(&scenario.git(&url));
    assert!(scenario.has_package("tig"));
}

#[tokio::test(flavor = "multi_thread")]
async fn test_install_from_git_branch() {
    let scenario = Scenario::new().await;
    let (master, v2) = (Fixture::foobar(), Fixture::foobar_v2());
    let url = scenario.repository_with_branch(&master, Some(("v2", &v2)));
    let job = scenario.install("git", &json!({"url": url, "ref": "v2"}));
    scenario.completes(&job);
    assert!(scenario.has("/tmp/results/package_success_2"));
    assert!(!scenario.has("/tmp/results/package_success"));
}

#[tokio::test(flavor = "multi_thread")]
async fn test_install_from_subdirectory() {
    let scenario = Scenario::new().await;
    let plugin = "plugindtests/subdirectory";
    let fixture = Fixture::shipping(plugin, "0.0.2", "package_subdir_success").below("subdir");
    let url = scenario.repository(&fixture);
    let job = scenario.install("git", &json!({"url": url, "subdirectory": "subdir"}));
    scenario.completes(&job);
    assert!(scenario.has("/tmp/results/package_subdir_success"));
}

#[tokio::test(flavor = "multi_thread")]
async fn test_with_a_postrm() {
    let scenario = Scenario::new().await;
    let url = scenario.repository(&Fixture::postrm());
    scenario.completes(&scenario.git(&url));
    assert!(scenario.has("/tmp/results/postinst_success"));
    assert!(!scenario.has("/tmp/results/postrm_success"));
    scenario.completes(&scenario.uninstall("plugindtests/postrm"));
    assert!(!scenario.has("/tmp/results/postinst_success"));
    assert!(scenario.has("/tmp/results/postrm_success"));
}

#[tokio::test(flavor = "multi_thread")]
async fn test_that_installing_twice_completes_without_reinstalling() {
    let mut scenario = Scenario::with_bus().await;
    let url = scenario.repository(&Fixture::foobar());
    let first = scenario.git(&url);
    assert_eq!(scenario.told(&first).await.0, WHOLE);
    let second = scenario.git(&url);
    assert_eq!(
        scenario.told(&second).await.0,
        [
            "starting",
            "downloading",
            "extracting",
            "validating",
            "completed"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn test_that_installing_twice_with_reinstall_option_reinstalls() {
    let mut scenario = Scenario::with_bus().await;
    let url = scenario.repository(&Fixture::foobar());
    let first = scenario.git(&url);
    assert_eq!(scenario.told(&first).await.0, WHOLE);
    scenario
        .host
        .run("rm /tmp/results/package_success /tmp/results/install_success")
        .succeeds();
    let options = json!({ "url": url });
    let second = uuid(&scenario.client.install("git", &options, true));
    assert_eq!(scenario.told(&second).await.0, WHOLE);
    assert!(scenario.has("/tmp/results/package_success"));
    assert!(scenario.has("/tmp/results/install_success"));
}

#[tokio::test(flavor = "multi_thread")]
async fn test_when_uninstall_works() {
    let mut scenario = Scenario::with_bus().await;
    let url = scenario.repository(&Fixture::foobar());
    let install = scenario.git(&url);
    assert_eq!(scenario.told(&install).await.0, WHOLE);
    assert!(scenario.has("/tmp/results/package_success"));
    let uninstall = scenario.uninstall("plugindtests/foobar");
    let (told, _) = scenario.told(&uninstall).await;
    assert_eq!(told, ["starting", "removing", "completed"]);
    for file in ["build_success", "package_success"] {
        assert!(!scenario.has(&format!("/tmp/results/{file}")), "{file}");
    }
    let rules = "/usr/lib/wazo-plugind/plugins/plugindtests/foobar/wazo/rules";
    assert!(!scenario.has(rules));
}

#[tokio::test(flavor = "multi_thread")]
async fn test_that_plugin_build_directory_is_removed_after_an_install() {
    let scenario = Scenario::new().await;
    let url = scenario.repository(&Fixture::foobar());
    scenario.completes(&scenario.git(&url));
    let left = |folder: &str| {
        let command = format!("ls --almost-all {folder} 2>/dev/null");
        scenario.host.run(&command).stdout
    };
    assert_eq!(left("/var/lib/wazo-plugind/tmp"), "");
    assert_eq!(left("/var/lib/wazo-plugind/downloads"), "");
    let parts = "-name '*.deb' -o -name '*.tar*' -o -name wazo -o -name '_pkg*'";
    let parts = format!("find /var/lib/plugfarm-host {parts}");
    assert_eq!(scenario.host.run(&parts).succeeds().stdout, "");
    assert_eq!(left("/var/cache/apt/archives/*.deb"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn test_that_an_out_of_date_debian_cache_does_not_break_package_install() {
    let foobaz = Fixture::idle("plugindtests/foobaz", "0.0.1");
    let offered = [foobaz];
    let scenario = Scenario::with(Cast {
        offered: &offered,
        ..Cast::default()
    })
    .await;
    // The mirror has another version of what a plugin needs than the host's lists say, and its file is gone.
    scenario
        .host
        .run("sh /usr/local/bin/publish-tig 2.0")
        .succeeds();
    let url = scenario.repository(&Fixture::foobar());
    scenario.completes(&scenario.git(&url));
    assert!(scenario.has_package("tig"));
    // The host has no lists at all.
    scenario.host.run("rm -rf /var/lib/apt/lists/*").succeeds();
    scenario.completes(&scenario.market("plugindtests/foobaz"));
    assert!(scenario.has_plugin("plugindtests/foobaz"));
}
