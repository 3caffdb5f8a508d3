//! Processor, resource limits, name spaces, the engine's log and the runtime: what the engine was told, tried by whoever would
//! like it otherwise, and beside it where nothing was told.

use std::fs;
use std::path::Path;
use std::process::Command;

use plugfarm::config::Limits;
use plugfarm::sandbox::{Cancel, Image, Run, SandboxError};

use crate::farm::TestFarm;
use crate::sandbox_lab::{Lab, docker, docker_run, fails_here_and_works_with, quick};

/// What a container of the engine's own defaults is given, to be the control.
const DEFAULTS: &[&str] = &[];

#[tokio::test]
async fn a_build_gets_no_more_of_the_processors_than_its_share() {
    let greedy = "timeout 3 sh -c 'while :; do :; done'; cd /sys/fs/cgroup; cat cpu/cpu.stat cpu.stat 2>/dev/null | \
                  grep -qx 'nr_throttled 0' || ! cat cpu/cpu.stat cpu.stat 2>/dev/null | grep -q nr_throttled";
    let lab = Lab::new().await;
    let limits = Limits {
        // So little that even a busy machine has more to give.
        cpus: 0.02,
        ..quick()
    };
    let ran = lab.shell(greedy, limits).await;
    assert_ne!(ran.status(), 0, "it was never held back: {}", ran.text());
    ran.remove().await;
    let (status, said) = docker_run(&lab.builder().await, DEFAULTS, greedy);
    assert_eq!(status, 0, "{said}");
}

#[tokio::test]
async fn the_machines_own_work_comes_before_a_build() {
    let first = "cd /sys/fs/cgroup; if [ -e cpu.weight ]; then [ $(cat cpu.weight) -ge 39 ]; \
                 else [ $(cat cpu/cpu.shares) -ge 1024 ]; fi";
    fails_here_and_works_with(DEFAULTS, first).await;
}

#[tokio::test]
async fn resource_limits_cannot_be_raised() {
    for (options, attack) in [
        // A core file would hold what the process knew, and fill the disk.
        (
            &["--ulimit=core=-1"][..],
            "ulimit -c 100000 && cd /tmp && python3 -c 'import resource; \
             assert resource.getrlimit(resource.RLIMIT_CORE)[0] > 0'",
        ),
        (
            &["--ulimit=nofile=20000"],
            "python3 -c 'import os\nfor n in range(5000): os.dup(0)'",
        ),
        (&["--ulimit=nofile=20000"], "ulimit -n 10000"),
        (
            DEFAULTS,
            "python3 -c 'import ctypes, mmap
block = mmap.mmap(-1, 1 << 20)
place = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(block)))
assert ctypes.CDLL(None).mlock(place, ctypes.c_size_t(1 << 20)) == 0'",
        ),
        (
            DEFAULTS,
            "truncate -s 5G /work/home/x 2>/dev/null || truncate -s 5G /root/x",
        ),
    ] {
        fails_here_and_works_with(options, attack).await;
    }
}

#[tokio::test]
async fn no_name_space_is_the_hosts() {
    let own = |name: &str| {
        let link = fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        link.display().to_string()
    };
    for (name, option) in [
        ("ipc", "--ipc=host"),
        ("pid", "--pid=host"),
        ("uts", "--uts=host"),
        ("cgroup", "--cgroupns=host"),
        ("net", "--network=host"),
    ] {
        let attack = format!(
            "test \"$(readlink /proc/self/ns/{name})\" = '{}'",
            own(name)
        );
        fails_here_and_works_with(&[option], &attack).await;
    }
}

#[tokio::test]
async fn the_host_cannot_be_told_by_its_name_nor_its_processes() {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let attack = format!(
        "test \"$(cat /proc/sys/kernel/hostname)\" = '{}'",
        name.trim()
    );
    fails_here_and_works_with(&["--uts=host"], &attack).await;
    let mut sleeper = Command::new("sleep").arg("4218.5").spawn().unwrap();
    let attack = "grep -lz '^4218[.]5$' /proc/[0-9]*/cmdline 2>/dev/null | grep -q .";
    fails_here_and_works_with(&["--pid=host"], attack).await;
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    fails_here_and_works_with(&["--cgroupns=host"], "grep -q docker /proc/self/cgroup").await;
}

