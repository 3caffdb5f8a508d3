//! Repositories are fetched from real servers, as what was asked for and nothing else.

use plugfarm::config::SourceLimits;
use plugfarm::model::FailureCode;
use plugfarm::source::{Store, from_folder};

use crate::source_lab::{Repository, Sources, entries, paths, run};

#[tokio::test]
async fn a_ref_of_any_kind_leads_to_its_commit() {
    let repository = Repository::new();
    let one = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["tag", "light"]);
    repository.git(&["tag", "-a", "v1.0", "-m", "annotated"]);
    repository.git(&["branch", "fix/pyyaml-6"]);
    let tag = repository.git(&["rev-parse", "v1.0"]);
    repository.write("two", "");
    let two = repository.commit("two");
    let short = repository.git(&["rev-parse", "--short=8", &one]);
    let mut sources = Sources::new().await;
    sources.publish("x", &repository);
    let url = sources.git_daemon() + "/x";
    let cases = [
        ("", &two, Some("refs/heads/main")),
        ("main", &two, Some("refs/heads/main")),
        ("light", &one, Some("refs/tags/light")),
        ("v1.0", &one, Some("refs/tags/v1.0")),
        ("refs/tags/v1.0", &one, Some("refs/tags/v1.0")),
        ("fix/pyyaml-6", &one, Some("refs/heads/fix/pyyaml-6")),
        (&one, &one, None),
        (&tag, &one, None),
        (&short, &one, None),
    ];
    for (reference, commit, name) in cases {
        let source = sources.fetch(&url, reference).await.unwrap();
        assert_eq!(
            source.commit.as_ref().unwrap().as_str(),
            commit,
            "{reference}"
        );
        assert_eq!(source.resolved_ref.as_deref(), name, "{reference}");
        let there = paths(&source).contains(&"644 two".to_owned());
        assert_eq!(there, *commit == two, "{reference}");
        assert!(source.pinned);
    }
}

#[tokio::test]
async fn a_ref_that_is_not_there_or_not_clear_is_said_so() {
    let repository = Repository::new();
    repository.git(&["tag", "both"]);
    repository.commit("two");
    repository.git(&["branch", "both"]);
    let mut sources = Sources::new().await;
    sources.publish("x", &repository);
    let url = sources.git_daemon() + "/x";
    let failure = sources.fetch(&url, "master").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::RefGone);
    assert_eq!(failure.hint, "it has: main, both, both");
    for gone in [
        "0123456789012345678901234567890123456789",
        "0123456",
        "refs/heads/nope",
    ] {
        let failure = sources.fetch(&url, gone).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::RefGone, "{gone}: {failure}");
    }
    let failure = sources.fetch(&url, "both").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::RefGone);
    assert!(failure.message.contains("a branch and a tag"), "{failure}");
    for name in ["refs/heads/both", "refs/tags/both"] {
        assert!(failure.hint.contains(name), "{failure:?}");
        let source = sources.fetch(&url, name).await.unwrap();
        assert_eq!(source.resolved_ref.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn no_attribute_changes_or_drops_a_byte() {
    let repository = Repository::new();
    repository.write("crlf", "a\r\nb\r\n");
    repository.write("id.txt", "$Id$ $Format:%H$\n");
    repository.write("é 🎉/ä", "x");
    repository.write("wazo/rules", "#!/bin/sh\n");
    std::os::unix::fs::symlink("wazo/rules", repository.path("link")).unwrap();
    run(repository.folder.path(), "chmod", &["+x", "wazo/rules"]);
    repository.commit("files");
    let attributes = "* text eol=lf ident export-subst filter=lfs\n/wazo export-ignore\ncrlf export-ignore \
                      working-tree-encoding=UTF-16\n";
    repository.write(".gitattributes", attributes);
    repository.git(&["add", ".gitattributes"]);
    repository.git(&["commit", "-q", "-m", "attributes"]);
    let mut sources = Sources::new().await;
    sources.publish("x", &repository);
    let url = sources.git_daemon() + "/x";
    let source = sources.fetch(&url, "").await.unwrap();
    let entries = entries(&source);
    let found: Vec<_> = entries
        .iter()
        .map(|(path, content)| (path.as_str(), content.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("644 .gitattributes", attributes),
            ("644 crlf", "a\r\nb\r\n"),
            ("644 id.txt", "$Id$ $Format:%H$\n"),
            ("777 link", "-> wazo/rules"),
            ("755 wazo/", ""),
            ("644 wazo/plugin.yml", "name: hello\n"),
            ("755 wazo/rules", "#!/bin/sh\n"),
            ("755 é 🎉/", ""),
            ("644 é 🎉/ä", "x"),
        ]
    );
}

#[tokio::test]
async fn a_clean_folder_and_its_fetched_commit_are_the_same_tar() {
    let repository = Repository::new();
    repository.write("plugins/hello/wazo/plugin.yml", "x");
    repository.commit("two");
    let mut sources = Sources::new().await;
    sources.publish("x", &repository);
    let url = sources.git_daemon() + "/x";
    let store = Store::open(sources.data.path()).unwrap();
    let limits = SourceLimits::default();
    let folder = from_folder(repository.folder.path(), None, None, &limits, &store).unwrap();
    let fetched = sources.fetch(&url, "").await.unwrap();
    assert!(folder.pinned);
    assert_eq!(
        (folder.sha256, folder.commit),
        (fetched.sha256, fetched.commit)
    );

    let part = sources.fetch_part(&url, "", "plugins/hello").await.unwrap();
    assert_eq!(paths(&part), ["755 wazo/", "644 wazo/plugin.yml"]);
    for missing in ["plugins/nope", "plugins/hello/wazo/plugin.yml"] {
        let failure = sources.fetch_part(&url, "", missing).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::SourceInvalid);
        assert!(failure.message.contains(missing), "{failure}");
    }
}

#[tokio::test]
async fn a_commit_is_exported_once_and_asked_for_each_time() {
    let mut sources = Sources::new().await;
    sources.publish("x", &Repository::new());
    let url = sources.https() + "/x";
    let first = sources.fetch(&url, "main").await.unwrap();
    let asked = sources.requests().len();
    let second = sources.fetch(&url, "").await.unwrap();
    assert_eq!((&first.tar, first.sha256), (&second.tar, second.sha256));
    assert_eq!(
        (&first.commit, first.commit_time),
        (&second.commit, second.commit_time)
    );
    let again = sources.requests();
    assert!((1..asked).contains(&again.len()), "{again:?}");

    fs_err::write(&first.tar, "damaged").unwrap();
    let third = sources.fetch(&url, "").await.unwrap();
    assert_eq!(third.sha256, first.sha256);
    assert_eq!(entries(&third).len(), 2, "it is whole again");
}

#[tokio::test]
async fn a_server_of_the_old_protocol_gives_out_old_commits_too() {
    let repository = Repository::new();
    let one = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["tag", "-a", "v1", "-m", "x"]);
    repository.commit("two");
    repository.commit("three");
    let second = repository.git(&["rev-parse", "HEAD~1"]);
    let mut sources = Sources::new().await;
    sources.publish("x", &repository);
    let url = sources.https() + "/old/x";
    for (reference, commit) in [("v1", &one), (&second, &second)] {
        let source = sources.fetch(&url, reference).await.unwrap();
        assert_eq!(source.commit.unwrap().as_str(), commit);
    }
}

