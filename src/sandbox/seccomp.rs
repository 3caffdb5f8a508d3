//! The system calls that a container may make.
//!
//! `seccomp.json` allows what the engine's own default allows to a process without capabilities, without what a build has
//! no use for and what escapes were made of: tracing and reading other processes, every name space, the 32-bit calls, and
//! all socket families but `AF_UNIX`. Absent from it as from the default are io_uring, userfaultfd, the keyring calls,
//! bpf, perf and the mount calls. A container with a network gets the families of the internet on top.

use serde_json::{Value, json};

use super::SandboxError;
use crate::model::Sha256;

/// The profile of a container without a network, as the engine's API takes it.
const PROFILE: &str = include_str!("seccomp.json");

/// `AF_INET`, `AF_INET6`, and `AF_NETLINK`, by which the resolver asks for the machine's own addresses.
const NETWORK_FAMILIES: [u8; 3] = [2, 10, 16];

/// The profile's text.
pub(super) fn profile(network: bool) -> Result<String, SandboxError> {
    if !network {
        return Ok(PROFILE.to_owned());
    }
    let broken = |source| SandboxError::Engine {
        action: "take the seccomp profile",
        source: bollard::errors::Error::JsonSerdeError { err: source },
    };
    let mut profile: Value = serde_json::from_str(PROFILE).map_err(broken)?;
    if let Some(rules) = profile["syscalls"].as_array_mut() {
        rules.extend(NETWORK_FAMILIES.map(|family| {
            json!({
                "names": ["socket", "socketpair"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": family, "op": "SCMP_CMP_EQ"}],
            })
        }));
    }
    Ok(profile.to_string())
}

/// The SHA-256 of the profile that builds run under, for their evidence.
#[must_use]
pub fn seccomp_digest() -> Sha256 {
    Sha256::of(PROFILE.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(profile: &str) -> Vec<(String, Value)> {
        let profile: Value = serde_json::from_str(profile).unwrap();
        let rules = profile["syscalls"].as_array().unwrap();
        let allowing = rules
            .iter()
            .filter(|rule| rule["action"] == "SCMP_ACT_ALLOW");
        allowing
            .flat_map(|rule| {
                let names = rule["names"].as_array().unwrap();
                names
                    .iter()
                    .map(|name| (name.as_str().unwrap().to_owned(), rule["args"].clone()))
            })
            .collect()
    }

    #[test]
    fn what_escapes_are_made_of_is_not_allowed() {
        let allowed = allowed(&profile(true).unwrap());
        for name in [
            "io_uring_setup",
            "io_uring_enter",
            "io_uring_register",
            "userfaultfd",
            "keyctl",
            "add_key",
            "request_key",
            "bpf",
            "perf_event_open",
            "ptrace",
            "process_vm_readv",
            "process_vm_writev",
            "kcmp",
            "pidfd_getfd",
            "mount",
            "umount2",
            "move_mount",
            "open_tree",
            "fsopen",
            "fsmount",
            "mount_setattr",
            "pivot_root",
            "chroot",
            "unshare",
            "setns",
            "open_by_handle_at",
            "name_to_handle_at",
            "init_module",
            "kexec_load",
            "reboot",
            "swapon",
            "modify_ldt",
            "socketcall",
            "quotactl",
            "acct",
            "syslog",
        ] {
            assert!(!allowed.iter().any(|(other, _)| other == name), "{name}");
        }
    }

    #[test]
    fn a_build_has_unix_sockets_only() {
        let families = |network| -> Vec<u64> {
            let rules = allowed(&profile(network).unwrap());
            let sockets = rules.iter().filter(|(name, _)| name == "socket");
            sockets
                .map(|(_, args)| args[0]["value"].as_u64().unwrap())
                .collect()
        };
        assert_eq!(families(false), [1]);
        assert_eq!(families(true), [1, 2, 10, 16]);
    }

    #[test]
    fn new_name_spaces_are_masked_out_of_clone() {
        let rules = allowed(&profile(false).unwrap());
        let clones: Vec<_> = rules
            .iter()
            .filter(|(name, _)| name.starts_with("clone"))
            .collect();
        assert_eq!(clones.len(), 1);
        let all = libc_flags();
        assert_eq!(clones[0].1[0]["value"], all);
        assert_eq!(clones[0].1[0]["op"], "SCMP_CMP_MASKED_EQ");
    }

    /// NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET of `<linux/sched.h>`.
    fn libc_flags() -> u64 {
        0x0002_0000
            | 0x0200_0000
            | 0x0400_0000
            | 0x0800_0000
            | 0x1000_0000
            | 0x2000_0000
            | 0x4000_0000
    }
}
