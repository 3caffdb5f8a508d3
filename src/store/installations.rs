//! What hosts tell of installations, counted so that no host can be found in it again.
//!
//! A report leaves two things: one more in a count that knows nothing of hosts, and for some days a row with a digest of who
//! sent it, by which one host counts once. The digest is made with a key that is in no database and is another one for each
//! version: whoever has the database can tell neither which token it was, nor that two reports about two versions came from one.
//! It goes as soon as no roll-out needs it.

use super::tallies::Tally;
use super::{Store, StoreError, on, read, transaction};
use crate::model::{
    DebianVersion, HostArchitecture, HostStep, InstallBlame, InstallVerb, Target, Timestamp,
};

/// How many reports one token may send about one version in an hour.
const MOST_OF_ONE: i64 = 30;
/// How many may come about one version in an hour.
const MOST: i64 = 5000;
/// How many kinds of outcomes a version has in a day before the step and the exit status are not told apart any more.
const KINDS: i64 = 200;
/// What is counted where there is no exit status.
const NONE: i64 = -1;
/// An hour and a day, in seconds.
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// One report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its id; one that comes again counts once.
    pub id: String,
    /// The package.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// The host's Debian release.
    pub target: Target,
    /// The host's architecture.
    pub architecture: HostArchitecture,
    /// What was asked for.
    pub verb: InstallVerb,
    /// Whose fault it is that it failed; nobody's, if it went well.
    pub blame: Option<InstallBlame>,
    /// The step of the plugin's rules that failed.
    pub step: Option<HostStep>,
    /// Its exit status.
    pub exit_status: Option<u8>,
    /// A digest of who sent it.
    pub reporter: String,
}

impl Report {
    /// What it says of the version, for whoever decides about its roll-out. Only what the plugin's own script came to counts.
    fn verdict(&self) -> &'static str {
        match (self.verb, self.blame) {
            (InstallVerb::Uninstall, _) => "neither",
            (_, None) => "good",
            (_, Some(InstallBlame::Plugin)) => "bad",
            _ => "neither",
        }
    }
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It was counted.
    Now,
    /// It was counted before.
    Before,
    /// There were too many about this version within the hour.
    TooMany,
}

/// On how many hosts a version was tried lately, as far as hosts are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standings {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// On how many the plugin's own script failed.
    pub failures: u64,
    /// On how many it was tried.
    pub hosts: u64,
}

fn counted(number: i64) -> u64 {
    number.unsigned_abs()
}

