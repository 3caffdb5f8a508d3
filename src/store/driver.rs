//! The two databases, and how both run the same statements.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlStr, SqlitePool};
use tokio::sync::{Mutex, MutexGuard};

use super::StoreError;

/// The file of SQLite's database, in the data folder.
pub const DATABASE: &str = "farm.sqlite";
/// How long anybody waits for the database before [`StoreError::Busy`].
const PATIENCE: Duration = Duration::from_secs(10);
/// A migration's number, name and statements.
pub(super) type MigrationFile = (i64, &'static str, &'static str);
/// SQLite's, in their order.
pub(super) const SQLITE: &[MigrationFile] = &[
    (1, "state", include_str!("migrations/sqlite/1_state.sql")),
    (2, "queue", include_str!("migrations/sqlite/2_queue.sql")),
    (3, "people", include_str!("migrations/sqlite/3_people.sql")),
    (
        4,
        "sessions",
        include_str!("migrations/sqlite/4_sessions.sql"),
    ),
    (
        5,
        "exchange",
        include_str!("migrations/sqlite/5_exchange.sql"),
    ),
    (
        6,
        "visible",
        include_str!("migrations/sqlite/6_visible.sql"),
    ),
    (
        7,
        "checked",
        include_str!("migrations/sqlite/7_checked.sql"),
    ),
    (
        8,
        "installations",
        include_str!("migrations/sqlite/8_installations.sql"),
    ),
];
/// PostgreSQL's, in their order.
pub(super) const POSTGRES: &[MigrationFile] = &[
    (1, "state", include_str!("migrations/postgres/1_state.sql")),
    (2, "queue", include_str!("migrations/postgres/2_queue.sql")),
    (
        3,
        "people",
        include_str!("migrations/postgres/3_people.sql"),
    ),
    (
        4,
        "sessions",
        include_str!("migrations/postgres/4_sessions.sql"),
    ),
    (
        5,
        "exchange",
        include_str!("migrations/postgres/5_exchange.sql"),
    ),
    (
        6,
        "visible",
        include_str!("migrations/postgres/6_visible.sql"),
    ),
    (
        7,
        "checked",
        include_str!("migrations/postgres/7_checked.sql"),
    ),
    (
        8,
        "installations",
        include_str!("migrations/postgres/8_installations.sql"),
    ),
];
/// Connections at once.
const CONNECTIONS: u32 = 8;

/// The farm's state.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) driver: Driver,
    /// Whose turn it is to write, in SQLite: it lets one write at a time, and who finds it busy asks again and again, however
    /// long others wait already.
    turn: Arc<Mutex<()>>,
}

#[derive(Debug, Clone)]
pub(super) enum Driver {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Runs an expression with the pool of whichever database it is.
macro_rules! on {
    ($store:expr, $pool:ident => $body:expr) => {
        match &$store.driver {
            $crate::store::driver::Driver::Sqlite($pool) => $body,
            $crate::store::driver::Driver::Postgres($pool) => $body,
        }
    };
}

/// Runs a block in a transaction, which is rolled back when the block returns early.
macro_rules! transaction {
    ($store:expr, $tx:ident => $body:block) => {
        match &$store.driver {
            $crate::store::driver::Driver::Sqlite(pool) => {
                let _turn = $store.turn().await?;
                // Whoever will write says so at once: a reader that becomes a writer may be refused without waiting.
                let mut $tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                let value = $body;
                $tx.commit().await?;
                Ok(value)
            }
            $crate::store::driver::Driver::Postgres(pool) => {
                let mut $tx = pool.begin().await?;
                let value = $body;
                $tx.commit().await?;
                Ok(value)
            }
        }
    };
}
pub(super) use {on, transaction};

impl Store {
    /// Opens the SQLite database in the file `path`, made if need be.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`], [`StoreError::Migrate`].
    pub async fn sqlite(path: &Path) -> Result<Self, StoreError> {
        Self::sqlite_with(path, SqliteConnectOptions::new()).await
    }

    pub(super) async fn sqlite_with(
        path: &Path,
        options: SqliteConnectOptions,
    ) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let options = options
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // With a log that is written ahead, a power cut never damages; FULL also loses nothing that was committed.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open {
                place: place.clone(),
                source,
            })?;
        let alone = wait_for_others(path).map_err(|source| StoreError::Open {
            place: place.clone(),
            source: source.into(),
        })?;
        let migrated = migrator(SQLITE).run(&pool).await;
        migrated.map_err(|source| StoreError::Migrate { place, source })?;
        drop(alone);
        Ok(Self::of(Driver::Sqlite(pool)))
    }

    /// Opens the PostgreSQL database at `url` (`postgres://user:password@host/database`), which must be there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`], [`StoreError::Migrate`].
    pub async fn postgres(url: &str) -> Result<Self, StoreError> {
        let open = |place: &str, source| StoreError::Open {
            place: place.to_owned(),
            source,
        };
        let options: PgConnectOptions = url.parse().map_err(|source| open("the URL", source))?;
        let database = options.get_database().unwrap_or_default();
        let place = format!("postgres://{}/{database}", options.get_host());
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await
            .map_err(|source| open(&place, source))?;
        let migrated = migrator(POSTGRES).run(&pool).await;
        migrated.map_err(|source| StoreError::Migrate { place, source })?;
        Ok(Self::of(Driver::Postgres(pool)))
    }

    fn of(driver: Driver) -> Self {
        Self {
            driver,
            turn: Arc::default(),
        }
    }

    /// Waits for this process's turn to write, in the order of asking.
    pub(super) async fn turn(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        let turn = tokio::time::timeout(PATIENCE, self.turn.lock()).await;
        turn.map_err(|_| StoreError::Busy)
    }

    /// Ends when the database has answered.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        on!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Closes every connection, after what is under way.
    pub async fn close(&self) {
        on!(self, pool => pool.close().await);
    }
}

/// SQLite has no lock for migrations: of two processes that open a new database at once, one would find half of it.
fn wait_for_others(path: &Path) -> std::io::Result<fs_err::File> {
    let file = fs_err::File::create(path.with_extension("lock"))?;
    file.file().lock()?;
    Ok(file)
}

fn migrator(files: &[MigrationFile]) -> Migrator {
    let migrations = files.iter().map(|(version, name, sql)| {
        Migration::new(
            *version,
            (*name).into(),
            MigrationType::Simple,
            SqlStr::from_static(sql),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}
