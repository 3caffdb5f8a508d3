//! The lease of the one writer: an object that its holder renews. It lapses by itself when the holder dies.
//!
//! How old it is, is counted by the server's clock alone; how long a holder relies on it, by the holder's own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::bucket::{Bucket, Condition, Found, pause};
use crate::model::Timestamp;
use crate::repo::layout::LEASE;
use crate::repo::storage::{Lease, StorageError};

/// How long a lease lasts that is not renewed.
const LASTS: Duration = Duration::from_secs(20);
/// How often its holder renews it.
const RENEWED: Duration = Duration::from_secs(5);
/// How long before its end a holder stops to rely on it.
const MARGIN: Duration = Duration::from_secs(5);
/// How long the end of a lease may take.
const FAREWELL: Duration = Duration::from_secs(5);
/// The mark of a lease that nobody holds.
const FREE: &str = "free";
/// An entity tag that no object has.
const NO_TAG: &str = "\"00000000000000000000000000000000\"";
/// The most bytes that a lease's record may have.
const MAX_RECORD: u64 = 4096;

/// What the lease says to people; what counts is the object's mark.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    holder: String,
    token: String,
    until: String,
}

/// What a holder knows of its lease.
#[derive(Debug)]
struct Held {
    etag: String,
    renewed: Instant,
    lost: bool,
}

/// A lease that is held, and renewed meanwhile.
#[derive(Debug)]
pub(super) struct S3Lease {
    place: String,
    held: Arc<Mutex<Held>>,
    stop: Option<oneshot::Sender<()>>,
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Lease for S3Lease {
    fn check(&self) -> Result<(), StorageError> {
        let held = lock(&self.held);
        if held.lost || held.renewed.elapsed() > LASTS - MARGIN {
            let place = self.place.clone();
            return Err(StorageError::LeaseLost { place });
        }
        Ok(())
    }
}

impl Drop for S3Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        // It lapses by itself where this takes too long.
        let ended = lock(&self.ended).recv_timeout(FAREWELL);
        if ended == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::debug!("the lease was left to lapse");
        }
    }
}

/// Waits at most `patience` for the lease. `known` is its entity tag where it was free when last seen.
pub(super) async fn acquire(
    bucket: &Arc<Bucket>,
    handle: &Handle,
    patience: Duration,
    known: &Arc<Mutex<Option<String>>>,
) -> Result<S3Lease, StorageError> {
    let token = uuid::Uuid::new_v4().to_string();
    let (began, mut tries) = (Instant::now(), 0);
    let remembered = lock(known).take();
    if let Some(etag) = remembered
        && let Some(etag) = take(bucket, &token, &Condition::Tagged(etag)).await?
    {
        return hold(bucket, handle, token, etag, known).await;
    }
    loop {
        let found = bucket.head(LEASE).await?;
        if let Some(condition) = open_to(bucket, found.as_ref())
            && let Some(etag) = take(bucket, &token, &condition).await?
        {
            if found.is_some_and(|found| found.mark.as_deref() != Some(FREE)) {
                tracing::warn!("the last publisher died; what it left is removed");
                bucket.abort_all().await?;
            }
            return hold(bucket, handle, token, etag, known).await;
        }
        if began.elapsed() >= patience {
            return Err(StorageError::Held {
                holder: holder(bucket).await?,
                place: bucket.place(LEASE),
                seconds: patience.as_secs(),
            });
        }
        pause(tries.min(2)).await;
        tries += 1;
    }
}

/// On what condition the lease may be taken now.
fn open_to(bucket: &Bucket, found: Option<&Found>) -> Option<Condition> {
    let Some(found) = found else {
        return Some(Condition::Absent);
    };
    let free = found.mark.as_deref() == Some(FREE);
    let age = bucket.clock.age(found.modified);
    let lapsed = age.is_some_and(|age| age > LASTS);
    (free || lapsed).then(|| Condition::Tagged(found.etag.clone()))
}

