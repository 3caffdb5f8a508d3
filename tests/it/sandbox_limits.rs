//! Every limit of a build, reached on purpose: the build ends, the reason has a name, and the farm is none the worse.

use std::time::{Duration, Instant};

use plugfarm::config::Limits;
use plugfarm::model::FailureCode;
use plugfarm::sandbox::{Cancel, Canceller, Ending, LogEvent, Run};

use crate::sandbox_lab::{Lab, Ran, docker_run, exists, quick};

const MIB: u64 = 1 << 20;

async fn ends(script: &str, limits: Limits, ending: Ending, code: FailureCode) -> Ran {
    let ran = Lab::new().await.shell(script, limits).await;
    assert_eq!(ran.finished.ending, ending, "{}", ran.text());
    assert_eq!(ran.finished.verdict().unwrap_err().code, code);
    ran
}

#[tokio::test]
async fn a_memory_hog_is_told_so() {
    let limits = Limits {
        memory: 128 * MIB,
        ..quick()
    };
    let hog = "exec python3 -c 'b = []\nwhile True: b.append(bytearray(1 << 20))'";
    let ran = ends(hog, limits, Ending::OutOfMemory, FailureCode::OutOfMemory).await;
    ran.remove().await;
}

#[tokio::test]
async fn a_child_that_runs_out_of_memory_is_found_though_the_command_says_all_is_well() {
    let limits = Limits {
        memory: 128 * MIB,
        ..quick()
    };
    let hog = "python3 -c 'b = []\nwhile True: b.append(bytearray(1 << 20))'; exit 0";
    let ran = ends(hog, limits, Ending::OutOfMemory, FailureCode::OutOfMemory).await;
    ran.remove().await;
}

#[tokio::test]
async fn scratch_files_count_as_memory_and_have_a_size() {
    let limits = Limits {
        scratch: 4 * MIB,
        ..quick()
    };
    let fill = "for d in /tmp /var/tmp; do head -c 8M /dev/zero >$d/x && exit 1; done; head -c 2M /dev/zero >/run/x; \
                head -c 1000M /dev/zero >/dev/shm/x; ls -l /dev/shm/x | cut -d' ' -f5";
    let ran = Lab::new().await.shell(fill, limits).await;
    assert_eq!(ran.status(), 0, "{}", ran.text());
    assert!(ran.text().contains("67108864"), "{}", ran.text());
    ran.remove().await;
}

