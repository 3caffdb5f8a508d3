//! The farm's images: found, made from Debian packages, and derived from one another.
//!
//! An image says about itself, in labels, what it was made from: the digest of its recipe, the SHA-256 of its root file
//! system, and the list of its packages. So the engine is the only store, and a build's evidence needs no other.

mod bootstrap;
mod derive;
mod known;
mod load;
mod recipe;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;

use bollard::models::ImageInspect;
use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptions};

pub use known::known_packages;
pub use recipe::ImageName;

use self::load::Description;
use self::recipe::Recipe;
use super::run::status_of;
use super::{Engine, SandboxError};
use crate::model::{Sha256, Target, Timestamp};

const NAME: &str = "plugfarm.image";
const TARGET: &str = "plugfarm.target";
const RECIPE: &str = "plugfarm.recipe";
const PACKAGES: &str = "plugfarm.packages";

/// Takes what is going on, a line at a time: making an image takes half a minute.
pub type Progress<'a> = &'a mut (dyn FnMut(&str) + Send);

/// An image that is on the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// What it is for.
    pub name: ImageName,
    /// The Debian release that it is made of.
    pub target: Target,
    /// The engine's id of it: a digest of everything in it and about it.
    pub id: String,
    /// The SHA-256 of the tar of its root file system; for a derived image, of the list of its layers' digests.
    pub root_sha256: Sha256,
    /// The digest of the recipe that it was made by.
    pub recipe: Sha256,
    /// The Debian packages in it, sorted by name.
    pub packages: Vec<Package>,
}

/// Held by whoever makes an image: another process that wants the same one finds it made.
#[derive(Debug)]
struct Making(
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")] fs_err::File,
);

/// A Debian package in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
}

/// The images of one engine.
#[derive(Debug, Clone)]
pub struct Images {
    engine: Engine,
    scratch: PathBuf,
    mirror: Option<String>,
}

impl Images {
    /// The images of `engine`. New ones are made in `scratch`, which needs about 1 GiB, from the Debian mirror at the address
    /// `mirror` (with the security updates at the same address and `-security`), or else from the machine's default.
    #[must_use]
    pub fn new(engine: &Engine, scratch: PathBuf, mirror: Option<String>) -> Self {
        Self {
            engine: engine.clone(),
            scratch,
            mirror,
        }
    }

