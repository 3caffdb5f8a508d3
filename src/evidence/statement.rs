//! How the facts of a build become a statement.

use serde::Serialize;

use super::facts::{Artifact, BuildFacts};
use super::shape::{
    Assurance, BUILD_TYPE, BuildDefinition, BuilderDetails, CONTENT, Descriptor,
    ExternalParameters, IMAGE, InternalParameters, MANIFEST, Metadata, PREDICATE_TYPE, Predicate,
    REPOSITORY, RunDetails, SIZE, SOURCE_TAR, STATEMENT_TYPE, SandboxParameters, SourceParameters,
    SourceResolution, Statement,
};

/// Writes the statement of a build about the artifacts that it left: the bytes that are signed. The same facts give the
/// same bytes.
#[must_use]
pub fn statement(facts: &BuildFacts, subjects: &[Artifact]) -> Vec<u8> {
    to_json(&Statement {
        kind: STATEMENT_TYPE.to_owned(),
        subject: subjects.iter().map(Descriptor::of_artifact).collect(),
        predicate_type: PREDICATE_TYPE.to_owned(),
        predicate: Predicate {
            build_definition: BuildDefinition {
                build_type: BUILD_TYPE.to_owned(),
                external_parameters: external_parameters(facts),
                internal_parameters: internal_parameters(facts),
                resolved_dependencies: resolved_dependencies(facts),
            },
            run_details: run_details(facts),
        },
    })
}

/// Compact JSON in the order of the type's fields. No type here has a form that JSON cannot say.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::json!(value).to_string().into_bytes()
}

fn external_parameters(facts: &BuildFacts) -> ExternalParameters {
    ExternalParameters {
        source: SourceParameters {
            uri: facts.source.url.clone(),
            requested_ref: facts.source.requested_ref.clone(),
            subdirectory: facts.source.subdirectory.clone(),
        },
        target: facts.target,
        namespace: facts.given_namespace.clone(),
        preview: facts.preview.clone(),
        allow: facts.allow.clone(),
    }
}

fn internal_parameters(facts: &BuildFacts) -> InternalParameters {
    InternalParameters {
        package: facts.plugin.package(),
        version: facts.version.clone(),
        plugin: facts.plugin.clone(),
        plugin_version: facts.plugin_version.clone(),
        architecture: facts.architecture,
        source: SourceResolution {
            resolved_ref: facts.source.resolved_ref.clone(),
            commit_time: facts.source.commit_time,
            pinned: facts.source.pinned,
        },
        build_depends: facts.build_depends.clone(),
        environment: facts.environment.iter().cloned().collect(),
        limits: facts.limits.clone(),
        sandbox: SandboxParameters {
            engine: facts.sandbox.engine.clone(),
            seccomp_sha256: facts.sandbox.seccomp,
            network: "none".to_owned(),
        },
        assurance: Assurance {
            slsa_build_level: facts.farm.builder.slsa_build_level(),
            isolation: facts.sandbox.engine.runtime.clone(),
            controls: facts
                .sandbox
                .controls
                .iter()
                .map(|control| control.word().to_owned())
                .collect(),
        },
    }
}

fn resolved_dependencies(facts: &BuildFacts) -> Vec<Descriptor> {
    let source = &facts.source;
    let repository = source.commit.as_ref().map(|commit| {
        let at = source.resolved_ref.as_deref().unwrap_or(commit.as_str());
        Descriptor {
            uri: Some(format!("git+{}@{at}", source.url)),
            ..Descriptor::new(REPOSITORY, "gitCommit", commit)
        }
    });
    let mut image = Descriptor::new(IMAGE, "sha256", &facts.image.root_fs);
    image.annotate("name", facts.image.name.as_str());
    image.annotate("id", facts.image.id.as_str());
    image.annotate("recipeSha256", facts.image.recipe.to_string());
    image.annotate("packagesSha256", facts.image.packages_list.to_string());
    let mut tar = Descriptor::new(SOURCE_TAR, "sha256", &source.tar);
    tar.media_type = Some("application/x-tar".to_owned());
    tar.annotate(SIZE, source.tar_size);
    let manifest = Descriptor::new(MANIFEST, "sha256", &facts.manifest);
    repository
        .into_iter()
        .chain([tar, manifest, image])
        .collect()
}

