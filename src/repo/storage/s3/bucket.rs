//! Requests for single objects of one bucket, below one prefix.

use std::collections::HashMap;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::MetadataDirective;
use bytes::Bytes;

use super::clock::ServerClock;
use super::headers::{cache_control, content_type};
use super::trouble::{status, trouble};
use crate::model::{Sha256, Timestamp};
use crate::repo::storage::{Action, Expected, Kind, Listed, StorageError};

/// How long the server may take over one try of a small request.
const PATIENCE: Duration = Duration::from_secs(20);
/// The slowest link that is still good for something, in bytes per second.
const SLOWEST: u64 = 32 << 10;
/// The name of an object's SHA-256 among its metadata. Whoever uploads knows it; a server's own checksums come in kinds.
const SHA256: &str = "sha256";
/// The name of a writer's mark, by which it knows its own object again.
const MARK: &str = "mark";

/// What must be at a key for it to be written.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// Anything.
    Any,
    /// Nothing.
    Absent,
    /// What has this entity tag.
    Tagged(String),
}

/// What is at a key.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) etag: String,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    pub(super) sha256: Option<Sha256>,
    pub(super) mark: Option<String>,
}

impl Found {
    /// Whether it is what is expected; `None` when it does not say.
    pub(super) fn is(&self, expected: Expected) -> Option<bool> {
        if self.size != expected.size {
            return Some(false);
        }
        self.sha256.map(|sha256| sha256 == expected.sha256)
    }
}

/// What an object that is written says of itself.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) expected: Expected,
    pub(super) kind: Kind,
    pub(super) mark: Option<String>,
}

/// One bucket, below one prefix.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
    /// Empty, or ends with a slash.
    pub(super) prefix: String,
    pub(super) clock: ServerClock,
    /// When the server says that an object was written which clients ask for by its date.
    pub(super) dated: Mutex<HashMap<String, Timestamp>>,
    /// Whether conditions are sent; without it this farm is the only one that writes, and looks before it does.
    pub(super) conditional: bool,
    /// Whether the server was seen to enforce conditions, or does not have to.
    pub(super) enforces: AtomicBool,
}

impl Bucket {
    pub(super) fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(super) fn place(&self, key: &str) -> String {
        format!("s3://{}/{}{key}", self.name, self.prefix)
    }

    pub(super) fn enforces(&self) -> bool {
        self.enforces.load(Ordering::Relaxed)
    }

    pub(super) fn enforced(&self) {
        self.enforces.store(true, Ordering::Relaxed);
    }

    pub(super) async fn head(&self, key: &str) -> Result<Option<Found>, StorageError> {
        let request = self.client.head_object().bucket(&self.name);
        let request = request.key(self.full(key)).customize();
        match request.config_override(patience(0)).send().await {
            Ok(found) => Ok(Some(Found {
                etag: found.e_tag().unwrap_or_default().to_owned(),
                size: unsigned(found.content_length()),
                modified: timestamp(found.last_modified()),
                sha256: metadata(found.metadata(), SHA256).and_then(|text| text.parse().ok()),
                mark: metadata(found.metadata(), MARK),
            })),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(trouble(Action::Read, self.place(key), &error)),
        }
    }