    /// The image, if the engine has it and it was made by this program's recipe.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub async fn find(
        &self,
        name: ImageName,
        target: Target,
    ) -> Result<Option<Image>, SandboxError> {
        self.inspect(&tag(name, target)).await
    }

    /// The image; made now if it is not there.
    ///
    /// # Errors
    ///
    /// As [`Images::build`].
    pub async fn ensure(
        &self,
        name: ImageName,
        target: Target,
        progress: Progress<'_>,
    ) -> Result<Image, SandboxError> {
        if let Some(image) = self.find(name, target).await? {
            return Ok(image);
        }
        let lock = self.lock().await?;
        match self.find(name, target).await? {
            Some(image) => Ok(image),
            None => self.make(name, target, progress, &lock).await,
        }
    }

    /// Makes the image anew, from today's Debian packages. The same packages give the same image, to the byte.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Mirror`] when packages cannot be fetched, [`SandboxError::Tool`] when mmdebstrap is missing or fails,
    /// [`SandboxError::Storage`], or what the engine says.
    pub async fn build(
        &self,
        name: ImageName,
        target: Target,
        progress: Progress<'_>,
    ) -> Result<Image, SandboxError> {
        let lock = self.lock().await?;
        self.make(name, target, progress, &lock).await
    }

    /// Waits until no other process makes an image here.
    async fn lock(&self) -> Result<Making, SandboxError> {
        let path = self.scratch.join("images.lock");
        let locked = tokio::task::spawn_blocking(move || {
            fs_err::create_dir_all(path.parent().unwrap_or(&path))?;
            let file = fs_err::File::create(path)?;
            file.file().lock()?;
            Ok(Making(file))
        });
        let locked = locked.await.map_err(io::Error::other).and_then(|made| made);
        locked.map_err(SandboxError::storage(
            "the folder for new images cannot be locked",
        ))
    }

    async fn make(
        &self,
        name: ImageName,
        target: Target,
        progress: Progress<'_>,
        _: &Making,
    ) -> Result<Image, SandboxError> {
        progress(&format!(
            "making the image {} from Debian packages",
            tag(name, target)
        ));
        let storage = SandboxError::storage;
        let folder = tempfile::Builder::new()
            .prefix("image-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir_in(&self.scratch)
            .map_err(storage("the folder for new images cannot be made"))?;
        let mirror = self.mirror.as_deref();
        let tar = bootstrap::bootstrap(name, target, mirror, folder.path(), progress).await?;
        known::keep(folder.path(), &self.scratch, target)
            .map_err(storage("the list of known packages cannot be kept"))?;
        progress("handing the image to the engine");
        let path = tar.clone();
        let read = tokio::task::spawn_blocking(move || load::read_root(&path)).await;
        let root = read
            .map_err(io::Error::other)
            .and_then(|root| root)
            .map_err(storage("the new image cannot be read"))?;
        let seconds = i64::try_from(recipe::snapshot(target)).unwrap_or_default();
        let description = Description {
            tag: &tag(name, target),
            labels: BTreeMap::from([
                (NAME, name.to_string()),
                (TARGET, target.to_string()),
                (RECIPE, Recipe::of(name).digest(name, target).to_string()),
                (PACKAGES, root.packages),
            ]),
            created: Timestamp::from_seconds(seconds),
            root: root.sha256,
        };
        let before = self.find(name, target).await?;
        load::load(&self.engine, &description, &tar).await?;
        let found = self.find(name, target).await?;
        let image = found.ok_or_else(|| SandboxError::ImageMissing {
            image: description.tag.to_owned(),
        })?;
        if let Some(before) = before.filter(|before| before.id != image.id) {
            self.forget(&before).await?;
        }
        Ok(image)
    }

    /// Removes an image that has lost its name, unless a container or another image still needs it.
    async fn forget(&self, image: &Image) -> Result<(), SandboxError> {
        match self
            .engine
            .docker
            .remove_image(&image.id, None::<RemoveImageOptions>, None)
            .await
        {
            Err(error) if !matches!(status_of(&error), Some(404 | 409)) => {
                Err(SandboxError::engine("remove an image")(error))
            }
            _ => Ok(()),
        }
    }

    /// The names of the packages that `target` has, as [`known_packages`] gives them.
    ///
    /// # Errors
    ///
    /// As [`known_packages`].
    pub fn known_packages(&self, target: Target) -> io::Result<Option<String>> {
        known_packages(&self.scratch, target)
    }

    /// Every image of this program's recipes that the engine has.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub async fn list(&self) -> Result<Vec<Image>, SandboxError> {
        let mut images = Vec::new();
        for name in ImageName::ALL {
            for target in Target::ALL {
                images.extend(self.find(name, target).await?);
            }
        }
        Ok(images)
    }

    /// The image with this root file system, if the engine has it, whatever its name is by now.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub async fn with_root(&self, root: Sha256) -> Result<Option<Image>, SandboxError> {
        let options = ListImagesOptionsBuilder::new()
            .filters(&HashMap::from([("label", vec![NAME])]))
            .build();
        let listed = self.engine.docker.list_images(Some(options)).await;
        for summary in listed.map_err(SandboxError::engine("list images"))? {
            let image = self.inspect(&summary.id).await?;
            if let Some(image) = image.filter(|image| image.root_sha256 == root) {
                return Ok(Some(image));
            }
        }
        Ok(None)
    }

    async fn inspect(&self, name: &str) -> Result<Option<Image>, SandboxError> {
        match self.engine.docker.inspect_image(name).await {
            Ok(inspected) => Ok(Image::read(inspected)),
            Err(error) if status_of(&error) == Some(404) => Ok(None),
            Err(error) => Err(SandboxError::engine("inspect an image")(error)),
        }
    }
}

impl Image {
    /// What an image says about itself; `None` when it is none of the farm's.
    fn read(inspected: ImageInspect) -> Option<Self> {
        let labels: HashMap<String, String> = inspected.config?.labels?;
        let name = ImageName::ALL
            .into_iter()
            .find(|name| labels.get(NAME).is_some_and(|word| word == name.word()))?;
        Some(Self {
            name,
            target: labels.get(TARGET)?.parse().ok()?,
            id: inspected.id?,
            root_sha256: root_of(&inspected.root_fs?.layers?)?,
            recipe: labels.get(RECIPE)?.parse().ok()?,
            packages: labels
                .get(PACKAGES)?
                .lines()
                .filter_map(Package::read)
                .collect(),
        })
    }
}

/// The engine calls a layer by the digest of its tar.
fn root_of(layers: &[String]) -> Option<Sha256> {
    match layers {
        [] => None,
        [only] => only.strip_prefix("sha256:")?.parse().ok(),
        several => Some(Sha256::of(several.join("\n").as_bytes())),
    }
}

impl Package {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        Some(Self {
            name: words.next()?.to_owned(),
            version: words.next()?.to_owned(),
            architecture: words.next()?.to_owned(),
        })
    }
}

/// What an image is called on the engine. Programs with other recipes give theirs other names.
fn tag(name: ImageName, target: Target) -> String {
    let recipe = Recipe::of(name).digest(name, target).to_string();
    let start: String = recipe.chars().take(12).collect();
    format!("plugfarm/{name}:{target}-{start}")
}
