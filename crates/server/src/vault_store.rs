//! The vault of a server: its key ring in a file of the data directory, opened by a root key that lies elsewhere.
//!
//! Invariant: without its root key the vault is sealed, and everything else works. A ring is durable before what it took in
//! counts; keys that were destroyed have left it before that is answered, and the bytes of the older ring are overwritten.
//! Plain values pass through only once: a new value is opened to see that its key opens it. The file has mode 0600.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use disk::DiskError;
use evidence::seal::{SealKey, WrappedKey};
use evidence::{Digest, Id, Moment, Name};
use tracing::warn;
use vault::{Binding, KeyRing, RING_BYTES_MAX, RingError, RootKey, SealedValue};
use wire::{VaultState, VaultView};

use crate::salt::NoRandomness;

/// The vault of one data directory.
pub struct VaultStore {
    installation: Id,
    path: PathBuf,
    held: Held,
    /// One writer of the file at a time; values are lent meanwhile.
    saving: Mutex<()>,
    /// The value whose key is in the ring and not yet on the disk: a crash would lose it, so nobody may put it yet.
    unsaved: RwLock<Option<Digest>>,
    /// Values of each project that no event named when they came.
    unnamed: Mutex<BTreeMap<Name, BTreeSet<Digest>>>,
}

enum Held {
    Open { ring: Box<RwLock<KeyRing>>, root: Arc<dyn RootKey> },
    Sealed(String),
    Absent,
}

/// Why the vault does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It is sealed, or was never made.
    #[error("the vault is sealed: {0}")]
    Sealed(String),
    /// The ring does not.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The ring could not be stored.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Nothing may be sealed now.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl VaultStore {
    /// Opens the vault of a data directory. It is sealed where that fails, and the server's log says why.
    #[must_use]
    pub fn open(data: &Path, installation: Id, root: Option<Arc<dyn RootKey>>) -> Self {
        let path = data.join(DIR).join(RING);
        let held = opened(&path, installation, root);
        if let Held::Sealed(why) = &held {
            warn!("the vault is sealed, so no secret is put or lent; everything else works: {why}");
        }
        let (saving, unsaved, unnamed) = (Mutex::default(), RwLock::default(), Mutex::default());
        Self { installation, path, held, saving, unsaved, unnamed }
    }

    /// The vault as people see it.
    pub fn view(&self) -> VaultView {
        let (state, intake, why) = match &self.held {
            Held::Open { ring, .. } => (VaultState::Open, Some(*read(ring).intake()), None),
            Held::Sealed(why) => (VaultState::Sealed, None, Some(why.clone())),
            Held::Absent => (VaultState::Absent, None, None),
        };
        VaultView { installation: self.installation, state, intake, why }
    }

    /// Whether it has the key of a sealed value, also after a crash.
    pub fn has(&self, value: &Digest) -> bool {
        let is_held = matches!(&self.held, Held::Open { ring, .. } if read(ring).has(value));
        is_held && *self.unsaved.read().unwrap_or_else(PoisonError::into_inner) != Some(*value)
    }

    /// Takes in the key of a sealed value; it is durable when this returns.
    ///
    /// # Errors
    /// `VaultError` if the vault is sealed, the key does not open the value, or the disk failed.
    pub fn take_in(&self, value: &SealedValue, key: &WrappedKey, now: Moment) -> Result<Digest, VaultError> {
        let (ring, root) = self.ring()?;
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = value.digest().map_err(RingError::from)?;
        if read(ring).has(&digest) {
            return Ok(write(ring).take_in(value, key, now)?);
        }
        self.note_unsaved(Some(digest));
        let taken = write(ring).take_in(value, key, now).map_err(VaultError::from);
        let saved = taken.and_then(|_| self.save(&read(ring), root));
        if saved.is_err() {
            write(ring).forget(&digest);
        }
        self.note_unsaved(None);
        saved.map(|()| digest)
    }

    fn note_unsaved(&self, value: Option<Digest>) {
        *self.unsaved.write().unwrap_or_else(PoisonError::into_inner) = value;
    }

    /// Notes that a value of a project is to come, unless too many came that no event names: the owner of one project's secrets
    /// could fill the ring of all. `living` are the values that events name.
    pub fn expect(&self, project: &Name, value: Digest, living: &BTreeSet<Digest>) -> bool {
        let mut unnamed = self.unnamed.lock().unwrap_or_else(PoisonError::into_inner);
        let own = unnamed.entry(project.clone()).or_default();
        own.retain(|value| self.has(value) && !living.contains(value));
        if own.len() >= UNNAMED_MAX && !own.contains(&value) {
            return false;
        }
        own.insert(value);
        true
    }

    /// Wraps the key of a value to somebody who may open it.
    ///
    /// # Errors
    /// `VaultError` if the vault is sealed, or has no such key.
    pub fn lend(&self, to: &SealKey, binding: &Binding) -> Result<WrappedKey, VaultError> {
        let (ring, _) = self.ring()?;
        Ok(read(ring).lend(to, binding)?)
    }

    /// Destroys the keys of these values, and those of values that no event names and that came more than a day ago. Returns
    /// how many there were.
    ///
    /// # Errors
    /// `VaultError` if the vault is sealed, or the ring could not be stored; the keys are destroyed in memory then, and again at
    /// the next start.
    pub fn destroy(
        &self,
        destroyed: &BTreeSet<Digest>,
        living: &BTreeSet<Digest>,
        now: Moment,
    ) -> Result<usize, VaultError> {
        let (ring, root) = self.ring()?;
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |value: &Digest, since: Moment| {
            destroyed.contains(value) || !living.contains(value) && since.later_by(ORPHAN_AGE) <= now
        };
        let gone = random(|draw| write(ring).destroy(is_meant, draw))??;
        if !gone.is_empty() {
            self.save(&read(ring), root)?;
        }
        Ok(gone.len())
    }

    fn ring(&self) -> Result<(&RwLock<KeyRing>, &dyn RootKey), VaultError> {
        match &self.held {
            Held::Open { ring, root } => Ok((ring, root.as_ref())),
            Held::Sealed(why) => Err(VaultError::Sealed(why.clone())),
            Held::Absent => Err(VaultError::Sealed("the server was started without a root key".into())),
        }
    }

    fn save(&self, ring: &KeyRing, root: &dyn RootKey) -> Result<(), VaultError> {
        save(&self.path, ring, root)
    }
}

