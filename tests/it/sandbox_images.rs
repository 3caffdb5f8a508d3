//! The farm's images: what they say about themselves, and how one is made from another.

use std::time::{Duration, Instant};

use plugfarm::model::{Architecture, FailureCode, Stage, Target, Timestamp};
use plugfarm::sandbox::{Cancel, Image, ImageName, Images, OUTPUT, Run, recorded_commands};

use crate::sandbox_lab::{Lab, entries, quick, tar};

#[tokio::test]
async fn an_image_that_is_there_is_found_at_once() {
    let lab = Lab::new().await;
    let built = lab.builder().await;
    let began = Instant::now();
    let found = lab
        .images
        .find(ImageName::Builder, Target::Bookworm)
        .await
        .unwrap();
    assert!(
        began.elapsed() < Duration::from_millis(50),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(found.as_ref(), Some(&built));
    let package = |name: &str| built.packages.iter().find(|package| package.name == name);
    assert!(package("python3").unwrap().version.starts_with("3.11"));
    assert!(package("git").is_some() && package("gcc").is_none());
}

#[tokio::test]
async fn build_dependencies_are_there_during_the_build_and_unknown_ones_are_named() {
    let lab = Lab::new().await;
    let base = lab.builder().await;
    let mut quiet = |_: &str| {};
    let relations = [
        "hello (>= 2)".to_owned(),
        "no-such-thing | hello".to_owned(),
    ];
    let derived = lab
        .images
        .with_packages(&base, &relations, &mut quiet)
        .await
        .unwrap();
    assert!(
        derived
            .packages
            .iter()
            .any(|package| package.name == "hello")
    );
    assert_ne!(derived.root_sha256, base.root_sha256);
    let run = Run::sandboxed(&derived)
        .command(&["hello", "-t"])
        .limits(&quick());
    let ran = lab.run(run, Cancel::never()).await;
    assert_eq!(ran.text(), "hello, world\n");
    ran.remove().await;

    let began = Instant::now();
    let again = lab
        .images
        .with_packages(&base, &relations, &mut quiet)
        .await
        .unwrap();
    assert_eq!(again, derived);
    assert!(
        began.elapsed() < Duration::from_millis(50),
        "{:?}",
        began.elapsed()
    );

    let unknown = ["no-such-thing".to_owned()];
    let error = lab
        .images
        .with_packages(&base, &unknown, &mut quiet)
        .await
        .unwrap_err();
    let failure = error.failure(Stage::Build);
    assert_eq!(failure.code, FailureCode::BuildDependsUnknown, "{failure}");
    assert!(failure.message.contains("no-such-thing"), "{failure}");
}

#[tokio::test]
async fn a_makefile_of_the_old_layout_becomes_a_tree_and_a_record() {
    let lab = Lab::new().await;
    let mut quiet = |_: &str| {};
    let image = lab
        .images
        .legacy(&lab.builder().await, &mut quiet)
        .await
        .unwrap();
    let makefile = "
install:
\tinstall -d /usr/share/hello /var/lib/hello/empty
\tinstall -o asterisk -g www-data -m 640 hello.conf /etc/asterisk/extensions_extra.d/
\tcp -p hello.conf /usr/share/hello/
\tln -s /usr/share/hello/hello.conf /etc/wazo-confd/conf.d/hello.yml
\tasterisk -x 'dialplan reload'
\t/usr/sbin/asterisk -x \"core show 'x'\"
\tsystemctl restart wazo-confd

uninstall:
\trm /etc/asterisk/extensions_extra.d/hello.conf
\tasterisk -x 'dialplan reload'
";
    let source = tar(&[
        ("Makefile", 0o644, makefile),
        ("hello.conf", 0o600, "[hello]\n"),
    ]);
    let time = Timestamp::from_seconds(1_700_000_000);
    let run = Run::legacy(&image, source, time, Architecture::Amd64).limits(&quick());
    let mut ran = lab.run(run, Cancel::never()).await;
    assert_eq!(ran.finished.verdict(), Ok(()), "{}", ran.text());
    let out = entries(&mut ran.finished, OUTPUT).await;
    let files: Vec<_> = out
        .iter()
        .filter(|(path, _)| !path.ends_with('/') || path.ends_with("empty/"))
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(
        files,
        [
            "out/commands/install",
            "out/commands/uninstall",
            "out/facts",
            "out/tree/etc/asterisk/extensions_extra.d/hello.conf",
            "out/tree/etc/wazo-confd/conf.d/hello.yml",
            "out/tree/usr/share/hello/hello.conf",
            "out/tree/var/lib/hello/empty/",
        ]
    );
    let record = |name: &str| {
        let (_, text) = out.iter().find(|(path, _)| path.ends_with(name)).unwrap();
        recorded_commands(text.as_bytes()).unwrap()
    };
    assert_eq!(
        record("/install"),
        [
            vec!["asterisk", "-x", "dialplan reload"],
            vec!["asterisk", "-x", "core show 'x'"],
            vec!["systemctl", "restart", "wazo-confd"],
        ]
    );
    assert_eq!(
        record("/uninstall"),
        [["asterisk", "-x", "dialplan reload"]]
    );
    ran.remove().await;
}

#[tokio::test]
async fn a_makefile_that_fails_is_the_failure_of_the_package_step() {
    let lab = Lab::new().await;
    let mut quiet = |_: &str| {};
    let image = lab
        .images
        .legacy(&lab.builder().await, &mut quiet)
        .await
        .unwrap();
    let source = tar(&[("Makefile", 0o644, "install:\n\tfalse\n")]);
    let time = Timestamp::from_seconds(1_700_000_000);
    let run = Run::legacy(&image, source, time, Architecture::Amd64).limits(&quick());
    let ran = lab.run(run, Cancel::never()).await;
    let failure = ran.finished.verdict().unwrap_err();
    assert_eq!(
        (failure.stage, failure.code),
        (Stage::Package, FailureCode::RulesExit)
    );
    ran.remove().await;
}

#[tokio::test]
async fn every_target_has_its_own_python_and_runs_rules() {
    let lab = Lab::new().await;
    for target in Target::ALL {
        let image = lab.image(ImageName::Builder, target).await;
        let rules = "#!/bin/sh -e\npython3 -c 'import sys, setuptools, yaml, babel, build, venv; print(sys.version)'\n\
                     python -m pip --version\ngit --version\n";
        let source = tar(&[("wazo/rules", 0o755, rules)]);
        let run = Run::rules(
            &image,
            source,
            Timestamp::from_seconds(1),
            Architecture::Amd64,
        );
        let ran = lab.run(run.limits(&quick()), Cancel::never()).await;
        assert_eq!(ran.finished.verdict(), Ok(()), "{}", ran.text());
        assert!(ran.text().starts_with(target.python()), "{}", ran.text());
        ran.remove().await;
    }
}

#[tokio::test]
async fn the_fetcher_fetches_and_the_host_installs() {
    let lab = Lab::new().await;
    for (name, script) in [
        (ImageName::Fetcher, "git --version && ssh -V"),
        (
            ImageName::Host,
            "apt-get --version && dpkg --version && python3 --version && (command -v sqv || command -v gpgv)",
        ),
    ] {
        for target in Target::ALL {
            let image = lab.image(name, target).await;
            let run = Run::sandboxed(&image)
                .command(&["/bin/sh", "-c", script])
                .limits(&quick());
            let ran = lab.run(run, Cancel::never()).await;
            assert_eq!(ran.status(), 0, "{}", ran.text());
            ran.remove().await;
        }
    }
    let listed = lab.images.list().await.unwrap();
    assert_eq!(listed.len(), 6);
}

#[tokio::test]
async fn the_same_packages_give_the_same_image_whoever_asks() {
    let lab = Lab::new().await;
    let before = lab.image(ImageName::Host, Target::Trixie).await;
    // The environment of somebody else, with what Python, apt and debconf look at.
    let again = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "sandbox_images::maker",
            "--nocapture",
        ])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONOPTIMIZE", "2")
        .env("LANG", "de_DE.UTF-8")
        .env("TZ", "Asia/Tokyo")
        .env("DEBIAN_FRONTEND", "readline")
        .env("EDITOR", "ed")
        .output()
        .await
        .unwrap();
    let again = String::from_utf8(again.stdout).unwrap();
    // The mirror may have moved on in the meantime.
    let [packages, root, id, recipe] = identity(&before);
    assert_eq!(again.contains(&packages), again.contains(&id), "{again}");
    assert_eq!(again.contains(&root), again.contains(&id), "{again}");
    assert!(again.contains(&recipe), "{again}");
}

