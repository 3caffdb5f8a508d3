//! The API's own description (OpenAPI 3.1), as far as it is the same for every page: who may ask, and how a request is refused.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::problem::Problem;

/// The farm's HTTP API.
#[derive(OpenApi)]
#[openapi(info(
    title = "plugfarm",
    description = "A sandboxed build farm for Wazo plugins",
    license(name = "Apache-2.0", identifier = "Apache-2.0")
), modifiers(&Schemes), components(schemas(Problem, crate::wire::Grown)))]
pub(super) struct Document;

/// How a caller says who it is.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", scheme);
        let words = "a token of the wazo-auth that the farm takes tokens of, if it takes any";
        let value = ApiKeyValue::with_description("X-Auth-Token", words);
        let scheme = SecurityScheme::ApiKey(ApiKey::Header(value));
        components.add_security_scheme("wazo_auth", scheme);
    }
}

/// Says of every page what it is called, and how it refuses: that follows from what it takes, and from whom.
pub(super) fn complete(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(name(method, path));
                add_refusals(path, operation);
            }
        }
    }
    document
}

/// A name that no other page has, which programs make functions of.
fn name(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    let words: Vec<_> = std::iter::once(method).chain(words).collect();
    words.join("_")
}

fn add_refusals(path: &str, operation: &mut Operation) {
    let mut refusals = BTreeMap::from([
        (
            "429",
            "too much was asked for; `Retry-After` says how long to wait",
        ),
        ("500", "the farm failed; its log says why"),
        ("503", "not now; try again"),
        ("504", "it took too long; it may happen yet"),
    ]);
    if let Some(ways) = &mut operation.security {
        ways.push(SecurityRequirement::new("wazo_auth", [""; 0]));
        refusals.insert("401", "there is no token, or it is worth nothing");
        refusals.insert("403", "the token does not allow it");
    }
    if path.contains('{') {
        refusals.insert("404", "there is no such thing");
    }
    let asks = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
        RefOr::Ref(_) => false,
    };
    if operation.parameters.iter().flatten().any(asks) {
        refusals.insert("422", "something in the request is wrong");
    }
    if operation.request_body.is_some() {
        refusals.insert("400", "the body is no JSON");
        refusals.insert("507", "the farm's disk is full");
        refusals.insert("413", "the body is too large");
        refusals.insert("415", "the body is not called JSON");
        refusals.insert("422", "something in the request is wrong");
    }
    let known = &mut operation.responses.responses;
    known.retain(|status, _| !status.ends_with("XX"));
    for (status, words) in refusals {
        let refusal = || RefOr::T(refusal(words));
        known.entry(status.to_owned()).or_insert_with(refusal);
    }
}

fn refusal(words: &str) -> Response {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description(words)
        .content("application/problem+json", problem)
        .build()
}
