//! The Docker engine: how it is reached, and what kind of engine it is.

use std::path::PathBuf;

use bollard::models::{SystemInfo, SystemInfoCgroupVersionEnum, SystemVersion};
use bollard::{API_DEFAULT_VERSION, Docker};

use super::SandboxError;
use super::owner::Owner;

/// Where an engine listens unless `DOCKER_HOST` says otherwise.
const DEFAULT_ADDRESS: &str = "unix:///var/run/docker.sock";

/// How long one request may take until its answer begins, in seconds. Waiting for a container is asked for again and again.
const REQUEST_SECONDS: u64 = 120;

/// A connection to one engine, for one farm. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) docker: Docker,
    pub(super) owner: Owner,
    pub(super) facts: EngineFacts,
}

/// What kind of engine it is: recorded with every build, and checked by `plugfarm doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// The engine's version.
    pub version: String,
    /// The version of runc, as far as the engine tells it.
    pub runc: Option<String>,
    /// The version of the kernel.
    pub kernel: String,
    /// The runtime that builds and fetches get: the engine's default, mostly `runc`, unless another was asked for.
    pub runtime: String,
    /// The runtimes that the engine has, sorted.
    pub runtimes: Vec<String>,
    /// 1 or 2.
    pub cgroup_version: u8,
    /// Whether the engine runs without root's rights.
    pub rootless: bool,
    /// Whether the engine maps container users to others (`userns-remap`).
    pub user_namespaces: bool,
    /// Whether seccomp profiles take effect.
    pub seccomp: bool,
    /// Whether AppArmor profiles take effect.
    pub apparmor: bool,
    /// The storage driver, such as `overlay2`.
    pub storage_driver: String,
    /// Whether the storage driver can hold each container to a size.
    pub storage_quota: bool,
    /// The folder of the engine's state, on the engine's own machine.
    pub data_root: PathBuf,
    /// Whether the engine is this machine's, so that its folders can be looked at.
    pub local: bool,
}

impl Engine {
    /// Connects to the engine at `address` (`unix://…`, `tcp://…`; the machine's own when `None`) on behalf of the farm
    /// called `instance`. Containers carry that name, and [`sweep`](super::sweep) touches no others.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Unreachable`] when the address is malformed or nothing answers.
    pub async fn connect(instance: &str, address: Option<&str>) -> Result<Self, SandboxError> {
        let address = address.unwrap_or(DEFAULT_ADDRESS);
        let unreachable = |source| SandboxError::Unreachable {
            address: address.to_owned(),
            source,
        };
        let docker = match address.strip_prefix("unix://") {
            Some(_) => Docker::connect_with_unix(address, REQUEST_SECONDS, API_DEFAULT_VERSION),
            None => Docker::connect_with_host(address),
        };
        let docker = docker.map_err(unreachable)?;
        let docker = docker.negotiate_version().await.map_err(unreachable)?;
        let (info, version) = tokio::try_join!(docker.info(), docker.version())
            .map_err(SandboxError::engine("describe itself"))?;
        let facts = EngineFacts::read(info, version, address.starts_with("unix://"));
        Ok(Self {
            docker,
            owner: Owner::this_process(instance)?,
            facts,
        })
    }

    /// The same engine, whose builds and fetches run under the runtime that it calls `name`.
    ///
    /// # Errors
    ///
    /// [`SandboxError::RuntimeMissing`] when it has none of that name.
    pub fn with_runtime(mut self, name: &str) -> Result<Self, SandboxError> {
        if !self.facts.runtimes.iter().any(|runtime| runtime == name) {
            return Err(SandboxError::RuntimeMissing {
                runtime: name.to_owned(),
                known: self.facts.runtimes.join(", "),
            });
        }
        name.clone_into(&mut self.facts.runtime);
        Ok(self)
    }

    /// What kind of engine it is.
    #[must_use]
    pub fn facts(&self) -> &EngineFacts {
        &self.facts
    }
}

impl EngineFacts {
    fn read(info: SystemInfo, version: SystemVersion, local: bool) -> Self {
        let options = info.security_options.unwrap_or_default();
        let has = |name: &str| {
            options
                .iter()
                .any(|option| option.split(',').any(|part| part == format!("name={name}")))
        };
        let component = |name: &str| {
            let mut components = version.components.iter().flatten();
            components
                .find(|component| component.name == name)
                .map(|component| component.version.clone())
        };
        let status = info.driver_status.unwrap_or_default();
        let backing = status
            .iter()
            .find(|pair| pair.first().is_some_and(|key| key == "Backing Filesystem"))
            .and_then(|pair| pair.get(1));
        let driver = info.driver.unwrap_or_default();
        let data_root = PathBuf::from(info.docker_root_dir.unwrap_or_default());
        let mut runtimes: Vec<_> = info.runtimes.unwrap_or_default().into_keys().collect();
        runtimes.sort_unstable();
        Self {
            version: info.server_version.unwrap_or_default(),
            runc: component("runc"),
            kernel: info.kernel_version.unwrap_or_default(),
            runtime: info.default_runtime.unwrap_or_else(|| "runc".to_owned()),
            runtimes,
            cgroup_version: match info.cgroup_version {
                Some(SystemInfoCgroupVersionEnum::_2) => 2,
                _ => 1,
            },
            rootless: has("rootless"),
            user_namespaces: has("userns"),
            seccomp: has("seccomp"),
            apparmor: has("apparmor"),
            storage_quota: match driver.as_str() {
                "btrfs" | "zfs" => true,
                "overlay2" => {
                    local
                        && backing.is_some_and(|name| name == "xfs")
                        && has_project_quota(&data_root)
                }
                _ => false,
            },
            storage_driver: driver,
            local: local && data_root.is_dir(),
            data_root,
        }
    }

