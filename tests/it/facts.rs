//! The facts of a made-up build, for the stories that need evidence but no build.

use plugfarm::evidence::{
    Artifact, BuildFacts, Builder, Control, EngineFacts, FarmFacts, ImageFacts, ImagePackage,
    LimitFacts, SandboxFacts, SourceFacts,
};
use plugfarm::model::{
    Architecture, BuildId, CommitId, FarmName, Namespace, PluginId, PluginName, PluginVersion,
    Sha256, Target, Timestamp,
};

/// The plugin `demo/hello` 1.0.0, built for bookworm on a laptop.
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
        allow: Vec::new(),
        build_depends: Vec::new(),
        source: source(),
        image: image(),
        environment: vec![("SOURCE_DATE_EPOCH".to_owned(), "1769860800".to_owned())],
        limits: limits(),
        sandbox: SandboxFacts {
            seccomp: Sha256::of(b"seccomp"),
            engine: EngineFacts {
                version: "20.10.24".to_owned(),
                runtime: "runc".to_owned(),
                cgroup: 2,
                rootless: false,
            },
            controls: vec![Control::NoNetwork],
        },
        farm: FarmFacts {
            name: FarmName::local(),
            version: "0.1.0".to_owned(),
            builder: Builder::Laptop,
        },
        started: Timestamp::from_seconds(1_769_864_400),
        finished: Timestamp::from_seconds(1_769_864_460),
    }
}

/// The package that it left.
pub(crate) fn deb() -> Artifact {
    Artifact {
        name: format!("{}.deb", build().stem()),
        sha256: Sha256::of(b"deb"),
        size: 3,
    }
}

fn source() -> SourceFacts {
    SourceFacts {
        url: "https://git.example.org/hello.git".to_owned(),
        requested_ref: Some("v1".to_owned()),
        resolved_ref: Some("refs/tags/v1".to_owned()),
        commit: Some(CommitId::new(&"0123456789".repeat(4)).unwrap()),
        commit_time: Timestamp::from_seconds(1_769_860_800),
        subdirectory: None,
        tar: Sha256::of(b"tar"),
        tar_size: 10240,
        pinned: true,
    }
}

fn image() -> ImageFacts {
    ImageFacts {
        name: "plugfarm/builder:bookworm".to_owned(),
        id: format!("sha256:{}", Sha256::of(b"id")),
        root_fs: Sha256::of(b"root"),
        recipe: Sha256::of(b"recipe"),
        packages_list: Sha256::of(b"packages"),
        packages: vec![ImagePackage {
            name: "libstdc++6".to_owned(),
            version: "1:12.2.0-14+deb12u1".to_owned(),
            architecture: "amd64".to_owned(),
        }],
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