#[tokio::test]
async fn the_engine_keeps_nothing_of_what_a_build_prints() {
    const FLOOD: &str = "yes plugfarm | head -c 8000000";
    let lab = Lab::new().await;
    let root = docker(&["info", "--format", "{{.DockerRootDir}}"]);
    let kept = |id: &str| -> u64 {
        let folder = Path::new(root.trim()).join("containers").join(id);
        let files = fs::read_dir(folder).unwrap();
        files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum()
    };
    let image: Image = lab.builder().await;
    let run = Run::sandboxed(&image).command(&["/bin/sh", "-c", FLOOD]);
    let container = run.limits(&quick()).start(&lab.engine).await.unwrap();
    let id = container.id().to_owned();
    let finished = container.wait(&mut |_| {}, Cancel::never()).await.unwrap();
    assert!(kept(&id) < 100_000, "{}", kept(&id));
    finished.remove().await.unwrap();

    let mut control = Command::new("docker");
    control.args(["run", "--detach", "--label", "plugfarm.test=control"]);
    let control = control
        .args([&image.id, "/bin/sh", "-c", FLOOD])
        .output()
        .unwrap();
    let id = String::from_utf8(control.stdout).unwrap();
    docker(&["wait", id.trim()]);
    let size = kept(id.trim());
    docker(&["rm", "--force", id.trim()]);
    assert!(size > 8_000_000, "{size}");
}

/// Every engine of the farm's has this second name of its usual runtime.
const OTHER: &str = "io.containerd.runc.v2";

#[tokio::test]
async fn the_runtime_that_was_asked_for_is_the_one_that_isolates() {
    let lab = Lab::new().await;
    let image = lab.builder().await;
    for (engine, runtime) in [
        (lab.engine.clone(), lab.engine.facts().runtime.clone()),
        (
            lab.engine.clone().with_runtime(OTHER).unwrap(),
            OTHER.to_owned(),
        ),
    ] {
        assert_eq!(engine.facts().runtime, runtime, "what evidence records");
        let run = Run::sandboxed(&image).command(&["true"]).limits(&quick());
        let container = run.start(&engine).await.unwrap();
        let format = "--format={{.HostConfig.Runtime}}";
        assert_eq!(docker(&["inspect", format, container.id()]).trim(), runtime);
        let finished = container.wait(&mut |_| {}, Cancel::never()).await.unwrap();
        assert!(finished.remove().await.is_ok());
    }
}

#[tokio::test]
async fn a_runtime_that_the_engine_has_not_is_refused_with_those_that_it_has() {
    let lab = Lab::new().await;
    let refused = lab.engine.with_runtime("no-such-runtime").unwrap_err();
    assert!(matches!(refused, SandboxError::RuntimeMissing { .. }));
    assert!(refused.to_string().contains("runc"), "{refused}");
    assert!(refused.hint().contains("sandbox.runtime"));
}

#[test]
fn the_runtime_of_the_settings_is_in_the_evidence_and_the_doctor_knows_it() {
    let farm = TestFarm::with_config(&format!("sandbox: {{runtime: {OTHER}}}"));
    let out = farm.data().join("out");
    let plugin = farm.plugin("bash-rules");
    let (plugin, folder) = (plugin.to_str().unwrap(), out.to_str().unwrap());
    let built = farm.run(&["build", plugin, "--out", folder, "--json"]);
    let report = built.succeeds().json();
    let deb = report["artifacts"][0]["path"].as_str().unwrap();
    let shown = farm.run(&["verify", deb, "--json"]).succeeds().stdout;
    assert!(
        shown.contains(&format!("plugfarm:laptop:local:{OTHER}")),
        "{shown}"
    );

    let farm = TestFarm::with_config("sandbox: {runtime: no-such-runtime}");
    let ran = farm.run(&["doctor", "--json"]);
    assert_eq!(ran.code, 3);
    let examined = ran.json();
    let mut engine = examined["examined"].as_array().unwrap().iter();
    let engine = engine.find(|one| one["what"] == "engine").unwrap();
    assert_eq!(engine["state"], "missing");
    assert!(
        engine["detail"]
            .as_str()
            .unwrap()
            .contains("no-such-runtime")
    );
    assert!(engine["mend"].as_str().unwrap().contains("sandbox.runtime"));
}
