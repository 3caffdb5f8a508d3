//! Repositories that mean no good. Each attack stands beside a control that differs by the attack alone.

use plugfarm::model::FailureCode;

use crate::source_lab::{Repository, Sources, paths, tree_entry};

async fn published(repository: &Repository) -> (Sources, String) {
    let mut sources = Sources::new().await;
    sources.publish("x", repository);
    let url = sources.git_daemon() + "/x";
    (sources, url)
}

/// Fetches a repository whose only entry is `mode name` and whatever `object` makes.
async fn tree_of(
    mode: &str,
    name: &str,
    object: impl Fn(&Repository) -> String,
) -> Result<Vec<String>, FailureCode> {
    let repository = Repository::new();
    let id = object(&repository);
    let tree = repository.object("tree", &tree_entry(mode, name, &id));
    repository.commit_tree(&tree);
    let (sources, url) = published(&repository).await;
    let fetched = sources.fetch(&url, "").await;
    fetched
        .map(|source| paths(&source))
        .map_err(|failure| failure.code)
}

#[tokio::test]
async fn trees_that_would_write_elsewhere_are_refused() {
    let blob = |repository: &Repository| repository.object("blob", b"[core]\n\tfsmonitor = id\n");
    let folder = |repository: &Repository| {
        let id = blob(repository);
        repository.object("tree", &tree_entry("100644", "config", &id))
    };
    assert_eq!(
        tree_of("100644", "harmless", blob).await,
        Ok(vec!["644 harmless".to_owned()])
    );
    assert!(tree_of("40000", "harmless", folder).await.is_ok());
    for name in ["..", ".", ".git", ".GIT", "git~1", "a/b"] {
        assert_eq!(
            tree_of("40000", name, folder).await,
            Err(FailureCode::SourceInvalid),
            "{name}"
        );
    }
    for name in ["a\nb", "a\u{1b}[31m", &"x".repeat(256)] {
        assert_eq!(
            tree_of("100644", name, blob).await,
            Err(FailureCode::SourceInvalid),
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn links_stay_inside() {
    let link = |target: &'static str| {
        move |repository: &Repository| repository.object("blob", target.as_bytes())
    };
    assert_eq!(
        tree_of("120000", "x", link("wazo/y")).await,
        Ok(vec!["777 x".to_owned()])
    );
    for target in ["/etc/passwd", "../x", "wazo/../../x", "a\nb"] {
        assert_eq!(
            tree_of("120000", "x", link(target)).await,
            Err(FailureCode::SourceInvalid),
            "{target}"
        );
    }
    assert_eq!(
        tree_of("120000", ".gitmodules", link("wazo/y")).await,
        Err(FailureCode::SourceInvalid)
    );
    let long = |repository: &Repository| repository.object("blob", &[b'x'; 5000]);
    assert_eq!(
        tree_of("120000", "x", long).await,
        Err(FailureCode::SourceInvalid)
    );
}

#[tokio::test]
async fn submodules_come_from_where_a_plugin_may_come_from() {
    let mut sources = Sources::new().await;
    let leaf = Repository::new();
    sources.publish("leaf", &leaf);
    let server = sources.git_daemon();
    let commit = leaf.git(&["rev-parse", "HEAD"]);
    for (url, code) in [
        ("../leaf", None),
        ("../../../leaf", Some(FailureCode::PolicyRejected)),
        ("file:///etc", Some(FailureCode::PolicyRejected)),
        ("/etc", Some(FailureCode::PolicyRejected)),
        ("ext::sh -c id", Some(FailureCode::PolicyRejected)),
        ("-u./payload", Some(FailureCode::PolicyRejected)),
        (
            "ssh://-oProxyCommand=id/x",
            Some(FailureCode::PolicyRejected),
        ),
        (
            "https://169.254.169.254/x",
            Some(FailureCode::PolicyRejected),
        ),
        ("git://127.0.0.1/x", Some(FailureCode::PolicyRejected)),
    ] {
        let repository = Repository::new();
        repository.write(
            ".gitmodules",
            format!("[submodule \"l\"]\n\tpath = l\n\turl = {url}\n"),
        );
        repository.git(&["add", "-A"]);
        repository.git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{commit},l"),
        ]);
        repository.git(&["commit", "-q", "-m", "x"]);
        sources.publish("x", &repository);
        let fetched = sources.fetch(&format!("{server}/x"), "").await;
        match fetched {
            Ok(_) => assert_eq!(code, None, "{url}"),
            Err(failure) => {
                // What git itself calls malicious, its own check refuses first.
                let by_git = failure.code == FailureCode::SourceInvalid
                    && failure.message.contains("git refuses");
                assert!(by_git || Some(failure.code) == code, "{url}: {failure}");
            }
        }
    }
}

