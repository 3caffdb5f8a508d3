//! The bill of materials of a package: CycloneDX 1.5 JSON (cyclonedx.org/docs/1.5/json).
//!
//! Its component is the package; its components are the files that it holds and the packages that it declares to need;
//! its formulation lists the packages of the image that it was built in, which do not ship.

use super::cyclonedx::{Bom, Component, Dependency, Formula, Hash, Metadata, Property, Tools};
use super::facts::{Artifact, BuildFacts};
use super::package_url::package_url;
use super::statement::to_json;
use crate::model::Sha256;

/// A regular file of the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadFile {
    /// Where it is on a host, without a leading slash.
    pub path: String,
    /// The digest of its bytes.
    pub sha256: Sha256,
}

/// Writes the bill of materials of `deb`: the `files` that it holds, in their order, and the Debian relations that its
/// control file declares in `Depends`, one group (`a (>= 1) | b`) each. The same facts give the same bytes: there is no
/// time in it, and its serial number is drawn from its content.
#[must_use]
pub fn sbom(
    facts: &BuildFacts,
    deb: &Artifact,
    depends: &[String],
    files: &[PayloadFile],
) -> Vec<u8> {
    let main = package_component(facts, deb);
    let needed = declared(depends);
    let dependencies = vec![Dependency {
        reference: main.reference.clone(),
        depends_on: needed.iter().map(|one| one.reference.clone()).collect(),
    }];
    let files = files.iter().map(file_component);
    let mut bom = Bom {
        format: "CycloneDX",
        spec_version: "1.5",
        serial_number: None,
        version: 1,
        metadata: Metadata {
            tools: Tools {
                components: vec![Component::new(
                    "application",
                    "tool:plugfarm",
                    "plugfarm",
                    Some(&facts.farm.version),
                )],
            },
            component: main,
        },
        components: needed.into_iter().chain(files).collect(),
        dependencies,
        formulation: vec![Formula {
            reference: "image".to_owned(),
            components: image_components(facts),
        }],
    };
    bom.serial_number = Some(serial_number(&to_json(&bom)));
    to_json(&bom)
}

/// A UUID (version 8: of one's own making) of the digest of everything else.
fn serial_number(content: &[u8]) -> String {
    let digest = Sha256::of(content);
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(digest.bytes()) {
        *to = *from;
    }
    let id = uuid::Builder::from_custom_bytes(bytes).into_uuid();
    format!("urn:uuid:{id}")
}

fn package_component(facts: &BuildFacts, deb: &Artifact) -> Component {
    let url = package_url(
        facts.farm.name.as_str(),
        &facts.plugin.package(),
        facts.version.as_str(),
        &[
            ("arch", &facts.architecture.to_string()),
            ("distro", facts.target.codename()),
        ],
    );
    let mut component = Component::new(
        "application",
        &url,
        &facts.plugin.package(),
        Some(facts.version.as_str()),
    );
    component.package_url = Some(url.clone());
    component.hashes = vec![Hash::sha256(deb.sha256)];
    let mut property = |name: &'static str, value: String| {
        component.properties.push(Property { name, value });
    };
    property("plugfarm:plugin", facts.plugin.to_string());
    property("plugfarm:plugin-version", facts.plugin_version.to_string());
    property("plugfarm:source", facts.source.url.clone());
    if let Some(commit) = &facts.source.commit {
        property("plugfarm:commit", commit.to_string());
    }
    property("plugfarm:source-sha256", facts.source.tar.to_string());
    component
}

/// One component for each package that a relation names, alternatives included, without repeating any.
fn declared(depends: &[String]) -> Vec<Component> {
    let mut components: Vec<Component> = Vec::new();
    for relation in depends {
        for alternative in relation.split('|') {
            let alternative = alternative.trim();
            let name = alternative.split([' ', '(', '[', ':', '<']).next();
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                continue;
            };
            let reference = format!("depends:{name}");
            let property = Property {
                name: "plugfarm:relation",
                value: relation.trim().to_owned(),
            };
            match components.iter_mut().find(|one| one.reference == reference) {
                Some(known) => known.properties.push(property),
                None => {
                    let mut component = Component::new("library", &reference, name, None);
                    component.properties.push(property);
                    components.push(component);
                }
            }
        }
    }
    components
}

fn file_component(file: &PayloadFile) -> Component {
    let reference = format!("file:{}", file.path);
    let mut component = Component::new("file", &reference, &file.path, None);
    component.hashes = vec![Hash::sha256(file.sha256)];
    component
}

