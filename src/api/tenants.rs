//! Callers with a token of a wazo-auth: for which partner they ask, and what they may do.
//!
//! What reaches beyond one partner, and whatever needs to know who a person is, takes a token that the farm gave out: in a
//! wazo-auth of their own, partners make users and rights as they like.

use std::collections::BTreeMap;
use std::io;

use axum::http::StatusCode;

use super::RETRY;
use super::problem::Problem;
use crate::config::WazoTenants;
use crate::model::{Actor, Scope, Sha256, printable};
use crate::pipeline::now;
use crate::store::Token;
use crate::wazo::{Denied, Tokens};

/// What such a token may allow.
const SCOPES: [Scope; 3] = [Scope::Submit, Scope::Manage, Scope::Release];

/// The wazo-auth whose tokens are taken, and which partner each of its tenants is.
pub struct Tenants {
    tokens: Tokens,
    partners: BTreeMap<String, Actor>,
}

impl Tenants {
    /// Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`io::Error`] where this machine trusts no certificate authority.
    pub fn new(config: &WazoTenants) -> io::Result<Self> {
        Ok(Self {
            tokens: Tokens::new(&config.url)?,
            partners: config.partners.clone(),
        })
    }

    /// What somebody with such a token may do.
    pub(super) async fn caller(&self, text: &str) -> Result<Token, Problem> {
        let holder = self.tokens.holder(text).await.map_err(refused)?;
        let partner = self.partners.get(&holder.tenant.to_ascii_lowercase());
        let partner = partner.cloned().ok_or_else(|| {
            let hint = "ask the farm's operator to add the tenant to serve.wazo_auth.tenants";
            let words = format!(
                "the token's tenant, {}, is no partner",
                printable(&holder.tenant, 64)
            );
            Problem::new(StatusCode::FORBIDDEN, words, hint)
        })?;
        let [submit, manage, release] = SCOPES.map(|scope| self.grants(text, scope));
        let granted = tokio::try_join!(submit, manage, release)?;
        let scopes: Vec<_> = [granted.0, granted.1, granted.2]
            .into_iter()
            .flatten()
            .collect();
        if scopes.is_empty() {
            let hint = "give it plugfarm.submit, plugfarm.manage or plugfarm.release in wazo-auth";
            let words = "the token's access list has nothing for this farm";
            return Err(Problem::new(StatusCode::FORBIDDEN, words, hint));
        }
        Ok(Token {
            id: id(holder.user.as_deref(), text),
            partner: Some(partner),
            person: None,
            scopes,
            namespaces: Vec::new(),
            created_at: now(),
            expires_at: now(),
            revoked_at: None,
            made_with: None,
        })
    }

    async fn grants(&self, text: &str, scope: Scope) -> Result<Option<Scope>, Problem> {
        match self
            .tokens
            .may(text, &format!("plugfarm.{scope}"), None)
            .await
        {
            Ok(()) => Ok(Some(scope)),
            Err(Denied::Refused) => Ok(None),
            Err(denied) => Err(refused(denied)),
        }
    }
}

/// What the audit calls the caller: the user, or, where wazo-auth does not say who that is, the token's digest.
fn id(user: Option<&str>, text: &str) -> String {
    let plain = |user: &&str| {
        let digits = |c: char| c.is_ascii_hexdigit() || c == '-';
        user.len() == 36 && user.chars().all(digits)
    };
    match user.filter(plain) {
        Some(user) => format!("wazo-auth:{user}"),
        None => {
            let digest = Sha256::of(text.as_bytes()).to_string();
            format!("wazo-auth:{}", digest.get(..16).unwrap_or_default())
        }
    }
}

fn refused(denied: Denied) -> Problem {
    match denied {
        Denied::Unreachable { .. } | Denied::NotReady => {
            tracing::warn!(error = %denied, "wazo-auth cannot be asked about a token");
            let words = "wazo-auth cannot be asked about the token";
            Problem::later(StatusCode::SERVICE_UNAVAILABLE, words, RETRY)
        }
        Denied::Unknown | Denied::Refused | Denied::Tenant => {
            let hint = "get a new token of wazo-auth";
            Problem::new(StatusCode::UNAUTHORIZED, denied.to_string(), hint)
        }
    }
}
