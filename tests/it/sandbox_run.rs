//! A plugin's rules in the sandbox, from the source that goes in to the tree that comes out.

use plugfarm::model::{FailureCode, Stage};
use plugfarm::sandbox::{Ending, Step, Stream, self_test};

use crate::sandbox_lab::{Lab, entries, quick};

#[tokio::test]
async fn rules_run_as_they_do_on_a_wazo_host() {
    let lab = Lab::new().await;
    let mut ran = lab
        .rules(
            "pwd; id -gn; env | sort; echo to stderr >&2; umask; cat; mkdir dist; touch dist/x-1.tar.gz",
            "mkdir -p $pkgdir/etc; id -un; install -o root -g root wazo/rules $pkgdir/etc/; ls -A $pkgdir | wc -l",
        )
        .await;
    assert_eq!(ran.finished.verdict(), Ok(()), "{}", ran.text());
    insta::assert_snapshot!(ran.printed(Stream::Output), @r"
    /work/src
    build
    DEB_BUILD_ARCH=amd64
    HOME=/work/home
    LC_ALL=C.UTF-8
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    PWD=/work/src
    PYTHONDONTWRITEBYTECODE=1
    SOURCE_DATE_EPOCH=1700000000
    TMPDIR=/tmp
    0022
    root
    1
    ");
    let step = |stage, status| Step { stage, status };
    assert_eq!(
        ran.steps,
        [
            step(Stage::Build, None),
            step(Stage::Build, Some(0)),
            step(Stage::Package, None),
            step(Stage::Package, Some(0))
        ]
    );
    assert_eq!(ran.printed(Stream::Error), "to stderr\n");
    let out = entries(&mut ran.finished, "/work/out").await;
    let paths: Vec<_> = out.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "out/",
            "out/facts",
            "out/tree/",
            "out/tree/etc/",
            "out/tree/etc/rules"
        ]
    );
    assert_eq!(out[1].1, "archive dist/x-1.tar.gz\n");
    ran.remove().await;
}

#[tokio::test]
async fn the_exit_status_says_which_step_failed() {
    let lab = Lab::new().await;
    for (build, package, stage, code) in [
        ("exit 3", "true", Stage::Build, FailureCode::RulesExit),
        ("kill -9 $$", "true", Stage::Build, FailureCode::RulesSignal),
        ("true", "exit 200", Stage::Package, FailureCode::RulesExit),
        (
            "true",
            "exec nothing-like-it",
            Stage::Package,
            FailureCode::RulesNotExecutable,
        ),
    ] {
        let ran = lab.rules(build, package).await;
        let failure = ran.finished.verdict().unwrap_err();
        assert_eq!((failure.stage, failure.code), (stage, code), "{failure}");
        ran.remove().await;
    }
}

#[tokio::test]
async fn the_sandbox_passes_its_own_test() {
    let lab = Lab::new().await;
    let image = lab.builder().await;
    let posture = self_test(&lab.engine, &image).await.unwrap();
    assert!(posture.is_sound(), "{posture}");
}

#[tokio::test]
async fn a_command_reads_its_input_to_the_end() {
    let lab = Lab::new().await;
    let image = lab.builder().await;
    let input = "x".repeat(1 << 20);
    let run = plugfarm::sandbox::Run::sandboxed(&image)
        .command(&["wc", "-c"])
        .stdin(input)
        .limits(&quick());
    let ran = lab.run(run, plugfarm::sandbox::Cancel::never()).await;
    assert_eq!(ran.finished.ending, Ending::Exited { status: 0 });
    assert_eq!(ran.text(), "1048576\n");
    ran.remove().await;
}