impl fmt::Debug for VaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultStore").field("view", &self.view()).finish_non_exhaustive()
    }
}

/// Whether a data directory has a key ring.
#[must_use]
pub fn has_ring(data: &Path) -> bool {
    data.join(DIR).join(RING).exists()
}

/// Stores the key ring of a data directory under another root key, without a running server. Returns the number of its keys.
///
/// # Errors
/// `VaultError` if the old root key does not open it, or it could not be stored.
pub fn rewrap(
    data: &Path,
    installation: Id,
    (old, new): (&dyn RootKey, &dyn RootKey),
) -> Result<usize, VaultError> {
    let path = data.join(DIR).join(RING);
    let mut ring = stored(&path, installation, old)?;
    random(|draw| ring.renew(draw))??;
    save(&path, &ring, new)?;
    Ok(ring.values().count())
}

fn opened(path: &Path, installation: Id, root: Option<Arc<dyn RootKey>>) -> Held {
    let Some(root) = root else {
        return match path.exists() {
            true => Held::Sealed("its root key is not here; start the server with --root-key".into()),
            false => Held::Absent,
        };
    };
    let ring = match path.exists() {
        true => stored(path, installation, root.as_ref()),
        false => made(path, installation, root.as_ref()),
    };
    match ring {
        Ok(ring) => Held::Open { ring: Box::new(RwLock::new(ring)), root },
        Err(error) => Held::Sealed(error.to_string()),
    }
}

fn stored(path: &Path, installation: Id, root: &dyn RootKey) -> Result<KeyRing, VaultError> {
    let read = disk::read_bounded(path, RING_BYTES_MAX as u64);
    let (bytes, _) = read.map_err(|source| DiskError { doing: "read", path: path.to_path_buf(), source })?;
    Ok(KeyRing::open(&bytes, installation, root)?)
}

fn made(path: &Path, installation: Id, root: &dyn RootKey) -> Result<KeyRing, VaultError> {
    let ring = random(|draw| KeyRing::empty(installation, draw))??;
    disk::private_dir(path.parent().unwrap_or(path))?;
    save(path, &ring, root)?;
    Ok(ring)
}

fn save(path: &Path, ring: &KeyRing, root: &dyn RootKey) -> Result<(), VaultError> {
    let bytes = random(|draw| ring.encode(root, draw))??;
    Ok(disk::replace_overwriting("server.vault", path, &bytes, 0o600)?)
}

