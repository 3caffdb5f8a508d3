//! What the scenarios of wazo-plugind are told with, all of it real: a farm that serves and builds, a bookworm machine with apt
//! and dpkg on which agent and helper run, RabbitMQ, and wazo-auth's contract.
//!
//! The machine shares this one's network, so that everybody is found at an address of this machine, and two scenarios at a time
//! have ports of their own.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::broker_lab::{Broker, Heard, Listener};
use crate::farm::{Host, Ran};
use crate::host_lab::TIG;
use crate::scenarios_client::{MarketServer, PlugindClient};
use crate::scenarios_fixtures::Fixture;
use crate::service_lab::Service;
use crate::source_lab::free_port;
use crate::wazo_lab::{Agent, MASTER_TOKEN, Said, WazoAuth};

/// What a scenario has besides.
#[derive(Default)]
pub(crate) struct Cast<'a> {
    /// Plugins that the farm has published.
    pub(crate) offered: &'a [Fixture],
    /// Whether there is a bus.
    pub(crate) bus: bool,
    /// A market server.
    pub(crate) market: Option<&'a MarketServer>,
}

/// A host, and all that it needs.
pub(crate) struct Scenario {
    pub(crate) client: PlugindClient,
    pub(crate) host: Host,
    pub(crate) service: Service,
    _auth: WazoAuth,
    bus: Option<(Listener, Broker)>,
    partner: String,
    folder: tempfile::TempDir,
}

/// Prepares the machine, and starts the helper and the agent. The mirror of Debian that `tig` comes from is on the machine itself.
const SET_UP: &str = r#"set -e
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo plugfarm-host:x:990:990::/:/bin/false >>/etc/passwd
echo plugfarm-host:x:990: >>/etc/group
mkdir -p /var/lib/plugfarm-host
chown 990:990 /var/lib/plugfarm-host
cat >/usr/local/bin/publish-tig <<'END'
TIG
END
sh /usr/local/bin/publish-tig 1.0
setsid python3 -m http.server --bind 127.0.0.1 --directory /srv/debian MIRROR >/dev/null 2>&1 </dev/null &
echo 'deb [trusted=yes] http://127.0.0.1:MIRROR ./' >/etc/apt/sources.list.d/debian.list
/usr/lib/apt/apt-helper download-file FARM/apt/plugfarm-local-keyring-bookworm.deb /srv/keyring.deb
dpkg --install /srv/keyring.deb
setsid plugfarm-host --log info helper >/var/log/helper.log 2>&1 </dev/null &
XIVO_UUID=the-uuid WAZO_VERSION=17.10 setsid setpriv --reuid=990 --regid=990 --clear-groups \
    plugfarm-host serve >/var/log/agent.log 2>&1 </dev/null &
