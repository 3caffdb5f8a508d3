//! Who asks: whoever has a token that the farm gave out.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};

use super::Api;
use super::problem::Problem;
use crate::model::{Actor, Namespace, Scope, Sha256};
use crate::pipeline::now;
use crate::store::{Reader, Token};

/// Whoever asks, by their token.
pub(super) struct Caller(Token);

impl Caller {
    /// Who it is, for the audit.
    pub(super) fn actor(&self) -> String {
        format!("token:{}", self.0.id)
    }

    /// The partner on whose behalf it asks.
    pub(super) fn partner(&self) -> Result<&Actor, Problem> {
        self.0.partner.as_ref().ok_or_else(|| {
            forbidden(
                "this token is no partner's",
                "use a token that was made with --partner",
            )
        })
    }

    /// Refuses what the token does not allow for plugins of `namespace`, which are `partner`'s.
    pub(super) fn may(
        &self,
        scope: Scope,
        namespace: &Namespace,
        partner: &Actor,
    ) -> Result<(), Problem> {
        let own = self.0.partner.as_ref() == Some(partner) || self.operates();
        if own && self.0.allows(scope, Some(namespace)) {
            Ok(())
        } else {
            let detail = format!("this token does not allow to {scope} plugins of {namespace}");
            Err(forbidden(
                detail,
                "ask the farm's operator for a token that does",
            ))
        }
    }

    /// What of what is private it may read.
    pub(super) fn reader(&self) -> Reader {
        self.0.reader()
    }

    /// Whether it is the operator's.
    pub(super) fn operates(&self) -> bool {
        self.0.allows(Scope::Operate, None)
    }
}

/// Whoever reads: with a token, or without one.
pub(super) struct Viewer(pub(super) Reader);

impl FromRequestParts<Arc<Api>> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            let caller = Caller::from_request_parts(parts, api).await?;
            return Ok(Self(caller.reader()));
        }
        Ok(Self(Reader::Anybody))
    }
}

fn forbidden(detail: impl Into<String>, hint: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, detail, hint)
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let hint = "send `Authorization: Bearer TOKEN` with a token from the farm's operator";
        let unknown = |detail| Problem::new(StatusCode::UNAUTHORIZED, detail, hint);
        let given = parts.headers.get(header::AUTHORIZATION);
        let given = given.ok_or_else(|| unknown("this needs a token"))?;
        let secret = given
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("Bearer "));
        let secret = secret.ok_or_else(|| unknown("the token has another form"))?;
        // What is looked for is the digest: how long that takes tells nothing about the token.
        let found = api
            .store
            .authenticate(Sha256::of(secret.trim().as_bytes()), now())
            .await?;
        let found = found.ok_or_else(|| unknown("the token is unknown, or has ended"))?;
        api.load.token(&found.id)?;
        Ok(Self(found))
    }
}
