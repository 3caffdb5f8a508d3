//! What builds left, and what of it was published.

use super::{Store, StoreError, on, read};
use crate::model::{BuildId, Sha256, Timestamp};

/// One file that a build left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The attempt that left it, in whose folder it is.
    pub attempt: BuildId,
    /// Its name.
    pub name: String,
    /// Its digest.
    pub sha256: Sha256,
    /// Its size, in bytes.
    pub size: u64,
}

/// What of a build hosts can install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The apt suite.
    pub suite: String,
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// When it was published.
    pub published_at: Timestamp,
    /// When the farm saw, by its public address, that hosts get it.
    pub visible_at: Option<Timestamp>,
}

/// A version, and the build that published it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// The version.
    pub version: String,
    /// The build.
    pub build: BuildId,
}

impl Store {
    /// The versions of `package` that builds have published.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn shipped(&self, package: &str) -> Result<Vec<Shipped>, StoreError> {
        // Where several builds came to the same bytes, the first counts.
        let rows: Vec<(String, String)> = on!(self, pool => sqlx::query_as(
            "SELECT version, MIN(build) FROM publications WHERE package = $1 GROUP BY version",
        )
        .bind(package)
        .fetch_all(pool)
        .await)?;
        let shipped = |(version, build)| {
            Ok(Shipped {
                version,
                build: read("publications.build", build)?,
            })
        };
        rows.into_iter().map(shipped).collect()
    }

    /// What a build left: the package first, then its evidence, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn artifacts(&self, build: &BuildId) -> Result<Vec<Artifact>, StoreError> {
        let rows: Vec<(String, String, String, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT attempt, name, sha256, size FROM artifacts WHERE build = $1 ORDER BY name NOT LIKE '%.deb', name",
        )
        .bind(build.as_str())
        .fetch_all(pool)
        .await)?;
        let artifact = |(attempt, name, sha256, size): (String, String, String, i64)| {
            Ok(Artifact {
                attempt: read("artifacts.attempt", attempt)?,
                name,
                sha256: read("artifacts.sha256", sha256)?,
                size: size.unsigned_abs(),
            })
        };
        rows.into_iter().map(artifact).collect()
    }

    /// What of a build was published.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn publication(&self, build: &BuildId) -> Result<Option<Publication>, StoreError> {
        let row: Option<(String, String, String, i64, Option<i64>)> = on!(self, pool => sqlx::query_as(
            "SELECT suite, package, version, published_at, visible_at FROM publications WHERE build = $1",
        )
        .bind(build.as_str())
        .fetch_optional(pool)
        .await)?;
        Ok(row.map(|(suite, package, version, at, seen)| Publication {
            suite,
            package,
            version,
            published_at: Timestamp::from_seconds(at),
            visible_at: seen.map(Timestamp::from_seconds),
        }))
    }
}
