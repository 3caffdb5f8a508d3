//! What the farm's state does not let happen, and what keeps it from being read or written.

use crate::model::{Actor, BuildId, BuildState, FailureCode, PluginId};

/// The farm's state did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened, or its tables cannot be brought up to date.
    #[error("cannot open the farm's state in {place}")]
    Open {
        /// Where it is, without a password.
        place: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The tables cannot be brought up to date.
    #[error("cannot bring the tables of the farm's state in {place} up to date")]
    Migrate {
        /// Where it is, without a password.
        place: String,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// The disk of the database is full. Nothing was changed.
    #[error("the disk of the farm's state is full")]
    Full,
    /// Another process kept the database for longer than anybody waits. Nothing was changed.
    #[error("the farm's state is in use by another process")]
    Busy,
    /// The database did not do what it was asked. Nothing was changed.
    #[error("the farm's state could not be read or written")]
    Database {
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The state cannot be written out, or read in again. Nothing was changed.
    #[error("the farm's state could not be taken from one place to another")]
    Dump {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A state is only read into one that has nothing. Nothing was changed.
    #[error("the farm's state is not empty: there are {table}")]
    NotEmpty {
        /// What there is.
        table: &'static str,
    },
    /// What is stored is nothing that this program stores.
    #[error("the farm's state is damaged: {what} is `{value}`")]
    Damaged {
        /// Which column.
        what: &'static str,
        /// What it holds.
        value: String,
    },
    /// The build is not in a state from which it can go there.
    #[error("build {build} is {from}: it cannot become {to}")]
    Transition {
        /// The build.
        build: BuildId,
        /// Its state.
        from: BuildState,
        /// The state that was asked for.
        to: BuildState,
    },
    /// The attempt does not run any more: its lease was lost, and somebody else goes on.
    #[error("attempt {attempt} does not run any more")]
    LeaseLost {
        /// The attempt.
        attempt: BuildId,
    },
    /// There is no such thing.
    #[error("there is no {what} `{name}`")]
    Missing {
        /// What it would be, such as "partner".
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There is one of this name already.
    #[error("there is a {what} `{name}` already")]
    Taken {
        /// What it is, such as "partner".
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The namespace is somebody else's.
    #[error("the namespace of {plugin} is not yours")]
    NotOwner {
        /// The plugin.
        plugin: PluginId,
    },
    /// A plugin comes from one repository, and this is another one.
    #[error("{plugin} comes from {bound}, and from no other repository")]
    SourceBound {
        /// The plugin.
        plugin: PluginId,
        /// Where it comes from.
        bound: String,
    },
    /// As many of the partner's builds wait as may.
    #[error("{waiting} builds of {partner} wait already, and no more may")]
    QueueFull {
        /// The partner.
        partner: Actor,
        /// How many wait.
        waiting: u64,
    },
    /// An idempotency key came again, with another request.
    #[error("this idempotency key was used already, for another request")]
    KeyReused,
}

impl StoreError {
    /// The code that programs compare, and with it the blame.
    #[must_use]
    pub fn code(&self) -> FailureCode {
        match self {
            Self::Full => FailureCode::FarmDiskFull,
            Self::Open { .. }
            | Self::Migrate { .. }
            | Self::Busy
            | Self::Database { .. }
            | Self::LeaseLost { .. }
            | Self::Dump { .. }
            | Self::Damaged { .. } => FailureCode::StorageError,
            Self::Transition { .. }
            | Self::Missing { .. }
            | Self::Taken { .. }
            | Self::NotOwner { .. }
            | Self::SourceBound { .. }
            | Self::QueueFull { .. }
            | Self::NotEmpty { .. }
            | Self::KeyReused => FailureCode::Usage,
        }
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Open { .. } | Self::Migrate { .. } => {
                "check that the database is there, its rights, and that no newer plugfarm has used it"
            }
            Self::Full => "make room on its disk; nothing is lost",
            Self::Busy | Self::Database { .. } => {
                "try again; if it stays so, look at the farm's log"
            }
            Self::Dump { .. } => "see to the disk and its rights, or take another backup",
            Self::NotEmpty { .. } => "use an empty database",
            Self::Damaged { .. } => "restore the farm's state from a backup",
            Self::Transition { .. } => {
                "look at the build first: something has happened to it meanwhile"
            }
            Self::LeaseLost { .. } => "nothing: the build goes on by itself",
            Self::Missing { .. } => "look at the list of those that are there",
            Self::Taken { .. } => "use the one that is there, or another name",
            Self::NotOwner { .. } => "ask the farm's operator for a namespace of your own",
            Self::SourceBound { .. } => "ask the farm's operator if the plugin has moved",
            Self::QueueFull { .. } => {
                "wait until some have begun, or cancel those that are not needed any more"
            }
            Self::KeyReused => "use a new key for a new request",
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(source: sqlx::Error) -> Self {
        let code = match &source {
            sqlx::Error::Database(error) => error.code().map(String::from),
            sqlx::Error::PoolTimedOut => return Self::Busy,
            _ => None,
        };
        // SQLite's primary result codes, in the low byte of the extended ones; PostgreSQL's SQLSTATE.
        let primary = code.as_deref().and_then(|code| code.parse::<u32>().ok());
        match (primary.map(|code| code & 0xff), code.as_deref()) {
            (Some(13), _) | (_, Some("53100")) => Self::Full,
            (Some(5 | 6), Some(code)) if code.len() < 5 => Self::Busy,
            (_, Some("40001" | "40P01" | "55P03")) => Self::Busy,
            _ => Self::Database { source },
        }
    }
}
