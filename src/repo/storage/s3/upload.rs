//! Immutable objects on their way: small ones whole, large ones in parts, and what was there already.

use std::io::{self, Write as _};
use std::path::Path;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::AsyncReadExt as _;

use super::Observer;
use super::bucket::{About, Bucket, Condition, absent, patience, pause, refused, sha256_metadata};
use super::headers::{cache_control, content_type};
use super::trouble::{status, trouble};
use crate::model::{Sha256, Sha256Writer};
use crate::repo::storage::{Action, Content, Kind, StorageError, Trouble, Write};

/// Files from this size on are sent in parts.
const LARGE: u64 = 16 << 20;
/// The size of a part. S3 takes 10,000 parts at most, and none but the last below 5 MiB.
const PART: usize = 8 << 20;
/// How many parts of one file are on their way at once.
const PARTS_AT_ONCE: usize = 3;
/// How often it is looked at who else writes the same object just now.
const LOOKS: u32 = 5;

impl Bucket {
    /// Writes one object of a wave.
    pub(super) async fn write(
        &self,
        write: Write,
        observer: &Observer,
    ) -> Result<(), StorageError> {
        let about = About {
            expected: write.expected,
            kind: write.kind,
            mark: None,
        };
        let size = write.expected.size;
        match write.content {
            Content::Copy(from) => self.copy(&from, &write.key, &about).await?,
            Content::File(path) if size >= LARGE => {
                return self.upload(&write.key, &path, &about, observer).await;
            }
            Content::File(path) => {
                let bytes = read_file(&path, size).await?;
                self.place_bytes(&write.key, bytes, &about).await?;
            }
            Content::Bytes(bytes) => self.place_bytes(&write.key, bytes, &about).await?,
        }
        observer.sent(size);
        Ok(())
    }

    async fn place_bytes(
        &self,
        key: &str,
        bytes: Bytes,
        about: &About,
    ) -> Result<(), StorageError> {
        let found = Sha256::of(&bytes);
        if found != about.expected.sha256 {
            let place = self.place(key);
            return Err(StorageError::Mismatch { place, found });
        }
        if about.kind != Kind::Immutable {
            self.put(key, bytes, about, &Condition::Any).await?;
            return Ok(());
        }
        for look in 0..LOOKS {
            let written = self.put(key, bytes.clone(), about, &Condition::Absent);
            if written.await?.is_some() || self.is_there(key, about).await? {
                return Ok(());
            }
            pause(look).await;
        }
        Err(self.contended(key))
    }

    /// Whether the object is there already; an error when it is another one.
    async fn is_there(&self, key: &str, about: &About) -> Result<bool, StorageError> {
        let Some(found) = self.head(key).await? else {
            return Ok(false);
        };
        let same = match found.is(about.expected) {
            Some(same) => same,
            None => self.digest(key).await? == Some(about.expected),
        };
        if same {
            Ok(true)
        } else {
            let place = self.place(key);
            Err(StorageError::Differs { place })
        }
    }

    fn contended(&self, key: &str) -> StorageError {
        StorageError::Service {
            action: Action::Write,
            place: self.place(key),
            trouble: Trouble::Busy,
            said: "somebody else is writing it".to_owned(),
        }
    }

    /// Sends a large file in parts. It appears whole or not at all, and nothing is left of what could not be sent.
    async fn upload(
        &self,
        key: &str,
        path: &Path,
        about: &About,
        observer: &Observer,
    ) -> Result<(), StorageError> {
        if self.is_there(key, about).await? {
            observer.sent(about.expected.size);
            return Ok(());
        }
        let request = self.client.create_multipart_upload().bucket(&self.name);
        let created = request
            .key(self.full(key))
            .content_type(content_type(key))
            .cache_control(cache_control(about.kind))
            .set_metadata(Some(sha256_metadata(about)))
            .send()
            .await
            .map_err(|error| trouble(Action::Write, self.place(key), &error))?;
        let id = created.upload_id().unwrap_or_default();
        let sent = match self.send_parts(key, path, about, id, observer).await {
            Ok(parts) => self.complete(key, about, id, parts).await,
            Err(error) => Err(error),
        };
        if sent.is_err() {
            self.abort(&self.full(key), id).await;
        }
        sent
    }