    /// Writes an object whole. Gives its entity tag, or `None` when the condition did not hold.
    pub(super) async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        about: &About,
        condition: &Condition,
    ) -> Result<Option<String>, StorageError> {
        if !self.conditional && !self.holds(key, condition).await? {
            return Ok(None);
        }
        let size = bytes.len() as u64;
        let sent = if self.conditional {
            condition
        } else {
            &Condition::Any
        };
        let request = self.client.put_object().bucket(&self.name);
        let request = request
            .key(self.full(key))
            .content_type(content_type(key))
            .cache_control(cache_control(about.kind))
            .metadata(SHA256, about.expected.sha256.to_string())
            .set_if_none_match(absent(sent))
            .set_if_match(tagged(sent))
            .body(bytes.into());
        let request = match &about.mark {
            Some(mark) => request.metadata(MARK, mark),
            None => request,
        };
        let request = request.customize().config_override(patience(size));
        match request.send().await {
            Ok(written) => {
                self.note_date(key, self.clock.now());
                Ok(Some(written.e_tag().unwrap_or_default().to_owned()))
            }
            Err(error) if refused(status(&error), sent, error.as_service_error()) => Ok(None),
            Err(error) => Err(trouble(Action::Write, self.place(key), &error)),
        }
    }

    /// Whether a condition holds just now.
    async fn holds(&self, key: &str, condition: &Condition) -> Result<bool, StorageError> {
        Ok(match condition {
            Condition::Any => true,
            Condition::Absent => self.head(key).await?.is_none(),
            Condition::Tagged(etag) => self
                .head(key)
                .await?
                .is_some_and(|found| found.etag == *etag),
        })
    }

    /// Writes an object whose condition says which one it replaces, with a mark that nobody else uses: by it a write is
    /// known again whose answer was lost.
    pub(super) async fn swap(
        &self,
        key: &str,
        bytes: Bytes,
        condition: &Condition,
        mark: String,
    ) -> Result<Option<String>, StorageError> {
        let about = About {
            expected: Expected::of(&bytes),
            kind: Kind::Replaced {
                date: Timestamp::from_seconds(0),
            },
            mark: Some(mark),
        };
        let written = match self.put(key, bytes, &about, condition).await {
            Ok(Some(etag)) => return Ok(Some(etag)),
            Err(error) if !error.is_retryable() => return Err(error),
            written => written,
        };
        match self.head(key).await {
            Ok(Some(found)) if found.mark == about.mark => Ok(Some(found.etag)),
            Ok(_) => written,
            Err(_) if written.is_ok() => written,
            Err(source) => Err(StorageError::InDoubt {
                place: self.place(key),
                source: Box::new(source),
            }),
        }
    }

    /// Writes an object from another one; no bytes are sent.
    pub(super) async fn copy(
        &self,
        from: &str,
        key: &str,
        about: &About,
    ) -> Result<(), StorageError> {
        let request = self.client.copy_object().bucket(&self.name);
        let request = request
            .key(self.full(key))
            .copy_source(format!("{}/{}", self.name, self.full(from)))
            .metadata_directive(MetadataDirective::Replace)
            .metadata(SHA256, about.expected.sha256.to_string())
            .content_type(content_type(key))
            .cache_control(cache_control(about.kind));
        let sent = request.customize();
        match sent
            .config_override(patience(about.expected.size))
            .send()
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if no_such_key(status(&error), error.as_service_error()) => {
                Err(StorageError::Damaged {
                    place: self.place(from),
                })
            }
            Err(error) => Err(trouble(Action::Copy, self.place(key), &error)),
        }
    }

    /// Everything below `folder`, sorted by key.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError> {
        let start = self.full(&format!("{folder}/"));
        let request = self.client.list_objects_v2().bucket(&self.name);
        let mut pages = request.prefix(start).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                trouble(Action::List, self.place(&format!("{folder}/")), &error)
            })?;
            for object in page.contents() {
                let key = object.key().unwrap_or_default();
                if let Some(key) = key.strip_prefix(&self.prefix) {
                    found.push(Listed {
                        key: key.to_owned(),
                        size: unsigned(object.size()),
                        modified: timestamp(object.last_modified()),
                    });
                }
            }
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), StorageError> {
        let request = self.client.delete_object().bucket(&self.name);
        let request = request.key(self.full(key)).customize();
        match request.config_override(patience(0)).send().await {
            Ok(_) => Ok(()),
            Err(error) if no_such_key(status(&error), error.as_service_error()) => Ok(()),
            Err(error) => Err(trouble(Action::Remove, self.place(key), &error)),
        }
    }

    /// Notes when the server says that `key` was written.
    pub(super) fn note_date(&self, key: &str, written: Option<Timestamp>) {
        if let Some(written) = written.filter(|_| key.starts_with("dists/")) {
            let mut dated = self.dated.lock().unwrap_or_else(PoisonError::into_inner);
            dated.insert(key.to_owned(), written);
        }
    }

    /// Waits until a new object at `key` gets a later date than the last one: HTTP's dates count in seconds, apt asks for
    /// what is later, and would not see two within one.
    pub(super) async fn wait_for_next_second(&self, key: &str) {
        let written = {
            let dated = self.dated.lock().unwrap_or_else(PoisonError::into_inner);
            dated.get(key).copied()
        };
        if let Some(written) = written {
            let wait = self.clock.until_after(written);
            tokio::time::sleep(wait.unwrap_or(Duration::from_secs(1))).await;
        }
    }
}

/// Waits longer each time, and never as long as anybody else.
pub(super) async fn pause(tries: u32) {
    let longest = 200_u64 << tries.min(5);
    let chance = u64::from(uuid::Uuid::new_v4().as_fields().0) % longest;
    tokio::time::sleep(Duration::from_millis(longest / 2 + chance)).await;
}

/// How long one try of a request that carries `bytes` may take.
pub(super) fn patience(bytes: u64) -> aws_sdk_s3::config::Builder {
    let time = PATIENCE + Duration::from_secs(bytes / SLOWEST);
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(time);
    aws_sdk_s3::Config::builder().timeout_config(timeouts.build())
}

pub(super) fn absent(condition: &Condition) -> Option<String> {
    matches!(condition, Condition::Absent).then(|| "*".to_owned())
}

fn tagged(condition: &Condition) -> Option<String> {
    match condition {
        Condition::Tagged(etag) => Some(etag.clone()),
        Condition::Any | Condition::Absent => None,
    }
}

/// Whether the answer is that the condition did not hold: 412; 409 when somebody is writing just now; 404 for a tag of what
/// is not there any more.
pub(super) fn refused<E: aws_sdk_s3::error::ProvideErrorMetadata>(
    status: Option<u16>,
    condition: &Condition,
    error: Option<&E>,
) -> bool {
    match (condition, status) {
        (Condition::Any, _) => false,
        (_, Some(412 | 409)) => true,
        (Condition::Tagged(_), status) => no_such_key(status, error),
        (Condition::Absent, _) => false,
    }
}

fn no_such_key<E: aws_sdk_s3::error::ProvideErrorMetadata>(
    status: Option<u16>,
    error: Option<&E>,
) -> bool {
    let code = error.and_then(|error| error.code());
    status == Some(404) && code != Some("NoSuchBucket")
}

fn metadata(all: Option<&HashMap<String, String>>, name: &str) -> Option<String> {
    all.and_then(|all| all.get(name).cloned())
}

pub(super) fn unsigned(size: Option<i64>) -> u64 {
    size.and_then(|size| u64::try_from(size).ok())
        .unwrap_or_default()
}

pub(super) fn timestamp(time: Option<&DateTime>) -> Timestamp {
    Timestamp::from_seconds(time.map_or(0, DateTime::secs))
}

/// The metadata of an object that is uploaded in parts.
pub(super) fn sha256_metadata(about: &About) -> HashMap<String, String> {
    HashMap::from([(SHA256.to_owned(), about.expected.sha256.to_string())])
}
