//! Asks a container what it is allowed to do, as a hostile build would.

use std::fmt;

use super::{Cancel, Ending, Engine, EngineFacts, Image, LogEvent, Run, SandboxError};
use crate::config::Limits;

/// What a container said about itself; every field must be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Posture {
    /// It does not run as root.
    pub not_root: bool,
    /// It has no capability, and cannot get one.
    pub no_capabilities: bool,
    /// No setuid program can raise it.
    pub no_new_privileges: bool,
    /// System calls are filtered, or answered by a kernel of the container's own.
    pub seccomp: bool,
    /// It has no network interface but its own loopback.
    pub no_network: bool,
    /// It sees no process but its own.
    pub own_processes: bool,
    /// AppArmor confines it, wherever the engine has AppArmor and shares its kernel.
    pub apparmor: bool,
}

/// Prints one `name=value` a line, from files that only the kernel writes.
const PROBE: &str = r#"
while read -r name value rest; do
    case $name in
    Uid:) echo "uid=$value" ;;
    CapEff: | CapPrm: | CapBnd:) echo "cap=$value" ;;
    NoNewPrivs:) echo "nnp=$value" ;;
    Seccomp:) echo "seccomp=$value" ;;
    esac
done </proc/self/status
for link in /sys/class/net/*; do echo "net=${link##*/}"; done
read -r first </proc/1/comm && echo "init=$first"
read -r label </proc/self/attr/current 2>/dev/null && echo "apparmor=$label"
exit 0
"#;

/// Runs a tiny container as a build would run, and says how it is confined.
///
/// # Errors
///
/// What the engine says.
pub async fn self_test(engine: &Engine, image: &Image) -> Result<Posture, SandboxError> {
    let run = Run::sandboxed(image)
        .command(&["/bin/sh", "-c", PROBE])
        .limits(&Limits {
            total_time: std::time::Duration::from_secs(30),
            ..Limits::default()
        });
    let mut said = Vec::new();
    let mut sink = |event: LogEvent<'_>| {
        if let LogEvent::Line { text, .. } = event {
            said.push(text.plain.to_owned());
        }
    };
    let container = run.start(engine).await?;
    let finished = container.wait(&mut sink, Cancel::never()).await?;
    let ended_well = finished.ending == Ending::Exited { status: 0 };
    finished.remove().await?;
    Ok(if ended_well {
        Posture::read(&said, engine.facts())
    } else {
        Posture::default()
    })
}

impl Posture {
    fn read(said: &[String], facts: &EngineFacts) -> Self {
        let shared_kernel = !facts.has_own_kernel();
        let all = |name: &str, rule: &dyn Fn(&str) -> bool| {
            let mut values = said
                .iter()
                .filter_map(|line| line.strip_prefix(name))
                .peekable();
            values.peek().is_some() && values.all(rule)
        };
        Self {
            not_root: all("uid=", &|uid| uid != "0"),
            no_capabilities: all("cap=", &|set| set.bytes().all(|digit| digit == b'0')),
            no_new_privileges: all("nnp=", &|value| value == "1"),
            seccomp: !shared_kernel || all("seccomp=", &|mode| mode == "2"),
            no_network: all("net=", &|link| link == "lo"),
            own_processes: all("init=", &|name| name == "docker-init" || name == "sh"),
            apparmor: !(facts.apparmor && shared_kernel)
                || all("apparmor=", &|label| label.ends_with("(enforce)")),
        }
    }

    /// Whether everything is as it must be.
    #[must_use]
    pub fn is_sound(self) -> bool {
        let Self {
            not_root,
            no_capabilities,
            no_new_privileges,
            seccomp,
            no_network,
            own_processes,
            apparmor,
        } = self;
        let confined = not_root && no_capabilities && no_new_privileges && seccomp && apparmor;
        confined && no_network && own_processes
    }
}

impl fmt::Display for Posture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("not root", self.not_root),
            ("no capabilities", self.no_capabilities),
            ("no new privileges", self.no_new_privileges),
            ("system calls filtered", self.seccomp),
            ("no network", self.no_network),
            ("own processes only", self.own_processes),
            ("AppArmor, if there is any", self.apparmor),
        ];
        let words =
            rows.map(|(name, holds)| format!("{name}: {}", if holds { "yes" } else { "NO" }));
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_proves_nothing() {
        let with = |apparmor, runtime: &str| EngineFacts {
            apparmor,
            runtime: runtime.to_owned(),
            ..crate::sandbox::engine::tests::facts()
        };
        assert!(!Posture::read(&[], &with(false, "runc")).is_sound());
        assert!(!Posture::read(&[], &with(false, "runsc")).is_sound());
        let said = [
            "uid=59001",
            "cap=0000",
            "nnp=1",
            "seccomp=2",
            "net=lo",
            "init=docker-init",
        ];
        let said = said.map(str::to_owned).to_vec();
        assert!(Posture::read(&said, &with(false, "runc")).is_sound());
        assert!(Posture::read(&said, &with(true, "runsc-kvm")).is_sound());
        assert!(
            !Posture::read(&said, &with(true, "runc")).is_sound(),
            "an engine with AppArmor uses it"
        );
        for (right, wrong) in [
            ("59001", "0"),
            ("0000", "0400"),
            ("nnp=1", "nnp=0"),
            ("=lo", "=eth0"),
            ("docker-init", "systemd"),
        ] {
            let worse: Vec<_> = said.iter().map(|line| line.replace(right, wrong)).collect();
            assert!(
                !Posture::read(&worse, &with(false, "runc")).is_sound(),
                "{wrong}"
            );
        }
    }
}
