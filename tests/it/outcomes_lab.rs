//! What the story of outcomes is told with: a farm that serves, and a host whose agent tells it what comes of its packages.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::farm::{Host, edit};
use crate::host_lab::{equip, set_agent_up, start_agent, start_helper};
use crate::pages_lab::submit;
use crate::service_lab::Service;

pub(crate) const PLUGIN: &str = "demo/helloworld";
pub(crate) const PACKAGE: &str = "wazo-plugind-helloworld-demo";
pub(crate) const BAD: &str = "0.0.2-0+deb12u1";

/// A farm that has published a version that works and one that does not, its partner, and a host that follows it.
pub(crate) struct Story {
    pub(crate) service: Service,
    pub(crate) host: Host,
    pub(crate) partner: String,
    pub(crate) subscription: String,
}

/// The fixture in another version, whose `rules install` does something else.
fn change(version: &'static str, install: &'static str) -> impl Fn(&Path) {
    move |plugin| {
        let manifest = plugin.join("wazo/plugin.yml");
        edit(&manifest, "version: 0.0.1", &format!("version: {version}"));
        edit(
            &plugin.join("wazo/rules"),
            "asterisk -x 'dialplan reload'",
            install,
        );
    }
}

impl Story {
    pub(crate) async fn begin() -> Self {
        let mut service = Service::new("").await;
        service.start();
        let partner = service.partner();
        let wanted = json!({ "address": "ops@example.org", "events": ["halted"] });
        let subscribed = service.post("/subscriptions", &partner, &wanted).json();
        for change in [
            change("0.0.1", "true"),
            change("0.0.2", "echo it breaks; exit 7"),
        ] {
            let url = service.repository_with("helloworld", "helloworld", change);
            let build = submit(&service, &partner, &json!({ "url": url, "plugin": PLUGIN }));
            service.wait(&build, &["succeeded"]);
            fs::remove_dir_all(service.folder().join("helloworld")).unwrap();
        }
        let host = Host::near(&service.farm, "bookworm");
        equip(&host);
        start_helper(&host, "");
        Self {
            service,
            host,
            partner,
            subscription: subscribed["id"].as_str().unwrap().to_owned(),
        }
    }

    /// A token that the operator makes for a host.
    pub(crate) fn token(&self) -> String {
        let made = self
            .service
            .farm
            .run(&["token", "create", "--scope=report", "--json"]);
        made.succeeds().json()["token"].as_str().unwrap().to_owned()
    }

    /// Starts the host's agent anew.
    pub(crate) fn agent(&self, token: &str, reports: bool) {
        let farm = self.service.url();
        let settings = format!(
            "farm: {{url: '{farm}', token_file: /etc/farm-token, report_outcomes: {reports}}}\n"
        );
        set_agent_up(&self.host, &settings);
        let start = format!(
            "test ! -e /run/agent.pid || kill $(cat /run/agent.pid); sleep 1
             echo {token} >/etc/farm-token && chown 990 /etc/farm-token && chmod 600 /etc/farm-token"
        );
        self.host.run(&start).succeeds();
        start_agent(&self.host);
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> Value {
        let command = format!("python3 /usr/local/bin/call.py {method} '{path}' '{body}'");
        let said = self.host.run(&command).succeeds().stdout;
        let (_, body) = said.split_once(' ').unwrap();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{said}"))
    }

    /// Has the agent do something, and gives the job's own file once it has ended.
    pub(crate) fn job(&self, method: &str, path: &str, body: &str) -> Value {
        let asked = self.call(method, path, body);
        let uuid = asked["uuid"].as_str().unwrap_or_else(|| panic!("{asked}"));
        let began = Instant::now();
        loop {
            let file = format!("cat /var/lib/plugfarm-host/jobs/{uuid}.json");
            let job = self.host.run(&file).succeeds().json();
            if !["queued", "running"].contains(&job["state"].as_str().unwrap()) {
                return job;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{job:#}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub(crate) fn install(&self, version: &str) -> Value {
        let options = json!({ "namespace": "demo", "name": "helloworld", "version": version });
        let body = json!({ "method": "market", "options": options });
        self.job("POST", "/plugins", &body.to_string())
    }

    /// What the partner sees of a version.
    pub(crate) fn seen(&self, version: &str) -> Value {
        let own = format!("Authorization: Bearer {}", self.partner);
        let path = format!("/plugins/{PLUGIN}/installations");
        let seen = self.service.get_with(&path, &own).json();
        let mut versions = seen.as_array().unwrap().iter();
        versions
            .find(|one| one["version"] == version)
            .unwrap()
            .clone()
    }

    pub(crate) fn phase(&self, percent: &str) {
        let named = format!("{PACKAGE}={BAD}");
        let phased = self
            .service
            .farm
            .run(&["phase", &named, percent, "--by", "alice"]);
        phased.succeeds();
    }

    /// Tells the farm that the bad version failed, as a host with this token does.
    pub(crate) fn tell(&self, token: &str, number: usize) -> u16 {
        let told = json!({
            "id": format!("7c9e6679-7425-40de-944b-{number:012}"), "plugin": PLUGIN, "version": BAD, "target": "bookworm",
            "architecture": "amd64", "verb": "update", "blame": "plugin", "step": "install", "exit_status": 7,
        });
        self.service.post("/installations", token, &told).status
    }

    /// What `apt-get upgrade` of the host would do now.
    pub(crate) fn upgrade(&self) -> String {
        self.host.run("apt-get update --error-on=any").succeeds();
        self.host
            .run("apt-get upgrade --simulate")
            .succeeds()
            .stdout
    }

    /// The page of the plugin, as its partner has it.
    pub(crate) fn page(&self) -> String {
        let form = format!("token={}&next=/", self.partner);
        let url = self.service.url();
        let signed_in = self.service.post_form("/login", "a=b", &url, &form);
        let cookie = signed_in
            .header("set-cookie")
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let header = format!("Accept: text/html\r\nCookie: {cookie}");
        self.service
            .get_with(&format!("/plugins/{PLUGIN}"), &header)
            .text()
    }
}

pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Fails if anything of the host is in a text.
pub(crate) fn names_nobody(text: &[u8], host: &Host) {
    let text = String::from_utf8_lossy(text);
    for secret in ["hostname", "cat /etc/machine-id", "hostname -i"] {
        let secret = host.run(secret).succeeds().stdout;
        let secret = secret.trim();
        assert!(secret.len() > 6 && !text.contains(secret), "{secret}");
    }
}
