//! What the stories of jobs are told with: an agent on a machine that stands in for apt, dpkg and the helper.
//!
//! Real apt and dpkg are in the stories of the helper, and in those of whole hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plugfarm::apt::{Available, Installed, PackageState, Policies};
use plugfarm::bus::Bus;
use plugfarm::client::Client;
use plugfarm::config::host::BusConfig;
use plugfarm::deb::control::Paragraph;
use plugfarm::host::helper::{Cause, Change, Diagnosis, Did, Report, Request};
use plugfarm::host::jobs::{Agent, Asked, Job, JobId, Jobs, Lines, Machine, Trouble, run};
use plugfarm::model::{DebianVersion, FarmName, PluginId, PluginVersion, Sha256, Target};
use plugfarm::plugin::WazoVersion;
use plugfarm::sandbox::Canceller;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// The Wazo that events come from.
pub(crate) const ORIGIN: &str = "6a7d1c9c-1a2b-4c3d-8e9f-000000000001";

/// A machine whose packages are in memory.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Mutex<State>>, Arc<Semaphore>);

#[derive(Default)]
struct State {
    /// What the farm has published.
    published: Vec<Available>,
    /// What apt knows of it.
    known: Vec<Available>,
    installed: BTreeMap<PluginId, Installed>,
    /// Whose scripts fail.
    broken: BTreeSet<PluginId>,
    /// What `apt-cache policy` says, and whether the farm cannot be reached.
    pins: String,
    away: bool,
    /// What was done, in its order.
    done: Vec<String>,
    /// A farm that publishes by itself.
    farm: Option<Client>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self(
            Arc::default(),
            Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        )
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    /// Publishes a version; `depends` as the package's field.
    pub(crate) fn publish(&self, plugin: &str, version: &str, depends: &str) {
        let packaged = PluginVersion::new(version).unwrap();
        let packaged = packaged.packaged(Target::Bookworm, 1);
        self.put(available(plugin, version, packaged, depends));
    }

    fn put(&self, offer: Available) {
        self.with(|state| {
            state.published.push(offer);
            state.published.sort_by(|a, b| b.version.cmp(&a.version));
        });
    }

    /// Publishes whatever this farm does.
    pub(crate) fn follow(&self, farm: Client) {
        self.with(|state| state.farm = Some(farm));
    }

    pub(crate) fn limit_newest(&self, min_wazo: &str) {
        self.with(|state| state.published[0].min_wazo_version = Some(min_wazo.to_owned()));
    }

    pub(crate) fn break_script(&self, plugin: &str) {
        self.with(|state| state.broken.insert(plugin.parse().unwrap()));
    }

    /// Lets apt upgrade a plugin to this version of its package at most.
    pub(crate) fn pin(&self, plugin: &str, candidate: &str) {
        let package = plugin.parse::<PluginId>().unwrap().package();
        self.with(|state| state.pins += &format!("{package}:\n  Candidate: {candidate}\n"));
    }

    pub(crate) fn leave(&self) {
        self.with(|state| state.away = true);
    }

    pub(crate) fn mend_script(&self, plugin: &str) {
        self.with(|state| state.broken.remove(&plugin.parse().unwrap()));
    }

    /// Lets apt do nothing from now on, until so much is let through.
    pub(crate) fn hold(&self) {
        self.1.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn let_through(&self, many: usize) {
        self.1.add_permits(many);
    }

    pub(crate) fn done(&self) -> Vec<String> {
        self.with(|state| state.done.clone())
    }

    pub(crate) fn version(&self, plugin: &str) -> Option<String> {
        let plugin = plugin.parse().unwrap();
        self.with(|state| {
            let installed = state.installed.get(&plugin);
            installed.and_then(|one| one.plugin_version.clone())
        })
    }

    fn install(&self, plugin: &PluginId, version: Option<&DebianVersion>) -> Report {
        self.with(|state| {
            let wanted = |one: &&Available| version.is_none_or(|version| one.version == *version);
            let own = state.known.iter().filter(|one| one.plugin == *plugin);
            let offer = own.into_iter().find(wanted).unwrap().clone();
            let broken = state.broken.contains(plugin);
            let word = offer.plugin_version.clone().unwrap();
            state.done.push(format!("install {plugin} {word}"));
            let before = state
                .installed
                .insert(plugin.clone(), installed(&offer, broken));
            report(plugin, before, broken)
        })
    }
}

impl Machine for Stage {
    async fn installed(&self, plugin: &PluginId) -> Result<Option<Installed>, Trouble> {
        Ok(self.with(|state| state.installed.get(plugin).cloned()))
    }

