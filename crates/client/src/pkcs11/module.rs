//! A vendor's PKCS#11 library in this process, and the sessions in it.
//!
//! Invariant: one thread at a time is inside the library, however many keys use it. After a failure no session is
//! used again: all are closed and the library is initialised anew, so that a device that was removed and connected
//! again signs without a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use super::Uri;
use crate::secret::{self, SecretError};

/// A vendor's library, loaded at first use.
pub struct Module {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The loaded library, initialised or not.
    library: Option<Pkcs11>,
    initialised: bool,
    /// PINs that tokens have refused, by their files. A refused PIN is not tried again, since a few more tries lock the token.
    refused: BTreeMap<PathBuf, String>,
    /// Open sessions, by sort of key and URI.
    sessions: BTreeMap<(KeySort, String), KeySession>,
}

/// Why a device does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The vendor's library failed.
    #[error("cannot {doing}: {source}")]
    Call {
        /// The operation.
        doing: &'static str,
        /// The library's error.
        source: Error,
    },
    /// The file with the PIN cannot be read.
    #[error(transparent)]
    Pin(#[from] SecretError),
    /// The token refused the PIN in this file before, so it is not tried again.
    #[error("cannot log in: the PIN in `{}` was refused before", .0.display())]
    RefusedPin(PathBuf),
    /// So many tokens match the URI.
    #[error("{0} tokens match it; name `serial` or `slot-id` too")]
    Tokens(usize),
    /// The token holds no such key; the words say which sort of key is missing.
    #[error("the token holds no {0} key of this name")]
    NoKey(&'static str),
    /// The token holds so many such keys.
    #[error("the token holds {0} {1} keys of this name; name `id` too")]
    Keys(usize, &'static str),
    /// The device, or its answer, is not what this key needs.
    #[error("{0}")]
    Unfit(&'static str),
}

/// The sorts of keys that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeySort {
    /// A private key of Ed25519, which signs.
    Private,
    /// Its public half.
    Public,
    /// A key of AES, which wraps.
    Aes,
}

/// A session in which the user is logged in, and its key.
pub struct KeySession {
    session: Session,
    key: ObjectHandle,
}

impl Module {
    /// The library at this path; every key of this process shares it.
    pub fn of(path: &Path) -> Arc<Self> {
        static KNOWN: LazyLock<Mutex<BTreeMap<PathBuf, Arc<Module>>>> = LazyLock::new(Mutex::default);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Self { path: path.to_path_buf(), state: Mutex::default() });
        Arc::clone(known.entry(path.to_path_buf()).or_insert_with(new))
    }

    /// Uses a key in its open session; if that fails, tries once more in a new session.
    pub fn with<T>(
        &self,
        sort: KeySort,
        uri: &Uri,
        work: impl Fn(&KeySession) -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = if state.sessions.is_empty() { 1 } else { 2 };
        for _ in 1..tries {
            if let Ok(done) = state.opened(&self.path, sort, uri).and_then(&work) {
                return Ok(done);
            }
            state.forget();
        }
        state.opened(&self.path, sort, uri).and_then(&work).inspect_err(|_| state.forget())
    }
}

impl State {
    fn opened(&mut self, path: &Path, sort: KeySort, uri: &Uri) -> Result<&KeySession, DeviceError> {
        let library = match &self.library {
            Some(library) => library.clone(),
            None => self.library.insert(Pkcs11::new(path).map_err(failed("load the module"))?).clone(),
        };
        if !self.initialised {
            let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
            library.initialize(arguments).map_err(failed("initialise the module"))?;
            self.initialised = true;
        }
        let name = (sort, uri.to_string());
        if !self.sessions.contains_key(&name) {
            let opened = KeySession::new(&library, sort, uri, &mut self.refused)?;
            self.sessions.insert(name.clone(), opened);
        }
        self.sessions.get(&name).ok_or(DeviceError::Unfit("no session is open"))
    }

    fn forget(&mut self) {
        self.sessions.clear();
        if let Some(library) = self.library.clone().filter(|_| self.initialised) {
            // A failed finalisation is ignored here: the next initialisation then fails and reports it.
            drop(library.finalize());
            self.initialised = false;
        }
    }
}

impl KeySession {
    fn new(
        module: &Pkcs11,
        sort: KeySort,
        uri: &Uri,
        refused: &mut BTreeMap<PathBuf, String>,
    ) -> Result<Self, DeviceError> {
        let session = module.open_ro_session(slot(module, uri)?).map_err(failed("open a session"))?;
        let pin = secret::read(&uri.key.pin)?;
        if refused.get(&uri.key.pin) == Some(&pin) {
            return Err(DeviceError::RefusedPin(uri.key.pin.clone()));
        }
        match session.login(UserType::User, Some(&AuthPin::new(pin.trim_end().into()))) {
            // Another key of this process uses the same token, so the user is logged in already.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => {
                if matches!(error, Error::Pkcs11(RvError::PinIncorrect, _)) {
                    refused.insert(uri.key.pin.clone(), pin);
                }
                return Err(failed("log in")(error));
            }
        }
        let key = only(&session, uri, sort)?;
        Ok(Self { session, key })
    }

    /// The 32 bytes of the public key.
    pub fn public(&self, uri: &Uri) -> Result<[u8; 32], DeviceError> {
        let key = only(&self.session, uri, KeySort::Public)?;
        let read = self
            .session
            .get_attributes(key, &[AttributeType::EcPoint])
            .map_err(failed("read the public key"))?;
        let Some(Attribute::EcPoint(point)) = read.first() else {
            return Err(DeviceError::Unfit("its public key has no CKA_EC_POINT"));
        };
        // An OCTET STRING of 32 bytes (PKCS#11 3.0, 2.3.5); some devices return the bytes alone.
        let bytes = point.strip_prefix(&[0x04, 0x20]).filter(|rest| rest.len() == 32).unwrap_or(point);
        bytes.try_into().map_err(|_| DeviceError::Unfit("its public key is not the 32 bytes of Ed25519"))
    }

    /// Signs a message (PureEdDSA).
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], DeviceError> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        let signature = self.session.sign(&mechanism, self.key, message).map_err(failed("sign"))?;
        signature
            .try_into()
            .map_err(|_| DeviceError::Unfit("the device returned something that is not 64 bytes"))
    }
}