    async fn send_parts(
        &self,
        key: &str,
        path: &Path,
        about: &About,
        id: &str,
        observer: &Observer,
    ) -> Result<Vec<CompletedPart>, StorageError> {
        let mut parts = Parts::open(path).await?;
        let mut writer = Sha256Writer::new(io::sink());
        let (mut running, mut sent) = (FuturesUnordered::new(), Vec::new());
        loop {
            while running.len() < PARTS_AT_ONCE
                && let Some((number, bytes)) = parts.next(path).await?
            {
                writer
                    .write_all(&bytes)
                    .map_err(StorageError::io("read", path))?;
                running.push(self.send_part(key, id, number, bytes, observer));
            }
            match running.try_next().await? {
                Some(part) => sent.push(part),
                None => break,
            }
        }
        sent.sort_by_key(CompletedPart::part_number);
        let (_, found, size) = writer.finish();
        if (found, size) == (about.expected.sha256, about.expected.size) {
            Ok(sent)
        } else {
            let place = self.place(key);
            Err(StorageError::Mismatch { place, found })
        }
    }

    async fn send_part(
        &self,
        key: &str,
        id: &str,
        number: i32,
        bytes: Bytes,
        observer: &Observer,
    ) -> Result<CompletedPart, StorageError> {
        let size = bytes.len() as u64;
        let request = self.client.upload_part().bucket(&self.name);
        let sent = request
            .key(self.full(key))
            .upload_id(id)
            .part_number(number)
            .body(bytes.into())
            .customize()
            .config_override(patience(size))
            .send()
            .await
            .map_err(|error| trouble(Action::Write, self.place(key), &error))?;
        observer.sent(size);
        let part = CompletedPart::builder().part_number(number);
        Ok(part.set_e_tag(sent.e_tag().map(str::to_owned)).build())
    }

    async fn complete(
        &self,
        key: &str,
        about: &About,
        id: &str,
        parts: Vec<CompletedPart>,
    ) -> Result<(), StorageError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts));
        let request = self.client.complete_multipart_upload().bucket(&self.name);
        let completed = request
            .key(self.full(key))
            .upload_id(id)
            .multipart_upload(parts.build())
            .set_if_none_match(absent(&Condition::Absent))
            .send()
            .await;
        let Err(error) = completed else {
            return Ok(());
        };
        // Done by somebody else meanwhile, or by a try of ours whose answer was lost.
        if self.is_there(key, about).await? {
            return Ok(());
        }
        if refused(status(&error), &Condition::Absent, error.as_service_error()) {
            return Err(self.contended(key));
        }
        Err(trouble(Action::Write, self.place(key), &error))
    }

    /// Gives up an upload; what was sent of it costs nothing any more.
    async fn abort(&self, full: &str, id: &str) {
        let request = self.client.abort_multipart_upload().bucket(&self.name);
        let aborted = request.key(full).upload_id(id).send().await;
        if let Err(error) = aborted {
            let place = format!("s3://{}/{full}", self.name);
            let error = trouble(Action::Write, place, &error);
            tracing::warn!(%error, "an unfinished upload is left; the next publication tries to remove it");
        }
    }

    /// Gives up what a writer that died had begun to upload.
    pub(super) async fn abort_all(&self) -> Result<(), StorageError> {
        let request = self.client.list_multipart_uploads().bucket(&self.name);
        let found = request
            .prefix(&self.prefix)
            .send()
            .await
            .map_err(|error| trouble(Action::List, self.place(""), &error))?;
        for upload in found.uploads() {
            if let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) {
                self.abort(key, id).await;
            }
        }
        Ok(())
    }
}

/// A file, part by part.
struct Parts {
    file: tokio::fs::File,
    number: i32,
}

impl Parts {
    async fn open(path: &Path) -> Result<Self, StorageError> {
        let file = tokio::fs::File::open(path).await;
        let file = file.map_err(StorageError::io("read", path))?;
        Ok(Self { file, number: 0 })
    }

    async fn next(&mut self, path: &Path) -> Result<Option<(i32, Bytes)>, StorageError> {
        let mut part = BytesMut::with_capacity(PART);
        while part.len() < PART {
            let mut rest = (&mut self.file).take((PART - part.len()) as u64);
            let read = rest.read_buf(&mut part).await;
            if read.map_err(StorageError::io("read", path))? == 0 {
                break;
            }
        }
        self.number += 1;
        Ok((!part.is_empty()).then(|| (self.number, part.freeze())))
    }
}

/// A file that has `size` bytes; one more is enough to see that it has more.
async fn read_file(path: &Path, size: u64) -> Result<Bytes, StorageError> {
    let failed = || StorageError::io("read", path);
    let file = tokio::fs::File::open(path).await.map_err(failed())?;
    let mut bytes = Vec::new();
    let mut reader = file.take(size.saturating_add(1));
    reader.read_to_end(&mut bytes).await.map_err(failed())?;
    Ok(bytes.into())
}