/// The result of work with random bytes; none counts if they could not be drawn.
fn random<T>(work: impl FnOnce(vault::Draw<'_>) -> T) -> Result<T, NoRandomness> {
    let mut failed = false;
    let source = SystemRandom::new();
    let done = work(&mut |bytes| failed |= source.fill(bytes).is_err());
    if failed { Err(NoRandomness) } else { Ok(done) }
}

fn read(ring: &RwLock<KeyRing>) -> RwLockReadGuard<'_, KeyRing> {
    ring.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(ring: &RwLock<KeyRing>) -> RwLockWriteGuard<'_, KeyRing> {
    ring.write().unwrap_or_else(PoisonError::into_inner)
}

/// Most values of a project whose request has not been recorded: one that is refused leaves its value behind.
pub const UNNAMED_MAX: usize = 64;
/// Directory of the vault in the data directory.
const DIR: &str = "vault";
const RING: &str = "ring.json";
/// After this time the request that names a value has long been decided, as for blobs.
const ORPHAN_AGE: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use lab::at;
    use vault::{FileKey, SealSecret, SecretVersion};

    use super::*;

    fn root(number: u8) -> Arc<dyn RootKey> {
        Arc::new(FileKey::filled(|bytes| bytes.fill(number)))
    }

    fn open(dir: &Path, number: Option<u8>) -> VaultStore {
        VaultStore::open(dir, lab::id(1), number.map(root))
    }

    fn put(store: &VaultStore, number: u32, value: &[u8]) -> (SealedValue, WrappedKey) {
        let of = SecretVersion::build("shop/token".parse().unwrap(), number);
        let made = random(|draw| SealedValue::seal(lab::id(1), &of, value, draw));
        let (sealed, key) = made.unwrap().unwrap();
        let to = store.view().intake.unwrap();
        let wrapped = key.wrap(&to, &sealed.binding(lab::id(1), None).unwrap()).unwrap();
        store.take_in(&sealed, &wrapped, at(0)).unwrap();
        (sealed, wrapped)
    }

    fn opens(store: &VaultStore, sealed: &SealedValue) -> Option<Vec<u8>> {
        let holder = SealSecret::filled(|bytes| bytes.fill(5));
        let binding = sealed.binding(lab::id(1), Some(lab::id(9))).unwrap();
        let wrapped = store.lend(&holder.public().unwrap(), &binding).ok()?;
        let key = holder.unwrap(&wrapped, &binding).unwrap();
        Some(sealed.open(lab::id(1), &key).unwrap().to_vec())
    }

    #[test]
    fn attack_the_data_directory_without_its_root_key() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), Some(1));
        let (sealed, _) = put(&store, 1, b"hunter2");
        assert_eq!(opens(&store, &sealed).unwrap(), b"hunter2");
        assert_eq!(opens(&open(dir.path(), Some(1)), &sealed).unwrap(), b"hunter2", "after a restart");
        for (key, why) in
            [(None, "start the server with --root-key"), (Some(2), "does not open the key ring")]
        {
            let store = open(dir.path(), key);
            let view = store.view();
            assert_eq!((view.state, view.intake), (VaultState::Sealed, None));
            assert!(view.why.unwrap().contains(why));
            assert!(opens(&store, &sealed).is_none() && !store.has(&sealed.digest().unwrap()));
        }
        assert_eq!(open(&dir.path().join("other"), None).view().state, VaultState::Absent);
        let ring = std::fs::read(dir.path().join("vault/ring.json")).unwrap();
        assert!(!ring.windows(7).any(|bytes| bytes == b"hunter2"));
    }

    #[test]
    fn attack_a_destroyed_value_and_everything_that_once_held_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault/ring.json");
        let store = open(dir.path(), Some(1));
        let (sealed, wrapped) = put(&store, 1, b"hunter2");
        let (other, _) = put(&store, 2, b"hunter3");
        let older = std::fs::File::open(&path).unwrap();
        let kept = std::fs::read(&path).unwrap();
        let digest = sealed.digest().unwrap();
        let living = BTreeSet::from([other.digest().unwrap()]);
        assert_eq!(store.destroy(&[digest].into(), &living, at(0)).unwrap(), 1);
        for store in [&store, &open(dir.path(), Some(1))] {
            assert!(opens(store, &sealed).is_none() && !store.has(&digest));
            assert_eq!(opens(store, &other).unwrap(), b"hunter3");
            assert!(store.take_in(&sealed, &wrapped, at(0)).is_err(), "the request that brought it");
        }
        let mut left = Vec::new();
        std::io::Read::read_to_end(&mut &older, &mut left).unwrap();
        assert!(left.iter().all(|byte| *byte == 0), "the older ring's bytes are overwritten");
        // A copy of the older ring opens with its root key, as is said; after a new root key it does not.
        disk::write(&path, &kept, 0o600).unwrap();
        assert!(opens(&open(dir.path(), Some(1)), &sealed).is_some());
        assert_eq!(rewrap(dir.path(), lab::id(1), (root(1).as_ref(), root(2).as_ref())).unwrap(), 2);
        assert_eq!(open(dir.path(), Some(1)).view().state, VaultState::Sealed);
        assert_eq!(opens(&open(dir.path(), Some(2)), &other).unwrap(), b"hunter3");
        disk::write(&path, &kept, 0o600).unwrap();
        assert_eq!(open(dir.path(), Some(2)).view().state, VaultState::Sealed);
    }

    /// A root key that asks the store for a value while the ring is made ready for the disk.
    #[derive(Debug)]
    struct Asking {
        key: FileKey,
        about: std::sync::OnceLock<(std::sync::Weak<VaultStore>, Digest)>,
        answers: Mutex<Vec<bool>>,
    }

    impl RootKey for Asking {
        fn id(&self) -> Digest {
            self.key.id()
        }

        fn wrap(
            &self,
            purpose: &str,
            draw: vault::Draw<'_>,
            plain: &[u8],
        ) -> Result<vault::Sealed, vault::RootKeyError> {
            if let Some((store, value)) = self.about.get() {
                self.answers.lock().unwrap().push(store.upgrade().unwrap().has(value));
            }
            self.key.wrap(purpose, draw, plain)
        }

        fn unwrap(
            &self,
            purpose: &str,
            sealed: &vault::Sealed,
        ) -> Result<zeroize::Zeroizing<Vec<u8>>, vault::RootKeyError> {
            self.key.unwrap(purpose, sealed)
        }
    }

    #[test]
    fn a_value_can_be_put_only_once_its_key_is_on_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let root = Arc::new(Asking {
            key: FileKey::filled(|bytes| bytes.fill(1)),
            about: std::sync::OnceLock::new(),
            answers: Mutex::default(),
        });
        let store = Arc::new(VaultStore::open(dir.path(), lab::id(1), Some(root.clone())));
        let of = SecretVersion::build("shop/token".parse().unwrap(), 1);
        let (sealed, key) =
            random(|draw| SealedValue::seal(lab::id(1), &of, b"hunter2", draw)).unwrap().unwrap();
        let binding = sealed.binding(lab::id(1), None).unwrap();
        let wrapped = key.wrap(&store.view().intake.unwrap(), &binding).unwrap();
        let digest = sealed.digest().unwrap();
        root.about.set((Arc::downgrade(&store), digest)).unwrap();
        store.take_in(&sealed, &wrapped, at(0)).unwrap();
        assert_eq!(*root.answers.lock().unwrap(), [false], "the ring was being saved");
        assert!(store.has(&digest));
    }

    /// Values that nobody puts, by the owner of one project's secrets.
    #[test]
    fn attack_values_that_no_request_puts_fill_the_ring() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), Some(1));
        let (shop, bank) = ("shop".parse().unwrap(), "bank".parse().unwrap());
        let (mut living, mut came) = (BTreeSet::new(), Vec::new());
        let mut comes = |number: u32, living: &BTreeSet<Digest>| {
            let other = Digest::of(&number.to_be_bytes());
            let is_expected = store.expect(&shop, other, living);
            if is_expected {
                let value = put(&store, number, b"x").0.digest().unwrap();
                // The digest is known once the value is sealed.
                assert!(store.expect(&shop, value, living));
                came.push(value);
            }
            is_expected
        };
        let expected = (0..1_000).filter(|number| comes(*number, &living)).count();
        assert!(expected <= UNNAMED_MAX, "{expected}");
        assert!(store.expect(&bank, Digest::of(b"other"), &living), "another project's come in");
        living.insert(came[0]);
        assert!(store.expect(&shop, Digest::of(b"next"), &living), "one was put");
        assert!(store.expect(&shop, Digest::of(b"next"), &living), "sent again");
    }

    #[test]
    fn keys_of_values_that_were_never_recorded_leave_after_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), Some(1));
        let (lost, _) = put(&store, 1, b"of two puts at once this one was refused");
        let (kept, _) = put(&store, 1, b"and this one was recorded");
        let living = BTreeSet::from([kept.digest().unwrap()]);
        let day = 24 * 3600;
        assert_eq!(store.destroy(&BTreeSet::new(), &living, at(day - 1)).unwrap(), 0);
        assert_eq!(store.destroy(&BTreeSet::new(), &living, at(day)).unwrap(), 1);
        assert!(opens(&store, &lost).is_none() && opens(&store, &kept).is_some());
    }
}
