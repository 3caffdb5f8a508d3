//! Who reads: what is private is shown to its partner and to auditors alone, and is not there for anybody else.

use super::{Store, StoreError, Token, on, read};
use crate::model::{Actor, BuildId, Namespace, PluginId, Scope};

/// Who reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reader {
    /// Whoever it is: only what is public.
    #[default]
    Anybody,
    /// A partner.
    Partner {
        /// Which one.
        name: Actor,
        /// Only for these of the partner's namespaces; none named means all.
        namespaces: Vec<Namespace>,
    },
    /// The operator, and auditors.
    Everything,
}

impl Token {
    /// What it lets its holder read of what is private: a partner what is the partner's, an auditor and the operator all.
    #[must_use]
    pub fn reader(&self) -> Reader {
        match &self.partner {
            _ if self.allows(Scope::Operate, None) => Reader::Everything,
            Some(name) => Reader::Partner {
                name: name.clone(),
                namespaces: self.namespaces.clone(),
            },
            None if self.allows(Scope::Audit, None) => Reader::Everything,
            None => Reader::Anybody,
        }
    }
}

impl Reader {
    /// Whether it is the partner `owner` of plugins of `namespace`, or somebody to whom everything is shown.
    #[must_use]
    pub fn answers_for(&self, namespace: &Namespace, owner: Option<&Actor>) -> bool {
        match self {
            Self::Anybody => false,
            Self::Everything => true,
            Self::Partner { name, namespaces } => {
                let within = namespaces.is_empty() || namespaces.contains(namespace);
                owner == Some(name) && within
            }
        }
    }

    /// Whether everything is shown, and the partner and the namespaces to show what is private of; for [`SHOWN`].
    pub(super) fn columns(&self) -> (i64, &str, String) {
        match self {
            Self::Anybody => (0, "", String::new()),
            Self::Everything => (1, "", String::new()),
            Self::Partner { name, namespaces } => {
                let names = namespaces.iter().map(|name| format!(" {name} ")).collect();
                (0, name.as_str(), names)
            }
        }
    }
}

/// A condition on a source `s`, with the places of the three values of [`Reader::columns`]. A namespace has only letters and
/// digits, none of which means anything to LIKE.
macro_rules! shown {
    ($all:literal, $partner:literal, $namespaces:literal) => {
        concat!(
            "(s.private = 0 OR ", $all, " = 1 OR (", $namespaces, " = '' OR ", $namespaces,
            " LIKE '% ' || s.namespace || ' %') AND EXISTS (SELECT 1 FROM namespaces n WHERE n.name = s.namespace \
             AND n.partner = ", $partner, "))"
        )
    };
}
pub(super) use shown;

impl Store {
    /// Whether a build is shown to `reader`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn shows(&self, build: &BuildId, reader: &Reader) -> Result<bool, StoreError> {
        let (all, partner, namespaces) = reader.columns();
        let row: Option<(String,)> = on!(self, pool => sqlx::query_as(concat!(
            "SELECT s.plugin FROM builds b JOIN sources s ON s.plugin = b.plugin WHERE b.id = $4 AND ", shown!("$1", "$2", "$3"),
        ))
        .bind(all)
        .bind(partner)
        .bind(&namespaces)
        .bind(build.as_str())
        .fetch_optional(pool)
        .await)?;
        Ok(row.is_some())
    }

    /// The plugins that come from private sources, but for those that `reader` may see.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn hidden_plugins(&self, reader: &Reader) -> Result<Vec<PluginId>, StoreError> {
        let (all, partner, namespaces) = reader.columns();
        let rows: Vec<(String,)> = on!(self, pool => sqlx::query_as(concat!(
            "SELECT s.plugin FROM sources s WHERE NOT ", shown!("$1", "$2", "$3"), " ORDER BY s.plugin",
        ))
        .bind(all)
        .bind(partner)
        .bind(&namespaces)
        .fetch_all(pool)
        .await)?;
        rows.into_iter()
            .map(|(plugin,)| read("sources.plugin", plugin))
            .collect()
    }
}