fn run_details(facts: &BuildFacts) -> RunDetails {
    let versions = [
        ("plugfarm".to_owned(), facts.farm.version.clone()),
        ("engine".to_owned(), facts.sandbox.engine.version.clone()),
    ];
    RunDetails {
        builder: BuilderDetails {
            id: facts.farm.builder_id(&facts.sandbox.engine),
            version: versions.into_iter().collect(),
        },
        metadata: Metadata {
            invocation_id: facts.build.clone(),
            started_on: facts.started,
            finished_on: facts.finished,
        },
        byproducts: vec![Descriptor::new(CONTENT, "sha256", &facts.content)],
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn pretty(statement: &[u8]) -> String {
        let value: serde_json::Value = serde_json::from_slice(statement).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "the snapshot is the whole format")]
    fn a_statement_says_everything_about_a_build() {
        let written = statement(&sample::build(), &sample::subjects());
        insta::assert_snapshot!(pretty(&written), @r#"
        {
          "_type": "https://in-toto.io/Statement/v1",
          "subject": [
            {
              "name": "wazo-plugind-hello-demo_1.0.0-0+deb12u1_all.deb",
              "digest": {
                "sha256": "60cb823e09ac21b09a473f1d0e3218f42fa3138c3bdb4764be52adc1a343a5de"
              },
              "annotations": {
                "size": 1234
              }
            },
            {
              "name": "wazo-plugind-hello-demo_1.0.0-0+deb12u1_all.buildinfo",
              "digest": {
                "sha256": "e220045b2f6612663e9f59e76bc512464cdd613e5e9d0b6914e11990e56830b2"
              },
              "annotations": {
                "size": 1234
              }
            }
          ],
          "predicateType": "https://slsa.dev/provenance/v1",
          "predicate": {
            "buildDefinition": {
              "buildType": "plugfarm:build-type:wazo-plugin:v1",
              "externalParameters": {
                "source": {
                  "uri": "https://git.example.org/hello.git",
                  "ref": "v1",
                  "subdirectory": "plugins/hello"
                },
                "target": "bookworm",
                "allow": [
                  "empty-executable"
                ]
              },
              "internalParameters": {
                "package": "wazo-plugind-hello-demo",
                "version": "1.0.0-0+deb12u1",
                "plugin": {
                  "namespace": "demo",
                  "name": "hello"
                },
                "pluginVersion": "1.0.0",
                "architecture": "all",
                "source": {
                  "resolvedRef": "refs/tags/v1",
                  "commitTime": "2026-01-31T12:00:00Z",
                  "pinned": true
                },
                "buildDepends": [
                  "python3-babel"
                ],
                "environment": {
                  "LC_ALL": "C.UTF-8",
                  "SOURCE_DATE_EPOCH": "1769860800"
                },
                "limits": {
                  "memoryBytes": 2147483648,
                  "cpuMillis": 2000,
                  "processes": 512,
                  "openFiles": 4096,
                  "scratchBytes": 536870912,
                  "diskBytes": 4294967296,
                  "inodes": 500000,
                  "totalSeconds": 1800,
                  "silenceSeconds": 600,
                  "logBytes": 16777216,
                  "treeBytes": 2147483648,
                  "treeEntries": 100000
                },
                "sandbox": {
                  "engine": {
                    "version": "20.10.24",
                    "runtime": "runc",
                    "cgroup": 2,
                    "rootless": false
                  },
                  "seccompSha256": "b10f708e69418485dbf6225020bf24204fd32b2a50c17e4fd16a76e09558a5f9",
                  "network": "none"
                },
                "assurance": {
                  "slsaBuildLevel": 2,
                  "isolation": "runc",
                  "controls": [
                    "ephemeral-container",
                    "no-network"
                  ]
                }
              },
              "resolvedDependencies": [
                {
                  "name": "repository",
                  "uri": "git+https://git.example.org/hello.git@refs/tags/v1",
                  "digest": {
                    "gitCommit": "0123456789012345678901234567890123456789"
                  }
                },
                {
                  "name": "source.tar",
                  "digest": {
                    "sha256": "90aebae315675cbf04612de4f7d5874850f48e0b8dd82becbeaa47ca93f5ebfb"
                  },
                  "mediaType": "application/x-tar",
                  "annotations": {
                    "size": 10240
                  }
                },
                {
                  "name": "wazo/plugin.yml",
                  "digest": {
                    "sha256": "05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f"
                  }
                },
                {
                  "name": "image",
                  "digest": {
                    "sha256": "4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2"
                  },
                  "annotations": {
                    "name": "plugfarm/builder:bookworm",
                    "id": "sha256:a56145270ce6b3bebd1dd012b73948677dd618d496488bc608a3cb43ce3547dd",
                    "recipeSha256": "e1d8e552330911f9f779f85b6f2c00a15e790dcc3fbb3b28f5da1d660a30c5b8",
                    "packagesSha256": "b28b1ed9821f38c64524ea13e19264bb0772f8376afffd5d8a1f8277621833eb"
                  }
                }
              ]
            },
            "runDetails": {
              "builder": {
                "id": "plugfarm:farm:acme:runc",
                "version": {
                  "engine": "20.10.24",
                  "plugfarm": "0.1.0"
                }
              },
              "metadata": {
                "invocationId": "0198c0de-0000-7000-8000-000000000001",
                "startedOn": "2026-01-31T13:00:00Z",
                "finishedOn": "2026-01-31T13:01:00Z"
              },
              "byproducts": [
                {
                  "name": "content",
                  "digest": {
                    "sha256": "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
                  }
                }
              ]
            }
          }
        }
        "#);
    }

    #[test]
    fn the_same_facts_give_the_same_bytes() {
        let write = || statement(&sample::build(), &sample::subjects());
        assert_eq!(write(), write());
    }

    #[test]
    fn a_folder_has_no_repository_to_name() {
        let written = statement(&sample::folder_build(), &sample::subjects());
        let read: Statement = serde_json::from_slice(&written).unwrap();
        let dependencies = &read.predicate.build_definition.resolved_dependencies;
        assert!(dependencies.iter().all(|one| one.name != REPOSITORY));
        assert!(
            !read
                .predicate
                .build_definition
                .internal_parameters
                .source
                .pinned
        );
    }

    #[test]
    fn a_laptop_is_told_from_a_farm_and_claims_less() {
        let written = |facts: &BuildFacts| {
            let bytes = statement(facts, &sample::subjects());
            let read: Statement = serde_json::from_slice(&bytes).unwrap();
            let assurance = read
                .predicate
                .build_definition
                .internal_parameters
                .assurance;
            (
                read.predicate.run_details.builder.id,
                assurance.slsa_build_level,
            )
        };
        assert_eq!(
            written(&sample::build()),
            ("plugfarm:farm:acme:runc".to_owned(), 2)
        );
        assert_eq!(
            written(&sample::folder_build()),
            ("plugfarm:laptop:local:runc".to_owned(), 1)
        );
    }
}
