//! Jobs of a host: their steps, their order, and that each comes to exactly one end, whatever dies in between.

use plugfarm::host::jobs::{Asked, Job, JobsError, State, Status};

use crate::jobs_lab::{Stage, TestHost, error, market, told};

/// Everything that is told of a job that installs what is published.
const INSTALLED: &str =
    "starting, downloading, validating, installing dependencies, installing, completed";

#[tokio::test]
async fn a_plugin_comes_goes_back_and_goes() {
    let stage = Stage::new();
    stage.publish("demo/a", "1.0", "");
    stage.publish("demo/a", "1.10", "");
    let host = TestHost::new(stage.clone(), None, None);
    let first = host.ended(&host.market("demo/a", None).await).await;
    assert_eq!(
        (first.state, told(&first).as_str()),
        (State::Completed, INSTALLED)
    );
    assert_eq!(stage.version("demo/a").unwrap(), "1.10");
    assert!(
        host.jobs
            .output(&first.uuid)
            .await
            .unwrap()
            .contains("Install {")
    );

    let same = host.ended(&host.market("demo/a", None).await).await;
    assert_eq!(told(&same), "starting, downloading, validating, completed");
    let again = host
        .jobs
        .install(market("demo/a", None), true)
        .await
        .unwrap();
    assert_eq!(told(&host.ended(&again).await), INSTALLED);
    let back = host.ended(&host.market("demo/a", Some("1.0")).await).await;
    assert_eq!(
        (back.state, stage.version("demo/a").as_deref()),
        (State::Completed, Some("1.0"))
    );
    let update = host.jobs.update("demo/a".parse().unwrap()).await.unwrap();
    assert_eq!(told(&host.ended(&update).await), INSTALLED);
    assert_eq!(stage.version("demo/a").unwrap(), "1.10");

    let gone = host
        .jobs
        .uninstall("demo/a".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(
        told(&host.ended(&gone).await),
        "starting, removing, completed"
    );
    assert_eq!(stage.version("demo/a"), None);
    let listed: Vec<_> = host.jobs.list().into_iter().map(|job| job.number).collect();
    assert_eq!(listed, [6, 5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn all_plugins_are_updated_each_by_a_job_of_its_own() {
    let stage = Stage::new();
    for plugin in ["demo/a", "demo/b", "demo/c", "demo/d"] {
        stage.publish(plugin, "1.0", "");
    }
    let host = TestHost::new(stage.clone(), None, None);
    for plugin in ["demo/a", "demo/b", "demo/c", "demo/d"] {
        host.ended(&host.market(plugin, None).await).await;
    }
    for plugin in ["demo/a", "demo/b", "demo/c"] {
        stage.publish(plugin, "2.0", "");
    }
    stage.pin("demo/c", "1.0-0+deb12u1");
    stage.break_script("demo/a");
    let all = host.ended(&host.jobs.update_all().await.unwrap()).await;
    assert_eq!(
        told(&all),
        "starting, downloading, validating, installing, error"
    );
    let details = error(&all);
    assert!(details.contains(r#""failed":["demo/a"]"#), "{details}");
    insta::assert_snapshot!(all.reason.unwrap(), @r"
    demo/c: 1.0-0+deb12u1 stays: a pin of apt keeps 2.0-0+deb12u1 away; `apt-cache policy` says what is pinned
    demo/d: 1.0-0+deb12u1 is the newest
    ");
    let parts = host.jobs.list().into_iter();
    let parts = parts.filter(|job| job.parent.as_ref() == Some(&all.uuid));
    let mut parts: Vec<_> = parts
        .map(|job| (job.plugin.unwrap().to_string(), job.state))
        .collect();
    parts.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [("demo/a", State::Failed), ("demo/b", State::Completed)];
    assert_eq!(
        parts,
        expected.map(|(plugin, state)| (plugin.to_owned(), state))
    );
    assert_eq!(stage.version("demo/b").unwrap(), "2.0");
    assert_eq!(stage.version("demo/c").unwrap(), "1.0");
    let one = host.jobs.update("demo/c".parse().unwrap()).await.unwrap();
    let one = host.ended(&one).await;
    assert_eq!(one.state, State::Completed);
    assert!(one.reason.unwrap().contains("a pin of apt"));
    stage.publish("demo/d", "3.0", "");
    stage.limit_newest("17.11");
    let all = host.ended(&host.jobs.update_all().await.unwrap()).await;
    let reason = all.reason.unwrap();
    // A farm that cannot be reached any more keeps nobody from what apt knows already, and is told.
    stage.mend_script("demo/a");
    stage.leave();
    let away = host.ended(&host.jobs.update_all().await.unwrap()).await;
    assert!(error(&away).contains("unreachable"), "{}", error(&away));
    assert_eq!(stage.version("demo/a").unwrap(), "2.0");
    let expected = "demo/d: 1.0-0+deb12u1 stays: 3.0-0+deb12u1 is not for this host's Wazo";
    assert!(reason.contains(expected), "{reason}");
}

#[tokio::test]
async fn an_update_of_all_goes_on_where_a_death_left_it() {
    let stage = Stage::new();
    for plugin in ["demo/a", "demo/b"] {
        stage.publish(plugin, "1.0", "");
    }
    let host = TestHost::new(stage.clone(), None, None);
    for plugin in ["demo/a", "demo/b"] {
        host.ended(&host.market(plugin, None).await).await;
        stage.publish(plugin, "2.0", "");
    }
    stage.hold();
    let all = host.jobs.update_all().await.unwrap();
    assert_eq!(host.jobs.update_all().await.unwrap(), all, "one job");
    stage.let_through(1);
    while !host.jobs.parts(&all).iter().any(|job| job.applying) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let host = host.die(None, None).await;
    stage.let_through(100);
    let all = host.ended(&all).await;
    assert_eq!(all.state, State::Completed);
    let parts = host.jobs.parts(&all.uuid);
    assert_eq!(parts.len(), 2);
    for job in parts.iter().chain([&all]) {
        let ends = job.events.iter().filter(|one| one.status.is_terminal());
        assert_eq!((job.state, ends.count()), (State::Completed, 1));
    }
    for plugin in ["demo/a", "demo/b"] {
        assert_eq!(stage.version(plugin).unwrap(), "2.0");
    }
}

#[tokio::test]
async fn what_cannot_be_done_fails_and_says_why() {
    let stage = Stage::new();
    stage.publish("demo/a", "1.0", "");
    stage.publish("demo/a", "2.0", "");
    stage.limit_newest("17.11");
    let host = TestHost::new(stage.clone(), None, None);
    let failed = async |plugin: &str, version: Option<&str>| {
        let job = host.ended(&host.market(plugin, version).await).await;
        assert_eq!(job.state, State::Failed);
        format!("{}: {}", told(&job), error(&job))
    };
    insta::assert_snapshot!(failed("demo/a", Some("3.0")).await, @r#"starting, downloading, error: {"error_id":"downloading-error","message":"Downloading Error","resource":"plugins","details":{"install_options":{"namespace":"demo","name":"a","version":"3.0"},"blame":"unknown","code":"no-such-version","reason":"version 3.0 is not published for this host","hint":"choose one of 2.0, 1.0"}}"#);
    insta::assert_snapshot!(failed("demo/a", Some("2.0")).await, @r#"starting, downloading, validating, error: {"error_id":"validation-error","message":"Validation error","resource":"plugins","details":{"min_wazo_version":{"message":"Must be less than or equal to 17.10.","constraint_id":"range","constraint":{"max":"17.10"}}}}"#);
    insta::assert_snapshot!(failed("demo/b", None).await, @r#"starting, downloading, error: {"error_id":"downloading-error","message":"Downloading Error","resource":"plugins","details":{"install_options":{"namespace":"demo","name":"b"},"blame":"unknown","code":"not-published","reason":"nothing of demo/b is published for this host","hint":"see GET /market for what is; check that this host's sources have the farm's repository, and that the market server answers if one is set"}}"#);
    stage.break_script("demo/a");
    insta::assert_snapshot!(failed("demo/a", None).await, @r#"starting, downloading, validating, installing dependencies, installing, error: {"error_id":"installing-error","message":"Installing Error","resource":"plugins","details":{"install_options":{"namespace":"demo","name":"a"},"blame":"plugin","code":"script-failed","reason":"the postinst failed","hint":"mend it","package":"wazo-plugind-a-demo","script":"postinst","rules_step":"install","output_tail":"cp: no such file","exit_status":7}}"#);
    let gone = host
        .jobs
        .uninstall("demo/a".parse().unwrap())
        .await
        .unwrap();
    insta::assert_snapshot!(error(&host.ended(&gone).await), @r#"{"error_id":"removing-error","message":"Removing Error","resource":"plugins","details":{"blame":"plugin","code":"script-failed","reason":"the postinst failed","hint":"mend it","package":"wazo-plugind-a-demo","script":"postinst","rules_step":"install","output_tail":"cp: no such file","exit_status":7}}"#);
    stage.mend_script("demo/a");
    let mended = host.ended(&host.market("demo/a", None).await).await;
    assert_eq!(mended.state, State::Completed, "it was half configured");
    let git = Asked::git("https://git.example.org/a", None, None);
    let git = host.jobs.install(git, false).await.unwrap();
    insta::assert_snapshot!(error(&host.ended(&git).await), @r#"{"error_id":"downloading-error","message":"Downloading Error","resource":"plugins","details":{"install_options":{"url":"https://git.example.org/a","ref":"master","subdirectory":null},"blame":"farm","code":"no-farm","reason":"no farm builds from repositories for this host","hint":"set farm.url and farm.token_file, or install what is published"}}"#);
}

#[tokio::test]
async fn what_a_plugin_needs_is_installed_by_jobs_of_their_own() {
    let stage = Stage::new();
    let needs = |names: &[&str]| {
        let each: Vec<_> = names
            .iter()
            .map(|name| format!("wazo-plugind-{name}-dependency"))
            .collect();
        format!("tig, {}", each.join(", "))
    };
    stage.publish("dependency/one", "0.0.1", &needs(&["two", "three"]));
    stage.publish("dependency/two", "0.0.1", "");
    stage.publish("dependency/three", "0.0.1", &needs(&["four"]));
    stage.publish("dependency/four", "0.0.1", &needs(&["one"]));
    stage.publish("dependency/five", "0.0.1", &needs(&["not-found", "two"]));
    let host = TestHost::new(stage.clone(), None, None);
    let two = host.ended(&host.market("dependency/two", None).await).await;
    let one = host.ended(&host.market("dependency/one", None).await).await;
    assert_eq!((two.state, one.state), (State::Completed, State::Completed));
    let installed = ["two", "four", "three", "one"];
    let done = installed.map(|name| format!("install dependency/{name} 0.0.1"));
    assert_eq!(stage.done(), done);
    let jobs = host.jobs.list();
    assert_eq!(jobs.len(), 4, "one for each, and none for what was there");
    let child = |name: &str| {
        let is = |job: &&Job| job.plugin.as_ref().unwrap().name.as_str() == name;
        jobs.iter().find(is).unwrap().parent.clone()
    };
    assert_eq!(child("three"), Some(one.uuid));

    let five = host
        .ended(&host.market("dependency/five", None).await)
        .await;
    assert_eq!(
        told(&five),
        "starting, downloading, validating, installing dependencies, error"
    );
    insta::assert_snapshot!(error(&five), @r#"{"error_id":"installing-dependencies-error","message":"Installing dependencies Error","resource":"plugins","details":{"install_options":{"namespace":"dependency","name":"five"},"reason":"it needs dependency/not-found, which could not be installed","missing":["dependency/not-found"]}}"#);
    let missing = host.jobs.list().remove(0);
    assert_eq!(
        (missing.parent, missing.state),
        (Some(five.uuid), State::Failed)
    );
}

#[tokio::test]
async fn who_asks_twice_gets_one_job_and_who_comes_first_is_served_first() {
    let stage = Stage::new();
    for plugin in ["demo/a", "demo/b", "demo/c"] {
        stage.publish(plugin, "1.0", "");
    }
    stage.hold();
    let host = TestHost::new(stage.clone(), None, None);
    let a = host.market("demo/a", None).await;
    let b = host.market("demo/b", None).await;
    let c = host.market("demo/c", None).await;
    assert_eq!(host.market("demo/b", None).await, b);
    let goes = host
        .jobs
        .uninstall("demo/b".parse().unwrap())
        .await
        .unwrap();
    let comes_back = host.market("demo/b", None).await;
    assert_ne!(
        comes_back, b,
        "the one that was asked for first would be undone"
    );
    assert_eq!(host.market("demo/b", None).await, comes_back);

    host.jobs.cancel(&c).await.unwrap();
    let cancelled = host.jobs.get(&c).unwrap();
    assert_eq!(
        (cancelled.state, told(&cancelled).as_str()),
        (State::Cancelled, "error")
    );
    let twice = host.jobs.cancel(&c).await.unwrap_err();
    assert!(matches!(twice, JobsError::Ended { .. }), "{twice}");
    stage.let_through(1);
    let at_apt = |job: &Job| {
        job.steps
            .last()
            .is_some_and(|step| step.status == Status::Installing)
    };
    host.until(&a, at_apt).await;
    let late = host.jobs.cancel(&a).await.unwrap_err();
    insta::assert_snapshot!(late.to_string().replace(a.as_str(), "A"), @"apt works for the job A, and is not interrupted; wait for its end");
    stage.let_through(1000);
    for id in [&a, &b, &goes, &comes_back] {
        assert_eq!(host.ended(id).await.state, State::Completed);
    }
    let done = [
        "install demo/a 1.0",
        "install demo/b 1.0",
        "remove demo/b",
        "install demo/b 1.0",
    ];
    assert_eq!(stage.done(), done);
}

#[tokio::test]
async fn no_death_loses_a_job_or_ends_it_twice() {
    let stage = Stage::new();
    for plugin in ["demo/a", "demo/b"] {
        stage.publish(plugin, "1.0", "");
    }
    stage.hold();
    let mut host = TestHost::new(stage.clone(), None, None);
    let a = host.market("demo/a", None).await;
    let b = host.market("demo/b", None).await;
    for deaths in 0..2 {
        stage.let_through(1);
        host.until(&a, |job| job.applying && job.deaths == deaths)
            .await;
        host = host.die(None, None).await;
    }
    stage.let_through(1000);
    for id in [&a, &b] {
        let job = host.ended(id).await;
        assert_eq!(
            (job.state, told(&job).as_str()),
            (State::Completed, INSTALLED)
        );
    }
    let file = host.file(&a);
    host = host.restart().await;
    assert_eq!(host.file(&a), file, "what has ended stays as it is");
    assert_eq!(host.jobs.list().len(), 2);
}

#[tokio::test]
async fn a_job_that_kills_the_agent_is_given_up() {
    let stage = Stage::new();
    stage.publish("demo/a", "1.0", "");
    stage.hold();
    let mut host = TestHost::new(stage.clone(), None, None);
    let a = host.market("demo/a", None).await;
    for deaths in 0..3 {
        stage.let_through(1);
        host.until(&a, |job| job.applying && job.deaths == deaths)
            .await;
        host = host.die(None, None).await;
    }
    let job = host.ended(&a).await;
    assert_eq!(job.state, State::Failed);
    assert_eq!(job.error.unwrap().details["code"], "agent-died");
}

#[tokio::test]
async fn nothing_of_a_job_is_for_other_users_of_the_machine() {
    use std::os::unix::fs::PermissionsExt as _;

    let host = TestHost::new(Stage::new(), None, None);
    let secret = Asked::git("https://me:hunter2@git.example.org/a", None, None);
    let job = host.jobs.install(secret, false).await.unwrap();
    host.ended(&job).await;
    assert!(!host.file(&job).contains("hunter2"));
    let folder = host.path().join("jobs");
    let mode = |path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.clone()), 0o700);
    for entry in fs_err::read_dir(folder).unwrap() {
        assert_eq!(mode(entry.unwrap().path()), 0o600);
    }
}
