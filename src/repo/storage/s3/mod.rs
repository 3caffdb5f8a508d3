//! An object store with Amazon's S3 interface as storage: the one place that knows its client.
//!
//! What is immutable is written with `If-None-Match: *`, what is swapped with `If-Match` and the entity tag that was read; a
//! server that does not enforce these is found out before anything is published. A key is an object below the prefix; an
//! object is whole or not there, so nothing has to be put together or cleaned up but unfinished uploads.

mod bucket;
mod cache;
mod client;
mod clock;
mod download;
mod driver;
mod headers;
mod lease;
mod trouble;
mod upload;

use std::collections::HashMap;
use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use self::bucket::{Bucket, Condition};
use self::cache::Cache;
use self::clock::ServerClock;
use self::driver::Driver;
use super::{
    Content, Expected, Lease, Listed, Object, Progress, Storage, StorageError, Tag, Write,
};
use crate::config::S3Config;
use crate::model::{Sha256, Timestamp};

/// How many requests of one wave are on their way at once.
const AT_ONCE: usize = 8;

/// A bucket, or a folder in one, as the repository's storage.
#[derive(Debug)]
pub(in crate::repo) struct S3Storage {
    bucket: Arc<Bucket>,
    driver: Driver,
    cache: Option<Cache>,
    progress: Option<Progress>,
    /// The entity tag of the lease, where this process was the last one to give it back.
    lease: Arc<Mutex<Option<String>>>,
}

impl S3Storage {
    /// Makes the client; nothing is asked of the server yet.
    pub(in crate::repo) fn new(
        config: &S3Config,
        cache: Option<PathBuf>,
        progress: Option<Progress>,
    ) -> Result<Self, StorageError> {
        let setup = |reason: String| StorageError::Setup { reason };
        let driver = Driver::start().map_err(|error| setup(error.to_string()))?;
        let (settings, clock) = (config.clone(), ServerClock::default());
        let follows = clock.clone();
        let client = driver.wait(async move { client::client(&settings, follows).await });
        let client =
            client.ok_or_else(|| setup("the certificates cannot be read as such".to_owned()))??;
        let prefix = match config.prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let bucket = Bucket {
            client,
            name: config.bucket.clone(),
            prefix,
            conditional: !config.single_writer,
            enforces: AtomicBool::new(config.single_writer),
            clock,
            dated: Mutex::new(HashMap::new()),
        };
        Ok(Self {
            bucket: Arc::new(bucket),
            driver,
            cache: cache.map(Cache::new),
            progress,
            lease: Arc::default(),
        })
    }

    /// Keeps what is named by its content: the next publication reads it.
    fn keep(&self, named: Option<Sha256>, bytes: &[u8]) {
        if let (Some(cache), Some(sha256)) = (&self.cache, named) {
            cache.keep(sha256, bytes);
        }
    }

    /// Waits for what is done with the bucket.
    fn wait<T, F>(&self, action: impl FnOnce(Arc<Bucket>) -> F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StorageError>> + Send + 'static,
    {
        let ended = self.driver.wait(action(Arc::clone(&self.bucket)));
        ended.unwrap_or_else(|| {
            Err(StorageError::Setup {
                reason: "the thread that talks to it has ended".to_owned(),
            })
        })
    }
}

impl Storage for S3Storage {
    fn get(&self, key: &str, limit: u64) -> Result<Option<Bytes>, StorageError> {
        let named = by_content(key);
        let kept = named.and_then(|sha256| self.cache.as_ref()?.get(sha256));
        if let Some(bytes) = kept.filter(|bytes| bytes.len() as u64 <= limit) {
            return Ok(Some(bytes));
        }
        let Some(Object { bytes, .. }) = self.tagged(key, limit)? else {
            return Ok(None);
        };
        if named.is_some_and(|sha256| sha256 != Sha256::of(&bytes)) {
            let place = self.place(key);
            return Err(StorageError::Damaged { place });
        }
        self.keep(named, &bytes);
        Ok(Some(bytes))
    }

    fn tagged(&self, key: &str, limit: u64) -> Result<Option<Object>, StorageError> {
        let key = key.to_owned();
        let found = self.wait(|bucket| async move { bucket.get(&key, limit).await })?;
        Ok(found.map(|(bytes, etag)| Object {
            bytes,
            tag: Tag(etag),
        }))
    }

