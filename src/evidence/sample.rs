//! The facts of made-up builds: for this module's tests, and for the stories in `tests/it` that need evidence but no build.

use crate::evidence::{
    Artifact, BuildFacts, Builder, Control, EngineFacts, FarmFacts, ImageFacts, ImagePackage,
    LimitFacts, SandboxFacts, SourceFacts,
};
use crate::model::{
    Architecture, BuildId, CommitId, FarmName, Namespace, PluginId, PluginName, PluginVersion,
    Sha256, Target, Timestamp,
};

/// A plugin from a repository, built by a farm.
pub(crate) fn build() -> BuildFacts {
    let plugin_version = PluginVersion::new("1.0.0").unwrap();
    BuildFacts {
        build: BuildId::new("0198c0de-0000-7000-8000-000000000001").unwrap(),
        plugin: PluginId {
            namespace: Namespace::new("demo").unwrap(),
            name: PluginName::new("hello").unwrap(),
        },
        version: plugin_version.packaged(Target::Bookworm, 1),
        plugin_version,
        target: Target::Bookworm,
        architecture: Architecture::All,
        content: Sha256::of(b"content"),
        manifest: Sha256::of(b"manifest"),
        given_namespace: None,
        preview: None,
        allow: vec!["empty-executable".to_owned()],
        build_depends: vec!["python3-babel".to_owned()],
        source: source(),
        image: image(),
        environment: vec![
            ("LC_ALL".to_owned(), "C.UTF-8".to_owned()),
            ("SOURCE_DATE_EPOCH".to_owned(), "1769860800".to_owned()),
        ],
        limits: limits(),
        sandbox: SandboxFacts {
            seccomp: Sha256::of(b"seccomp"),
            engine: EngineFacts {
                version: "20.10.24".to_owned(),
                runtime: "runc".to_owned(),
                cgroup: 2,
                rootless: false,
            },
            controls: vec![Control::EphemeralContainer, Control::NoNetwork],
        },
        farm: FarmFacts {
            name: FarmName::new("acme").unwrap(),
            version: "0.1.0".to_owned(),
            builder: Builder::Farm,
        },
        started: Timestamp::from_seconds(1_769_864_400),
        finished: Timestamp::from_seconds(1_769_864_460),
    }
}

/// The same plugin from a folder with local changes, built on a laptop.
pub(crate) fn folder_build() -> BuildFacts {
    let mut facts = build();
    facts.source.url = "file:hello".to_owned();
    facts.source.requested_ref = None;
    facts.source.resolved_ref = None;
    facts.source.subdirectory = None;
    facts.source.commit = None;
    facts.source.pinned = false;
    facts.farm.name = FarmName::local();
    facts.farm.builder = Builder::Laptop;
    facts
}

/// The package that both left.
pub(crate) fn deb() -> Artifact {
    artifact("wazo-plugind-hello-demo_1.0.0-0+deb12u1_all.deb")
}

/// Everything that both left.
pub(crate) fn subjects() -> Vec<Artifact> {
    vec![
        deb(),
        artifact("wazo-plugind-hello-demo_1.0.0-0+deb12u1_all.buildinfo"),
    ]
}

fn artifact(name: &str) -> Artifact {
    Artifact {
        name: name.to_owned(),
        sha256: Sha256::of(name.as_bytes()),
        size: 1234,
    }
}

fn source() -> SourceFacts {
    SourceFacts {
        url: "https://git.example.org/hello.git".to_owned(),
        requested_ref: Some("v1".to_owned()),
        resolved_ref: Some("refs/tags/v1".to_owned()),
        commit: Some(CommitId::new("0123456789012345678901234567890123456789").unwrap()),
        commit_time: Timestamp::from_seconds(1_769_860_800),
        subdirectory: Some("plugins/hello".to_owned()),
        tar: Sha256::of(b"tar"),
        tar_size: 10240,
        pinned: true,
    }
}

fn image() -> ImageFacts {
    let package = |name: &str, version: &str, architecture: &str| ImagePackage {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: architecture.to_owned(),
    };
    ImageFacts {
        name: "plugfarm/builder:bookworm".to_owned(),
        id: format!("sha256:{}", Sha256::of(b"id")),
        root_fs: Sha256::of(b"root"),
        recipe: Sha256::of(b"recipe"),
        packages_list: Sha256::of(b"packages"),
        packages: vec![
            package("dash", "0.5.12-2", "amd64"),
            package("libstdc++6", "1:12.2.0-14+deb12u1", "amd64"),
            package("python3-babel", "2.10.3-1", "all"),
        ],
    }
}

fn limits() -> LimitFacts {
    LimitFacts {
        memory_bytes: 2 << 30,
        cpu_millis: 2000,
        processes: 512,
        open_files: 4096,
        scratch_bytes: 512 << 20,
        disk_bytes: 4 << 30,
        inodes: 500_000,
        total_seconds: 1800,
        silence_seconds: 600,
        log_bytes: 16 << 20,
        tree_bytes: 2 << 30,
        tree_entries: 100_000,
    }
}
