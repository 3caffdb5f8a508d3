//! Who asks: whoever has a token that the farm gave out, or one of the wazo-auth that it believes.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};

use super::Api;
use super::problem::Problem;
use crate::model::{Actor, Namespace, PluginId, Scope, Sha256};
use crate::pipeline::now;
use crate::store::{NewToken, Reader, Token};

/// The header that callers with a token of a wazo-auth send it in, as to all of Wazo's services.
const WAZO_TOKEN: &str = "x-auth-token";

/// Whoever asks, by their token.
pub(super) struct Caller {
    token: Token,
    /// Whether the farm gave the token out.
    ours: bool,
}

impl Caller {
    /// Who it is, for the audit.
    pub(super) fn actor(&self) -> String {
        self.token.actor()
    }

    /// The partner on whose behalf it asks.
    pub(super) fn partner(&self) -> Result<&Actor, Problem> {
        self.token.partner.as_ref().ok_or_else(|| {
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
        if self.token.may(scope, namespace, partner) {
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
        self.token.reader()
    }

    /// Whether the token allows `scope` at all.
    pub(super) fn allows(&self, scope: Scope) -> bool {
        self.token.allows(scope, None)
    }

    /// Refuses what is beyond the token's namespaces: other plugins, or, where it names some, all of the partner's.
    pub(super) fn within(&self, plugin: Option<&PluginId>) -> Result<(), Problem> {
        let namespaces = &self.token.namespaces;
        let inside = plugin.is_some_and(|plugin| namespaces.contains(&plugin.namespace));
        if inside || namespaces.is_empty() {
            return Ok(());
        }
        Err(forbidden(
            "this token is for some namespaces alone",
            "name a plugin of one of them",
        ))
    }

    /// Who tells what became of installations: a partner is one, whatever tokens it has; each other token is one.
    pub(super) fn reporter(&self) -> Result<String, Problem> {
        if !self.token.allows(Scope::Report, None) {
            let words = "this token does not allow to tell what became of installations";
            let hint = "use a token that was made with --scope report";
            return Err(forbidden(words, hint));
        }
        Ok(match &self.token.partner {
            Some(partner) => format!("partner {partner}"),
            None => format!("token {}", self.token.id),
        })
    }

    /// Whether it is the operator's.
    pub(super) fn operates(&self) -> bool {
        self.token.operates()
    }

    /// Refuses whoever is not the operator.
    pub(super) fn must_operate(&self) -> Result<(), Problem> {
        if self.operates() {
            return Ok(());
        }
        let hint = "ask the farm's operator to do it";
        Err(forbidden("only the farm's operator does this", hint))
    }

    /// Refuses whoever may not manage what is a partner's.
    pub(super) fn must_manage(&self) -> Result<(), Problem> {
        if self.token.allows(Scope::Manage, None) {
            return Ok(());
        }
        let hint = "ask the farm's operator for a token that does";
        Err(forbidden("this token does not allow to manage", hint))
    }

    /// Who decides, as approvals and the repository's audit log name them.
    pub(super) fn decider(&self) -> Actor {
        self.token.decider()
    }

    /// Who approves, where several people must: somebody, by name. Whoever shares a token is nobody.
    pub(super) fn approver(&self, approvals: usize) -> Result<Actor, Problem> {
        self.token.approver(approvals).ok_or_else(|| {
            let words = "this token does not say who holds it, and several people must approve";
            let hint = "ask the farm's operator for a token that was made with --person";
            forbidden(words, hint)
        })
    }

    /// Whose it is, if it is a partner's.
    pub(super) fn owner(&self) -> Option<&Actor> {
        self.token.partner.as_ref()
    }

    /// Whether it may know of another token, and end it: one that the operator gave a partner knows the partner's, a narrower
    /// one itself and what was made with it.
    pub(super) fn sees(&self, token: &Token) -> bool {
        let own = &self.token;
        let narrow = own.made_with.is_some() || !own.namespaces.is_empty();
        let partners = own.partner.is_some() && token.partner == own.partner;
        let below = token.id == own.id || token.made_with.as_ref() == Some(&own.id);
        self.operates() || partners && (below || !narrow)
    }

    /// The token that it asks for, held to what it may give: a partner's gives no more than it has, to whoever holds it.
    pub(super) fn narrowed(&self, new: NewToken) -> Result<NewToken, Problem> {
        if self.operates() {
            return Ok(new);
        }
        if !self.ours {
            // It would go on when wazo-auth has ended the other one.
            let words = "a token of wazo-auth makes no tokens of the farm";
            let hint = "make it with a token from the farm's operator";
            return Err(forbidden(words, hint));
        }
        let own = &self.token;
        let hint = "leave it out, or ask the farm's operator for the token";
        let other = |asked: &Option<Actor>, own: &Option<Actor>| asked.is_some() && asked != own;
        if other(&new.partner, &own.partner) || other(&new.person, &own.person) {
            let words = "only the operator says whose a token is, and who holds it";
            return Err(forbidden(words, hint));
        }
        let namespaces = match new.namespaces.is_empty() {
            true => own.namespaces.clone(),
            false => new.namespaces,
        };
        if new.scopes.contains(&Scope::Report) {
            // One host is one token: whoever makes tokens would be as many as they like.
            let words = "only the operator makes tokens that report";
            return Err(forbidden(words, hint));
        }
        let within = |one| own.namespaces.is_empty() || own.namespaces.contains(one);
        if !new.scopes.iter().all(|scope| own.scopes.contains(scope))
            || !namespaces.iter().all(within)
        {
            return Err(forbidden("a token gives no more than it has itself", hint));
        }
        Ok(NewToken {
            partner: own.partner.clone(),
            person: own.person.clone(),
            namespaces,
            expires_at: new.expires_at.min(own.expires_at),
            made_with: Some(own.id.clone()),
            ..new
        })
    }
}

/// Whoever reads: with a token, or without one.
pub(super) struct Viewer(pub(super) Reader);

impl FromRequestParts<Arc<Api>> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let wazo = api.tenants.is_some() && parts.headers.contains_key(WAZO_TOKEN);
        if wazo || parts.headers.contains_key(header::AUTHORIZATION) {
            let caller = Caller::from_request_parts(parts, api).await?;
            return Ok(Self(caller.reader()));
        }
        // Pages say who has signed in; that lets nobody do anything.
        let reader = parts.extensions.get::<Reader>().cloned();
        Ok(Self(reader.unwrap_or_default()))
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
        if let (None, Some(text), Some(tenants)) =
            (given, parts.headers.get(WAZO_TOKEN), &api.tenants)
        {
            let text = text.to_str();
            let text = text.map_err(|_| unknown("the token has another form"))?;
            let token = tenants.caller(text).await?;
            api.load.token(&token.id)?;
            return Ok(Self { token, ours: false });
        }
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
        Ok(Self {
            token: found,
            ours: true,
        })
    }
}
