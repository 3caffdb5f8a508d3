//! What becomes of containers when nobody looks after them any more, and what a fetch may reach.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use plugfarm::sandbox::{Cancel, Engine, LogEvent, Run, sweep};

use crate::sandbox_lab::{Lab, docker, exists, quick};

/// A container as a process of the farm `instance` would have left it.
fn leave_behind(image: &str, instance: &str, process: &str, deadline: u64) -> String {
    let id = docker(&[
        "create",
        &format!("--label=farm.instance={instance}"),
        &format!("--label=farm.process={process}"),
        &format!("--label=farm.deadline={deadline}"),
        image,
        "true",
    ]);
    id.trim().to_owned()
}

#[tokio::test]
async fn a_sweep_removes_what_a_crash_left_and_nothing_else() {
    let lab = Lab::new().await;
    let image = lab.builder().await;
    let instance = format!("tests-{}", uuid::Uuid::new_v4());
    let engine = Engine::connect(&instance, None).await.unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
    let dead = format!("{} {} 4194000 1", boot.trim(), namespace.display());
    let elsewhere = format!("{} pid:[1] 1 1", boot.trim());

    let crashed = leave_behind(&image.id, &instance, &dead, now + 1000);
    let rebooted = leave_behind(&image.id, &instance, "0 pid:[1] 1 1", now + 1000);
    let overdue = leave_behind(&image.id, &instance, &elsewhere, now - 1);
    let unknown = leave_behind(&image.id, &instance, &elsewhere, now + 1000);
    let neighbour = leave_behind(&image.id, &format!("{instance}2"), &dead, now - 1000);
    let run = Run::sandboxed(&image)
        .command(&["sleep", "60"])
        .limits(&quick());
    let living = run.start(&engine).await.unwrap();

    assert_eq!(sweep(&engine).await.unwrap(), 3);
    assert!(!exists(&crashed) && !exists(&rebooted) && !exists(&overdue));
    assert!(
        exists(&unknown),
        "its process may live where this one cannot see it"
    );
    assert!(
        exists(&neighbour),
        "another farm's container is none of ours"
    );
    assert!(exists(living.id()), "this process looks after it");
    assert_eq!(sweep(&engine).await.unwrap(), 0);
    docker(&["rm", "--force", &unknown, &neighbour, living.id()]);
}

#[tokio::test]
async fn a_fetch_finds_the_hosts_that_the_farm_names_and_no_others() {
    let lab = Lab::new().await;
    let image = lab.builder().await;
    let serve = "import socket; s = socket.create_server((\"\", 99)); s.accept()[0].sendall(b\"here I am\\n\")";
    let server = docker(&[
        "run",
        "--detach",
        "--label=plugfarm.test=server",
        &image.id,
        "python3",
        "-c",
        serve,
    ]);
    let format = "--format={{.NetworkSettings.Networks.bridge.IPAddress}}";
    let address: IpAddr = docker(&["inspect", format, server.trim()])
        .trim()
        .parse()
        .unwrap();
    let script = "for i in 1 2 3 4 5; do python3 -c 'import socket; print(socket.create_connection((\"git.example.org\", 99), 5).recv(99).decode(), end=\"\")' && break; sleep 0.5; done 2>/dev/null; \
         getent hosts example.org || echo unknown; id -u; grep CapEff /proc/self/status";
    let hosts = vec![("git.example.org".to_owned(), address)];
    let run = Run::fetch(&image, hosts)
        .command(&["/bin/sh", "-c", script])
        .limits(&quick());
    let ran = lab.run(run, Cancel::never()).await;
    docker(&["rm", "--force", server.trim()]);
    let text = ran.text();
    assert!(text.starts_with("here I am\nunknown\n59"), "{text}");
    assert!(text.contains("CapEff:\t0000000000000000"), "{text}");
    ran.remove().await;
}

#[tokio::test]
async fn a_log_line_arrives_while_the_container_still_runs() {
    let lab = Lab::new().await;
    let image = lab.builder().await;
    let run = Run::sandboxed(&image)
        .command(&["/bin/sh", "-c", "echo early; sleep 1; echo late"])
        .limits(&quick());
    let mut seen = Vec::new();
    let mut sink = |event: LogEvent<'_>| {
        if let LogEvent::Line { text, .. } = event {
            seen.push((text.plain.to_owned(), std::time::Instant::now()));
        }
    };
    let container = run.start(&lab.engine).await.unwrap();
    let finished = container.wait(&mut sink, Cancel::never()).await.unwrap();
    finished.remove().await.unwrap();
    assert_eq!(seen[0].0, "early");
    assert!((seen[1].1 - seen[0].1).as_millis() > 800);
}

#[tokio::test]
async fn the_engine_is_told_every_setting() {
    let lab = Lab::new().await;
    let image = lab.builder().await;
    let run = Run::sandboxed(&image)
        .command(&["sleep", "60"])
        .limits(&quick())
        .build("b-1", 2);
    let container = run.start(&lab.engine).await.unwrap();
    let text = docker(&["inspect", container.id()]);
    let inspected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let host = &inspected[0]["HostConfig"];
    for (setting, value) in [
        ("Memory", "2147483648"),
        ("MemorySwap", "2147483648"),
        ("PidsLimit", "512"),
        ("NanoCpus", "2000000000"),
        ("CpuShares", "512"),
        ("Privileged", "false"),
        ("PublishAllPorts", "false"),
        ("ReadonlyRootfs", "false"),
        ("NetworkMode", "\"none\""),
        ("IpcMode", "\"private\""),
        ("CgroupnsMode", "\"private\""),
        ("PidMode", "\"\""),
        ("UTSMode", "\"\""),
        ("Init", "true"),
        ("Binds", "null"),
        ("Devices", "null"),
        ("CapAdd", "null"),
        ("CapDrop", "[\"ALL\"]"),
        ("LogConfig", "{\"Type\":\"none\",\"Config\":{}}"),
    ] {
        assert_eq!(host[setting].to_string(), value, "{setting}");
    }
    let ulimits = host["Ulimits"].to_string();
    for limit in ["core", "nofile", "fsize", "memlock"] {
        assert!(ulimits.contains(limit), "{ulimits}");
    }
    let labels = &inspected[0]["Config"]["Labels"];
    assert_eq!(labels["farm.instance"], "tests");
    assert_eq!(
        (&labels["farm.build"], &labels["farm.attempt"]),
        (&"b-1".into(), &"2".into())
    );
    assert_eq!(labels["farm.role"], "build");
    docker(&["rm", "--force", container.id()]);
}

#[test]
fn a_missing_engine_is_named() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let connected = runtime.block_on(Engine::connect(
        "tests",
        Some("unix:///nowhere/docker.sock"),
    ));
    let error = connected.unwrap_err();
    assert!(
        error.to_string().contains("unix:///nowhere/docker.sock"),
        "{error}"
    );
}