/// What the story above runs in another environment.
#[tokio::test]
#[ignore = "a story starts it, in an environment of its own"]
async fn maker() {
    let lab = Lab::new().await;
    let mut quiet = |_: &str| {};
    let made = lab
        .images
        .build(ImageName::Host, Target::Trixie, &mut quiet)
        .await
        .unwrap();
    println!("{}", identity(&made).join("\n"));
}

/// What must be equal for two images to be the same, a line each.
fn identity(image: &Image) -> [String; 4] {
    [
        format!("packages {:?}", image.packages),
        format!("root {}", image.root_sha256),
        format!("id {}", image.id),
        format!("recipe {}", image.recipe),
    ]
}

#[tokio::test]
async fn a_mirror_that_does_not_answer_is_nobodys_fault_here() {
    let lab = Lab::new().await;
    let scratch = tempfile::tempdir().unwrap();
    let mirror = Some("http://127.0.0.1:9/debian".to_owned());
    let images = Images::new(&lab.engine, scratch.path().to_owned(), mirror);
    let mut quiet = |_: &str| {};
    let built = images
        .build(ImageName::Fetcher, Target::Trixie, &mut quiet)
        .await;
    let failure = built.unwrap_err().failure(Stage::Build);
    assert_eq!(failure.code, FailureCode::MirrorError, "{failure}");
    let left: Vec<_> = std::fs::read_dir(scratch.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["images.lock"]);
}
