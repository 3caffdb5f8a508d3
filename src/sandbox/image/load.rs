//! Hands a root file system to the engine as an image.
//!
//! The image is written here, in the form of `docker save` (image specification 1.2), and not by the engine: so its id is a
//! digest of what is in it, and the same root file system has the same id on every engine.

use std::collections::BTreeMap;
use std::io::{self, Read, Write as _};
use std::path::Path;

use bollard::query_parameters::ImportImageOptionsBuilder;
use futures_util::StreamExt as _;
use serde_json::json;
use tar::{Builder, Header};

use crate::model::{Sha256, Sha256Writer, Timestamp};
use crate::sandbox::upload::{Pipe, stream};
use crate::sandbox::{Engine, SandboxError};

/// Where an image keeps the list of its packages; `images/common/clean` writes it.
const PACKAGES: &str = "usr/share/plugfarm/packages";
/// The most that such a list has, in bytes.
const PACKAGES_SIZE: u64 = 1 << 20;

/// What a root file system is, and what is in it.
pub(super) struct Root {
    pub(super) sha256: Sha256,
    /// One package a line: name, version, architecture.
    pub(super) packages: String,
}

/// Reads a root file system's tar once.
pub(super) fn read_root(tar: &Path) -> io::Result<Root> {
    let file = fs_err::File::open(tar)?;
    let mut hashing = Hashing {
        inner: io::BufReader::with_capacity(1 << 20, file),
        digest: Sha256Writer::new(io::sink()),
    };
    let mut packages = String::new();
    for entry in tar::Archive::new(&mut hashing).entries()? {
        let entry = entry?;
        if entry.path()?.strip_prefix(".").unwrap_or(&entry.path()?) == Path::new(PACKAGES) {
            entry.take(PACKAGES_SIZE).read_to_string(&mut packages)?;
        }
    }
    io::copy(&mut hashing, &mut io::sink())?;
    Ok(Root {
        sha256: hashing.digest.finish().1,
        packages,
    })
}

/// Passes bytes on and digests them.
struct Hashing<R> {
    inner: R,
    digest: Sha256Writer<io::Sink>,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let (read, _) = buffer.split_at(count);
        self.digest.write_all(read)?;
        Ok(count)
    }
}

/// What an image is called and says about itself.
pub(super) struct Description<'a> {
    pub(super) tag: &'a str,
    pub(super) labels: BTreeMap<&'a str, String>,
    pub(super) created: Timestamp,
    pub(super) root: Sha256,
}

/// Gives the engine the image whose only layer is the tar at `layer`.
pub(super) async fn load(
    engine: &Engine,
    description: &Description<'_>,
    layer: &Path,
) -> Result<(), SandboxError> {
    let config = config(description);
    let manifest = json!([{
        "Config": "config.json",
        "RepoTags": [description.tag],
        "Layers": ["layer.tar"],
    }]);
    let (mut pipe, chunks) = Pipe::new();
    let layer = layer.to_owned();
    let writing = tokio::task::spawn_blocking(move || {
        let written = write(&mut pipe, &config, &manifest.to_string(), &layer);
        if written.is_err() {
            pipe.fail();
        }
        written
    });
    let options = ImportImageOptionsBuilder::new().quiet(true).build();
    let body = bollard::body_try_stream(stream(chunks));
    let mut answers = Box::pin(engine.docker.import_image(options, body, None));
    let mut refused = None;
    while let Some(answer) = answers.next().await {
        refused = refused.or(answer.err());
    }
    if let Ok(Err(source)) = writing.await
        && source.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(SandboxError::Storage {
            action: "the image's root file system cannot be read",
            source,
        });
    }
    refused.map_or(Ok(()), |error| {
        Err(SandboxError::engine("take an image")(error))
    })
}

fn config(description: &Description<'_>) -> String {
    let created = description.created.rfc3339();
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Labels": description.labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", description.root)]},
        "history": [{"created": created, "created_by": "plugfarm images build"}],
    });
    config.to_string()
}

fn write(mut out: &mut Pipe, config: &str, manifest: &str, layer: &Path) -> io::Result<()> {
    let mut tar = Builder::new(&mut out);
    let mut append = |name: &str, size: u64, content: &mut dyn Read| {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(size);
        tar.append_data(&mut header, name, content)
    };
    append("config.json", config.len() as u64, &mut config.as_bytes())?;
    let mut file = fs_err::File::open(layer)?;
    append("layer.tar", file.metadata()?.len(), &mut file)?;
    append(
        "manifest.json",
        manifest.len() as u64,
        &mut manifest.as_bytes(),
    )?;
    tar.into_inner()?.flush()
}
