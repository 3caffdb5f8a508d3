//! A Wazo host with the root helper of this build, a farm that it follows, and plugins that are written for one test.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use plugfarm::model::Sha256;
use serde_json::{Value, json};

use crate::farm::{Host, Ran, TestFarm, commit, docker, git};

/// Asks the helper as the process' user: the request is a line on standard input, its answers are printed.
const ASK: &str = r#"import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(120)
s.connect("/run/plugfarm-host/helper.sock")
s.sendall(sys.stdin.buffer.read())
while data := s.recv(65536):
    sys.stdout.buffer.write(data)
"#;

/// Opens everything that the agent has.
pub(crate) const TOKEN: &str = "e5b7a4f0-0000-4000-8000-000000000001";

/// Calls the agent's interface, and prints the status and the body.
const CALL: &str = r#"import sys, urllib.request, urllib.error
method, path, body = sys.argv[1:4]
request = urllib.request.Request("http://127.0.0.1:9503/0.2" + path, body.encode() or None, method=method)
request.add_header("X-Auth-Token", "TOKEN")
try: answer = urllib.request.urlopen(request, timeout=10)
except urllib.error.HTTPError as error: answer = error
print(answer.status, answer.read().decode())
"#;

/// Makes a mirror of Debian in `/srv/debian` whose one package is `tig` in the version `$1`.
pub(crate) const TIG: &str = r#"set -e
mkdir -p /srv/debian /srv/tig/DEBIAN
printf 'Package: tig\nVersion: %s\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: tig\n' $1 >/srv/tig/DEBIAN/control
rm -f /srv/debian/*
dpkg-deb --build --root-owner-group /srv/tig /srv/debian/tig_$1_all.deb
cd /srv/debian
printf '%s\nFilename: ./%s\nSize: %s\nSHA256: %s\n\n' "$(cat /srv/tig/DEBIAN/control)" *.deb $(stat -c %s *.deb) \
    $(sha256sum *.deb | cut -d' ' -f1) >Packages
# Servers tell times by the second.
touch --date "2020-01-0$(echo $1 | cut -c1)" Packages
"#;

/// A farm, and a host of one release on which the helper listens.
pub(crate) struct HelperHost {
    pub(crate) farm: TestFarm,
    pub(crate) host: Host,
    pub(crate) target: &'static str,
    plugins: tempfile::TempDir,
}

/// A plugin that is written for a test.
pub(crate) struct Plugin<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// What `rules install` does, in shell.
    pub(crate) install: &'a str,
    /// The text of its file below `/etc/demo`, which is a conffile.
    pub(crate) conffile: &'a str,
    /// More lines of its manifest.
    pub(crate) manifest: &'a str,
    /// What `rules package` does besides, in shell.
    pub(crate) package: &'a str,
}

impl Default for Plugin<'_> {
    fn default() -> Self {
        Self {
            name: "hello",
            version: "1.0",
            install: "echo installed",
            conffile: "as it is shipped\n",
            manifest: "",
            package: ":",
        }
    }
}

/// The package of a plugin of the namespace `demo`.
pub(crate) fn package(name: &str) -> String {
    format!("wazo-plugind-{name}-demo")
}

impl HelperHost {
    /// The farm has published a keyring package and these plugins, and the host follows it.
    pub(crate) fn new(target: &'static str, plugins: &[Plugin<'_>]) -> Self {
        Self::with_options(target, plugins, "")
    }

    /// Likewise; the helper is started with more options.
    pub(crate) fn with_options(
        target: &'static str,
        plugins: &[Plugin<'_>],
        options: &str,
    ) -> Self {
        let host = |farm: &TestFarm| Host::new(farm, target);
        Self::of(TestFarm::new(), target, plugins, host, options)
    }

    /// Likewise, of a farm that is there, on a host that is made once it has published them.
    pub(crate) fn of(
        farm: TestFarm,
        target: &'static str,
        plugins: &[Plugin<'_>],
        host: impl FnOnce(&TestFarm) -> Host,
        options: &str,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for plugin in plugins {
            publish(&farm, &folder, target, plugin);
        }
        let lab = Self {
            host: host(&farm),
            farm,
            target,
            plugins: folder,
        };
        equip(&lab.host);
        lab.start(options);
        lab
    }

    /// Starts the helper, and waits until it listens.
    pub(crate) fn start(&self, options: &str) {
        start_helper(&self.host, options);
    }

    /// Sets the agent up beside the helper, for a local token alone, and starts it.
    pub(crate) fn agent(&self) {
        set_agent_up(&self.host, "");
        self.serve();
    }

    /// Starts the agent as its own user, and waits until it answers.
    pub(crate) fn serve(&self) {
        start_agent(&self.host);
    }

    /// Builds and publishes a plugin, without telling the host.
    pub(crate) fn publish(&self, plugin: &Plugin<'_>) {
        publish(&self.farm, &self.plugins, self.target, plugin);
        self.host.serve(&self.farm);
    }

    /// The Debian version of a plugin's version.
    pub(crate) fn packaged(&self, version: &str) -> String {
        let release = if self.target == "trixie" { 13 } else { 12 };
        format!("{version}-0+deb{release}u1")
    }

    /// Sends bytes as the agent's user, and gives what came back.
    pub(crate) fn send(&self, bytes: &str) -> Ran {
        self.host.run(&format!(
            "setpriv --reuid=990 --regid=990 --clear-groups python3 /usr/local/bin/ask.py <<'END'\n{bytes}\nEND"
        ))
    }

    /// Asks for something, and gives all answers.
    pub(crate) fn ask(&self, request: &Value) -> Vec<Value> {
        let answered = self.send(&request.to_string()).succeeds();
        let lines = answered.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect()
    }

    /// Asks for something, and gives the report of what came of it.
    pub(crate) fn report(&self, request: &Value) -> Value {
        let answers = self.ask(request);
        let last = answers.last().unwrap();
        assert_eq!(last["answer"], "done", "{last}\n{}", self.log());
        last["report"].clone()
    }

    /// Asks for something that must come about, and gives what became of the first plugin.
    pub(crate) fn does(&self, request: &Value) -> Value {
        let report = self.report(request);
        assert_eq!(report["failures"], json!([]), "{report:#}");
        report["plugins"][0].clone()
    }

    /// Asks for something that must fail, and gives the first reason.
    pub(crate) fn fails(&self, request: &Value) -> Value {
        let report = self.report(request);
        assert_ne!(report["failures"], json!([]), "{report:#}");
        report["failures"][0].clone()
    }

    /// Asks for something that must not be begun, and gives why.
    pub(crate) fn refuses(&self, request: &Value) -> Value {
        let answers = self.ask(request);
        let last = answers.last().unwrap();
        assert_eq!(last["answer"], "refused", "{last}");
        last["refusal"].clone()
    }

    /// What the helper has logged.
    pub(crate) fn log(&self) -> String {
        self.host.run("cat /var/log/helper.log").stdout
    }

    /// The version that is installed, whole.
    pub(crate) fn installed(&self, name: &str) -> String {
        let package = package(name);
        let shown = self.host.run(&format!(
            "dpkg-query --show --showformat '${{db:Status-Status}} ${{Version}}' {package} 2>/dev/null"
        ));
        shown.stdout
    }
}

/// Puts this build's program on a host, and the user that it runs as.
pub(crate) fn equip(host: &Host) {
    docker(&[
        "cp",
        env!("CARGO_BIN_EXE_plugfarm-host"),
        &format!("{}:/usr/bin/plugfarm-host", host.id()),
    ])
    .succeeds();
    host.run("echo plugfarm-host:x:990:990::/:/bin/false >>/etc/passwd; echo plugfarm-host:x:990: >>/etc/group")
        .succeeds();
    host.run(&format!("cat >/usr/local/bin/ask.py <<'END'\n{ASK}END"))
        .succeeds();
}

/// Starts the helper, and waits until it listens.
pub(crate) fn start_helper(host: &Host, options: &str) {
    let answers = "python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"/run/plugfarm-host/helper.sock\")' 2>/dev/null";
    let start = format!(
        "setsid plugfarm-host --log info helper {options} >>/var/log/helper.log 2>&1 </dev/null &
         echo $! >/run/helper.pid
         for i in $(seq 100); do {answers} && exit 0; sleep 0.1; done
         cat /var/log/helper.log; exit 1"
    );
    host.run(&start).succeeds();
}

/// Sets the agent up for a local token alone, with more settings.
pub(crate) fn set_agent_up(host: &Host, settings: &str) {
    let token = Sha256::of(TOKEN.as_bytes());
    let config = format!(
        "bus: {{enabled: false}}\nstand_alone: {{tokens: [{{name: test, sha256: {token}, acl: ['plugind.#']}}]}}\n{settings}"
    );
    let call = CALL.replace("TOKEN", TOKEN);
    host.run(&format!(
        "mkdir -p /etc/wazo-plugind /var/lib/plugfarm-host && chown 990:990 /var/lib/plugfarm-host \
         && cat >/etc/wazo-plugind/config.yml <<'END'\n{config}END\ncat >/usr/local/bin/call.py <<'END'\n{call}END"
    ))
    .succeeds();
}

/// Starts the agent as its own user, and waits until it answers.
pub(crate) fn start_agent(host: &Host) {
    let answers =
        "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 9503))' 2>/dev/null";
    let start = format!(
        "WAZO_VERSION=17.10 setsid plugfarm-host serve --user plugfarm-host >>/var/log/agent.log 2>&1 </dev/null & echo $! >/run/agent.pid
         for i in $(seq 200); do {answers} && exit 0; sleep 0.1; done
         cat /var/log/agent.log; exit 1"
    );
    host.run(&start).succeeds();
}

/// Builds and publishes a plugin that is written below `folder`.
pub(crate) fn publish(
    farm: &TestFarm,
    folder: &tempfile::TempDir,
    target: &str,
    plugin: &Plugin<'_>,
) {
    let folder = write(folder.path().join(plugin.name), plugin);
    farm.publish(&folder, &["--target", target]);
}

fn write(folder: PathBuf, plugin: &Plugin<'_>) -> PathBuf {
    let Plugin {
        name,
        version,
        install,
        conffile,
        manifest,
        package,
    } = plugin;
    let fresh = !folder.exists();
    fs::create_dir_all(folder.join("wazo")).unwrap();
    let text = format!(
        "namespace: demo\nname: {name}\nversion: '{version}'\ndescription: A plugin of a test\nplugin_format_version: 2\n{manifest}"
    );
    fs::write(folder.join("wazo/plugin.yml"), text).unwrap();
    fs::write(folder.join("file.conf"), conffile).unwrap();
    fs::write(folder.join("program"), format!("{name} {version}\n")).unwrap();
    let rules = format!(
        "#!/bin/sh\nset -e\ncase \"$1\" in\n    build) ;;\n    package)\n        install -D -m 0644 file.conf ${{pkgdir}}/etc/demo/{name}.conf\n        \
         install -D -m 0644 program ${{pkgdir}}/usr/lib/demo/{name}\n        {package}\n        ;;\n    install)\n        {install}\n        ;;\n    \
         uninstall) ;;\n    postrm) ;;\n    *) exit 1 ;;\nesac\n"
    );
    let path = folder.join("wazo/rules");
    fs::write(&path, rules).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    if fresh {
        git(&folder, &["init", "--quiet", "--initial-branch=master"]);
    }
    commit(&folder, 1_700_000_000);
    folder
}

/// The request that installs a plugin of the namespace `demo`.
pub(crate) fn install(name: &str) -> Value {
    json!({"verb": "install", "plugin": {"namespace": "demo", "name": name}, "version": null})
}

/// Likewise, in one version of its package.
pub(crate) fn install_version(name: &str, version: &str) -> Value {
    let mut request = install(name);
    request["version"] = json!(version);
    request
}

/// Likewise, though it is there.
pub(crate) fn reinstall(name: &str) -> Value {
    let mut request = install(name);
    request["reinstall"] = json!(true);
    request
}

/// The request that removes a plugin of the namespace `demo`.
pub(crate) fn remove(name: &str) -> Value {
    json!({"verb": "remove", "plugin": {"namespace": "demo", "name": name}})
}

/// The request that updates everything.
pub(crate) fn update() -> Value {
    json!({"verb": "update"})
}
