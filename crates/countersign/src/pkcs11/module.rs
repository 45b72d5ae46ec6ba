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
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use super::Uri;
use crate::key_files::read_private;

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
    /// Open sessions, by URI.
    sessions: BTreeMap<String, KeySession>,
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
    pub fn with<T>(&self, uri: &Uri, work: impl Fn(&KeySession) -> Result<T, String>) -> Result<T, String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = if state.sessions.is_empty() { 1 } else { 2 };
        let mut done = Err(String::new());
        for _ in 0..tries {
            done = state.opened(&self.path, uri).and_then(&work);
            if done.is_ok() {
                break;
            }
            state.forget();
        }
        done
    }
}

impl State {
    fn opened(&mut self, path: &Path, uri: &Uri) -> Result<&KeySession, String> {
        let library = match &self.library {
            Some(library) => library.clone(),
            None => self.library.insert(Pkcs11::new(path).map_err(said("load the module"))?).clone(),
        };
        if !self.initialised {
            let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
            library.initialize(arguments).map_err(said("initialise the module"))?;
            self.initialised = true;
        }
        let text = uri.to_string();
        if !self.sessions.contains_key(&text) {
            let opened = KeySession::new(&library, uri, &mut self.refused)?;
            self.sessions.insert(text.clone(), opened);
        }
        self.sessions.get(&text).ok_or_else(|| "no session is open".to_owned())
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
    fn new(module: &Pkcs11, uri: &Uri, refused: &mut BTreeMap<PathBuf, String>) -> Result<Self, String> {
        let session = module.open_ro_session(slot(module, uri)?).map_err(said("open a session"))?;
        let pin = read_private(&uri.key.pin).map_err(|failure| failure.message().to_owned())?;
        if refused.get(&uri.key.pin) == Some(&pin) {
            return Err(format!("cannot log in: the PIN in `{}` was refused before", uri.key.pin.display()));
        }
        match session.login(UserType::User, Some(&AuthPin::new(pin.trim_end().into()))) {
            // Another key of this process uses the same token, so the user is logged in already.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => {
                if matches!(error, Error::Pkcs11(RvError::PinIncorrect, _)) {
                    refused.insert(uri.key.pin.clone(), pin);
                }
                return Err(said("log in")(error));
            }
        }
        let key = only(&session, uri, ObjectClass::PRIVATE_KEY)?;
        Ok(Self { session, key })
    }

    /// The 32 bytes of the public key.
    pub fn public(&self, uri: &Uri) -> Result<[u8; 32], String> {
        let key = only(&self.session, uri, ObjectClass::PUBLIC_KEY)?;
        let read = self
            .session
            .get_attributes(key, &[AttributeType::EcPoint])
            .map_err(said("read the public key"))?;
        let Some(Attribute::EcPoint(point)) = read.first() else {
            return Err("its public key has no CKA_EC_POINT".into());
        };
        // An OCTET STRING of 32 bytes (PKCS#11 3.0, 2.3.5); some devices return the bytes alone.
        let bytes = point.strip_prefix(&[0x04, 0x20]).filter(|rest| rest.len() == 32).unwrap_or(point);
        bytes.try_into().map_err(|_| "its public key is not the 32 bytes of Ed25519".to_owned())
    }

    /// Signs a message (PureEdDSA).
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        let signature = self.session.sign(&mechanism, self.key, message).map_err(said("sign"))?;
        signature.try_into().map_err(|_| "the device returned something that is not 64 bytes".to_owned())
    }
}

/// The one slot whose token matches the URI.
fn slot(module: &Pkcs11, uri: &Uri) -> Result<Slot, String> {
    let wanted = &uri.key.token;
    let same = |wanted: &Option<String>, found: &str| {
        wanted.as_ref().is_none_or(|wanted| wanted == found.trim_end())
    };
    let mut matching = Vec::new();
    for slot in module.get_slots_with_initialized_token().map_err(said("list the tokens"))? {
        let token = module.get_token_info(slot).map_err(said("read a token"))?;
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
        [] => Err("no token matches it; is the device connected?".into()),
        several => Err(format!("{} tokens match it; name `serial` or `slot-id` too", several.len())),
    }
}

/// The one Ed25519 key of a class that matches the URI.
fn only(session: &Session, uri: &Uri, class: ObjectClass) -> Result<ObjectHandle, String> {
    let mut template = vec![Attribute::Class(class), Attribute::KeyType(KeyType::EC_EDWARDS)];
    template.extend(uri.key.object.clone().map(Attribute::Label));
    template.extend(uri.key.id.clone().map(Attribute::Id));
    let what = if class == ObjectClass::PRIVATE_KEY { "private" } else { "public" };
    match session.find_objects(&template).map_err(said("look for the key"))?.as_slice() {
        [key] => Ok(*key),
        [] => Err(format!("the token holds no {what} Ed25519 key of this name")),
        several => {
            Err(format!("the token holds {} {what} Ed25519 keys of this name; name `id` too", several.len()))
        }
    }
}

fn said(doing: &'static str) -> impl Fn(Error) -> String {
    move |error| format!("cannot {doing}: {error}")
}
