//! The host's interface over a real apt and dpkg: what the market and the list of plugins say as packages come and go.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::farm::{Host, TestFarm, commit, docker, edit};

const SETTINGS: &str = "\
stand_alone:
  tokens:
  - {name: test, acl: ['plugind.#'], sha256: 1c8bfe8f801d79745c4631d09fff36c82aa37fc4cce4fc946683d7b336b63032}
bus: {enabled: false}
";

const START: &str = r#"
mkdir -p /etc/wazo-plugind/conf.d
cat >/etc/wazo-plugind/config.yml
WAZO_VERSION=17.10 setsid plugfarm-host serve >/var/log/agent.log 2>&1 </dev/null &
answers() {
    python3 -c 'import socket; socket.create_connection(("127.0.0.1", 9503))' 2>/dev/null
}
for i in $(seq 100); do answers && exit 0; sleep 0.1; done
cat /var/log/agent.log; exit 1
"#;

/// What the agent answers.
fn ask(host: &Host, method: &str, path: &str, body: &str) -> Value {
    let ask = format!(
        "python3 -c 'import urllib.request as u; \
         print(u.urlopen(u.Request(\"http://127.0.0.1:9503/0.2{path}\", method=\"{method}\", data=b\"\"\"{body}\"\"\" or None, \
         headers={{\"X-Auth-Token\": \"letmein\"}})).read().decode())'"
    );
    host.run(&ask).succeeds().json()
}

fn get(host: &Host, path: &str) -> Value {
    ask(host, "GET", path, "")
}

/// A host whose agent serves.
fn serving(farm: &TestFarm) -> Host {
    let host = Host::new(farm, "bookworm");
    host.stub("asterisk");
    let binary = env!("CARGO_BIN_EXE_plugfarm-host");
    let to = format!("{}:/usr/bin/plugfarm-host", host.id());
    docker(&["cp", binary, &to]).succeeds();
    host.run(&format!(
        "cat >/tmp/settings <<'END'\n{SETTINGS}END\n({START}) </tmp/settings"
    ))
    .succeeds();
    host
}

/// Waits for the end of a job, and gives it.
fn ended(host: &Host, asked: &Value) -> Value {
    let path = format!("/jobs/{}", asked["uuid"].as_str().unwrap());
    let began = Instant::now();
    loop {
        let job = get(host, &path);
        if !["queued", "running"].contains(&job["state"].as_str().unwrap()) {
            return job;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{job:#}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_plugin_is_installed_and_removed_by_way_of_the_interface() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    farm.publish(&plugin, &[]);
    let host = serving(&farm);
    let start = "echo plugfarm-host:x:990:990::/:/bin/false >>/etc/passwd; echo plugfarm-host:x:990: >>/etc/group
        setsid plugfarm-host --log info helper >/var/log/helper.log 2>&1 </dev/null &
        for i in $(seq 100); do [ -S /run/plugfarm-host/helper.sock ] && exit 0; sleep 0.1; done
        cat /var/log/helper.log; exit 1";
    host.run(start).succeeds();
    let install = r#"{"method": "market", "options": {"namespace": "demo", "name": "helloworld"}}"#;
    let job = ended(&host, &ask(&host, "POST", "/plugins", install));
    assert_eq!(job["state"], "completed", "{job:#}");
    assert_eq!(job["version"], "0.0.1");
    assert_eq!(get(&host, "/plugins/demo/helloworld")["version"], "0.0.1");
    assert_eq!(
        host.status("wazo-plugind-helloworld-demo"),
        "install ok installed"
    );
    // Nothing that is not there is ever installed.
    let other = install.replace("helloworld\"", "other\"");
    let job = ended(&host, &ask(&host, "POST", "/plugins", &other));
    assert_eq!(job["state"], "failed", "{job:#}");
    let job = ended(&host, &ask(&host, "DELETE", "/plugins/demo/helloworld", ""));
    assert_eq!(job["state"], "completed", "{job:#}");
    assert_eq!(get(&host, "/plugins"), json!({"items": [], "total": 0}));
    assert_eq!(get(&host, "/jobs")["total"], 3);
    host.is_healthy();
}

#[test]
fn the_market_and_the_list_follow_apt_and_dpkg() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    let manifest = plugin.join("wazo/plugin.yml");
    let more = "version: 1.10.0\ndisplay_name: Hello\nauthor: Jo\nlicense: MIT\ntags: [voice, demo]\nmin_wazo_version: 9.10\n";
    edit(&manifest, "version: 0.0.1\n", more);
    commit(&plugin, 1_700_000_000);
    farm.publish(&plugin, &[]);
    let host = serving(&farm);

    let entry = get(&host, "/market/demo/helloworld");
    assert_eq!(entry["display_name"], "Hello");
    assert_eq!(entry["author"], "Jo");
    assert_eq!(entry["license"], "MIT");
    assert_eq!(entry["tags"], json!(["voice", "demo"]));
    assert_eq!(entry["versions"][0]["package_version"], "1.10.0-0+deb12u1");
    let version = json!({"upgradable": true, "version": "1.10.0", "min_wazo_version": "9.10"});
    let market = get(&host, "/market?search=VOICE");
    assert_eq!(
        (&market["total"], &market["filtered"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(market["items"][0]["versions"], json!([version]));
    assert_eq!(market["items"][0]["installed_version"], Value::Null);
    assert_eq!(get(&host, "/plugins"), json!({"items": [], "total": 0}));

    host.run("apt-get install --yes wazo-plugind-helloworld-demo")
        .succeeds();
    let plugins = get(&host, "/plugins");
    assert_eq!(plugins["total"], 1);
    assert_eq!(plugins["items"][0], get(&host, "/plugins/demo/helloworld"));
    // A float, as wazo-plugind's YAML has it.
    assert_eq!(plugins["items"][0]["min_wazo_version"], json!(9.1));
    let market = get(&host, "/market?installed=true");
    assert_eq!(market["items"][0]["installed_version"], "1.10.0");
    assert_eq!(market["items"][0]["versions"][0]["upgradable"], false);

    edit(&manifest, "version: 1.10.0\n", "version: 1.11.0\n");
    commit(&plugin, 1_700_000_100);
    farm.publish(&plugin, &[]);
    host.serve(&farm);
    host.run("apt-get update --error-on=any").succeeds();
    let versions = get(&host, "/market/demo/helloworld")["versions"].clone();
    let shown: Vec<_> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["version"], &one["upgradable"]))
        .collect();
    assert_eq!(
        shown,
        [
            (&json!("1.11.0"), &json!(true)),
            (&json!("1.10.0"), &json!(false))
        ]
    );

    host.run("apt-get remove --yes wazo-plugind-helloworld-demo")
        .succeeds();
    assert_eq!(get(&host, "/plugins")["total"], 0);
    assert_eq!(
        get(&host, "/market")["items"][0]["installed_version"],
        Value::Null
    );
    host.is_healthy();
}
