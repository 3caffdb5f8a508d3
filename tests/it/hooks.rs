//! Pushes: told by hooks in the forges' own ways, and found by asking when a hook got lost. One push is one build.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::service_lab::{Answer, Service};
use crate::source_lab::run;

const PLUGIN: &str = "demo/helloworld";

/// A hook of the plugin's, as whoever set it up knows it.
struct Hook {
    id: String,
    path: String,
    secret: String,
}

fn add_hook(service: &Service, forge: &str) -> Hook {
    let added = service
        .farm
        .run(&["source", "hook", "add", PLUGIN, "--forge", forge, "--json"]);
    let hook = added.succeeds().json()["hook"].clone();
    let text = |name: &str| hook[name].as_str().unwrap().to_owned();
    Hook {
        id: text("id"),
        path: text("path"),
        secret: text("secret"),
    }
}

/// The digits of a signature, as OpenSSL makes it.
fn signature(service: &Service, secret: &str, body: &str) -> String {
    let file = service.folder().join("body");
    fs_err::write(&file, body).unwrap();
    let file = file.to_str().unwrap();
    let said = run(
        Path::new("/"),
        "openssl",
        &["dgst", "-sha256", "-hmac", secret, file],
    );
    said.rsplit(' ').next().unwrap().to_owned()
}

fn deliver(service: &Service, hook: &Hook, forge: &str, id: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let digits = signature(service, &hook.secret, &body);
    let signed = format!("sha256={digits}");
    let headers: &[(&str, &str)] = match forge {
        "gitlab" => &[
            ("X-Gitlab-Event", "Push Hook"),
            ("X-Gitlab-Event-UUID", id),
            ("X-Gitlab-Token", &hook.secret),
        ],
        "gitea" => &[
            ("X-Gitea-Event", "push"),
            ("X-Gitea-Delivery", id),
            ("X-Gitea-Signature", &digits),
        ],
        "plain" => &[("X-Delivery", id), ("X-Hub-Signature-256", &signed)],
        _ => &[
            ("X-GitHub-Event", "push"),
            ("X-GitHub-Delivery", id),
            ("X-Hub-Signature-256", &signed),
        ],
    };
    service.send(&hook.path, headers, &body)
}

