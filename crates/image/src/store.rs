//! The images of a runner: an OCI layout, and the unpacked trees beside it.
//!
//! Invariant: `index.json` names an image only when all of its blobs are there. One process at a time changes the
//! directory. Blobs that no image has are removed with the next image.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use evidence::Digest;
use serde::{Deserialize, Serialize};

use crate::blobs::{BlobDir, Blobs, Given, document, limited};
use crate::bounds::Bounds;
use crate::error::{ImageError, failed};
use crate::manifest::{Descriptor, Document, INDEX, MANIFEST};
use crate::tree::{self, Parts, Tree};

/// The images of a runner.
#[derive(Clone, Debug)]
pub struct Store {
    blobs: BlobDir,
}

/// An image in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Digest by which a pipeline names it.
    pub image: Digest,
    /// Bytes of its blobs.
    pub bytes: u64,
    /// Whether it is unpacked.
    pub unpacked: bool,
}

/// The blobs of an image in a store.
#[derive(Clone, Debug)]
pub struct Files {
    /// Digest of its manifest for this platform.
    pub manifest: Digest,
    /// Directory in which each blob stands under the hex digits of its digest.
    pub dir: PathBuf,
    /// Manifest, configuration and layers.
    pub blobs: BTreeSet<Digest>,
}

/// The index of a layout.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    /// The images.
    pub manifests: Vec<Descriptor>,
}

impl Store {
    /// Opens a directory of images; it is created if it is missing.
    ///
    /// # Errors
    /// `ImageError` if the file system fails.
    pub fn open(dir: &Path, bounds: Bounds) -> Result<Self, ImageError> {
        Ok(Self { blobs: BlobDir::open(dir, bounds)? })
    }

    /// The bounds on each image.
    #[must_use]
    pub const fn bounds(&self) -> Bounds {
        self.blobs.bounds
    }

    /// Whether an image is there.
    ///
    /// # Errors
    /// `ImageError` if the directory cannot be read.
    pub fn has(&self, image: &Digest) -> Result<bool, ImageError> {
        Ok(self.index()?.manifests.iter().any(|known| known.digest == *image))
    }

    /// The unpacked tree of an image.
    ///
    /// # Errors
    /// `ImageError` if it is missing, unsound or larger than the bounds, or is not wanted any more.
    pub fn tree(&self, image: &Digest, going: &dyn Fn() -> bool) -> Result<Tree, ImageError> {
        // While somebody else adds an image, which may take long, those that are ready can be used.
        let mark = self.blobs.mark(image);
        if let Ok(mark) = File::options().write(true).open(&mark) {
            mark.set_modified(SystemTime::now()).map_err(failed("change", &self.blobs.mark(image)))?;
        }
        if let Some(tree) = tree::ready(&self.blobs, &self.parts(image)?)? {
            return Ok(tree);
        }
        let _lock = self.lock(going)?;
        let parts = self.parts(image)?;
        let tree = tree::tree(&self.blobs, &parts, going)?;
        if let Err(full) = self.make_room(0, 0) {
            drop(tree);
            tree::remove(&self.blobs.tree_dir(&parts.digest), parts.digest)?;
            return Err(full);
        }
        Ok(tree)
    }

