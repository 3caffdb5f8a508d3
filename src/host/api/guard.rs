//! Who may ask: the token and its access first, then its tenant.

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::Host;
use super::refusal::Refusal;
use crate::wazo::{Denied, Grant};

/// Whose tokens may ask for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tenants {
    /// Every tenant's.
    All,
    /// The master tenant's.
    Master,
}

impl Host {
    /// Whether the request with these headers may do what needs this access.
    pub(super) async fn admit(
        &self,
        headers: &HeaderMap,
        access: &str,
        tenants: Tenants,
    ) -> Result<(), Refusal> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (token, tenant) = (
            header("x-auth-token").unwrap_or_default(),
            header("wazo-tenant"),
        );
        let grant = Grant {
            token,
            access,
            tenant,
            master: tenants == Tenants::Master,
        };
        let checked = self.auth.check(grant).await;
        checked.map_err(|denied| refusal(denied, grant))
    }
}

fn refusal(denied: Denied, grant: Grant<'_>) -> Refusal {
    let Grant {
        token,
        access,
        tenant,
        ..
    } = grant;
    let unauthorized = |details: Value| {
        let status = StatusCode::UNAUTHORIZED;
        Refusal::new(status, "unauthorized", "Unauthorized", details)
    };
    match denied {
        Denied::Unknown => unauthorized(json!({
            "invalid_token": token,
            "reason": "not_found_or_expired",
            "required_access": access,
        })),
        Denied::Refused => unauthorized(json!({
            "invalid_token": token,
            "reason": "missing_permission_or_invalid_tenant",
            "required_access": access,
            "tenant_uuid": tenant,
        })),
        Denied::Tenant => unauthorized(json!({"invalid_token": token})),
        Denied::NotReady => Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not-initialized",
            "wazo-plugind is not initialized",
            json!({}),
        ),
        Denied::Unreachable { host, port, error } => Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "authentication-server-unreachable",
            "Authentication server unreachable",
            json!({
                "auth_server_host": host,
                "auth_server_port": port,
                "original_error": error.to_string(),
            }),
        ),
    }
}

/// A word of an access: what stands in an address must not become two words.
pub(super) fn word(text: &str) -> String {
    text.replace('.', "_")
}