fn image_components(facts: &BuildFacts) -> Vec<Component> {
    let packages = facts.image.packages.iter();
    packages
        .map(|package| {
            let url = package_url(
                "debian",
                &package.name,
                &package.version,
                &[
                    ("arch", &package.architecture),
                    ("distro", facts.target.codename()),
                ],
            );
            let mut component = Component::new(
                "library",
                &format!("image:{}:{}", package.name, package.architecture),
                &package.name,
                Some(&package.version),
            );
            component.package_url = Some(url);
            component
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn write(depends: &[&str]) -> String {
        let depends: Vec<_> = depends.iter().map(|one| (*one).to_owned()).collect();
        let files = [PayloadFile {
            path: "etc/asterisk/extensions_extra.d/hello 🎉.conf".to_owned(),
            sha256: Sha256::of(b"file"),
        }];
        String::from_utf8(sbom(&sample::build(), &sample::deb(), &depends, &files)).unwrap()
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "the snapshot is the whole format")]
    fn a_bill_names_files_needs_and_tools() {
        let value: serde_json::Value =
            serde_json::from_str(&write(&["asterisk (>= 1:20)", "tig | asterisk"])).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap(), @r#"
        {
          "bomFormat": "CycloneDX",
          "specVersion": "1.5",
          "serialNumber": "urn:uuid:0613bdce-7295-8ffd-b055-3edf6de13c84",
          "version": 1,
          "metadata": {
            "tools": {
              "components": [
                {
                  "type": "application",
                  "bom-ref": "tool:plugfarm",
                  "name": "plugfarm",
                  "version": "0.1.0"
                }
              ]
            },
            "component": {
              "type": "application",
              "bom-ref": "pkg:deb/acme/wazo-plugind-hello-demo@1.0.0-0%2Bdeb12u1?arch=all&distro=bookworm",
              "name": "wazo-plugind-hello-demo",
              "version": "1.0.0-0+deb12u1",
              "hashes": [
                {
                  "alg": "SHA-256",
                  "content": "60cb823e09ac21b09a473f1d0e3218f42fa3138c3bdb4764be52adc1a343a5de"
                }
              ],
              "purl": "pkg:deb/acme/wazo-plugind-hello-demo@1.0.0-0%2Bdeb12u1?arch=all&distro=bookworm",
              "properties": [
                {
                  "name": "plugfarm:plugin",
                  "value": "demo/hello"
                },
                {
                  "name": "plugfarm:plugin-version",
                  "value": "1.0.0"
                },
                {
                  "name": "plugfarm:source",
                  "value": "https://git.example.org/hello.git"
                },
                {
                  "name": "plugfarm:commit",
                  "value": "0123456789012345678901234567890123456789"
                },
                {
                  "name": "plugfarm:source-sha256",
                  "value": "90aebae315675cbf04612de4f7d5874850f48e0b8dd82becbeaa47ca93f5ebfb"
                }
              ]
            }
          },
          "components": [
            {
              "type": "library",
              "bom-ref": "depends:asterisk",
              "name": "asterisk",
              "properties": [
                {
                  "name": "plugfarm:relation",
                  "value": "asterisk (>= 1:20)"
                },
                {
                  "name": "plugfarm:relation",
                  "value": "tig | asterisk"
                }
              ]
            },
            {
              "type": "library",
              "bom-ref": "depends:tig",
              "name": "tig",
              "properties": [
                {
                  "name": "plugfarm:relation",
                  "value": "tig | asterisk"
                }
              ]
            },
            {
              "type": "file",
              "bom-ref": "file:etc/asterisk/extensions_extra.d/hello 🎉.conf",
              "name": "etc/asterisk/extensions_extra.d/hello 🎉.conf",
              "hashes": [
                {
                  "alg": "SHA-256",
                  "content": "3b9c358f36f0a31b6ad3e14f309c7cf198ac9246e8316f9ce543d5b19ac02b80"
                }
              ]
            }
          ],
          "dependencies": [
            {
              "ref": "pkg:deb/acme/wazo-plugind-hello-demo@1.0.0-0%2Bdeb12u1?arch=all&distro=bookworm",
              "dependsOn": [
                "depends:asterisk",
                "depends:tig"
              ]
            }
          ],
          "formulation": [
            {
              "bom-ref": "image",
              "components": [
                {
                  "type": "library",
                  "bom-ref": "image:dash:amd64",
                  "name": "dash",
                  "version": "0.5.12-2",
                  "purl": "pkg:deb/debian/dash@0.5.12-2?arch=amd64&distro=bookworm"
                },
                {
                  "type": "library",
                  "bom-ref": "image:libstdc++6:amd64",
                  "name": "libstdc++6",
                  "version": "1:12.2.0-14+deb12u1",
                  "purl": "pkg:deb/debian/libstdc%2B%2B6@1%3A12.2.0-14%2Bdeb12u1?arch=amd64&distro=bookworm"
                },
                {
                  "type": "library",
                  "bom-ref": "image:python3-babel:all",
                  "name": "python3-babel",
                  "version": "2.10.3-1",
                  "purl": "pkg:deb/debian/python3-babel@2.10.3-1?arch=all&distro=bookworm"
                }
              ]
            }
          ]
        }
        "#);
    }

    #[test]
    fn the_serial_number_follows_the_content() {
        let serial = |text: String| {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            value["serialNumber"].as_str().unwrap().to_owned()
        };
        assert_eq!(serial(write(&[])), serial(write(&[])));
        assert_ne!(serial(write(&[])), serial(write(&["tig"])));
    }
}