impl Store {
    /// Counts a report.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn report(&self, report: &Report, now: Timestamp) -> Result<Counted, StoreError> {
        let (package, version) = (report.package.as_str(), report.version.to_string());
        let day = now.seconds().div_euclid(DAY);
        transaction!(self, tx => {
            let known: Option<(i32,)> = sqlx::query_as("SELECT 1 FROM reports WHERE id = $1")
                .bind(&report.id)
                .fetch_optional(&mut *tx)
                .await?;
            if known.is_some() {
                return Ok(Counted::Before);
            }
            let (all, own): (i64, i64) = sqlx::query_as(
                "SELECT COUNT(*), COUNT(CASE WHEN reporter = $4 THEN 1 END) FROM reports \
                 WHERE package = $1 AND version = $2 AND at > $3",
            )
            .bind(package)
            .bind(&version)
            .bind(now.seconds() - HOUR)
            .bind(&report.reporter)
            .fetch_one(&mut *tx)
            .await?;
            if all >= MOST || own >= MOST_OF_ONE {
                return Ok(Counted::TooMany);
            }
            let (kinds,): (i64,) = sqlx::query_as(
                "SELECT COUNT(*) FROM installations WHERE package = $1 AND version = $2 AND day = $3",
            )
            .bind(package)
            .bind(&version)
            .bind(day)
            .fetch_one(&mut *tx)
            .await?;
            let exact = kinds < KINDS;
            sqlx::query(
                "INSERT INTO installations (package, version, target, architecture, verb, blame, step, exit_status, day, count) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1) \
                 ON CONFLICT (package, version, target, architecture, verb, blame, step, exit_status, day) \
                 DO UPDATE SET count = installations.count + 1",
            )
            .bind(package)
            .bind(&version)
            .bind(report.target.codename())
            .bind(report.architecture.word())
            .bind(report.verb.word())
            .bind(report.blame.map_or("", InstallBlame::word))
            .bind(report.step.filter(|_| exact).map_or("", HostStep::word))
            .bind(report.exit_status.filter(|_| exact).map_or(NONE, i64::from))
            .bind(day)
            .execute(&mut *tx)
            .await?;
            sqlx::query("INSERT INTO reports (id, package, version, reporter, verdict, at) VALUES ($1, $2, $3, $4, $5, $6)")
                .bind(&report.id)
                .bind(package)
                .bind(&version)
                .bind(&report.reporter)
                .bind(report.verdict())
                .bind(now.seconds())
                .execute(&mut *tx)
                .await?;
            Counted::Now
        })
    }

    /// What hosts have told of a package, by version and kind.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn installations(&self, package: &str) -> Result<Vec<Tally>, StoreError> {
        type Row = (String, String, String, String, i64, i64);
        let rows: Vec<Row> = on!(self, pool => sqlx::query_as(
            "SELECT version, verb, blame, step, exit_status, CAST(SUM(count) AS BIGINT) FROM installations WHERE package = $1 \
             GROUP BY version, verb, blame, step, exit_status ORDER BY version, verb, blame, step, exit_status",
        )
        .bind(package)
        .fetch_all(pool)
        .await)?;
        let tally = |(version, verb, blame, step, exit_status, count): Row| {
            Ok(Tally {
                version,
                verb: read("installations.verb", verb)?,
                blame: optional("installations.blame", blame)?,
                step: optional("installations.step", step)?,
                exit_status: i32::try_from(exit_status)
                    .ok()
                    .filter(|status| *status >= 0),
                count: counted(count),
            })
        };
        rows.into_iter().map(tally).collect()
    }

    /// How often what came of all installations that are still counted: by blame, which is empty for what went well.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn installations_by_blame(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT blame, CAST(SUM(count) AS BIGINT) FROM installations GROUP BY blame ORDER BY blame",
        )
        .fetch_all(pool)
        .await)?;
        Ok(rows
            .into_iter()
            .map(|(blame, count)| (blame, counted(count)))
            .collect())
    }

    /// The versions that failed on at least `failures` hosts since `since` by the plugin's own fault.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn failing(
        &self,
        failures: u32,
        since: Timestamp,
    ) -> Result<Vec<Standings>, StoreError> {
        type Row = (String, String, i64, i64);
        let rows: Vec<Row> = on!(self, pool => sqlx::query_as(
            "SELECT r.package, r.version, b.failures, COUNT(DISTINCT r.reporter) FROM reports r JOIN \
             (SELECT package, version, COUNT(DISTINCT reporter) AS failures FROM reports WHERE verdict = 'bad' \
             AND reporter <> '' AND at >= $1 GROUP BY package, version HAVING COUNT(DISTINCT reporter) >= $2) b \
             ON b.package = r.package AND b.version = r.version WHERE r.verdict IN ('good', 'bad') AND r.reporter <> '' \
             AND r.at >= $1 GROUP BY r.package, r.version, b.failures ORDER BY r.package, r.version",
        )
        .bind(since.seconds())
        .bind(i64::from(failures))
        .fetch_all(pool)
        .await)?;
        let standings = |(package, version, failures, hosts): Row| {
            Ok(Standings {
                package,
                version: read("reports.version", version)?,
                failures: counted(failures),
                hosts: counted(hosts),
            })
        };
        rows.into_iter().map(standings).collect()
    }

    /// The versions with reports of before `before` that say still, by a digest, who sent them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn told_apart(
        &self,
        before: Timestamp,
    ) -> Result<Vec<(String, DebianVersion)>, StoreError> {
        let rows: Vec<(String, String)> = on!(self, pool => sqlx::query_as(
            "SELECT DISTINCT package, version FROM reports WHERE reporter <> '' AND at < $1 ORDER BY package, version",
        )
        .bind(before.seconds())
        .fetch_all(pool)
        .await)?;
        let version = |(package, version)| Ok((package, read("reports.version", version)?));
        rows.into_iter().map(version).collect()
    }

    /// Forgets who sent the reports about a version that came before `before`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn forget_reporters(
        &self,
        package: &str,
        version: &DebianVersion,
        before: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self, pool => sqlx::query("UPDATE reports SET reporter = '' WHERE package = $1 AND version = $2 AND at < $3")
            .bind(package)
            .bind(version.to_string())
            .bind(before.seconds())
            .execute(pool)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Forgets the reports of before `reports`, and the counts of days before `counts`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn forget_installations(
        &self,
        reports: Timestamp,
        counts: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            sqlx::query("DELETE FROM reports WHERE at < $1")
                .bind(reports.seconds())
                .execute(&mut *tx)
                .await?;
            sqlx::query("DELETE FROM installations WHERE day < $1")
                .bind(counts.seconds().div_euclid(DAY))
                .execute(&mut *tx)
                .await?;
        })
    }
}

fn optional<T: std::str::FromStr>(
    what: &'static str,
    value: String,
) -> Result<Option<T>, StoreError> {
    match value.is_empty() {
        true => Ok(None),
        false => read(what, value).map(Some),
    }
}