impl KeySession {
    /// Label and id of the key, which tell it apart from others and nothing about it.
    pub fn name(&self) -> Result<Vec<u8>, DeviceError> {
        let read = self
            .session
            .get_attributes(self.key, &[AttributeType::Label, AttributeType::Id])
            .map_err(failed("read the key's name"))?;
        let mut name = Vec::new();
        for attribute in read {
            let (Attribute::Label(bytes) | Attribute::Id(bytes)) = attribute else { continue };
            name.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            name.extend(bytes);
        }
        Ok(name)
    }

    /// Encrypts with AES-GCM and a tag of 128 bits, or decrypts what was encrypted so.
    pub fn gcm(
        &self,
        way: GcmWay,
        nonce: &[u8],
        aad: &[u8],
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DeviceError> {
        let mut nonce = nonce.to_vec();
        let parameters =
            GcmParams::new(&mut nonce, aad, TAG_BITS.into()).map_err(failed("prepare the key"))?;
        let mechanism = Mechanism::AesGcm(parameters);
        match way {
            GcmWay::Encrypt => self.session.encrypt(&mechanism, self.key, bytes).map_err(failed("wrap")),
            GcmWay::Decrypt => self.session.decrypt(&mechanism, self.key, bytes).map_err(failed("unwrap")),
        }
        .map(Zeroizing::new)
    }
}

/// The two ways of a cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GcmWay {
    /// From plain bytes.
    Encrypt,
    /// To plain bytes.
    Decrypt,
}

/// Bits of a tag of AES-GCM.
const TAG_BITS: std::ffi::c_ulong = 128;

/// The one slot whose token matches the URI.
fn slot(module: &Pkcs11, uri: &Uri) -> Result<Slot, DeviceError> {
    let wanted = &uri.key.token;
    let same = |wanted: &Option<String>, found: &str| {
        wanted.as_ref().is_none_or(|wanted| wanted == found.trim_end())
    };
    let mut matching = Vec::new();
    for slot in module.get_slots_with_initialized_token().map_err(failed("list the tokens"))? {
        let token = module.get_token_info(slot).map_err(failed("read a token"))?;
        if same(&wanted.label, token.label())
            && same(&wanted.serial, token.serial_number())
            && same(&wanted.manufacturer, token.manufacturer_id())
            && same(&wanted.model, token.model())
            && wanted.slot.is_none_or(|number| number == slot.id())
        {
            matching.push(slot);
        }
    }
    match matching.as_slice() {
        [slot] => Ok(*slot),
        [] => Err(DeviceError::Unfit("no token matches it; is the device connected?")),
        several => Err(DeviceError::Tokens(several.len())),
    }
}

/// The one key of a sort that matches the URI.
fn only(session: &Session, uri: &Uri, sort: KeySort) -> Result<ObjectHandle, DeviceError> {
    let (class, kind, what) = match sort {
        KeySort::Private => (ObjectClass::PRIVATE_KEY, KeyType::EC_EDWARDS, "private Ed25519"),
        KeySort::Public => (ObjectClass::PUBLIC_KEY, KeyType::EC_EDWARDS, "public Ed25519"),
        KeySort::Aes => (ObjectClass::SECRET_KEY, KeyType::AES, "AES"),
    };
    let mut template = vec![Attribute::Class(class), Attribute::KeyType(kind)];
    template.extend(uri.key.object.clone().map(Attribute::Label));
    template.extend(uri.key.id.clone().map(Attribute::Id));
    match session.find_objects(&template).map_err(failed("look for the key"))?.as_slice() {
        [key] => Ok(*key),
        [] => Err(DeviceError::NoKey(what)),
        several => Err(DeviceError::Keys(several.len(), what)),
    }
}

fn failed(doing: &'static str) -> impl Fn(Error) -> DeviceError {
    move |source| DeviceError::Call { doing, source }
}
