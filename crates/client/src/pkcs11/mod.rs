//! Keys in PKCS#11 devices: Ed25519 keys that sign (version 2.40 and 3.0: `CKM_EDDSA`, `CKK_EC_EDWARDS`), and an AES key that
//! wraps (`CKM_AES_GCM`), in `root.rs`.
//!
//! Invariant: a device's signature counts only once it verifies under the public key that was read when the key was
//! opened.

mod module;
mod root;
mod uri;

use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
pub use module::DeviceError;
use module::{KeySort, Module};
pub use root::open_root;
use tlog::{SharedKey, SigningError, SigningKey};
pub use uri::{Uri, UriError};

use crate::error::Error;

/// A private key that never leaves its device.
struct DeviceKey {
    uri: Uri,
    module: Arc<Module>,
    public: [u8; 32],
}

/// Opens a key and reads its public half.
pub fn open(uri: &Uri) -> Result<SharedKey, Error> {
    let module = Module::of(&uri.key.module);
    let public = module.with(KeySort::Private, uri, |opened| opened.public(uri));
    let public = public.map_err(|source| Error::DeviceKey { uri: uri.to_string(), source })?;
    let key = DeviceKey { uri: uri.clone(), module, public };
    // A key that cannot sign should fail now and not at the first signature that somebody waits for.
    key.sign(b"countersign: does this key sign?")?;
    Ok(Arc::new(key))
}

impl SigningKey for DeviceKey {
    fn public(&self) -> [u8; 32] {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SigningError> {
        let checked = |signature: [u8; 64]| {
            let known = ParsedPublicKey::new(&ED25519, self.public)
                .map_err(|_| DeviceError::Unfit("its public key is invalid"))?;
            match known.verify_sig(message, &signature) {
                Ok(()) => Ok(signature),
                Err(_) => Err(DeviceError::Unfit("the device returned a signature that is not of this key")),
            }
        };
        self.module
            .with(KeySort::Private, &self.uri, |opened| opened.sign(message).and_then(checked))
            .map_err(|what| SigningError(format!("key `{}`: {what}", self.uri)))
    }
}