    /// The blobs of an image, which other accounts may read where they are shown. Their directory stays private.
    ///
    /// # Errors
    /// `ImageError` if the image is missing or unsound, or the file system fails.
    pub fn files(&self, image: &Digest) -> Result<Files, ImageError> {
        let parts = self.parts(image)?;
        let dir = self.blobs.blobs();
        let mut blobs = BTreeSet::from([parts.digest, parts.config.digest]);
        blobs.extend(parts.layers.iter().map(|layer| layer.digest));
        for blob in &blobs {
            let path = dir.join(blob.hex());
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).map_err(failed("change", &path))?;
        }
        Ok(Files { manifest: parts.digest, dir, blobs })
    }

    /// Images in the order of their digests.
    ///
    /// # Errors
    /// `ImageError` if the directory cannot be read.
    pub fn list(&self) -> Result<Vec<Held>, ImageError> {
        let mut images = Vec::new();
        for known in self.index()?.manifests {
            // A damaged image is still an image that can be removed, or got again.
            let parts = self.parts(&known.digest).ok();
            let of = |parts: &Parts| {
                parts.layers.iter().map(|layer| layer.size).sum::<u64>() + parts.config.size + known.size
            };
            let bytes = parts.as_ref().map_or(known.size, of);
            let unpacked = parts
                .is_some_and(|parts| tree::is_complete(&self.blobs.tree_dir(&parts.digest), &parts.digest));
            images.push(Held { image: known.digest, bytes, unpacked });
        }
        images.sort_by_key(|held| held.image);
        Ok(images)
    }

    /// Removes an image, its tree and the blobs that no other image has.
    ///
    /// # Errors
    /// `ImageError` if it is not there, or a step runs in it.
    pub fn remove(&self, image: &Digest, going: &dyn Fn() -> bool) -> Result<(), ImageError> {
        let _lock = self.lock(going)?;
        self.remove_locked(image)
    }

    fn remove_locked(&self, image: &Digest) -> Result<(), ImageError> {
        let gone = match self.parts(image) {
            Err(ImageError::Missing(image)) => return Err(ImageError::Missing(image)),
            parts => parts.map_or(*image, |parts| parts.digest),
        };
        tree::remove(&self.blobs.tree_dir(&gone), gone)?;
        let mut index = self.index()?;
        // An index and the manifest that it stands for are one image with two names.
        let other =
            |known: &Descriptor| self.parts(&known.digest).map_or(known.digest, |parts| parts.digest) != gone;
        index.manifests.retain(|known| known.digest != *image && other(known));
        self.write(&index)?;
        self.clean(&index)
    }

    /// Adds an image from somewhere: all of its blobs, then its names. With `by_step`, it makes room for others later.
    ///
    /// # Errors
    /// `ImageError`; then the store holds no image more than before.
    pub fn add(
        &self,
        from: &mut dyn Blobs,
        image: Digest,
        (size, by_step): (Option<u64>, bool),
        going: &dyn Fn() -> bool,
    ) -> Result<(), ImageError> {
        let _lock = self.lock(going)?;
        let layout = self.blobs.dir.join("oci-layout");
        if !layout.exists() {
            disk::replace("runner.image", &layout, LAYOUT, 0o600)?;
        }
        let mut index = self.index()?;
        // Damaged ones are got again. One that cannot be read for another reason stays.
        index.manifests.retain(|known| !self.is_damaged(&known.digest));
        // Remains of an attempt that did not end.
        self.clean(&index)?;
        let bytes = document(from, image, size)?;
        let mut names = vec![(image, bytes.clone(), INDEX)];
        let manifest = match Document::read(image, &bytes, &self.blobs.bounds)? {
            Document::Index(chosen) => {
                let bytes = document(from, chosen.digest, Some(chosen.size))?;
                let manifest = Document::read(chosen.digest, &bytes, &self.blobs.bounds)?;
                names.push((chosen.digest, bytes, MANIFEST));
                manifest
            }
            manifest => {
                names = vec![(image, bytes, MANIFEST)];
                manifest
            }
        };
        let Document::Manifest { config, layers } = manifest else {
            let what = "its index leads to another index".to_owned();
            return Err(ImageError::Document(format!("image {image}"), what));
        };
        self.make_room(self.fits(&config, &layers)?, names.len())?;
        // Those that made room.
        index.manifests.retain(|known| !matches!(self.parts(&known.digest), Err(ImageError::Missing(_))));
        index.manifests.retain(|known| names.iter().all(|(digest, ..)| *digest != known.digest));
        if index.manifests.len() + names.len() > IMAGES_MAX {
            return Err(self.many());
        }
        let mark = self.blobs.mark(&image);
        if by_step {
            disk::write(&mark, b"", 0o600)?;
        } else if mark.exists() {
            fs::remove_file(&mark).map_err(failed("remove", &mark))?;
        }
        for blob in layers.iter().chain([&config]) {
            if !going() {
                return Err(ImageError::Unwanted);
            }
            self.blobs.put(blob.digest, blob.size, from)?;
        }
        self.sound(&config, &layers)?;
        for (digest, bytes, media_type) in names {
            let size = bytes.len() as u64;
            self.blobs.put(digest, size, &mut Given(bytes))?;
            index.manifests.push(Descriptor { media_type: media_type.into(), digest, size, platform: None });
        }
        self.write(&index)
    }

    /// Checks the sizes that a manifest says, before anything is stored.
    fn fits(&self, config: &Descriptor, layers: &[Descriptor]) -> Result<u64, ImageError> {
        let sum = layers.iter().chain([config]).fold(0u64, |sum, blob| sum.saturating_add(blob.size));
        let limit = self.blobs.bounds.stored_bytes;
        if sum > limit {
            return Err(ImageError::Bound { limit, what: "bytes", option: "--image-mib" });
        }
        layers.iter().try_for_each(|layer| crate::manifest::compression(layer).map(drop))?;
        Ok(sum)
    }

    /// Removes images that steps have pulled, the one that was used least recently first, until there is room for so many
    /// bytes and names more. Images in which steps run stay, and all that the operator has loaded or pulled.
    fn make_room(&self, more: u64, names: usize) -> Result<(), ImageError> {
        let limit = self.blobs.bounds.all_bytes;
        let mut marks = Vec::new();
        for path in paths(&self.blobs.marks())? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let used = fs::metadata(&path).and_then(|meta| meta.modified()).map_err(failed("read", &path))?;
            marks.extend(format!("sha256:{name}").parse::<Digest>().ok().map(|image| (used, image)));
        }
        marks.sort();
        let mut oldest = marks.into_iter();
        loop {
            let large = self.used()?.saturating_add(more) > limit;
            // The caller counts again, without the damaged ones.
            let many = self.index()?.manifests.len() + names > IMAGES_MAX;
            let (_, image) = match oldest.next() {
                Some(next) if large || many => next,
                None if large => {
                    let what = "bytes with all others";
                    return Err(ImageError::Bound { limit, what, option: "--images-mib" });
                }
                _ => return Ok(()),
            };
            match self.remove_locked(&image) {
                Ok(()) | Err(ImageError::Busy(_) | ImageError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// More images than the index may name: nothing could read it any more.
    fn many(&self) -> ImageError {
        let place = self.blobs.dir.join("index.json").display().to_string();
        let what =
            format!("names {IMAGES_MAX} images, the most; `countersign runner image remove` makes room");
        ImageError::Document(place, what)
    }

    /// Bytes of all blobs and unpacked files.
    fn used(&self) -> Result<u64, ImageError> {
        let blobs = paths(&self.blobs.blobs())?;
        let blobs = blobs.iter().map(|path| fs::metadata(path).map_or(0, |meta| meta.len())).sum::<u64>();
        let trees = paths(&self.blobs.trees())?.iter().map(|dir| tree::bytes(dir)).sum::<u64>();
        Ok(blobs.saturating_add(trees))
    }

    /// Checks that the configuration is one of these layers, for this platform.
    fn sound(&self, config: &Descriptor, layers: &[Descriptor]) -> Result<(), ImageError> {
        let bytes = self.blobs.read(config)?;
        crate::manifest::Config::read(config.digest, &bytes, layers.len()).map(drop)
    }

    /// Whether the manifest of an image is gone, or has other bytes than its digest says.
    fn is_damaged(&self, image: &Digest) -> bool {
        match self.parts(image) {
            Err(ImageError::Differs(..) | ImageError::Size { .. }) => true,
            Err(ImageError::Io { source, .. }) => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Manifest of an image that the index names.
    fn parts(&self, image: &Digest) -> Result<Parts, ImageError> {
        let index = self.index()?;
        let known = index.manifests.iter().find(|known| known.digest == *image);
        let known = known.ok_or(ImageError::Missing(*image))?;
        // Bounds are for what comes. An operator who lowers one can still list, use and remove what is there.
        let bounds = Bounds { layers: usize::MAX, ..self.blobs.bounds };
        let (mut digest, mut document) = (*image, Document::read(*image, &self.blobs.read(known)?, &bounds)?);
        if let Document::Index(chosen) = document {
            digest = chosen.digest;
            document = Document::read(digest, &self.blobs.read(&chosen)?, &bounds)?;
        }
        match document {
            Document::Manifest { config, layers } => Ok(Parts { digest, config, layers }),
            Document::Index(_) => Err(ImageError::Missing(*image)),
        }
    }

    /// Removes blobs and remains that no image has.
    fn clean(&self, index: &Index) -> Result<(), ImageError> {
        let mut kept = BTreeSet::new();
        for known in &index.manifests {
            kept.insert(known.digest.hex());
            // Of a damaged image nobody knows the parts.
            if let Ok(parts) = self.parts(&known.digest) {
                kept.extend([parts.digest.hex(), parts.config.digest.hex()]);
                kept.extend(parts.layers.iter().map(|layer| layer.digest.hex()));
            }
        }
        let blobs = paths(&self.blobs.blobs())?;
        let marks = paths(&self.blobs.marks())?;
        for path in blobs.into_iter().chain(marks) {
            if path.file_name().and_then(|name| name.to_str()).is_none_or(|name| !kept.contains(name)) {
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        Ok(())
    }

    fn index(&self) -> Result<Index, ImageError> {
        let path = self.blobs.dir.join("index.json");
        let bytes = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Index::default()),
            Err(error) => return Err(failed("open", &path)(error)),
            Ok(file) => limited(file).map_err(failed("read", &path))?,
        };
        Index::read(&path.display().to_string(), &bytes)
    }

    fn write(&self, index: &Index) -> Result<(), ImageError> {
        let path = self.blobs.dir.join("index.json");
        let text = serde_json::to_vec_pretty(index)
            .map_err(|error| ImageError::Document(path.display().to_string(), error.to_string()))?;
        Ok(disk::replace("runner.image", &path, &text, 0o600)?)
    }

    /// Takes the lock on the directory, while the caller wants to wait for it.
    fn lock(&self, going: &dyn Fn() -> bool) -> Result<File, ImageError> {
        let path = self.blobs.dir.join("lock");
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(failed("open", &path))?;
        for _ in 0..LOCK_LOOKS {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
                Err(fs::TryLockError::WouldBlock) if !going() => return Err(ImageError::Unwanted),
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            }
        }
        let taken = io::Error::new(io::ErrorKind::WouldBlock, "another process works in the directory");
        Err(failed("lock", &path)(taken))
    }
}

/// Everything in a directory.
fn paths(dir: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let items = fs::read_dir(dir).map_err(failed("read", dir))?;
    items.map(|item| Ok(item.map_err(failed("read", dir))?.path())).collect()
}

impl Default for Index {
    fn default() -> Self {
        Self { schema_version: 2, media_type: Some(INDEX.to_owned()), manifests: Vec::new() }
    }
}

impl Index {
    /// Reads the index of a layout.
    ///
    /// # Errors
    /// `ImageError` if it cannot be read, or names more images than a layout can have here.
    pub fn read(place: &str, bytes: &[u8]) -> Result<Self, ImageError> {
        let wrong = |what: String| ImageError::Document(place.to_owned(), what);
        let index: Self = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if index.manifests.len() > IMAGES_MAX {
            return Err(wrong(format!("names more than {IMAGES_MAX} images")));
        }
        Ok(index)
    }
}

/// The file by which a directory says that it is a layout.
pub const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
const IMAGES_MAX: usize = 256;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// An hour, which is more than an image takes.
const LOCK_LOOKS: u32 = 72_000;