    async fn plugins(&self) -> Result<Vec<Installed>, Trouble> {
        Ok(self.with(|state| state.installed.values().cloned().collect()))
    }

    async fn policies(&self, _packages: Vec<String>) -> Result<Policies, Trouble> {
        Ok(self.with(|state| Policies::read(&state.pins)))
    }

    async fn available(&self, plugin: &PluginId) -> Result<Vec<Available>, Trouble> {
        Ok(self.with(|state| {
            let own = state.known.iter().filter(|one| one.plugin == *plugin);
            own.cloned().collect()
        }))
    }

    fn is_due(&self, version: &Available) -> bool {
        version.phased.is_none()
    }

    async fn ask(&self, request: Request, lines: Lines) -> Result<Report, Trouble> {
        lines.send(format!("{request:?}")).await.unwrap();
        self.1.acquire().await.unwrap().forget();
        match request {
            Request::Refresh if self.with(|state| state.away) => {
                Err(Trouble::new(Cause::Farm, "unreachable", "it is away", ""))
            }
            Request::Refresh => {
                let farm = self.with(|state| state.farm.clone());
                if let Some(farm) = farm {
                    for offer in published_by(&farm).await {
                        self.put(offer);
                    }
                }
                self.with(|state| state.known = state.published.clone());
                Ok(Report::default())
            }
            Request::Install {
                plugin, version, ..
            } => Ok(self.install(&plugin, version.as_ref())),
            Request::Remove { plugin } => Ok(self.with(|state| {
                state.done.push(format!("remove {plugin}"));
                let broken = state.broken.contains(&plugin);
                let before = match broken {
                    true => state.installed.get(&plugin).cloned(),
                    false => state.installed.remove(&plugin),
                };
                report(&plugin, before, broken)
            })),
            Request::Update { .. } => panic!("jobs name the version themselves"),
        }
    }

    async fn wazo_version(&self) -> Result<WazoVersion, Trouble> {
        Ok(WazoVersion::new("17.10").unwrap())
    }

    fn release(&self) -> Result<Target, Trouble> {
        Ok(Target::Bookworm)
    }
}

async fn published_by(farm: &Client) -> Vec<Available> {
    let mut offers = Vec::new();
    for plugin in farm.plugins(None).await.unwrap() {
        let shown = farm.plugin(&plugin.plugin.parse().unwrap()).await.unwrap();
        for one in shown.versions {
            let version = DebianVersion::new(&one.version).unwrap();
            offers.push(available(
                &plugin.plugin,
                &one.plugin_version.unwrap(),
                version,
                "",
            ));
        }
    }
    offers
}

fn available(plugin: &str, version: &str, packaged: DebianVersion, depends: &str) -> Available {
    let plugin: PluginId = plugin.parse().unwrap();
    let package = plugin.package();
    let stanza = format!("Package: {package}\nDepends: {depends}\n");
    Available {
        version: packaged,
        plugin_version: Some(version.to_owned()),
        min_wazo_version: None,
        max_wazo_version: None,
        sha256: Sha256::of(version.as_bytes()),
        size: 1,
        phased: None,
        fields: Paragraph::parse(stanza.trim_end_matches("Depends: \n")).unwrap(),
        farm: FarmName::local(),
        repository: String::new(),
        suite: "bookworm".to_owned(),
        approvals: Default::default(),
        package,
        plugin,
    }
}

fn installed(offer: &Available, broken: bool) -> Installed {
    Installed {
        package: offer.package.clone(),
        version: offer.version.clone(),
        state: match broken {
            true => PackageState::HalfConfigured,
            false => PackageState::Installed,
        },
        reinstall_required: false,
        held: false,
        plugin: offer.plugin.clone(),
        plugin_version: offer.plugin_version.clone(),
        from_farm: true,
    }
}

fn report(plugin: &PluginId, before: Option<Installed>, broken: bool) -> Report {
    let failure = Diagnosis {
        cause: Cause::Plugin,
        code: "script-failed".to_owned(),
        message: "the postinst failed".to_owned(),
        hint: "mend it".to_owned(),
        package: Some(plugin.package()),
        script: Some("postinst".to_owned()),
        step: Some("install".to_owned()),
        exit_status: Some(7),
        output: vec!["cp: no such file".to_owned()],
    };
    Report {
        plugins: vec![Change {
            plugin: plugin.clone(),
            package: plugin.package(),
            did: match broken {
                true => Did::Failed,
                false => Did::Installed,
            },
            before: before.map(|one| one.version),
            after: None,
            state: PackageState::Installed,
            reason: None,
        }],
        failures: broken.then_some(failure).into_iter().collect(),
        unfinished: Vec::new(),
    }
}

/// An agent that works, and tells a bus.
pub(crate) struct TestHost {
    pub(crate) stage: Stage,
    pub(crate) jobs: Jobs,
    folder: Arc<TempDir>,
    canceller: Canceller,
    working: JoinHandle<()>,
}

impl TestHost {
    pub(crate) fn new(stage: Stage, farm: Option<Client>, bus: Option<BusConfig>) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        Self::begin(folder, stage, farm, bus, |agent, _| agent)
    }

