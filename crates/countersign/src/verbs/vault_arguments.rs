//! Options of the vault, for `server` and `up`.

use std::sync::Arc;

use clap::Args;
use client::home::Home;
use client::root_key::{self, RootKeyPlace};
use tracing::warn;
use vault::RootKey;

/// Options of the vault.
#[derive(Clone, Debug, Args)]
pub struct VaultArguments {
    /// The root key of the vault: a file that only its owner may read, or the PKCS#11 URI of an AES key of 256 bits; default: `vault-root.key` beside the server's other keys. The first start makes it. Without it the vault is sealed: no secret is put or lent, and everything else works.
    #[arg(long, value_name = "FILE|URI")]
    root_key: Option<RootKeyPlace>,
}

impl VaultArguments {
    /// The root key; `None`, with a warning in the log, if it cannot be opened.
    pub fn root_key(&self, home: &Home) -> Option<Arc<dyn RootKey>> {
        let place = self.root_key.clone().unwrap_or_else(|| RootKeyPlace::usual(home));
        let opened = root_key::open_or_make(&place, server::has_ring(home.data()));
        opened.inspect_err(|error| warn!("the root key of the vault cannot be opened: {error}")).ok()
    }

    /// The same options for a server that this process starts.
    pub fn arguments(&self) -> Vec<String> {
        let place = self.root_key.iter();
        place.flat_map(|place| ["--root-key".to_owned(), place.to_string()]).collect()
    }
}
