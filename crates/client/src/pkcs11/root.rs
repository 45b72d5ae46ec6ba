//! The root key of a vault in a PKCS#11 device: an AES key of 256 bits that wraps the ring's key by AES-GCM and never leaves the
//! device.
//!
//! Invariant: nonces come from this program, and the purpose is associated data, as for a root key in a file. Its identity is made of
//! label and id, so that a copy of the key in a spare device, under the same name, opens the ring too.

use std::fmt;
use std::sync::Arc;

use evidence::{Bytes, Digest};
use vault::{Draw, OpenError, RootKey, RootKeyError, Sealed};
use zeroize::Zeroizing;

use super::Uri;
use super::module::{GcmWay, KeySort, Module};
use crate::error::Error;
use crate::random;

/// A root key that never leaves its device.
struct DeviceRoot {
    uri: Uri,
    module: Arc<Module>,
    id: Digest,
}

/// Opens a root key, and tries it.
///
/// # Errors
/// `Error::DeviceKey` if the device does not have it, or it does not wrap.
pub fn open_root(uri: &Uri) -> Result<Arc<dyn RootKey>, Error> {
    let module = Module::of(&uri.key.module);
    let name = module.with(KeySort::Aes, uri, super::module::KeySession::name);
    let name = name.map_err(|source| Error::DeviceKey { uri: uri.to_string(), source })?;
    let id = Digest::of(&[ID.as_bytes(), &name].concat());
    let key = DeviceRoot { uri: uri.clone(), module, id };
    // A key that cannot wrap should fail now and not when somebody puts a secret.
    let tried = random::drawing(|draw| key.wrap(TRIAL, draw, TRIAL.as_bytes()))?;
    let unusable = |error: RootKeyError| Error::unusable(format!("root key `{uri}`: {error}"));
    if key.unwrap(TRIAL, &tried.map_err(unusable)?).map_err(unusable)?.as_slice() != TRIAL.as_bytes() {
        return Err(unusable(OpenError.into()));
    }
    Ok(Arc::new(key))
}

impl RootKey for DeviceRoot {
    fn id(&self) -> Digest {
        self.id
    }

    fn wrap(&self, purpose: &str, draw: Draw<'_>, plain: &[u8]) -> Result<Sealed, RootKeyError> {
        let mut nonce = [0; NONCE_BYTES];
        draw(&mut nonce);
        let wrapped = self.gcm(GcmWay::Encrypt, &nonce, purpose, plain)?;
        Ok(Sealed { nonce: Bytes(nonce.to_vec()), bytes: Bytes(wrapped.to_vec()) })
    }

    fn unwrap(&self, purpose: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, RootKeyError> {
        self.gcm(GcmWay::Decrypt, &sealed.nonce.0, purpose, &sealed.bytes.0)
    }
}

impl DeviceRoot {
    fn gcm(
        &self,
        way: GcmWay,
        nonce: &[u8],
        purpose: &str,
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, RootKeyError> {
        let done =
            self.module.with(KeySort::Aes, &self.uri, |key| key.gcm(way, nonce, purpose.as_bytes(), bytes));
        done.map_err(|error| RootKeyError::Device(format!("key `{}`: {error}", self.uri)))
    }
}

impl fmt::Debug for DeviceRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceRoot({})", self.uri)
    }
}

const ID: &str = "countersign-root-key@v1\npkcs11\n";
const TRIAL: &str = "countersign: does this key wrap?";
const NONCE_BYTES: usize = 12;