#[tokio::test]
async fn a_chain_of_submodules_ends() {
    let mut sources = Sources::new().await;
    let server = sources.git_daemon();
    let mut commit = Repository::new().git(&["rev-parse", "HEAD"]);
    for depth in 0..6 {
        let repository = Repository::new();
        if depth > 0 {
            let url = format!("../r{}", depth - 1);
            repository.write(
                ".gitmodules",
                format!("[submodule \"l\"]\n\tpath = l\n\turl = {url}\n"),
            );
            repository.git(&["add", "-A"]);
            repository.git(&[
                "update-index",
                "--add",
                "--cacheinfo",
                &format!("160000,{commit},l"),
            ]);
        }
        repository.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
        commit = repository.git(&["rev-parse", "HEAD"]);
        sources.publish(&format!("r{depth}"), &repository);
    }
    assert!(sources.fetch(&format!("{server}/r4"), "").await.is_ok());
    let failure = sources
        .fetch(&format!("{server}/r5"), "")
        .await
        .unwrap_err();
    assert_eq!(failure.code, FailureCode::SourceTooLarge);
}

#[tokio::test]
async fn too_many_bytes_are_refused_wherever_they_appear() {
    let repository = Repository::new();
    repository.write("zeros", vec![0; 8 << 20]);
    repository.commit("they compress to nothing");
    let noise: Vec<u8> = (0_u64..3 << 20)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect();
    let (mut sources, url) = published(&repository).await;
    assert!(sources.fetch(&url, "").await.is_ok());
    sources.config.limits.size = 1 << 20;
    let failure = sources.fetch(&url, "main").await;
    assert!(
        failure.is_ok(),
        "a commit that is in the store is not refused later"
    );
    repository.write("more", noise);
    repository.commit("they do not");
    sources.publish("x", &repository);
    let failure = sources.fetch(&url, "").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::SourceTooLarge);
}

#[tokio::test]
async fn too_many_files_are_refused_even_if_they_are_few_objects() {
    let repository = Repository::new();
    let mut id = repository.object("blob", b"lol");
    let mut mode = "100644";
    for _ in 0..10 {
        let tree: Vec<u8> = (0..10)
            .flat_map(|number| tree_entry(mode, &format!("d{number}"), &id))
            .collect();
        id = repository.object("tree", &tree);
        mode = "40000";
    }
    repository.commit_tree(&id);
    let (sources, url) = published(&repository).await;
    let began = std::time::Instant::now();
    let failure = sources.fetch(&url, "").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::SourceTooLarge);
    assert!(began.elapsed().as_secs() < 30);
}

#[tokio::test]
async fn broken_objects_are_refused() {
    let repository = Repository::new();
    let blob = repository.object("blob", b"x");
    let twice = [
        tree_entry("100644", "a", &blob),
        tree_entry("100644", "a", &blob),
    ]
    .concat();
    let tree = repository.object("tree", &twice);
    repository.commit_tree(&tree);
    let (sources, url) = published(&repository).await;
    let failure = sources.fetch(&url, "").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::SourceInvalid, "{failure:?}");
    assert!(!failure.lines.is_empty(), "git's own words are shown");
}
