//! The parts that the stories about packages share: a plugin's package made through the library, and a Debian host in a
//! container of its own on which a shell script tells the story.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::num::NonZeroU32;
use std::process::{Command, Stdio};

use plugfarm::deb::Spool;
use plugfarm::deb::control::description;
use plugfarm::deb::package::{
    Assembled, Compression, Copyright, PLUGIN_SECTION, PackageSpec, architecture, assemble,
    conffiles, copyright,
};
use plugfarm::deb::payload::Payload;
use plugfarm::deb::scripts::{Hooks, PluginScripts, WazoVersions, for_plugin};
use plugfarm::model::{DebianVersion, Namespace, PluginId, PluginName, Timestamp};

/// The time of every commit here: 2026-01-31T12:00:00Z.
pub(crate) const COMMIT_TIME: i64 = 1_769_860_800;

/// Where the plugin of these stories keeps its `wazo` folder, without a leading slash.
pub(crate) const WAZO: &str = "usr/lib/wazo-plugind/plugins/demo/hello/wazo";

/// The package of these stories.
pub(crate) const PACKAGE: &str = "wazo-plugind-hello-demo";

/// Rules that say in `/calls` what they were asked for.
pub(crate) const RULES: &str = "#!/bin/sh\necho \"$1 in $(pwd) reading '$(cat)'\" >> /calls\n";

/// The plugin of these stories, in one of its versions.
pub(crate) struct Plugin {
    version: &'static str,
    hooks: Hooks,
    wazo: WazoVersions,
    files: Vec<(String, u32, Vec<u8>)>,
    not_conffiles: BTreeSet<String>,
}

impl Plugin {
    pub(crate) fn new(version: &'static str) -> Self {
        let plugin = Self {
            version,
            hooks: Hooks::Rules { postrm: true },
            wazo: WazoVersions::default(),
            files: Vec::new(),
            not_conffiles: BTreeSet::new(),
        };
        let manifest = format!("name: hello\nnamespace: demo\nversion: {version}\n");
        plugin
            .file(&format!("{WAZO}/plugin.yml"), 0o644, &manifest)
            .rules(RULES)
    }

    pub(crate) fn file(mut self, path: &str, mode: u32, text: &str) -> Self {
        self.files.retain(|(known, ..)| known != path);
        self.files
            .push((path.to_owned(), mode, text.as_bytes().to_vec()));
        self
    }

    pub(crate) fn rules(self, text: &str) -> Self {
        self.file(&format!("{WAZO}/rules"), 0o755, text)
    }

    pub(crate) fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    pub(crate) fn wazo(mut self, min: &str, max: &str) -> Self {
        self.wazo.min = Some(DebianVersion::new(min).unwrap());
        self.wazo.max = Some(DebianVersion::new(max).unwrap());
        self
    }

    pub(crate) fn not_conffile(mut self, path: &str) -> Self {
        self.not_conffiles.insert(path.to_owned());
        self
    }

    pub(crate) fn assemble(&self, compression: Compression) -> (Assembled, Vec<u8>) {
        let mut spool = Spool::new(Cursor::new(Vec::new()));
        let mut payload = Payload::default();
        for (path, mode, bytes) in &self.files {
            payload.insert_file(path, *mode, bytes, &mut spool).unwrap();
        }
        self.assemble_payload(payload, &mut spool, compression)
    }

    /// The package of this plugin with another's files.
    pub(crate) fn assemble_payload(
        &self,
        payload: Payload,
        spool: &mut Spool<Cursor<Vec<u8>>>,
        compression: Compression,
    ) -> (Assembled, Vec<u8>) {
        let spec = self.spec(&payload);
        let mut out = Cursor::new(Vec::new());
        let assembled = assemble(&spec, payload, spool, compression, &mut out).unwrap();
        (assembled, out.into_inner())
    }

    pub(crate) fn package(&self) -> Vec<u8> {
        let threads = NonZeroU32::new(2).unwrap();
        self.assemble(Compression::for_payload(0, threads)).1
    }