    fn head(&self, key: &str) -> Result<Option<Listed>, StorageError> {
        let key = key.to_owned();
        self.wait(|bucket| async move {
            let found = bucket.head(&key).await?;
            Ok(found.map(|found| Listed {
                key,
                size: found.size,
                modified: found.modified,
            }))
        })
    }

    fn digest(&self, key: &str) -> Result<Option<Expected>, StorageError> {
        let key = key.to_owned();
        self.wait(|bucket| async move { bucket.digest(&key).await })
    }

    fn download(
        &self,
        key: &str,
        file: &File,
        path: &Path,
    ) -> Result<Option<Expected>, StorageError> {
        let file = file.try_clone().map_err(StorageError::io("write", path))?;
        let (key, path) = (key.to_owned(), path.to_owned());
        self.wait(|bucket| async move { bucket.read(&key, Some((&file, &path))).await })
    }

    fn write(&self, wave: Vec<Write>) -> Result<(), StorageError> {
        let observer = Arc::new(Observer::new(&wave, self.progress.clone()));
        let kept: Vec<_> = wave.iter().filter_map(worth_keeping).collect();
        self.wait(|bucket| async move {
            let written = stream::iter(wave).map(move |write| {
                let (bucket, observer) = (Arc::clone(&bucket), Arc::clone(&observer));
                async move { bucket.write(write, &observer).await }
            });
            written.buffer_unordered(AT_ONCE).try_collect::<()>().await
        })?;
        for (sha256, bytes) in kept {
            self.keep(Some(sha256), &bytes);
        }
        Ok(())
    }

    fn swap(
        &self,
        key: &str,
        bytes: &[u8],
        seen: Option<&Tag>,
        _date: Timestamp,
    ) -> Result<Option<Tag>, StorageError> {
        let (key, bytes) = (key.to_owned(), Bytes::copy_from_slice(bytes));
        let condition = match seen {
            Some(Tag(etag)) => Condition::Tagged(etag.clone()),
            None => Condition::Absent,
        };
        self.wait(|bucket| async move {
            bucket.wait_for_next_second(&key).await;
            let mark = uuid::Uuid::new_v4().to_string();
            let written = bucket.swap(&key, bytes, &condition, mark).await?;
            Ok(written.map(Tag))
        })
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError> {
        let folder = folder.to_owned();
        self.wait(|bucket| async move { bucket.list(&folder).await })
    }

    fn delete(&self, keys: &[String]) -> Result<(), StorageError> {
        let keys = keys.to_owned();
        self.wait(|bucket| async move {
            let deleted = stream::iter(keys).map(move |key| {
                let bucket = Arc::clone(&bucket);
                async move { bucket.delete(&key).await }
            });
            deleted.buffer_unordered(AT_ONCE).try_collect().await
        })
    }

    fn acquire(&self, patience: Duration) -> Result<Box<dyn Lease>, StorageError> {
        let (handle, known) = (self.driver.handle().clone(), Arc::clone(&self.lease));
        let acquire =
            |bucket| async move { lease::acquire(&bucket, &handle, patience, &known).await };
        Ok(Box::new(self.wait(acquire)?))
    }

    fn place(&self, key: &str) -> String {
        self.bucket.place(key)
    }

    fn folder(&self) -> Option<&Path> {
        None
    }
}

/// The digest that a key is named by, if it is.
fn by_content(key: &str) -> Option<Sha256> {
    key.rsplit('/').next().and_then(|name| name.parse().ok())
}

/// What of a wave the next publication will want to read.
fn worth_keeping(write: &Write) -> Option<(Sha256, Bytes)> {
    match (&write.content, by_content(&write.key)) {
        (Content::Bytes(bytes), Some(sha256)) if sha256 == write.expected.sha256 => {
            Some((sha256, bytes.clone()))
        }
        _ => None,
    }
}

/// Counts what was sent of one wave.
#[derive(Debug)]
struct Observer {
    sent: AtomicU64,
    total: u64,
    progress: Option<Progress>,
}

impl Observer {
    fn new(wave: &[Write], progress: Option<Progress>) -> Self {
        Self {
            sent: AtomicU64::new(0),
            total: wave.iter().map(|write| write.expected.size).sum(),
            progress,
        }
    }

    fn sent(&self, bytes: u64) {
        let sent = self.sent.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(Progress(tell)) = &self.progress {
            tell(sent, self.total);
        }
    }
}
