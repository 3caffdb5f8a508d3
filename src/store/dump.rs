//! The whole state as lines of JSON, and back: for backups, and from one kind of database to the other.
//!
//! A line is `{"table": …, "row": {…}}`; what is null is left out, and bytes are `{"hex": …}`. Tables come in an order in
//! which no row names one that comes later.

use std::io::{BufRead, Write};

use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, Column as _, Row as _, TypeInfo as _, ValueRef as _};

use super::driver::Driver;
use super::{Store, StoreError, transaction};

/// The most bytes that a line may have.
const MAX_LINE: u64 = 64 << 20;

/// A table, and by what its rows are sorted.
struct Table {
    name: &'static str,
    order: &'static str,
    /// Whether the database numbers the rows itself, in a column `id`.
    numbered: bool,
}

const fn table(name: &'static str, order: &'static str) -> Table {
    Table {
        name,
        order,
        numbered: false,
    }
}

/// Every table of the state.
const TABLES: &[Table] = &[
    table("partners", "name"),
    table("namespaces", "name"),
    table("sources", "plugin"),
    table("tokens", "id"),
    table("sessions", "sha256"),
    table("builds", "id"),
    table("attempts", "id"),
    table("stages", "attempt, started_at"),
    table("artifacts", "build, name"),
    table("publications", "build"),
    table("queue_lock", "one"),
    table("used", "partner, priority, piece"),
    table("awaited", "build, plugin"),
    table("credentials", "plugin"),
    table("watches", "plugin"),
    table("heads", "plugin, reference"),
    table("hooks", "id"),
    table("deliveries", "id"),
    table("subscriptions", "id"),
    table("outcomes", "plugin, target, channel"),
    table("outbox", "id"),
    table("installations", "package, version, day"),
    table("reports", "id"),
    table("halts", "id"),
    Table {
        numbered: true,
        ..table("audit", "id")
    },
];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    table: String,
    row: Map<String, Value>,
}

/// A row of either database as JSON; fails with the column that holds something else.
macro_rules! row {
    ($row:expr, $table:expr) => {{
        let mut object = Map::new();
        for column in $row.columns() {
            let name = column.name();
            let value = $row.try_get_raw(name)?;
            if value.is_null() || ($table.numbered && name == "id") {
                continue;
            }
            let kind = value.type_info().name().to_owned();
            let value = match kind.as_str() {
                "INTEGER" | "BIGINT" | "INT8" => json!($row.try_get::<i64, _>(name)?),
                "BLOB" | "BYTEA" => json!({ "hex": hex::encode($row.try_get::<Vec<u8>, _>(name)?) }),
                _ => json!($row.try_get::<String, _>(name)?),
            };
            object.insert(name.to_owned(), value);
        }
        object
    }};
}

/// Writes every row of a transaction's tables.
macro_rules! dump {
    ($tx:expr, $out:expr) => {{
        let mut count = 0;
        for table in TABLES {
            let query = format!("SELECT * FROM {} ORDER BY {}", table.name, table.order);
            let mut rows = sqlx::query(AssertSqlSafe(query)).fetch(&mut *$tx);
            while let Some(row) = rows.try_next().await? {
                let line = Line {
                    table: table.name.to_owned(),
                    row: row!(row, table),
                };
                serde_json::to_writer(&mut *$out, &line)
                    .map_err(std::io::Error::from)
                    .and_then(|()| $out.write_all(b"\n"))
                    .map_err(|source| StoreError::Dump { source })?;
                count += 1;
            }
        }
        count
    }};
}

impl Store {
    /// Writes the whole state as it is at one moment; gives how many rows it has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Dump`].
    pub async fn dump(&self, out: &mut (dyn Write + Send)) -> Result<u64, StoreError> {
        match &self.driver {
            Driver::Sqlite(pool) => {
                let mut tx = pool.begin().await?;
                Ok(dump!(tx, out))
            }
            Driver::Postgres(pool) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                let mut tx = pool.begin_with(begin).await?;
                Ok(dump!(tx, out))
            }
        }
    }

    /// Reads what [`Store::dump`] wrote into a state that has nothing yet, all or none; gives how many rows it has.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotEmpty`], [`StoreError::Dump`] when it is no dump, [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn load(&self, from: &mut (dyn BufRead + Send)) -> Result<u64, StoreError> {
        transaction!(self, tx => {
            for table in TABLES {
                let query = format!("SELECT 1 FROM {} LIMIT 1", table.name);
                let found: Option<(i32,)> =
                    sqlx::query_as(AssertSqlSafe(query)).fetch_optional(&mut *tx).await?;
                if found.is_some() {
                    return Err(StoreError::NotEmpty { table: table.name });
                }
            }
            let mut count = 0;
            while let Some(Line { table, row }) = next(from)? {
                let values: Vec<_> = (1..=row.len()).map(|number| format!("${number}")).collect();
                let columns: Vec<_> = row.keys().map(String::as_str).collect();
                let query = format!(
                    "INSERT INTO {table} ({}) VALUES ({})",
                    columns.join(", "),
                    values.join(", ")
                );
                let mut query = sqlx::query(AssertSqlSafe(query));
                for value in row.into_iter().map(|(_, value)| value) {
                    query = match value {
                        Value::Number(number) => query.bind(number.as_i64()),
                        Value::String(text) => query.bind(text),
                        other => query.bind(bytes(&other)?),
                    };
                }
                query.execute(&mut *tx).await?;
                count += 1;
            }
            count
        })
    }
}

/// The next line, if there is one; what it names are tables and columns.
fn next(from: &mut dyn BufRead) -> Result<Option<Line>, StoreError> {
    let mut text = Vec::new();
    let read = std::io::Read::take(&mut *from, MAX_LINE + 1).read_until(b'\n', &mut text);
    read.map_err(|source| StoreError::Dump { source })?;
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() as u64 > MAX_LINE {
        return Err(no_dump("a line is too long"));
    }
    let line: Line = serde_json::from_slice(&text).map_err(|error| no_dump(&error.to_string()))?;
    let word = |name: &String| {
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
    };
    let known = TABLES.iter().any(|table| table.name == line.table);
    if known && !line.row.is_empty() && line.row.keys().all(word) {
        Ok(Some(line))
    } else {
        Err(no_dump("a line is no row of a table that this program has"))
    }
}

fn bytes(value: &Value) -> Result<Vec<u8>, StoreError> {
    let text = value.get("hex").and_then(Value::as_str);
    let bytes = text.and_then(|text| hex::decode(text).ok());
    bytes.ok_or_else(|| no_dump("a value is of no kind that is stored"))
}

fn no_dump(reason: &str) -> StoreError {
    StoreError::Dump {
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, reason.to_owned()),
    }
}

/// The names of the tables that are dumped.
#[cfg(test)]
pub(super) fn tables() -> std::collections::BTreeSet<String> {
    TABLES.iter().map(|table| table.name.to_owned()).collect()
}