    fn spec(&self, payload: &Payload) -> PackageSpec {
        let id = PluginId {
            namespace: Namespace::new("demo").unwrap(),
            name: PluginName::new("hello").unwrap(),
        };
        let conffiles = conffiles(payload, &self.not_conffiles);
        let scripts = for_plugin(&PluginScripts {
            plugin: &id,
            conffiles: &conffiles,
            wazo: &self.wazo,
            hooks: &self.hooks,
        });
        PackageSpec {
            package: id.package(),
            version: DebianVersion::new(self.version).unwrap(),
            architecture: architecture(payload),
            maintainer: "A Farm <farm@example.org>".to_owned(),
            depends: Vec::new(),
            section: PLUGIN_SECTION.to_owned(),
            homepage: Some("https://example.org/hello".to_owned()),
            fields: vec![("Wazo-Plugin".to_owned(), id.to_string())],
            description: description(
                "Wazo plugin that says hello",
                "It says hello to whoever calls.",
            ),
            scripts,
            conffiles,
            changes: vec!["Built from commit 0123456789abcdef.".to_owned()],
            copyright: copyright(&Copyright {
                name: "hello".to_owned(),
                source: Some("https://example.org/hello.git".to_owned()),
                author: Some("A Partner".to_owned()),
                license: Some("MIT".to_owned()),
            }),
            time: Timestamp::from_seconds(COMMIT_TIME),
        }
    }
}

/// The images of hosts: the newest `plugfarm/host` of every target, or what `PLUGFARM_TEST_HOSTS` names, with spaces
/// between them.
fn host_images() -> Vec<String> {
    if let Ok(named) = std::env::var("PLUGFARM_TEST_HOSTS") {
        return named.split_whitespace().map(str::to_owned).collect();
    }
    let mut list = Command::new("docker");
    list.args([
        "images",
        "--format",
        "{{.Repository}}:{{.Tag}}",
        "plugfarm/host",
    ]);
    let listed = String::from_utf8(list.output().expect("docker starts").stdout).unwrap();
    let mut targets = BTreeSet::new();
    let newest = |image: &&str| targets.insert(image.split('-').next().map(str::to_owned));
    let images: Vec<String> = listed.lines().filter(newest).map(str::to_owned).collect();
    assert!(
        !images.is_empty(),
        "there is no image `plugfarm/host`; run `plugfarm images build`"
    );
    images
}

/// The image of one host, for what does not depend on the target.
pub(crate) fn first_host_image() -> String {
    host_images().remove(0)
}

/// What a story may say besides plain shell. `healthy STATE` checks the package's state in dpkg's words, and that nothing
/// is half done; `calls` prints and forgets what the rules were asked for.
const WORDS: &str = r#"set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
package=wazo-plugind-hello-demo
fail() { echo "FAILED: $*" >&2; exit 1; }
state() { dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null || echo none; }
healthy() {
    [ "$(state)" = "$1" ] || fail "the package is '$(state)' and not '$1'"
    [ -z "$(dpkg --audit)" ] || fail "$(dpkg --audit)"
}
calls() { cat /calls 2>/dev/null || true; rm -f /calls; }
called() { found=$(calls); [ "$found" = "$1" ] || fail "called '$found' and not '$1'"; }
holds() { [ "$(cat "$1")" = "$2" ] || fail "$1 holds '$(cat "$1")' and not '$2'"; }
absent() { if [ -e "$1" ]; then fail "$1 is still there"; fi; }
says() { case $1 in *"$2"*) ;; *) fail "'$1' does not say '$2'" ;; esac; }
cd /story
touch /calls
set -x
"#;

/// Runs `story` on a fresh host of every target, as root, in a folder that holds `packages` as `NAME.deb`.
pub(crate) fn on_a_host(packages: &[(&str, Vec<u8>)], story: &str) {
    let mut archive = tar::Builder::new(Vec::new());
    let script = format!("{WORDS}{story}").into_bytes();
    let files = packages
        .iter()
        .map(|(name, bytes)| (format!("{name}.deb"), bytes));
    for (name, bytes) in files.chain([("story.sh".to_owned(), &script)]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, name, bytes.as_slice())
            .unwrap();
    }
    let archive = archive.into_inner().unwrap();
    for image in host_images() {
        tell(&image, &archive);
    }
}

fn tell(image: &str, archive: &[u8]) {
    let start = "mkdir /story && tar -x -C /story && exec sh /story/story.sh </dev/null";
    let mut host = Command::new("docker")
        .args([
            "run",
            "--rm",
            "-i",
            "--network",
            "none",
            "--label",
            "plugfarm.test=deb",
            image,
        ])
        .args(["sh", "-c", start])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docker starts");
    let mut stdin = host.stdin.take().unwrap();
    stdin.write_all(archive).unwrap();
    drop(stdin);
    let output = host.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "on {image}:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
