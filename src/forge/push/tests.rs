//! Requests in the shapes that the forges document.

use proptest::prelude::*;

use super::super::Header;
use super::*;

fn news(forge: Forge, headers: &[(&str, &str)], body: &str) -> Result<News, UnreadableNews> {
    let header = |name: &str| {
        let found = headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let header: &Header<'_> = &header;
    read(
        forge,
        Incoming {
            header,
            body: body.as_bytes(),
        },
    )
}

fn commit() -> String {
    "da1560886d4f094c3e6c9ef40349f7d38b5d27d7".to_owned()
}

#[test]
fn githubs_pushes_are_read() {
    let headers = [
        ("x-github-event", "push"),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("content-type", "application/json"),
    ];
    let body = format!(
        r#"{{"ref":"refs/tags/v1.0","before":"{}","after":"{}","created":true,"deleted":false,"forced":false,
        "head_commit":{{"id":"{}","tree_id":"x","message":"é"}},
        "repository":{{"id":1,"full_name":"acme/plugin","private":true,"html_url":"https://github.com/acme/plugin",
        "git_url":"git://github.com/acme/plugin.git","ssh_url":"git@github.com:acme/plugin.git","clone_url":"https://github.com/acme/plugin.git"}},
        "pusher":{{"name":"joe"}},"commits":[]}}"#,
        "0".repeat(40),
        "b".repeat(40),
        commit()
    );
    let found = news(Forge::Github, &headers, &body).unwrap();
    assert_eq!(found.delivery, "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    let push = found.push.unwrap();
    assert_eq!(push.reference, "refs/tags/v1.0");
    assert_eq!(push.commit.unwrap().as_str(), commit());
    assert_eq!(
        push.repository,
        [
            "https://github.com/acme/plugin.git",
            "git@github.com:acme/plugin.git",
            "https://github.com/acme/plugin"
        ]
    );
    // The same as a form, which is what older hooks send.
    let form: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", &body)
        .finish();
    let headers = [
        ("x-github-event", "push"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let found = news(Forge::Github, &headers, &form).unwrap();
    assert_eq!(found.push.unwrap().reference, "refs/tags/v1.0");
    assert_eq!(found.delivery, Sha256::of(form.as_bytes()).to_string());
    let ping = news(
        Forge::Github,
        &[("x-github-event", "ping")],
        r#"{"zen":"Keep it logically awesome."}"#,
    )
    .unwrap();
    assert_eq!((ping.event.as_str(), ping.push), ("ping", None));
}

#[test]
fn a_ref_that_is_gone_has_no_commit() {
    let zeros = "0".repeat(40);
    let body =
        format!(r#"{{"ref":"refs/heads/x","after":"{zeros}","deleted":true,"head_commit":null}}"#);
    let found = news(Forge::Github, &[("x-github-event", "push")], &body).unwrap();
    assert_eq!(found.push.unwrap().commit, None);
    let body = format!(
        r#"{{"object_kind":"push","ref":"refs/heads/x","after":"{zeros}","checkout_sha":null}}"#
    );
    let found = news(Forge::Gitlab, &[("x-gitlab-event", "Push Hook")], &body).unwrap();
    assert_eq!(found.push.unwrap().commit, None);
}

#[test]
fn gitlabs_pushes_are_read() {
    let body = format!(
        r#"{{"object_kind":"tag_push","event_name":"tag_push","before":"{}","after":"{}","ref":"refs/tags/v1.0.0","checkout_sha":"{}",
        "project_id":1,"project":{{"id":1,"name":"Example","web_url":"http://example.com/jsmith/example","git_ssh_url":"git@example.com:jsmith/example.git",
        "git_http_url":"http://example.com/jsmith/example.git","visibility_level":0,"url":"git@example.com:jsmith/example.git"}},
        "repository":{{"name":"Example","url":"ssh://git@example.com/jsmith/example.git","homepage":"http://example.com/jsmith/example"}},"commits":[],"total_commits_count":0}}"#,
        "0".repeat(40),
        "b".repeat(40),
        commit()
    );
    let headers = [
        ("x-gitlab-event", "Tag Push Hook"),
        (
            "x-gitlab-event-uuid",
            "13792a34-cac6-4fda-95a8-c58e00a3954e",
        ),
    ];
    let found = news(Forge::Gitlab, &headers, &body).unwrap();
    assert_eq!(found.delivery, "13792a34-cac6-4fda-95a8-c58e00a3954e");
    let push = found.push.unwrap();
    assert_eq!(push.commit.unwrap().as_str(), commit());
    assert!(
        push.repository
            .contains(&"http://example.com/jsmith/example.git".to_owned())
    );
}

#[test]
fn giteas_and_plain_pushes_are_read() {
    let body = format!(
        r#"{{"secret":"old","ref":"refs/heads/develop","before":"{0}","after":"{0}","compare_url":"","commits":[],
        "repository":{{"id":140,"full_name":"gitea/webhooks","private":false,"html_url":"http://localhost:3000/gitea/webhooks",
        "ssh_url":"ssh://gitea@localhost:2222/gitea/webhooks.git","clone_url":"http://localhost:3000/gitea/webhooks.git"}},"pusher":{{"id":1}}}}"#,
        commit()
    );
    let headers = [
        ("x-github-delivery", "g"),
        ("x-gitea-delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473"),
        ("x-gitea-event", "push"),
    ];
    let found = news(Forge::Gitea, &headers, &body).unwrap();
    assert_eq!(found.delivery, "f6266f16-1bf3-46a5-9ea4-602e06ead473");
    assert_eq!(found.push.unwrap().repository.len(), 3);
    let body = format!(
        r#"{{"repository":"https://git.example.org/x","ref":"refs/heads/main","commit":"{}"}}"#,
        commit()
    );
    let push = news(Forge::Plain, &[], &body).unwrap().push.unwrap();
    assert_eq!(push.repository, ["https://git.example.org/x"]);
    assert_eq!(push.commit.unwrap().as_str(), commit());
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in ".{0,200}", forge in 0..4_usize) {
        let read = news(Forge::ALL[forge], &[("x-github-event", "push")], &body);
        prop_assert!(read.is_ok() || !read.unwrap_err().reason.is_empty());
    }
}