async fn take(
    bucket: &Bucket,
    token: &str,
    condition: &Condition,
) -> Result<Option<String>, StorageError> {
    bucket
        .swap(LEASE, record(token), condition, token.to_owned())
        .await
}

/// What people read. Its holder is known by its machine and process.
fn record(token: &str) -> Bytes {
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy().into_owned();
    let until = SystemTime::now() + LASTS;
    let until = until.duration_since(SystemTime::UNIX_EPOCH);
    let until = Timestamp::from_seconds(until.unwrap_or_default().as_secs().cast_signed());
    let record = Record {
        holder: format!("process {} on {machine}", std::process::id()),
        token: token.to_owned(),
        until: until.rfc3339(),
    };
    serde_json::to_vec(&record).unwrap_or_default().into()
}

/// Who holds it, as far as the record says.
async fn holder(bucket: &Bucket) -> Result<String, StorageError> {
    let found = bucket.get(LEASE, MAX_RECORD).await?;
    let record = found.and_then(|(bytes, _)| serde_json::from_slice::<Record>(&bytes).ok());
    Ok(record.map_or_else(|| "another farm".to_owned(), |record| record.holder))
}

/// Makes sure that the server does what leases and commits rely on, and renews the lease until it is dropped.
async fn hold(
    bucket: &Arc<Bucket>,
    handle: &Handle,
    token: String,
    etag: String,
    known: &Arc<Mutex<Option<String>>>,
) -> Result<S3Lease, StorageError> {
    probe(bucket, &token).await?;
    let held = Arc::new(Mutex::new(Held {
        etag,
        renewed: Instant::now(),
        lost: false,
    }));
    let (stop, stopped) = oneshot::channel();
    let (end, ended) = mpsc::channel::<()>();
    let lease = S3Lease {
        place: bucket.place(LEASE),
        held: Arc::clone(&held),
        stop: Some(stop),
        ended: Mutex::new(ended),
    };
    let (bucket, known) = (Arc::clone(bucket), Arc::clone(known));
    handle.spawn(async move {
        renew(&bucket, &token, &held, stopped).await;
        let left = release(&bucket, &token, &held).await;
        *lock(&known) = left;
        drop(end);
    });
    Ok(lease)
}

/// Writes the lease again and again, until its holder stops, or loses it.
async fn renew(
    bucket: &Bucket,
    token: &str,
    held: &Mutex<Held>,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            () = tokio::time::sleep(RENEWED) => {}
        }
        let (etag, began) = (lock(held).etag.clone(), Instant::now());
        let written = take(bucket, token, &Condition::Tagged(etag)).await;
        let mut held = lock(held);
        match written {
            Ok(Some(etag)) => (held.etag, held.renewed) = (etag, began),
            Ok(None) => {
                held.lost = true;
                return;
            }
            Err(error) => tracing::warn!(%error, "the lease could not be renewed; trying again"),
        }
    }
}

/// Gives the lease back; gives its entity tag.
async fn release(bucket: &Bucket, token: &str, held: &Mutex<Held>) -> Option<String> {
    let (etag, lost) = {
        let held = lock(held);
        (held.etag.clone(), held.lost)
    };
    if lost {
        return None;
    }
    let condition = Condition::Tagged(etag);
    let freed = bucket.swap(LEASE, record(token), &condition, FREE.to_owned());
    freed.await.unwrap_or_default()
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two writes of the lease itself that must be refused. A server that takes them would let two farms overwrite each other.
async fn probe(bucket: &Bucket, token: &str) -> Result<(), StorageError> {
    if bucket.enforces() {
        return Ok(());
    }
    for condition in [Condition::Absent, Condition::Tagged(NO_TAG.to_owned())] {
        if take(bucket, &format!("{token} again"), &condition)
            .await?
            .is_some()
        {
            let place = bucket.place("");
            return Err(StorageError::Unconditional { place });
        }
    }
    bucket.enforced();
    Ok(())
}
