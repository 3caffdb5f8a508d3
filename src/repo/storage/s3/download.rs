//! Objects on their way here: whole, in what they are, and begun again where the connection breaks off.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::Path;

use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use bytes::{Bytes, BytesMut};

use super::bucket::{Bucket, patience, pause, timestamp, unsigned};
use super::trouble::{chain, trouble};
use crate::model::Sha256Writer;
use crate::repo::storage::{Action, Expected, StorageError, Trouble};

/// How often a download that broke off is begun again.
const DOWNLOADS: u32 = 4;

impl Bucket {
    /// The object's bytes and entity tag, whole: a download that breaks off is begun again.
    pub(super) async fn get(
        &self,
        key: &str,
        limit: u64,
    ) -> Result<Option<(Bytes, String)>, StorageError> {
        let mut tries = 0;
        loop {
            let Some(found) = self.open(key).await? else {
                return Ok(None);
            };
            let etag = found.e_tag().unwrap_or_default().to_owned();
            match self.collect(key, found, limit).await {
                Err(error) if error.is_retryable() && tries < DOWNLOADS => {
                    pause(tries).await;
                    tries += 1;
                }
                read => return read.map(|bytes| Some((bytes, etag))),
            }
        }
    }

    /// What the object's bytes really are.
    pub(super) async fn digest(&self, key: &str) -> Result<Option<Expected>, StorageError> {
        self.read(key, None).await
    }

    /// Likewise, and writes them to a file, which is at that path.
    pub(super) async fn read(
        &self,
        key: &str,
        to: Option<(&File, &Path)>,
    ) -> Result<Option<Expected>, StorageError> {
        let mut tries = 0;
        loop {
            let Some(found) = self.open(key).await? else {
                return Ok(None);
            };
            if let Some((mut file, path)) = to {
                let emptied = file.set_len(0).and_then(|()| file.rewind());
                emptied.map_err(StorageError::io("write", path))?;
            }
            match self.receive(key, found, to).await {
                Err(error) if error.is_retryable() && tries < DOWNLOADS => {
                    pause(tries).await;
                    tries += 1;
                }
                read => return read.map(Some),
            }
        }
    }

    /// Begins a download; notes when the object may be replaced.
    async fn open(&self, key: &str) -> Result<Option<GetObjectOutput>, StorageError> {
        let request = self.client.get_object().bucket(&self.name);
        let request = request.key(self.full(key)).customize();
        match request.config_override(patience(0)).send().await {
            Ok(found) => {
                self.note_date(key, found.last_modified().map(|date| timestamp(Some(date))));
                Ok(Some(found))
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetObjectError::is_no_such_key) =>
            {
                Ok(None)
            }
            Err(error) => Err(trouble(Action::Read, self.place(key), &error)),
        }
    }

    async fn collect(
        &self,
        key: &str,
        mut found: GetObjectOutput,
        limit: u64,
    ) -> Result<Bytes, StorageError> {
        let size = unsigned(found.content_length());
        let too_large = || StorageError::TooLarge {
            place: self.place(key),
            limit,
        };
        if size > limit {
            return Err(too_large());
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = found.body.next().await {
            bytes.extend_from_slice(&chunk.map_err(|error| self.broken(key, &error))?);
            if bytes.len() as u64 > limit {
                return Err(too_large());
            }
        }
        if bytes.len() as u64 == size {
            Ok(bytes.freeze())
        } else {
            Err(self.broken(key, &io::Error::from(io::ErrorKind::UnexpectedEof)))
        }
    }

    async fn receive(
        &self,
        key: &str,
        mut found: GetObjectOutput,
        to: Option<(&File, &Path)>,
    ) -> Result<Expected, StorageError> {
        let path = to.map_or(Path::new(""), |(_, path)| path);
        let out: Box<dyn io::Write + Send + '_> = match to {
            Some((file, _)) => Box::new(file),
            None => Box::new(io::sink()),
        };
        let mut writer = Sha256Writer::new(out);
        while let Some(chunk) = found.body.next().await {
            let chunk = chunk.map_err(|error| self.broken(key, &error))?;
            let written = writer.write_all(&chunk);
            written.map_err(StorageError::io("write", path))?;
        }
        let (_, sha256, size) = writer.finish();
        Ok(Expected { sha256, size })
    }

    /// A download that broke off.
    fn broken(&self, key: &str, error: &(dyn std::error::Error + 'static)) -> StorageError {
        StorageError::Service {
            action: Action::Read,
            place: self.place(key),
            trouble: Trouble::Unreachable,
            said: chain(error),
        }
    }
}