answers() {
    python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' $1 2>/dev/null
}
wait_for() {
    for i in $(seq 300); do answers $1 && return; sleep 0.1; done
    cat /var/log/*.log; exit 1
}
wait_for MIRROR
apt-get update --error-on=any
wait_for PORT
for i in $(seq 300); do [ -S /run/plugfarm-host/helper.sock ] && exit 0; sleep 0.1; done
cat /var/log/*.log; exit 1
"#;

impl Scenario {
    /// Everything, with a bus and nothing else.
    pub(crate) async fn with_bus() -> Self {
        Self::with(Cast {
            bus: true,
            ..Cast::default()
        })
        .await
    }

    /// Everything but a bus.
    pub(crate) async fn new() -> Self {
        Self::with(Cast::default()).await
    }

    pub(crate) async fn with(cast: Cast<'_>) -> Self {
        let broker = cast.bus.then(|| std::thread::spawn(Broker::start));
        let mut service = Service::new("").await;
        let folder = tempfile::tempdir().unwrap();
        // A farm has a keyring for hosts once it has published something.
        let first = Fixture::idle("plugindtests/first", "1");
        for fixture in [&first].into_iter().chain(cast.offered) {
            offer(&service, &folder, fixture);
        }
        let partner = partner(&service);
        service.start();
        let bus = match broker.map(|broker| broker.join().unwrap()) {
            Some(broker) => Some((broker.listener().await, broker)),
            None => None,
        };
        let (auth, port) = (WazoAuth::start(), free_port("127.0.0.1"));
        let settings = settings(port, &auth, &service.url(), bus.as_ref(), cast.market);
        let etc = folder.path().join("etc");
        fs::create_dir_all(etc.join("conf.d")).unwrap();
        fs::write(etc.join("config.yml"), "debug: false\n").unwrap();
        fs::write(etc.join("conf.d/50-default.yml"), settings).unwrap();
        fs::write(
            etc.join("key.yml"),
            "service_id: plugind\nservice_key: secret\n",
        )
        .unwrap();
        fs::write(etc.join("token"), &partner).unwrap();
        let binary = env!("CARGO_BIN_EXE_plugfarm-host");
        let options = [
            format!("--volume={binary}:/usr/bin/plugfarm-host:ro"),
            format!("--volume={}:/etc/wazo-plugind:ro", etc.display()),
        ];
        let options = options.each_ref().map(String::as_str);
        let host = Host::beside(&service.farm, "bookworm", &options);
        let mirror = free_port("127.0.0.1").to_string();
        let set_up = SET_UP
            .replace("TIG", TIG)
            .replace("FARM", &service.url())
            .replace("MIRROR", &mirror)
            .replace("PORT", &port.to_string());
        host.run(&set_up).succeeds();
        let client = PlugindClient::new(port, MASTER_TOKEN);
        client.wait_until_ready();
        Self {
            client,
            host,
            service,
            _auth: auth,
            bus,
            partner,
            folder,
        }
    }

    /// The repository of a fixture, which the farm's partner has bound; its URL.
    pub(crate) fn repository(&self, fixture: &Fixture) -> String {
        self.repository_with_branch(fixture, None)
    }

    /// Likewise, with another branch of it.
    pub(crate) fn repository_with_branch(
        &self,
        fixture: &Fixture,
        other: Option<(&str, &Fixture)>,
    ) -> String {
        let (namespace, name) = fixture.plugin.split_once('/').unwrap();
        let folder = self.path(&format!("{namespace}-{name}"));
        fixture.commit(&folder, "master");
        if let Some((branch, other)) = other {
            other.commit(&folder, branch);
        }
        let url = self.service.publish_repository(&folder, name);
        let mut binding = json!({ "url": url });
        if !fixture.folder.is_empty() {
            binding["subdirectory"] = json!(fixture.folder);
        }
        let path = format!("/sources/{}", fixture.plugin);
        let bound = self.service.put(&path, &self.partner, &binding);
        assert!(bound.status < 300, "{}", bound.text());
        url
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks for a plugin; the job's uuid.
    pub(crate) fn install(&self, method: &str, options: &Value) -> String {
        uuid(&self.client.install(method, options, false))
    }

    pub(crate) fn git(&self, url: &str) -> String {
        self.install("git", &json!({ "url": url }))
    }

    pub(crate) fn market(&self, plugin: &str) -> String {
        let (namespace, name) = plugin.split_once('/').unwrap();
        self.install("market", &json!({"namespace": namespace, "name": name}))
    }

    pub(crate) fn uninstall(&self, plugin: &str) -> String {
        uuid(&self.client.uninstall(plugin))
    }

    /// Waits for the end of a job, and gives it.
    pub(crate) fn ended(&self, uuid: &str) -> Value {
        let began = Instant::now();
        loop {
            let job = self.client.get(&format!("jobs/{uuid}")).json();
            if !["queued", "running"].contains(&job["state"].as_str().unwrap()) {
                return job;
            }
            let late = began.elapsed() > Duration::from_secs(200);
            assert!(!late, "{job:#}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until a job has come to what was asked for.
    pub(crate) fn completes(&self, uuid: &str) {
        let job = self.ended(uuid);
        assert_eq!(job["state"], "completed", "{job:#}\n{}", self.log());
    }

    /// What the bus tells until these jobs have ended, of whatever job.
    pub(crate) async fn heard(&mut self, uuids: &[&str]) -> Vec<Heard> {
        let uuids: Vec<_> = uuids.iter().map(|uuid| (*uuid).to_owned()).collect();
        let (listener, _) = self.bus.as_mut().expect("the scenario has a bus");
        listener.until_the_end(&uuids).await
    }

    /// The statuses that the bus tells of a job, in their order, and the last of them with its data.
    pub(crate) async fn told(&mut self, uuid: &str) -> (Vec<String>, Value) {
        let heard = self.heard(&[uuid]).await;
        let own: Vec<_> = heard.iter().filter(|one| one.uuid() == uuid).collect();
        let statuses = own.iter().map(|one| one.status().to_owned()).collect();
        (statuses, own.last().unwrap().body["data"].clone())
    }

    /// The bus itself.
    pub(crate) fn broker(&mut self) -> &mut Broker {
        let (_, broker) = self.bus.as_mut().expect("the scenario has a bus");
        broker
    }

    /// Whether there is something at a path of the machine.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.host.run(&format!("ls {path}")).code == 0
    }

    /// Whether dpkg has a plugin's package, whole.
    pub(crate) fn has_plugin(&self, plugin: &str) -> bool {
        let (namespace, name) = plugin.split_once('/').unwrap();
        self.has_package(&format!("wazo-plugind-{name}-{namespace}"))
    }

    pub(crate) fn has_package(&self, package: &str) -> bool {
        self.host.status(package) == "install ok installed"
    }

    fn log(&self) -> String {
        let said: Ran = self.host.run("cat /var/log/agent.log /var/log/helper.log");
        said.stdout
    }
}

/// The job's uuid, where a request was taken.
pub(crate) fn uuid(said: &Said) -> String {
    assert_eq!(said.status, 200, "{}", said.body);
    said.json()["uuid"].as_str().unwrap().to_owned()
}

/// An agent on this machine, for what is answered without packages: it asks `auth`, and has these settings.
pub(crate) fn alone(auth: &WazoAuth, settings: &str) -> (Agent, PlugindClient) {
    let mut agent = Agent::new(auth, settings);
    agent.start();
    let client = PlugindClient::new(agent.port, MASTER_TOKEN);
    (agent, client)
}

/// Has the farm build and publish a fixture, before it serves.
fn offer(service: &Service, folder: &tempfile::TempDir, fixture: &Fixture) {
    let repository = folder.path().join(fixture.plugin.replace('/', "-"));
    fixture.commit(&repository, "master");
    service.farm.publish(&repository, &["--target", "bookworm"]);
}

/// A partner with the scenarios' namespaces; its token.
fn partner(service: &Service) -> String {
    let farm = &service.farm;
    farm.run(&["partner", "add", "acme"]).succeeds();
    for namespace in [
        "plugindtests",
        "markettests",
        "dependency",
        "dependencynotfound",
        "foobar",
    ] {
        farm.run(&["namespace", "add", namespace, "--partner=acme"])
            .succeeds();
    }
    let created = farm.run(&["token", "create", "--partner=acme", "--json"]);
    let token = created.succeeds().json()["token"].clone();
    token.as_str().unwrap().to_owned()
}

fn settings(
    port: u16,
    auth: &WazoAuth,
    farm: &str,
    bus: Option<&(Listener, Broker)>,
    market: Option<&MarketServer>,
) -> String {
    let bus = match bus {
        Some((_, broker)) => format!("bus: {{host: 127.0.0.1, port: {}}}", broker.config().port),
        None => "bus: {enabled: false}".to_owned(),
    };
    let market = market.map(MarketServer::setting).unwrap_or_default();
    format!(
        "rest_api: {{port: {port}}}\n{bus}\n{market}\
         auth: {{host: 127.0.0.1, port: {auth}, key_file: /etc/wazo-plugind/key.yml}}\n\
         confd: {{host: 127.0.0.1, port: {auth}}}\n\
         farm: {{url: '{farm}', token_file: /etc/wazo-plugind/token}}\n",
        auth = auth.port
    )
}
