//! Every form of a location, good and bad.

use proptest::prelude::*;

use super::*;

fn repository(text: &str) -> RepositoryUrl {
    match Location::parse(text, Asker::CommandLine) {
        Ok(Location::Repository(url)) => url,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn every_form_of_a_url_is_read() {
    for (text, written, port) in [
        (
            "https://github.com/acme/hello",
            "https://github.com/acme/hello",
            443,
        ),
        (
            "HTTPS://GitHub.com:8443/a/b.git/",
            "https://github.com:8443/a/b.git",
            8443,
        ),
        (
            "git@github.com:acme/hello.git",
            "ssh://git@github.com/~/acme/hello.git",
            22,
        ),
        ("git@host:/srv/x.git", "ssh://git@host/srv/x.git", 22),
        (
            "ssh://git@host:2222/srv/x.git",
            "ssh://git@host:2222/srv/x.git",
            2222,
        ),
        ("git://192.0.2.7/x", "git://192.0.2.7/x", 9418),
        (
            "https://[2001:db8::1]:444/x",
            "https://[2001:db8::1]:444/x",
            444,
        ),
        ("file:///srv/x/.git", "file:///srv/x/.git", 0),
    ] {
        let url = repository(text);
        assert_eq!(url.to_string(), written);
        assert_eq!(url.port(), port, "{text}");
        assert_eq!(repository(written), url, "it reads what it writes");
    }
}

#[test]
fn anything_else_is_a_folder_for_whoever_sits_here() {
    for text in ["/srv/hello", "hello", "./a:b", "../x", "C:x"] {
        let folder = Location::Folder(PathBuf::from(text));
        assert_eq!(Location::parse(text, Asker::CommandLine), Ok(folder));
        assert!(Location::parse(text, Asker::Stranger).is_err(), "{text}");
    }
    assert!(Location::parse("file:///srv/x", Asker::Stranger).is_err());
}

#[test]
fn what_git_could_misread_is_refused() {
    for text in [
        "",
        "-x",
        "--upload-pack=touch",
        "ext::sh -c id",
        "fd::17",
        "http://host/x",
        "ftp://host/x",
        "ssh://-oProxyCommand=id/x",
        "-oProxyCommand=id@host:x",
        "git@-oProxyCommand=id:x",
        "ssh://-x@host/y",
        "ssh://git:secret@host/x",
        "git://user@host/x",
        "https://host",
        "https:///x",
        "https://host/",
        "https://host/../x",
        "https://host/a/%2e%2e/b",
        "https://host/a%0ahost:x",
        "https://host/%00",
        "https://host/a b",
        "https://host/a?x=1",
        "https://host/a#b",
        "https://host/a//b",
        "https://ho st/x",
        "https://host:0/x",
        "https://host:70000/x",
        "https://host:+1/x",
        "https://host:x/y",
        "https://[::1/x",
        "https://[host]/x",
        "https://0x7f.1/x",
        "https://127.1/x",
        "https://2130706433/x",
        "https://1.2.3.4.5/x",
        "https://é.example/x",
        "https://host./x",
        "https://a..b/x",
        "https://.a/x",
        "https://host\\@evil/x",
        "https://host/x\ny",
        "file://host/x",
        "file://u@/x",
        "git@host:",
        "git@host:../x",
        "git@host:a\nb",
        "git@host:-x/../y",
    ] {
        assert!(
            Location::parse(text, Asker::CommandLine).is_err(),
            "{text:?}"
        );
    }
}

#[test]
fn a_credential_is_used_and_never_printed() {
    let url = repository("https://joe:hunt%40er2@git.example.org/x");
    assert_eq!(
        url.secret().map(Secret::basic).as_deref(),
        Some("am9lOmh1bnRAZXIy")
    );
    assert_eq!(url.to_string(), "https://git.example.org/x");
    assert_eq!(
        format!("{url:?}"),
        "RepositoryUrl(https://git.example.org/x)"
    );
    let token = repository("https://ghp_token@git.example.org/x");
    assert!(token.secret().is_some() && !format!("{token:?}{token}").contains("ghp"));
    let broken = Location::parse("https://joe:hunter2@bad host/x", Asker::Stranger);
    assert!(!format!("{broken:?} {}", broken.clone().unwrap_err()).contains("hunter2"));
}

proptest! {
    #[test]
    fn a_url_reads_what_it_writes(text in "(https|ssh|git)://([a-z]{0,3}@)?[a-z0-9.:\\[\\]-]{1,12}/[a-z0-9/.%~_-]{1,12}") {
        if let Ok(Location::Repository(url)) = Location::parse(&text, Asker::Stranger) {
            let again = repository(&url.to_string());
            prop_assert_eq!(again.to_string(), url.to_string());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text: String) {
        if let Ok(Location::Repository(url)) = Location::parse(&text, Asker::Stranger) {
            prop_assert!(!url.to_string().contains(char::is_control));
        }
    }
}
