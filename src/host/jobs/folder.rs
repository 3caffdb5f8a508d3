//! Where jobs are kept: a file for each, replaced as a whole, and beside it what the job's commands printed.
//!
//! Both are for the agent's own user alone: what plugins print may hold what is not for everybody.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::{Job, JobId, JobsError};

/// The most bytes of a job's file.
const MAX_JOB: u64 = 4 << 20;
/// The most bytes of what a job's commands printed that are kept: the first.
const MAX_OUTPUT: u64 = 1 << 20;
/// What follows them where there was more.
const CUT: &str = "\n[more was printed than is kept]\n";

/// The folder of the jobs.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`, which is made if it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, JobsError> {
        let failed = |source| JobsError::File {
            path: path.to_owned(),
            source,
        };
        if !path.is_dir() {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(path).map_err(failed)?;
        }
        Ok(Self(path.to_owned()))
    }

    /// Every job that can be read. What cannot is left where it is, and said in the log.
    pub(super) fn read(&self) -> Result<Vec<Job>, JobsError> {
        let failed = |source| self.failed(&self.0, source);
        let mut jobs = Vec::new();
        for entry in fs_err::read_dir(&self.0).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => match read(&path) {
                    Ok(job) if self.job(&job.uuid) == path => jobs.push(job),
                    Ok(_) => {
                        tracing::error!(path = %path.display(), "a job's file has another job's name; it is passed over")
                    }
                    Err(error) => {
                        tracing::error!(path = %path.display(), %error, "a job's file cannot be read; it is passed over");
                    }
                },
                // A death left it, in the middle of a write.
                Some("new") => fs_err::remove_file(&path).map_err(failed)?,
                _ => {}
            }
        }
        jobs.sort_by_key(|job| job.number);
        Ok(jobs)
    }

    /// Writes a job, so that it is there after a power cut too.
    pub(super) fn write(&self, job: &Job) -> Result<(), JobsError> {
        let (path, new) = (self.job(&job.uuid), self.file(&job.uuid, "new"));
        let write = || -> io::Result<()> {
            let text = serde_json::to_vec(job)?;
            // It could not be read again.
            if text.len() as u64 > MAX_JOB {
                return Err(ErrorKind::FileTooLarge.into());
            }
            let mut file = fs_err::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs_err::rename(&new, &path)?;
            fs_err::File::open(&self.0)?.sync_all()
        };
        write().map_err(|source| self.failed(&path, source))
    }

    /// Forgets a job.
    pub(super) fn remove(&self, id: &JobId) -> Result<(), JobsError> {
        for path in [self.output(id), self.job(id)] {
            match fs_err::remove_file(&path) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(self.failed(&path, source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds to what a job's commands printed.
    pub(super) fn print(&self, id: &JobId, text: &str) -> Result<(), JobsError> {
        let path = self.output(id);
        let write = || -> io::Result<()> {
            let mut file = fs_err::OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)?;
            let has = file.metadata()?.len();
            if has > MAX_OUTPUT {
                return Ok(());
            }
            let room = usize::try_from(MAX_OUTPUT - has).unwrap_or(usize::MAX);
            if text.len() <= room {
                return file.write_all(text.as_bytes());
            }
            let kept = text.floor_char_boundary(room);
            file.write_all(&text.as_bytes()[..kept])?;
            file.write_all(CUT.as_bytes())
        };
        write().map_err(|source| self.failed(&path, source))
    }

    /// What a job's commands printed so far.
    pub(super) fn printed(&self, id: &JobId) -> Result<String, JobsError> {
        let path = self.output(id);
        let most = MAX_OUTPUT + CUT.len() as u64;
        let mut bytes = Vec::new();
        match fs_err::File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
            opened => opened.and_then(|file| file.take(most).read_to_end(&mut bytes)),
        }
        .map_err(|source| self.failed(&path, source))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn job(&self, id: &JobId) -> PathBuf {
        self.file(id, "json")
    }

    fn output(&self, id: &JobId) -> PathBuf {
        self.file(id, "log")
    }

    fn file(&self, id: &JobId, extension: &str) -> PathBuf {
        self.0.join(format!("{id}.{extension}"))
    }

    fn failed(&self, path: &Path, source: io::Error) -> JobsError {
        JobsError::File {
            path: path.to_owned(),
            source,
        }
    }
}

fn read(path: &Path) -> io::Result<Job> {
    let mut text = Vec::new();
    fs_err::File::open(path)?
        .take(MAX_JOB)
        .read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::jobs::Asked;
    use crate::model::Timestamp;

    #[test]
    fn nothing_is_written_that_could_not_be_read() {
        let kept = tempfile::tempdir().unwrap();
        let folder = Folder::open(kept.path()).unwrap();
        let job = |size: usize| {
            let url = format!("https://x/{}", "y".repeat(size));
            let asked = Asked::git(&url, None, None);
            Job::new(1, asked, false, Timestamp::from_seconds(1))
        };
        let small = job(1 << 16);
        folder.write(&small).unwrap();
        assert!(folder.write(&job(5 << 20)).is_err());
        assert_eq!(folder.read().unwrap(), [small]);
    }
}