    /// Likewise, after `set` has set more of the agent, whose folder it is given.
    pub(crate) fn set(stage: Stage, set: impl FnOnce(Agent<Stage>, &Path) -> Agent<Stage>) -> Self {
        Self::begin(Arc::new(TempDir::new().unwrap()), stage, None, None, set)
    }

    fn begin(
        folder: Arc<TempDir>,
        stage: Stage,
        farm: Option<Client>,
        bus: Option<BusConfig>,
        set: impl FnOnce(Agent<Stage>, &Path) -> Agent<Stage>,
    ) -> Self {
        let jobs = Jobs::open(&folder.path().join("jobs")).unwrap();
        let (canceller, stop) = Canceller::new();
        let agent = Agent::new(jobs.clone(), stage.clone(), farm, stop);
        let agent = set(agent, folder.path());
        let bus = bus.map(|bus| (Bus::new(bus), Some(ORIGIN.to_owned())));
        let working = tokio::spawn(run(agent, bus));
        Self {
            stage,
            jobs,
            folder,
            canceller,
            working,
        }
    }

    /// Dies in the middle of whatever it does; a new one takes its folder.
    pub(crate) async fn die(self, farm: Option<Client>, bus: Option<BusConfig>) -> Self {
        self.working.abort();
        assert!(self.working.await.is_err_and(|error| error.is_cancelled()));
        Self::begin(self.folder, self.stage, farm, bus, |agent, _| agent)
    }

    /// Stops as a service does, and starts again.
    pub(crate) async fn restart(self) -> Self {
        self.canceller.cancel();
        self.working.await.unwrap();
        Self::begin(self.folder, self.stage, None, None, |agent, _| agent)
    }

    pub(crate) fn file(&self, id: &JobId) -> String {
        let path = self.folder.path().join(format!("jobs/{id}.json"));
        fs_err::read_to_string(path).unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn market(&self, plugin: &str, version: Option<&str>) -> JobId {
        self.jobs
            .install(market(plugin, version), false)
            .await
            .unwrap()
    }

    /// Waits until a job has ended.
    pub(crate) async fn ended(&self, id: &JobId) -> Job {
        self.until(id, |job| job.state.is_final()).await
    }

    /// Waits for something of a job.
    pub(crate) async fn until(&self, id: &JobId, wanted: impl Fn(&Job) -> bool) -> Job {
        let began = Instant::now();
        loop {
            let job = self.jobs.get(id).unwrap();
            if wanted(&job) {
                return job;
            }
            assert!(began.elapsed() < Duration::from_secs(240), "{job:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) fn market(plugin: &str, version: Option<&str>) -> Asked {
    let (namespace, name) = plugin.split_once('/').unwrap();
    Asked::Market {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        version: version.map(str::to_owned),
    }
}

/// What is told of a job, in words.
pub(crate) fn told(job: &Job) -> String {
    let words: Vec<_> = job.events.iter().map(|event| event.status.word()).collect();
    words.join(", ")
}

/// The error that a job ended with.
pub(crate) fn error(job: &Job) -> String {
    serde_json::to_string(job.error.as_ref().unwrap()).unwrap()
}