#[tokio::test]
async fn a_repository_of_sha_256_objects_is_fetched() {
    let repository = Repository::new();
    fs_err::remove_dir_all(repository.path(".git")).unwrap();
    repository.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    let commit = repository.commit("one");
    let mut sources = Sources::new().await;
    sources.publish("x", &repository);
    let url = sources.git_daemon() + "/x";
    for reference in ["", &commit] {
        let source = sources.fetch(&url, reference).await.unwrap();
        assert_eq!(source.commit.unwrap().as_str(), commit);
    }
}

#[tokio::test]
async fn submodules_are_fetched_at_the_commits_that_their_parents_pin() {
    let leaf = Repository::new();
    leaf.write("leaf", "1");
    leaf.commit("pinned");
    let library = Repository::new();
    let add = |to: &Repository, from: &Repository, url: &str, path: &str| {
        let place = from.folder.path().to_str().unwrap();
        to.git(&[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            place,
            path,
        ]);
        to.git(&[
            "config",
            "-f",
            ".gitmodules",
            &format!("submodule.{path}.url"),
            url,
        ]);
        to.commit("add a submodule");
    };
    add(&library, &leaf, "../leaf", "nested/leaf");
    let plugin = Repository::new();
    let mut sources = Sources::new().await;
    let server = sources.git_daemon();
    add(&plugin, &library, "./../library.git", "plugins/hello/lib");
    add(&plugin, &leaf, &format!("{server}/leaf"), "leaf");
    let stray = leaf.git(&["rev-parse", "HEAD"]);
    plugin.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{stray},plugins/hello/stray"),
    ]);
    plugin.git(&["commit", "-q", "-m", "a submodule that nobody declares"]);
    leaf.write("leaf", "2");
    leaf.commit("later");
    sources.publish("leaf", &leaf);
    sources.publish("library.git", &library);
    sources.publish("plugin", &plugin);

    let source = sources
        .fetch_part(&format!("{server}/plugin"), "", "plugins/hello")
        .await
        .unwrap();
    let entries = entries(&source);
    let content = |path: &str| {
        entries
            .iter()
            .find(|(name, _)| name == path)
            .map(|(_, text)| text.as_str())
    };
    assert_eq!(content("644 lib/nested/leaf/leaf"), Some("1"));
    assert_eq!(content("755 stray/"), Some(""));
    assert!(content("644 lib/.gitmodules").is_some());
    let whole = sources
        .fetch(&format!("{server}/plugin"), "")
        .await
        .unwrap();
    assert!(paths(&whole).contains(&"644 leaf/leaf".to_owned()));
    assert!(paths(&whole).contains(&"644 plugins/hello/lib/nested/leaf/leaf".to_owned()));
}

#[tokio::test]
async fn a_repository_of_this_machine_is_fetched_from_a_copy() {
    let repository = Repository::new();
    repository.git(&["branch", "other"]);
    repository.write("not-committed", "");
    let sources = Sources::new().await;
    let place = repository.folder.path().display();
    for url in [format!("file://{place}"), format!("file://{place}/.git")] {
        let source = sources.fetch(&url, "other").await.unwrap();
        assert_eq!(paths(&source), ["755 wazo/", "644 wazo/plugin.yml"]);
        assert_eq!(source.url_display, url);
    }
    let failure = sources.fetch("file:///etc", "").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::SourceDenied);
}