fn builds(service: &Service) -> Vec<Value> {
    let all = service.get("/builds").json();
    all.as_array().unwrap().clone()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(90), "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A watched plugin with a hook, and what is pushed to it.
struct Story {
    service: Service,
    token: String,
    url: String,
    branch: String,
    commit: String,
    hook: Hook,
    /// What GitHub sends for the tag v9.
    tagged: Value,
}

impl Story {
    async fn begin() -> Self {
        let mut service = Service::new("watch: {every: 2s, floor: 1s}\n").await;
        let url = service.repository("helloworld", "helloworld");
        service.start();
        let token = service.partner();
        let submitted = service.post("/builds", &token, &json!({ "url": url, "plugin": PLUGIN }));
        assert_eq!(submitted.status, 201, "{}", submitted.text());
        let first = submitted.json()["id"].as_str().unwrap().to_owned();
        service.wait(&first, &["succeeded"]);
        let bare = service.folder().join("helloworld");
        let git = |arguments: &[&str]| run(&bare, "git", arguments);
        let branch = git(&["symbolic-ref", "--short", "HEAD"]);
        let commit = git(&["rev-parse", "HEAD"]);
        let tagged = json!({
            "ref": "refs/tags/v9", "after": commit, "head_commit": { "id": commit },
            "repository": { "clone_url": url, "html_url": url },
        });
        let hook = add_hook(&service, "github");
        Self {
            service,
            token,
            url,
            branch,
            commit,
            hook,
            tagged,
        }
    }

    fn git(&self, arguments: &[&str]) {
        run(&self.service.folder().join("helloworld"), "git", arguments);
    }

    fn watch(&self, patterns: &[&str]) {
        let arguments = [&["source", "watch", PLUGIN, "--every", "2"], patterns].concat();
        self.service.farm.run(&arguments).succeeds();
    }

    fn watched(&self) -> Value {
        let shown = self
            .service
            .farm
            .run(&["source", "watch", PLUGIN, "--json"]);
        shown.succeeds().json()["watch"].clone()
    }

    /// Waits until the repository was asked, from now on.
    fn is_asked(&self) {
        wait_for("the repository is asked", || {
            self.watched()["known"] == true
        });
        let before = self.watched()["next_at"].clone();
        wait_for("the repository is asked again", || {
            self.watched()["next_at"] != before
        });
    }

    fn deliver(&self, id: &str, body: &Value) -> Answer {
        deliver(&self.service, &self.hook, "github", id, body)
    }

    fn deliveries(&self) -> Vec<Value> {
        let listed = self.service.farm.run(&[
            "source",
            "hook",
            "deliveries",
            PLUGIN,
            &self.hook.id,
            "--json",
        ]);
        listed.succeeds().json()["deliveries"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Whoever does not know the secret is nobody, and who is somebody speaks of the own repository alone.
    fn nobody_else_is_heard(&self) {
        let (service, hook) = (&self.service, &self.hook);
        let stranger = Hook {
            secret: "guessed".to_owned(),
            path: hook.path.clone(),
            id: hook.id.clone(),
        };
        let guessed = deliver(service, &stranger, "github", "2", &self.tagged);
        assert_eq!(guessed.status, 401);
        let unsigned = service.send(
            &hook.path,
            &[("X-GitHub-Event", "push")],
            &self.tagged.to_string(),
        );
        assert_eq!(unsigned.status, 401);
        assert_eq!(service.send("/hooks/none", &[], "{}").status, 404);
        let large = "x".repeat(2 << 20);
        assert_eq!(service.send(&hook.path, &[], &large).status, 413);
        let mut elsewhere = self.tagged.clone();
        elsewhere["repository"] = json!({ "clone_url": "https://git.example.org/x/helloworld" });
        let other = self.deliver("3", &elsewhere).json();
        assert_eq!(other["verdict"], "ignored");
        let reason = other["reason"].as_str().unwrap();
        assert!(reason.contains("another repository"), "{other}");
        assert_eq!(builds(service).len(), 1);
    }

    /// The build of the tag v9, of which every forge tells, each in its way.
    fn is_built_once(&self) {
        let service = &self.service;
        self.git(&["tag", "v9"]);
        let built = self.deliver("2", &self.tagged);
        assert_eq!(built.status, 202, "{}", built.text());
        let id = built.json()["build"].as_str().unwrap().to_owned();
        let again = self.deliver("2", &self.tagged);
        assert_eq!(
            (again.status, again.json()["build"].as_str()),
            (200, Some(id.as_str()))
        );
        for forge in ["gitlab", "gitea", "plain"] {
            let hook = add_hook(service, forge);
            let (url, commit) = (&self.url, &self.commit);
            let body = match forge {
                "gitlab" => json!({
                    "object_kind": "tag_push", "ref": "refs/tags/v9", "checkout_sha": commit,
                    "project": { "git_http_url": url },
                }),
                "gitea" => self.tagged.clone(),
                _ => json!({ "ref": "refs/tags/v9", "commit": commit, "repository": url }),
            };
            let same = deliver(service, &hook, forge, "x", &body).json();
            assert_eq!(same["build"].as_str(), Some(id.as_str()), "{forge}: {same}");
        }
        let build = service.wait(&id, &["succeeded"]);
        assert_eq!(build["ref"], "refs/tags/v9");
        self.is_asked();
        self.is_asked();
        assert_eq!(
            builds(service).len(),
            2,
            "hooks and asking have found one push"
        );
    }

    /// What was decided is kept, may be decided again, and leads to one build.
    fn is_decided_again(&self) {
        let service = &self.service;
        let mut early = self.tagged.clone();
        early["ref"] = json!(format!("refs/heads/{}", self.branch));
        assert_eq!(self.deliver("4", &early).json()["verdict"], "ignored");
        let listed = self.deliveries();
        let verdicts: Vec<_> = listed
            .iter()
            .map(|one| one["verdict"].as_str().unwrap())
            .collect();
        let expected = [
            "ignored", "built", "ignored", "refused", "refused", "ignored",
        ];
        assert_eq!(verdicts, expected, "{listed:#?}");
        self.watch(&["--tag", "v*", "--branch", &self.branch]);
        let delivery = listed[0]["id"].as_str().unwrap();
        let replay = format!(
            "/sources/{PLUGIN}/hooks/{}/deliveries/{delivery}/replay",
            self.hook.id
        );
        assert_eq!(service.post(&replay, "", &json!({})).status, 401);
        let replayed = service.post(&replay, &self.token, &json!({})).json();
        assert_eq!(replayed["verdict"], "built", "{replayed}");
        let twice = service.post(&replay, &self.token, &json!({})).json();
        assert_eq!(
            (&twice["build"], builds(service).len()),
            (&replayed["build"], 3)
        );
    }

    /// The secret is shown once, and lies nowhere as it is.
    fn secret_is_kept(&self) {
        let shown = self
            .service
            .farm
            .run(&["source", "hook", "list", PLUGIN, "--json"]);
        let shown = shown.succeeds().stdout;
        assert!(!shown.contains(&self.hook.secret), "{shown}");
        let found = |text: &str| {
            let mut grep = std::process::Command::new("grep");
            let grep = grep.args(["-rlaF", text]).arg(self.service.farm.data());
            grep.output().unwrap().status.success()
        };
        assert!(found(&self.hook.id), "the control is found");
        assert!(!found(&self.hook.secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_push_is_one_build_however_it_is_heard_of_and_a_lost_hook_is_caught_up() {
    let story = Story::begin().await;
    let unwatched = story.deliver("1", &story.tagged);
    let verdict = unwatched.json()["verdict"].clone();
    assert_eq!((unwatched.status, verdict), (200, json!("ignored")));
    story.watch(&["--tag", "v*"]);
    wait_for("the repository is asked", || {
        story.watched()["known"] == true
    });
    story.nobody_else_is_heard();
    story.is_built_once();
    story.is_decided_again();
    wait_for("the repository is asked", || {
        story.watched()["known"] == true
    });
    story.git(&["tag", "v10"]);
    wait_for("the push that no hook told of is built", || {
        let all = builds(&story.service);
        all.iter().any(|build| build["ref"] == "refs/tags/v10")
    });
    story.secret_is_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_cannot_be_asked_is_asked_less_and_less_often() {
    let mut service = Service::new("watch: {every: 2s, floor: 1s}\n").await;
    let url = service.repository("helloworld", "helloworld");
    service.start();
    let token = service.partner();
    let submitted = service.post("/builds", &token, &json!({ "url": url, "plugin": PLUGIN }));
    assert_eq!(submitted.status, 201, "{}", submitted.text());
    let asked = json!({ "branches": ["*"], "every": 1 });
    let place = format!("/sources/{PLUGIN}/watch");
    fs_err::rename(
        service.folder().join("helloworld"),
        service.folder().join("gone"),
    )
    .unwrap();
    let refused = service.put(&place, "", &asked);
    assert_eq!(refused.status, 401);
    let often = json!({ "branches": ["*"], "every": 0 });
    assert_eq!(
        service.put(&place, &token, &often).status,
        200,
        "never is not too often"
    );
    for wrong in [
        json!({}),
        json!({ "branches": ["refs/heads/x"] }),
        json!({ "tags": ["*"], "channel": "none" }),
    ] {
        assert_eq!(service.put(&place, &token, &wrong).status, 422, "{wrong}");
    }
    let watched = service.put(&place, &token, &asked);
    assert_eq!(watched.status, 200, "{}", watched.text());
    wait_for("it cannot be asked, twice", || {
        let shown = service
            .get_with(&place, &format!("Authorization: Bearer {token}"))
            .json();
        shown["failures"].as_u64() >= Some(2) && shown["problem"].is_string()
    });
    fs_err::rename(
        service.folder().join("gone"),
        service.folder().join("helloworld"),
    )
    .unwrap();
    wait_for("it is asked again", || {
        let shown = service
            .get_with(&place, &format!("Authorization: Bearer {token}"))
            .json();
        shown["failures"] == 0 && shown["known"] == true
    });
}
