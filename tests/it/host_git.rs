//! Plugins from their repositories: a real farm builds, the host follows and installs what was published.

use std::sync::Arc;
use std::time::Duration;

use plugfarm::client::Client;
use plugfarm::host::jobs::{Asked, Job, State, Status};

use crate::farm::edit;
use crate::jobs_lab::{Stage, TestHost, error, told};
use crate::service_lab::Service;

const WHOLE: &str = "starting, downloading, extracting, validating, installing dependencies, building, packaging, updating, installing, cleaning, completed";

struct Story {
    service: Service,
    host: TestHost,
    token: String,
}

impl Story {
    async fn begin() -> Self {
        let mut service = Service::new("").await;
        service.start();
        let token = service.partner();
        let farm = Client::new(&service.url(), Some(token.clone()), Arc::new(|_: &str| ()));
        let farm = farm.unwrap();
        let stage = Stage::new();
        stage.follow(farm.clone());
        let host = TestHost::new(stage, Some(farm), None);
        Self {
            service,
            host,
            token,
        }
    }

    /// A fixture's repository that the farm knows as `plugin`.
    fn repository(&self, fixture: &str, plugin: &str, change: impl Fn(&std::path::Path)) -> String {
        let name = plugin.split_once('/').unwrap().1;
        let url = self.service.repository_with(fixture, name, change);
        let body = serde_json::json!({ "url": url });
        let bound = self
            .service
            .put(&format!("/sources/{plugin}"), &self.token, &body);
        assert!(bound.status < 300, "{}", bound.text());
        url
    }

    async fn install(&self, url: &str, reinstall: bool) -> Job {
        let asked = Asked::git(url, None, None);
        let id = self.host.jobs.install(asked, reinstall).await.unwrap();
        self.host.ended(&id).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_built_by_the_farm_and_installed_here() {
    let story = Story::begin().await;
    let url = story.repository("helloworld", "demo/helloworld", |_| {});
    let first = story.install(&url, false).await;
    assert_eq!(told(&first), WHOLE, "{:?}", first.error);
    assert_eq!(first.plugin.unwrap().to_string(), "demo/helloworld");
    let version = story.host.stage.version("demo/helloworld");
    assert_eq!(version, first.plugin_version);
    let output = story.host.jobs.output(&first.uuid).await.unwrap();
    assert!(output.contains("the farm's build: http"), "{output}");

    let again = story.install(&url, false).await;
    assert_eq!(
        told(&again),
        "starting, downloading, extracting, validating, completed"
    );
    let reinstalled = story.install(&url, true).await;
    assert_eq!(told(&reinstalled), WHOLE);
    assert_eq!(story.host.stage.done().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_farm_refuses_fails_as_it_does_with_wazo_plugind() {
    let story = Story::begin().await;
    let manifest = |from: &'static str, to: &'static str| {
        move |plugin: &std::path::Path| edit(&plugin.join("wazo/plugin.yml"), from, to)
    };
    let namespace = manifest("namespace: demo", "namespace: no-dash");
    let namespace = story.repository("helloworld", "demo/one", namespace);
    let old = manifest(
        "namespace: demo",
        "namespace: demo\nmax_wazo_version: '17.05'",
    );
    let old = story.repository("helloworld", "demo/two", old);
    let failing = story.repository("failing-build", "fixtures/failing-build", |_| {});
    let failed = async |url: &str| {
        let job = story.install(url, false).await;
        assert_eq!(job.state, State::Failed);
        (told(&job), error(&job))
    };
    let (steps, wrong) = failed(&namespace).await;
    insta::assert_snapshot!(steps, @"starting, downloading, extracting, validating, error");
    insta::assert_snapshot!(wrong, @r#"{"error_id":"validation-error","message":"Validation error","resource":"plugins","details":{"namespace":{"message":"String does not match expected pattern.","constraint_id":"regex","constraint":"^[a-z0-9]+$"}}}"#);
    let (steps, wrong) = failed(&old).await;
    insta::assert_snapshot!(steps, @"starting, downloading, extracting, validating, error");
    insta::assert_snapshot!(wrong, @r#"{"error_id":"validation-error","message":"Validation error","resource":"plugins","details":{"max_wazo_version":{"message":"Must be greater than or equal to 17.10.","constraint_id":"range","constraint":{"min":"17.10"}}}}"#);
    let (steps, wrong) = failed(&failing).await;
    insta::assert_snapshot!(steps, @"starting, downloading, extracting, validating, installing dependencies, building, error");
    assert!(wrong.starts_with(r#"{"error_id":"install-error","message":"Installation error","resource":"plugins","details":{"step":"building","blame":"partner","code":"rules-exit""#), "{wrong}");
    assert!(
        wrong.contains("output_tail") && wrong.contains("/builds/"),
        "{wrong}"
    );
    let (steps, wrong) = failed("https://git.example.org/unknown").await;
    insta::assert_snapshot!(steps, @"starting, downloading, error");
    assert!(
        wrong.contains("downloading-error") && wrong.contains("which plugin it is has to be said"),
        "{wrong}"
    );
    assert_eq!(story.host.stage.done(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_at_the_farm_is_stopped_and_one_whose_agent_dies_goes_on() {
    let mut story = Story::begin().await;
    let slow = |plugin: &std::path::Path| {
        edit(
            &plugin.join("wazo/rules"),
            "    build)",
            "    build)\n        sleep 8",
        );
    };
    let url = story.repository("helloworld", "demo/helloworld", slow);
    let at_building = |job: &Job| {
        job.steps
            .last()
            .is_some_and(|step| step.status == Status::Building)
    };
    let asked = Asked::git(&url, None, None);
    let stopped = story.host.jobs.install(asked.clone(), false).await.unwrap();
    story.host.until(&stopped, at_building).await;
    story.host.jobs.cancel(&stopped).await.unwrap();
    let job = story.host.jobs.get(&stopped).unwrap();
    assert_eq!(job.state, State::Cancelled);
    story.service.wait(&job.build.unwrap(), &["cancelled"]);

    let kept = story.host.jobs.install(asked, false).await.unwrap();
    let build = story.host.until(&kept, at_building).await.build;
    let farm = Client::new(
        &story.service.url(),
        Some(story.token.clone()),
        Arc::new(|_: &str| ()),
    );
    story.host = story.host.die(Some(farm.unwrap()), None).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let job = story.host.ended(&kept).await;
    assert_eq!((told(&job).as_str(), job.build), (WHOLE, build));
}
