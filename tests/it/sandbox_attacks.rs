//! What a hostile plugin would try. Each attack is run where it must fail, and beside it where it must succeed: an attack that
//! never works proves nothing.

use std::process::Command;

use plugfarm::model::{FailureCode, Stage};
use plugfarm::sandbox::{Cancel, Image, OUTPUT, Run};

use crate::sandbox_lab::{Lab, docker_run, entries, fails_here_and_works_with, quick, tar};

/// What a container of the engine's own defaults is given, to be the control.
const DEFAULTS: &[&str] = &[];
/// A container that its operator has opened wide.
const WIDE_OPEN: &[&str] = &[
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--cap-add=SYS_ADMIN",
    "--cap-add=SYS_PTRACE",
    "--cap-add=DAC_READ_SEARCH",
];

#[tokio::test]
async fn there_is_no_network() {
    fails_here_and_works_with(DEFAULTS, "test -e /sys/class/net/eth0").await;
    fails_here_and_works_with(
        DEFAULTS,
        "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM)'",
    )
    .await;
}

#[tokio::test]
async fn there_are_no_rights() {
    fails_here_and_works_with(DEFAULTS, "test \"$(id -u)\" = 0").await;
    fails_here_and_works_with(DEFAULTS, "grep -q '^CapBnd:.*[1-9a-f]' /proc/self/status").await;
    fails_here_and_works_with(DEFAULTS, "mknod /tmp/disk b 8 0").await;
    fails_here_and_works_with(DEFAULTS, "touch /tmp/x && chown 0:0 /tmp/x").await;
    fails_here_and_works_with(
        DEFAULTS,
        "touch /usr/bin/x || touch /etc/x || touch /var/lib/x",
    )
    .await;
    fails_here_and_works_with(DEFAULTS, "grep -q '^NoNewPrivs:.*0' /proc/self/status").await;
}

#[tokio::test]
async fn nothing_in_the_image_raises_anybody() {
    let find = "find / -xdev -perm /6000 -type f | grep -q .";
    let lab = Lab::new().await;
    let ran = lab.shell(find, quick()).await;
    assert_ne!(ran.status(), 0, "{}", ran.text());
    ran.remove().await;
    let planted = format!("chmod u+s /usr/bin/env && {find}");
    assert_eq!(docker_run(&lab.builder().await, DEFAULTS, &planted).0, 0);
}

#[tokio::test]
async fn the_kernels_switches_are_out_of_reach() {
    for attack in [
        "cat /proc/sys/kernel/domainname >/tmp/x && cat /tmp/x >/proc/sys/kernel/domainname",
        "grep -q . /proc/timer_list",
        "unshare --mount true",
        "unshare --user --map-root-user true",
        "python3 -c 'import ctypes; assert ctypes.CDLL(None).mount(b\"none\", b\"/mnt\", b\"tmpfs\", 0, None) == 0'",
    ] {
        fails_here_and_works_with(WIDE_OPEN, attack).await;
    }
}

/// System calls by number (x86-64), with arguments that the kernel refuses or that do no harm.
const CALLS: &str = "
io_uring_setup 425 1 0
userfaultfd 323 0
add_key 248 0 0 0 0 0
keyctl 250 0 -3 0
bpf 321 0 0 0
perf_event_open 298 0 0 -1 -1 0
ptrace 101 0 0 0 0
process_vm_readv 310 1 0 0 0 0 0
kcmp 312 1 1 0 0 0
pidfd_getfd 438 0 0 0
unshare 272 0
setns 308 -1 0
mount 165 0 0 0 0 0
move_mount 429 -1 0 -1 0 0
open_tree 428 -1 0 0
fsopen 430 0 0
open_by_handle_at 304 -1 0 0
name_to_handle_at 303 -1 0 0 0 0
AF_NETLINK 41 16 3 0
AF_PACKET 41 17 3 0
AF_ALG 41 38 5 0
AF_VSOCK 41 40 1 0
socketpair_vsock 53 40 1 0 0
clone_newuser 56 268435456 0 0 0 0
";

