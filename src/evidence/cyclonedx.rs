//! The shape of a bill of materials: the part of CycloneDX 1.5 JSON (cyclonedx.org/docs/1.5/json) that is written here.

use serde::Serialize;

use crate::model::Sha256;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bom {
    #[serde(rename = "bomFormat")]
    pub(super) format: &'static str,
    pub(super) spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) serial_number: Option<String>,
    pub(super) version: u32,
    pub(super) metadata: Metadata,
    pub(super) components: Vec<Component>,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) formulation: Vec<Formula>,
}

#[derive(Serialize)]
pub(super) struct Metadata {
    pub(super) tools: Tools,
    pub(super) component: Component,
}

#[derive(Serialize)]
pub(super) struct Tools {
    pub(super) components: Vec<Component>,
}

#[derive(Serialize)]
pub(super) struct Component {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(rename = "bom-ref")]
    pub(super) reference: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hashes: Vec<Hash>,
    #[serde(rename = "purl", skip_serializing_if = "Option::is_none")]
    pub(super) package_url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property>,
}

impl Component {
    pub(super) fn new(
        kind: &'static str,
        reference: &str,
        name: &str,
        version: Option<&str>,
    ) -> Self {
        Self {
            kind,
            reference: reference.to_owned(),
            name: name.to_owned(),
            version: version.map(str::to_owned),
            hashes: Vec::new(),
            package_url: None,
            properties: Vec::new(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Hash {
    pub(super) alg: &'static str,
    pub(super) content: Sha256,
}

impl Hash {
    pub(super) fn sha256(content: Sha256) -> Self {
        Self {
            alg: "SHA-256",
            content,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) depends_on: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Formula {
    #[serde(rename = "bom-ref")]
    pub(super) reference: String,
    pub(super) components: Vec<Component>,
}