    /// Whether the runtime gives a container a kernel of its own, as gVisor and Kata Containers do. The machine's seccomp and
    /// AppArmor are around that kernel then, and not seen from within.
    #[must_use]
    pub fn has_own_kernel(&self) -> bool {
        let name = self.runtime.trim_start_matches("io.containerd.");
        ["runsc", "kata"]
            .iter()
            .any(|known| name.starts_with(known))
    }

    /// What is weaker about this engine than it could be, each with the words for an operator. None of it stops a build:
    /// distributions mend runc and the engine without changing the version that they call themselves.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.seccomp {
            warnings
                .push("the engine has no seccomp: builds can reach every system call".to_owned());
        }
        if !self.apparmor {
            warnings.push("the engine has no AppArmor: one layer of protection less".to_owned());
        }
        if self.cgroup_version == 1 {
            warnings.push(
                "the machine uses cgroup v1; cgroup v2 accounts for memory more exactly".to_owned(),
            );
        }
        if !self.rootless && !self.user_namespaces {
            warnings.push(
                "the engine runs as root without user namespaces; rootless or userns-remap would confine an escape"
                    .to_owned(),
            );
        }
        if !self.storage_quota {
            warnings.push(
                "the engine cannot hold a container to a disk size; the farm watches the disk and kills instead"
                    .to_owned(),
            );
        }
        if !self.local {
            warnings.push(
                "the engine's data folder is not on this machine: only a storage quota can hold builds to a disk size"
                    .to_owned(),
            );
        } else if fs_err::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled")
            .is_ok_and(|value| value.trim() == "0")
        {
            warnings.push(
                "kernel.unprivileged_bpf_disabled is 0; set it to 1, although builds cannot call bpf anyway".to_owned(),
            );
        }
        if let Some(runc) = &self.runc
            && !self.has_own_kernel()
            && let Some(version) = leading_version(runc)
            && version < (1, 2, 8)
        {
            warnings.push(format!(
                "runc {runc} is older than 1.2.8; unless the distribution has mended it, known escapes are open"
            ));
        }
        warnings
    }
}

/// `1.1.5` of `1.1.5+ds1`.
fn leading_version(text: &str) -> Option<(u32, u32, u32)> {
    let plain = text.split(['+', '-', '~']).next()?;
    let mut numbers = plain.split('.').map(str::parse::<u32>);
    Some((
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next().unwrap_or(Ok(0)).ok()?,
    ))
}

/// Whether the file system that holds `folder` is mounted with project quotas.
fn has_project_quota(folder: &std::path::Path) -> bool {
    let mounts = fs_err::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut best: (usize, bool) = (0, false);
    for line in mounts.lines() {
        let fields: Vec<_> = line.split(' ').collect();
        let [_, point, _, options, ..] = fields.as_slice() else {
            continue;
        };
        if folder.starts_with(point) && point.len() >= best.0 {
            let quota = options
                .split(',')
                .any(|option| matches!(option, "prjquota" | "pquota"));
            best = (point.len(), quota);
        }
    }
    best.1
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An engine as Debian 12 ships it.
    pub(in crate::sandbox) fn facts() -> EngineFacts {
        EngineFacts {
            version: "20.10.24".to_owned(),
            runc: Some("1.1.5".to_owned()),
            kernel: "6.1".to_owned(),
            runtime: "runc".to_owned(),
            runtimes: vec!["runc".to_owned()],
            cgroup_version: 2,
            rootless: false,
            user_namespaces: false,
            seccomp: true,
            apparmor: true,
            storage_driver: "overlay2".to_owned(),
            storage_quota: false,
            data_root: PathBuf::from("/var/lib/docker"),
            local: true,
        }
    }

    #[test]
    fn versions_of_distributions_are_read() {
        assert_eq!(leading_version("1.1.5+ds1"), Some((1, 1, 5)));
        assert_eq!(leading_version("1.3-rc1"), Some((1, 3, 0)));
        assert_eq!(leading_version("unknown"), None);
    }
}