#[tokio::test]
async fn a_fork_storm_ends_by_itself() {
    let storm = "exec python3 -c 'import os, time
for n in range(300):
    try: child = os.fork()
    except OSError: raise SystemExit(n)
    if child == 0: time.sleep(60); os._exit(0)
print(\"all of them\", flush=True)
os.kill(-1, 9)'";
    let limits = Limits {
        processes: 64,
        ..quick()
    };
    let lab = Lab::new().await;
    let ran = lab.shell(storm, limits).await;
    assert!((16..64).contains(&ran.status()), "{}", ran.text());
    ran.remove().await;
    let (_, said) = docker_run(&lab.builder().await, &[], storm);
    assert_eq!(said, "all of them\n");
}

#[tokio::test]
async fn a_fork_storm_is_told_as_one() {
    let lab = Lab::new().await;
    let storm = "(for n in $(seq 600); do sleep 2 & done); sleep 1; exit 2";
    let ran = lab.rules(storm, "true").await;
    assert!(ran.finished.refused_processes > 0, "{}", ran.text());
    let failure = ran.finished.verdict().unwrap_err();
    assert_eq!(failure.code, FailureCode::ProcessLimit, "{failure}");
    assert!(
        failure.message.contains("more than 512 processes"),
        "{failure}"
    );
    ran.remove().await;
    let few = lab
        .rules("for n in 1 2 3; do sleep 0.1 & done; wait; exit 2", "true")
        .await;
    assert_eq!(
        few.finished.verdict().unwrap_err().code,
        FailureCode::RulesExit
    );
    few.remove().await;
}

#[tokio::test]
async fn a_log_flood_is_cut() {
    for flood in ["exec yes", "exec tr '\\0' x </dev/zero"] {
        let limits = Limits {
            log: 2 * MIB,
            ..quick()
        };
        let began = Instant::now();
        let ran = ends(flood, limits, Ending::LogLimit, FailureCode::LogLimit).await;
        assert!(ran.text().len() < 4 * MIB as usize);
        ran.remove().await;
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_full_disk_is_the_builds_own() {
    let limits = Limits {
        disk: 64 * MIB,
        ..quick()
    };
    let fill = "cd /work/home; exec python3 -c 'import itertools
block = bytes(1 << 20)
for i in itertools.count():
    with open(str(i), \"wb\") as file:
        for _ in range(8): file.write(block)'";
    let ran = ends(fill, limits, Ending::DiskLimit, FailureCode::DiskLimit).await;
    let used = ran.finished.peaks.disk.unwrap();
    println!("overshoot: {} MiB", (used - 64 * MIB) / MIB);
    let failure = ran.finished.verdict().unwrap_err();
    assert!(
        failure.message.contains("64.0 MiB") && failure.message.contains("were there"),
        "{failure}"
    );
    ran.remove().await;
}

#[tokio::test]
async fn one_giant_file_stops_at_the_limit() {
    let limits = Limits {
        disk: 16 * MIB,
        ..quick()
    };
    let ran = Lab::new()
        .await
        .shell("head -c 32M /dev/zero >/work/home/x; exit 7", limits)
        .await;
    assert!(ran.finished.peaks.disk.unwrap() <= 17 * MIB);
    ran.remove().await;
}

#[tokio::test]
async fn a_sparse_file_costs_only_its_blocks() {
    let ran = Lab::new()
        .await
        .shell("truncate -s 3G /work/home/sparse", quick())
        .await;
    assert_eq!(ran.status(), 0, "{}", ran.text());
    assert!(ran.finished.peaks.disk.unwrap() < MIB);
    ran.remove().await;
}

#[tokio::test]
async fn too_many_files_end_the_build() {
    let limits = Limits {
        inodes: 2000,
        ..quick()
    };
    let storm = "cd /work/home; exec python3 -c 'import itertools\nfor i in itertools.count(): open(str(i), \"w\")'";
    let ran = ends(storm, limits, Ending::InodeLimit, FailureCode::InodeLimit).await;
    assert!(ran.finished.peaks.inodes.unwrap() > 2000);
    ran.remove().await;
}

#[tokio::test]
async fn silence_and_slowness_end_the_build() {
    let limits = Limits {
        silence_time: Duration::from_secs(1),
        ..quick()
    };
    let ran = ends(
        "sleep 60",
        limits,
        Ending::SilenceTime,
        FailureCode::TimeoutSilent,
    )
    .await;
    ran.remove().await;
    let limits = Limits {
        total_time: Duration::from_secs(1),
        ..quick()
    };
    let slow = "while :; do echo still here; sleep 0.1; done";
    let ran = ends(slow, limits, Ending::TotalTime, FailureCode::TimeoutTotal).await;
    ran.remove().await;
}

#[tokio::test]
async fn what_ignores_a_soft_stop_is_killed() {
    let limits = Limits {
        total_time: Duration::from_secs(1),
        ..quick()
    };
    let began = Instant::now();
    let stubborn = "trap '' TERM; while :; do sleep 1; done";
    let ran = ends(
        stubborn,
        limits,
        Ending::TotalTime,
        FailureCode::TimeoutTotal,
    )
    .await;
    ran.remove().await;
    assert!(began.elapsed() > Duration::from_secs(10));
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn cancelling_removes_what_was_started() {
    let lab = Lab::new().await;
    let image = lab.builder().await;
    let (canceller, cancel) = Canceller::new();
    let run = Run::sandboxed(&image)
        .command(&["sleep", "60"])
        .limits(&quick());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        canceller.cancel();
    });
    let began = Instant::now();
    let ran = lab.run(run, cancel).await;
    assert_eq!(ran.finished.ending, Ending::Cancelled);
    assert_eq!(
        ran.finished.verdict().unwrap_err().code,
        FailureCode::Cancelled
    );
    ran.remove().await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn dropping_a_container_removes_it() {
    let lab = Lab::new().await;
    let image = lab.builder().await;
    let run = Run::sandboxed(&image)
        .command(&["sleep", "60"])
        .limits(&quick());
    let container = run.start(&lab.engine).await.unwrap();
    let id = container.id().to_owned();
    let mut sink = |_: LogEvent<'_>| {};
    let waiting = container.wait(&mut sink, Cancel::never());
    assert!(
        tokio::time::timeout(Duration::from_millis(300), waiting)
            .await
            .is_err()
    );
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if !exists(&id) {
            return;
        }
    }
    panic!("{id} is still there");
}
