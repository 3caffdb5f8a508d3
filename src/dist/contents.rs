//! What is in each package beside its program, and what it asks of the machine.

use super::Program;
use crate::config::{SAMPLE, host};
use crate::deb::scripts::ScriptSet;

/// One package.
pub(super) struct Contents {
    pub(super) section: &'static str,
    pub(super) synopsis: &'static str,
    pub(super) description: &'static str,
    /// Relations beside the libraries.
    pub(super) depends: &'static [&'static str],
    /// Further fields of relations (Debian Policy 7).
    pub(super) relations: &'static [(&'static str, &'static str)],
    /// Paths, modes, texts.
    pub(super) files: &'static [(&'static str, u32, &'static str)],
    postinst: &'static str,
    prerm: Option<&'static str>,
    postrm: Option<&'static str>,
}

impl Contents {
    pub(super) fn scripts(&self) -> ScriptSet {
        let text = |text: Option<&'static str>| text.map(str::to_owned);
        ScriptSet {
            preinst: None,
            postinst: text(Some(self.postinst)),
            prerm: text(self.prerm),
            postrm: text(self.postrm),
        }
    }
}

pub(super) fn of(program: Program) -> Contents {
    match program {
        Program::Farm => FARM,
        Program::Host => HOST,
        Program::Plugind => PLUGIND,
    }
}

const FARM: Contents = Contents {
    section: "devel",
    synopsis: "sandboxed build farm for Wazo plugins",
    description: "A plugin's git repository goes in; a signed Debian package in an apt repository comes out. Each build runs in a \
        container of its own, without network or rights.\n\nThis package has the farm, its client, and its signer.",
    depends: &["passwd", "init-system-helpers"],
    relations: &[("Recommends", "docker.io | docker-ce, mmdebstrap, git")],
    files: &[
        (
            "usr/lib/systemd/system/plugfarm.service",
            0o644,
            include_str!("files/plugfarm.service"),
        ),
        (
            "usr/lib/systemd/system/plugfarm-signer.service",
            0o644,
            include_str!("files/plugfarm-signer.service"),
        ),
        ("etc/plugfarm/plugfarm.yml", 0o644, SAMPLE),
    ],
    postinst: include_str!("files/plugfarm.postinst"),
    prerm: Some(include_str!("files/plugfarm.prerm")),
    postrm: None,
};

const HOST: Contents = Contents {
    section: "comm",
    synopsis: "plugins of a Wazo host, by wazo-plugind's interface",
    description: "Installs, updates and removes Wazo plugins that a farm has built and signed, through plain apt. Nobody's code is \
        compiled on the host.\n\nIt runs beside wazo-plugind; plugfarm-host-wazo-plugind puts it in its place.",
    depends: &["passwd", "init-system-helpers", "apt", "dpkg"],
    relations: &[("Suggests", "rabbitmq-server, nginx")],
    files: &[
        (
            "usr/lib/systemd/system/plugfarm-host.service",
            0o644,
            include_str!("files/plugfarm-host.service"),
        ),
        (
            "usr/lib/systemd/system/plugfarm-host-helper.service",
            0o644,
            include_str!("files/plugfarm-host-helper.service"),
        ),
        (
            "etc/plugfarm-host/config.yml",
            0o644,
            include_str!("files/plugfarm-host.yml"),
        ),
        (
            "etc/logrotate.d/plugfarm-host",
            0o644,
            include_str!("files/plugfarm-host.logrotate"),
        ),
        (
            "etc/nginx/locations/https-available/plugfarm-host",
            0o644,
            include_str!("files/plugfarm-host.nginx"),
        ),
        (
            "usr/share/doc/plugfarm-host/config.yml",
            0o644,
            host::SAMPLE,
        ),
    ],
    postinst: include_str!("files/plugfarm-host.postinst"),
    prerm: Some(include_str!("files/plugfarm-host.prerm")),
    postrm: Some(include_str!("files/plugfarm-host.postrm")),
};

const PLUGIND: Contents = Contents {
    section: "comm",
    synopsis: "plugfarm-host in the place of wazo-plugind",
    description: "Gives plugfarm-host wazo-plugind's port, settings and address in nginx. What wazo-plugind installed stays \
        installed, and is shown as local. To go back, install wazo-plugind again.",
    depends: &["plugfarm-host"],
    relations: &[
        ("Provides", "wazo-plugind"),
        ("Conflicts", "wazo-plugind"),
        ("Replaces", "wazo-plugind"),
    ],
    files: &[
        (
            "usr/lib/systemd/system/plugfarm-host.service.d/wazo-plugind.conf",
            0o644,
            include_str!("files/wazo-plugind.conf"),
        ),
        (
            "etc/nginx/locations/https-available/plugfarm-host-wazo-plugind",
            0o644,
            include_str!("files/wazo-plugind.nginx"),
        ),
    ],
    postinst: include_str!("files/wazo-plugind.postinst"),
    prerm: None,
    postrm: Some(include_str!("files/wazo-plugind.postrm")),
};
