//! What a container may do, as data that cannot say anything else: no mount, no device, no capability for a build, no
//! privileged mode, no name space of the host. Everything the engine is told about a container is written here.

use std::collections::HashMap;
use std::net::IpAddr;

use bollard::models::{
    HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, ResourcesUlimits,
};

use super::{EngineFacts, SandboxError, seccomp};
use crate::config::Limits;

/// How many containers of plugfarm an engine runs at once. The images have a user for each slot.
pub(super) const SLOTS: u32 = 64;
/// The user of slot 0; the group is shared. `images/common/users` has the same numbers.
const FIRST_USER: u32 = 59_001;
pub(super) const GROUP: u32 = 59_000;

/// What a fetch or a derived image writes at most: they run no stranger's code.
const SMALL_SCRATCH: u64 = 1 << 20;
/// The most memory that may be locked, in bytes.
const LOCKED: i64 = 64 << 10;

/// Who the container works for. Only [`Role::Build`] ever meets a stranger's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// A plugin's rules: no network, a user without any right.
    Build,
    /// The farm's fetch script: a network on which only these names have an address.
    Fetch(Vec<(String, IpAddr)>),
    /// The farm's own commands that turn one image into another: root, with the rights that dpkg needs; a network if it
    /// is to install packages.
    Image {
        /// Whether it reaches the package mirror.
        network: bool,
    },
}

impl Role {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Fetch(_) => "fetch",
            Self::Image { .. } => "image",
        }
    }

    /// The user and the group of the container in `slot`. No two containers share a user: its limits are counted per user.
    pub(super) fn user(&self, slot: u32) -> (u32, u32) {
        match self {
            Self::Build | Self::Fetch(_) => (FIRST_USER + slot, GROUP),
            Self::Image { .. } => (0, 0),
        }
    }

    /// Images are made by the farm's own commands, under the engine's default.
    fn runtime(&self, facts: &EngineFacts) -> Option<String> {
        (!matches!(self, Self::Image { .. })).then(|| facts.runtime.clone())
    }

    fn network(&self) -> bool {
        !matches!(self, Self::Build | Self::Image { network: false })
    }

    /// What dpkg needs to unpack and to run maintainer scripts, and nothing for anybody else.
    fn capabilities(&self) -> Option<Vec<String>> {
        let Self::Image { .. } = self else {
            return None;
        };
        let names = [
            "CHOWN",
            "DAC_OVERRIDE",
            "FOWNER",
            "FSETID",
            "SETGID",
            "SETUID",
        ];
        Some(names.map(str::to_owned).to_vec())
    }

    /// The containers' own file systems in memory. A derived image keeps what is written, so it has only `/run`.
    fn tmpfs(&self, limits: &Limits) -> HashMap<String, String> {
        let open = |size: u64| {
            let files = (size / 4096).min(limits.inodes).max(1024);
            format!("rw,nosuid,nodev,size={size},nr_inodes={files},mode=1777")
        };
        let run = format!("rw,nosuid,nodev,noexec,size={SMALL_SCRATCH},nr_inodes=1024,mode=0755");
        let mut all = HashMap::from([("/run".to_owned(), run)]);
        if !matches!(self, Self::Image { .. }) {
            all.insert("/tmp".to_owned(), open(limits.scratch));
            all.insert("/var/tmp".to_owned(), open(limits.scratch));
        }
        all
    }
}

/// Everything that the engine is told about how a container is confined.
pub(super) fn host_config(
    role: &Role,
    limits: &Limits,
    facts: &EngineFacts,
) -> Result<HostConfig, SandboxError> {
    let memory = signed(limits.memory);
    Ok(HostConfig {
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: role.capabilities(),
        privileged: Some(false),
        runtime: role.runtime(facts),
        security_opt: Some(vec![
            "no-new-privileges:true".to_owned(),
            format!("seccomp={}", seccomp::profile(role.network())?),
        ]),
        network_mode: Some(if role.network() { "bridge" } else { "none" }.to_owned()),
        dns: matches!(role, Role::Fetch(_)).then(|| vec!["127.0.0.1".to_owned()]),
        extra_hosts: match role {
            Role::Fetch(hosts) => Some(
                hosts
                    .iter()
                    .map(|(name, address)| format!("{name}:{address}"))
                    .collect(),
            ),
            _ => None,
        },
        publish_all_ports: Some(false),
        memory: Some(memory),
        memory_swap: Some(memory),
        memory_swappiness: (facts.cgroup_version == 1).then_some(0),
        nano_cpus: Some(nano_cpus(limits.cpus)),
        // Half of the default: the machine's own services, and the farm, come first.
        cpu_shares: Some(512),
        pids_limit: Some(signed(limits.processes)),
        ulimits: Some(ulimits(limits)),
        tmpfs: Some(role.tmpfs(limits)),
        shm_size: Some(64 << 20),
        storage_opt: facts
            .storage_quota
            .then(|| HashMap::from([("size".to_owned(), limits.disk.to_string())])),
        init: Some(true),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        // The farm reads the log as it comes; the engine keeps none, so that none can fill its disk.
        log_config: Some(HostConfigLogConfig {
            typ: Some("none".to_owned()),
            config: None,
        }),
        auto_remove: Some(false),
        ..HostConfig::default()
    })
}

fn ulimits(limits: &Limits) -> Vec<ResourcesUlimits> {
    let limit = |name: &str, value: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(value),
        hard: Some(value),
    };
    vec![
        limit("core", 0),
        limit("nofile", signed(limits.open_files)),
        limit("fsize", signed(limits.disk)),
        limit("memlock", LOCKED),
    ]
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the configuration holds the number between 0.1 and 1024"
)]
fn nano_cpus(cpus: f64) -> i64 {
    (cpus * 1e9) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::engine::tests::facts;

    #[test]
    fn a_build_gets_nothing_that_it_could_hurt_with() {
        let config = host_config(&Role::Build, &Limits::default(), &facts()).unwrap();
        assert_eq!(config.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(config.cap_add, None);
        assert_eq!(config.runtime.as_deref(), Some("runc"));
        assert_eq!(config.network_mode.as_deref(), Some("none"));
        assert_eq!(config.memory, config.memory_swap);
        assert_eq!(config.oom_kill_disable, None);
        for nothing in [
            config.binds.is_none(),
            config.mounts.is_none(),
            config.devices.is_none(),
            config.volumes_from.is_none(),
            config.pid_mode.is_none(),
            config.userns_mode.is_none(),
            config.port_bindings.is_none(),
        ] {
            assert!(nothing);
        }
        let options = config.security_opt.unwrap();
        assert!(options.iter().all(|option| !option.contains("unconfined")));
    }

    #[test]
    fn no_two_slots_share_a_user_and_none_is_root() {
        let users: std::collections::BTreeSet<_> =
            (0..SLOTS).map(|slot| Role::Build.user(slot).0).collect();
        assert_eq!(users.len(), SLOTS as usize);
        assert!(!users.contains(&0));
    }

    #[test]
    fn a_fetch_knows_only_the_addresses_that_the_farm_has_checked() {
        let hosts = vec![("git.example.org".to_owned(), "192.0.2.7".parse().unwrap())];
        let config = host_config(&Role::Fetch(hosts), &Limits::default(), &facts()).unwrap();
        assert_eq!(config.extra_hosts.unwrap(), ["git.example.org:192.0.2.7"]);
        assert_eq!(config.dns.unwrap(), ["127.0.0.1"]);
        assert_eq!(config.cap_add, None);
    }
}