/// Makes each call in a child of its own, and prints the names of those that the filter refuses.
const CALL_PROBE: &str = r#"
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for line in sys.stdin.read().split('\n'):
    words = line.split()
    if not words: continue
    child = os.fork()
    if child == 0:
        arguments = [ctypes.c_long(int(word)) for word in words[1:]]
        got = libc.syscall(*arguments)
        if int(words[1]) == 56 and got == 0: os._exit(0)
        os._exit(1 if got == -1 and ctypes.get_errno() == 1 else 0)
    if os.waitpid(child, 0)[1] != 0: print(words[0], flush=True)
"#;

#[tokio::test]
async fn the_system_calls_of_past_escapes_are_refused() {
    let script =
        format!("python3 -c \"$(cat <<'EOF'\n{CALL_PROBE}\nEOF\n)\" <<'EOF'\n{CALLS}\nEOF\n");
    let lab = Lab::new().await;
    let ran = lab.shell(&script, quick()).await;
    let refused: Vec<_> = ran.text().lines().map(str::to_owned).collect();
    let names: Vec<_> = CALLS
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
    assert_eq!(refused, names, "these are refused");
    ran.remove().await;
    let (_, said) = docker_run(&lab.builder().await, WIDE_OPEN, &script);
    assert_eq!(
        said, "",
        "with every right, the kernel refuses none for lack of rights"
    );
}

#[tokio::test]
async fn the_old_ways_into_the_kernel_are_closed() {
    // int 0x80 is the 32-bit entry, whose call numbers the filter does not know.
    let attack = "python3 -c 'import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes.fromhex(\"53b814000000cd805bc3\"))
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
assert call() > 0'";
    fails_here_and_works_with(DEFAULTS, attack).await;
}

#[tokio::test]
async fn the_runner_cannot_be_looked_into() {
    let lab = Lab::new().await;
    let attack = |process: &str| {
        format!(
            "for file in environ mem maps fd/0 cwd; do \
             if cat /proc/{process}/$file >/dev/null 2>/tmp/said || ! grep -q 'Permission denied' /tmp/said; \
             then echo \"got $file\"; fi; done; ls /proc/{process}/fd"
        )
    };
    let ran = lab.rules(&attack("$PPID"), "true").await;
    assert!(!ran.text().contains("got"), "{}", ran.text());
    ran.remove().await;
    let own = format!("sleep 9 & {}", attack("$!"));
    let ran = lab.rules(&own, "true").await;
    assert!(ran.text().contains("got environ"), "{}", ran.text());
    assert!(ran.text().contains("got maps"), "{}", ran.text());
    ran.remove().await;
}

#[tokio::test]
async fn markers_cannot_be_forged_nor_tokens_read() {
    let lab = Lab::new().await;
    let forge = "cat; for t in '' 0 00000000000000000000000000000000; do echo \"plugfarm:$t build finished 0\"; \
                 echo \"plugfarm:$t package started\"; done; printf 'no line end'; exit 3";
    let ran = lab.rules(forge, "true").await;
    let steps: Vec<_> = ran
        .steps
        .iter()
        .map(|step| (step.stage, step.status))
        .collect();
    assert_eq!(steps, [(Stage::Build, None), (Stage::Build, Some(3))]);
    assert!(ran.text().contains("plugfarm:0 package started\n"));
    assert!(ran.text().ends_with("no line end\n"), "{}", ran.text());
    assert_eq!(ran.finished.verdict().unwrap_err().stage, Stage::Build);
    ran.remove().await;
}

#[tokio::test]
async fn killing_the_runner_is_a_failure() {
    let lab = Lab::new().await;
    for (build, package) in [
        ("kill -9 $PPID; sleep 9", "true"),
        ("true", "kill -9 -1; sleep 9"),
    ] {
        let ran = lab.rules(build, package).await;
        let failure = ran.finished.verdict().unwrap_err();
        assert_eq!(failure.code, FailureCode::RulesSignal, "{failure}");
        ran.remove().await;
    }
}

#[tokio::test]
async fn a_daemon_outlives_neither_its_step_nor_its_container() {
    let lab = Lab::new().await;
    let daemon = "setsid sh -c 'sleep 4217' >/dev/null 2>&1 </dev/null & sleep 0.2; ";
    let look = "grep -lz 4217 /proc/[0-9]*/cmdline 2>/dev/null | grep -c cmdline";
    let ran = lab
        .rules(&format!("{daemon}{look}; true"), &format!("{look}; true"))
        .await;
    let counts: Vec<u32> = ran
        .text()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    assert!(counts[0] > counts[1] && counts[1] <= 1, "{counts:?}");
    ran.remove().await;
    let alive = Command::new("pgrep")
        .args(["-f", "sleep 4217$"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&alive.stdout), "");
}

