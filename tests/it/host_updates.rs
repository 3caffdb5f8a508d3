//! Updates as jobs: by themselves, and whoever asks for them.

use std::time::{Duration, Instant};

use plugfarm::config::host::{Updates, Which};
use plugfarm::host::jobs::{Job, Kind, State};
use serde_json::{Value, json};

use crate::host_lab::Plugin;
use crate::host_whole::Whole;
use crate::jobs_lab::{Stage, TestHost};

/// How often the agent of these stories looks for updates.
const INTERVAL: Duration = Duration::from_millis(200);

/// Waits for what must come.
async fn until(what: &str, there: impl Fn() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_agent_updates_by_itself_and_leaves_alone_what_failed() {
    let stage = Stage::new();
    for plugin in ["demo/a", "demo/b", "demo/c", "demo/d"] {
        stage.publish(plugin, "1.0", "");
    }
    let which = ["demo/a", "demo/b", "demo/c"].map(|plugin| plugin.parse().unwrap());
    let updates = Updates {
        which: Which::These(which.into()),
        window: None,
        interval: INTERVAL,
    };
    let host = TestHost::set(stage.clone(), |agent, folder| {
        agent.updating_by_itself(updates, folder.join("update-stamp"))
    });
    for plugin in ["demo/a", "demo/b", "demo/c", "demo/d"] {
        host.ended(&host.market(plugin, None).await).await;
    }
    stage.break_script("demo/a");
    stage.pin("demo/c", "1.0-0+deb12u1");
    for plugin in ["demo/a", "demo/b", "demo/c", "demo/d"] {
        stage.publish(plugin, "2.0", "");
    }
    let updates = |plugin: &str, state: State| {
        let plugin = plugin.parse().unwrap();
        let own = |job: &Job| job.kind == Kind::Update && job.plugin.as_ref() == Some(&plugin);
        let jobs = host.jobs.list().into_iter();
        jobs.filter(|job| own(job) && job.state == state).count()
    };
    until("b follows", || updates("demo/b", State::Completed) == 1).await;
    until("a is tried", || updates("demo/a", State::Failed) == 1).await;
    tokio::time::sleep(INTERVAL * 10).await;
    assert_eq!(updates("demo/a", State::Failed), 1, "it is left alone");
    assert_eq!(stage.version("demo/c").unwrap(), "1.0", "it is pinned");
    assert_eq!(stage.version("demo/d").unwrap(), "1.0", "nobody named it");
    stage.mend_script("demo/a");
    stage.publish("demo/a", "3.0", "");
    until("a follows", || updates("demo/a", State::Completed) == 1).await;
    assert_eq!(stage.version("demo/a").unwrap(), "3.0");
    let all = [State::Completed, State::Failed].map(|state| updates("demo/b", state));
    assert_eq!(all, [1, 0], "one job, one event");
}

/// A version of the plugin `hello`.
fn hello(version: &str) -> Plugin<'_> {
    Plugin {
        version,
        ..Plugin::default()
    }
}

#[test]
fn an_update_is_a_job_whoever_asks_for_it() {
    let slow = Plugin {
        name: "slow",
        install: "echo slowly; sleep 4",
        ..Plugin::default()
    };
    let whole = Whole::new(&[hello("1.0"), slow]);
    whole.ended(&whole.install("hello"));
    whole.0.publish(&hello("2.0"));

    // Through the interface; what is held stays, and it is said why.
    let host = &whole.0.host;
    host.run("apt-mark hold wazo-plugind-hello-demo").succeeds();
    let held = whole.ended(&whole.uuid("POST", "/updates", &Value::Null));
    assert_eq!(held["state"], "completed", "{held:#}");
    let reason = held["reason"].as_str().unwrap();
    assert!(reason.contains("it is held"), "{held:#}");
    host.run("apt-mark unhold wazo-plugind-hello-demo")
        .succeeds();
    assert_eq!(whole.call("POST", "/updates/demo/nothing", "").0, 404);

    // On the command line.
    let shown = host.run("plugfarm-host update").succeeds().stdout;
    assert_eq!(shown.trim(), "demo/hello: updated to 2.0-0+deb12u1");
    let (_, jobs) = whole.call("GET", "/jobs", "");
    let [part, all] = [&jobs["items"][0], &jobs["items"][1]];
    let shown = (&part["kind"], &part["name"], &part["parent"]);
    assert_eq!(shown, (&json!("update"), &json!("hello"), &all["uuid"]));
    assert_eq!(all["parent"], Value::Null);
    let again = host.run("plugfarm-host update demo/hello --json");
    let again = again.succeeds().json();
    assert_eq!(again["jobs"][0]["reason"], "2.0-0+deb12u1 is the newest");
    let one = whole.ended(&whole.uuid("POST", "/updates/demo/hello", &Value::Null));
    assert_eq!(one["reason"], "2.0-0+deb12u1 is the newest", "{one:#}");
    let other = host.run("plugfarm-host update demo/nothing");
    assert_eq!(other.code, 1, "{}", other.stdout);
    assert!(other.stdout.contains("[not-installed]"), "{}", other.stdout);
    let stranger = "setpriv --reuid=65534 --regid=65534 --clear-groups plugfarm-host update";
    assert_eq!(host.run(stranger).code, 3);

    // Both are asked to stop while apt works: dpkg comes to its end, and so does the job.
    let job = whole.install("slow");
    whole.reaches(&job, "installing");
    let stop = "kill -TERM $(cat /run/agent.pid) $(cat /run/helper.pid)";
    host.run(stop).succeeds();
    // Nobody in the container takes note of what ended: it stays there as a zombie.
    let gone = "works() { grep -qs '^State:.[^Z]' /proc/$(cat $1)/status; }
        for i in $(seq 300); do works /run/agent.pid || works /run/helper.pid || exit 0; sleep 0.1; done; exit 1";
    host.run(gone).succeeds();
    assert_eq!(whole.0.installed("slow"), "installed 1.0-0+deb12u1");
    host.is_healthy();

    // Without an agent there is no job, and it is said.
    whole.0.start("");
    let alone = host.run("plugfarm-host update").succeeds();
    assert!(alone.stderr.contains("without a job"), "{}", alone.stderr);

    // By itself.
    whole.0.publish(&hello("3.0"));
    let config = "updates: {automatic: all, interval: 60}";
    host.run(&format!("echo '{config}' >>/etc/wazo-plugind/config.yml"))
        .succeeds();
    whole.0.serve();
    assert_eq!(whole.ended(&job)["state"], "completed");
    assert_eq!(whole.ends(&job), 1);
    let began = Instant::now();
    while whole.0.installed("hello") != "installed 3.0-0+deb12u1" {
        let log = || host.run("cat /var/log/agent.log").stdout;
        assert!(began.elapsed() < Duration::from_secs(60), "{}", log());
        std::thread::sleep(Duration::from_millis(500));
    }
}
