//! Whose a container is: the farm, and the process of it that started the container.

use std::collections::HashMap;

use super::SandboxError;

/// The farm that a container belongs to.
pub(super) const INSTANCE: &str = "farm.instance";
/// The process that started it, so that another one knows whether anybody still cares.
pub(super) const PROCESS: &str = "farm.process";
/// What it does: `build`, `fetch` or `image`.
pub(super) const ROLE: &str = "farm.role";
/// The build that it belongs to.
pub(super) const BUILD: &str = "farm.build";
/// The attempt of that build.
pub(super) const ATTEMPT: &str = "farm.attempt";
/// When it must be over, in seconds since the epoch.
pub(super) const DEADLINE: &str = "farm.deadline";

/// A farm, and this process of it.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) instance: String,
    process: Process,
}

/// A process in a way that outlives it: the boot, the process namespace, the number, and when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    boot: String,
    namespace: String,
    number: u32,
    began: String,
}

impl Owner {
    pub(super) fn this_process(instance: &str) -> Result<Self, SandboxError> {
        let number = std::process::id();
        let process = Process {
            boot: read_boot().map_err(SandboxError::storage("the boot's id cannot be read"))?,
            namespace: read_namespace().map_err(SandboxError::storage(
                "the process namespace cannot be read",
            ))?,
            number,
            began: read_began(number).unwrap_or_default(),
        };
        Ok(Self {
            instance: instance.to_owned(),
            process,
        })
    }

    /// The labels that say whose a container is.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (INSTANCE.to_owned(), self.instance.clone()),
            (PROCESS.to_owned(), self.process.to_string()),
        ])
    }

    /// Whether these labels name this process.
    pub(super) fn is_this(&self, labels: &HashMap<String, String>) -> bool {
        labels.get(PROCESS) == Some(&self.process.to_string())
    }

    /// Whether the process that these labels name is gone for good. When that cannot be known, it is taken to live.
    pub(super) fn is_gone(&self, labels: &HashMap<String, String>) -> bool {
        let Some(process) = labels.get(PROCESS).and_then(|text| Process::parse(text)) else {
            return true;
        };
        if process.boot != self.process.boot {
            return true;
        }
        process.namespace == self.process.namespace
            && read_began(process.number).is_none_or(|began| began != process.began)
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            boot,
            namespace,
            number,
            began,
        } = self;
        write!(f, "{boot} {namespace} {number} {began}")
    }
}

impl Process {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let process = Self {
            boot: words.next()?.to_owned(),
            namespace: words.next()?.to_owned(),
            number: words.next()?.parse().ok()?,
            began: words.next()?.to_owned(),
        };
        words.next().is_none().then_some(process)
    }
}

fn read_boot() -> std::io::Result<String> {
    Ok(fs_err::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

fn read_namespace() -> std::io::Result<String> {
    Ok(fs_err::read_link("/proc/self/ns/pid")?
        .display()
        .to_string())
}

/// When a process began, in the kernel's ticks since the boot; `None` if there is none of that number.
fn read_began(number: u32) -> Option<String> {
    let text = fs_err::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything; 20 fields later is the time.
    let (_, rest) = text.rsplit_once(") ")?;
    rest.split(' ').nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_not_gone_and_a_dead_one_is() {
        let owner = Owner::this_process("here").unwrap();
        assert!(!owner.is_gone(&owner.labels()) && owner.is_this(&owner.labels()));

        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = Process {
            number: child.id(),
            began: read_began(child.id()).unwrap_or_default(),
            ..owner.process.clone()
        };
        child.wait().unwrap();
        let labels = HashMap::from([(PROCESS.to_owned(), dead.to_string())]);
        assert!(owner.is_gone(&labels));
    }

    #[test]
    fn a_process_of_another_boot_is_gone_and_one_of_another_namespace_may_live() {
        let owner = Owner::this_process("here").unwrap();
        let label = |process: Process| HashMap::from([(PROCESS.to_owned(), process.to_string())]);
        let rebooted = Process {
            boot: "other".to_owned(),
            ..owner.process.clone()
        };
        assert!(owner.is_gone(&label(rebooted)));
        let elsewhere = Process {
            namespace: "pid:[1]".to_owned(),
            began: "1".to_owned(),
            ..owner.process.clone()
        };
        assert!(!owner.is_gone(&label(elsewhere)));
    }
}