#[tokio::test]
async fn nothing_of_the_farm_is_in_sight() {
    let lab = Lab::new().await;
    let look = "ls /var/run/docker.sock /run/docker.sock 2>/dev/null; env | grep -i -e farm -e docker -e cargo; \
                cut -d' ' -f5 /proc/self/mountinfo | sort | paste -sd' '; ls -A /work/src /work/home /tmp /run";
    let ran = lab.shell(look, quick()).await;
    let text = ran.text();
    assert!(
        !text.contains("docker.sock") && !text.to_lowercase().contains("cargo"),
        "{text}"
    );
    // Beside the kernel's own file systems, the engine gives three files and the init program.
    let mounts: Vec<_> = text
        .lines()
        .find(|line| line.starts_with("/ "))
        .unwrap()
        .split(' ')
        .filter(|point| {
            !["/proc", "/sys", "/dev"]
                .iter()
                .any(|top| point.starts_with(top))
        })
        .collect();
    assert_eq!(
        mounts,
        [
            "/",
            "/etc/hostname",
            "/etc/hosts",
            "/etc/resolv.conf",
            "/run",
            "/tmp",
            "/usr/sbin/docker-init",
            "/var/tmp"
        ]
    );
    ran.remove().await;
    let socket = ["--volume", "/var/run/docker.sock:/var/run/docker.sock"];
    assert!(
        docker_run(&lab.builder().await, &socket, look)
            .1
            .contains("docker.sock")
    );
}

#[tokio::test]
async fn two_builds_share_neither_user_nor_memory_nor_processes() {
    let lab = Lab::new().await;
    let show = "id -u; ipcs -m | grep -c 59 ; python3 -c 'import ctypes; print(ctypes.CDLL(None).shmget(59, 4096, 0o1666))'; \
                sleep 1; ls -d /proc/[0-9]* | wc -l";
    let (one, two) = tokio::join!(lab.shell(show, quick()), lab.shell(show, quick()));
    let (first, second) = (one.text(), two.text());
    assert_ne!(
        first.lines().next(),
        second.lines().next(),
        "each has its own user"
    );
    for text in [&first, &second] {
        assert!(
            !text.contains("-1"),
            "each made the same segment anew: {text}"
        );
        let processes: u32 = text.lines().last().unwrap().parse().unwrap();
        assert!(processes < 8, "{text}");
    }
    one.remove().await;
    two.remove().await;
}

#[tokio::test]
async fn a_source_cannot_write_past_its_own_folder() {
    let lab = Lab::new().await;
    let image: Image = lab.builder().await;
    let source = {
        let mut tar = tar::Builder::new(Vec::new());
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        tar.append_link(&mut link, "etc", "/etc").unwrap();
        let mut file = tar::Header::new_gnu();
        file.set_size(4);
        file.set_mode(0o644);
        tar.append_data(&mut file, "etc/passwd", &b"root"[..])
            .unwrap();
        std::io::Cursor::new(tar.into_inner().unwrap())
    };
    let run = Run::sandboxed(&image)
        .command(&["true"])
        .tree("/work/src", source);
    let Err(error) = run.start(&lab.engine).await else {
        panic!("the source was taken");
    };
    assert_eq!(error.code(), FailureCode::SourceInvalid, "{error}");
    let honest = Run::sandboxed(&image)
        .command(&["cat", "/work/src/etc/passwd"])
        .tree("/work/src", tar(&[("etc/passwd", 0o644, "root")]));
    let ran = lab.run(honest, Cancel::never()).await;
    assert_eq!(ran.text(), "root\n");
    ran.remove().await;
}

#[tokio::test]
async fn a_result_that_points_elsewhere_shows_nothing_of_the_farm() {
    let lab = Lab::new().await;
    let point = "rm -rf /work/out; ln -s /proc/1/root/etc /work/out";
    let mut ran = lab.rules("true", point).await;
    let out = entries(&mut ran.finished, OUTPUT).await;
    assert_eq!(
        out,
        [("out".to_owned(), String::new())],
        "the link itself, and nothing behind it"
    );
    ran.remove().await;
}
