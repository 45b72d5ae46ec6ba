//! The address of the console: `http://LABEL.localhost:PORT`, a name that only this machine resolves and that cannot be
//! guessed.
//!
//! Invariant: a cookie belongs to a name, whatever the port. A session's cookie is set and taken for the label's name
//! alone, so no other program on `localhost` or `127.0.0.1` is ever sent it. The label comes from a signature of the
//! ledger's key, which nobody else can make, and from random bytes of this process, never from anything that is published. No
//! answer names it to a sender that has shown no right. A page that is left open names it to whatever program takes the port
//! after this process has ended; by then it is no server's name any more, so a later session is not sent there.

use aws_lc_rs::hmac;
use tlog::{SharedKey, SigningError};

/// The names of one server.
#[derive(Debug)]
pub struct ConsoleAddress {
    /// `LABEL.localhost`.
    name: String,
    port: u16,
    /// The server's plain URL.
    plain: String,
    /// Why no session can be given: another program may answer under the label's name. `None` if none can.
    shared_name: Option<String>,
}

impl ConsoleAddress {
    /// The address for a ledger key and bytes that this process drew, at a port of the server's plain URL.
    ///
    /// # Errors
    /// `SigningError` if the key did not sign.
    pub fn new(
        key: &SharedKey,
        drawn: &[u8; 16],
        port: u16,
        plain: String,
        shared_name: Option<String>,
    ) -> Result<Self, SigningError> {
        // The signature is secret: it is used as a key and shown to nobody.
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &key.sign(PURPOSE)?);
        let tag = hmac::sign(&secret, drawn);
        let label = base32(tag.as_ref().get(..LABEL_BYTES).unwrap_or_default());
        Ok(Self { name: format!("{label}.localhost"), port, plain, shared_name })
    }

    /// Whether a host of a request is the label's name, with or without a port. Ports are not compared, because a tunnel
    /// may lead here from another one.
    pub fn is_named(&self, host: &str) -> bool {
        let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        name.eq_ignore_ascii_case(&self.name) && port.is_none_or(|port| port.parse::<u16>().is_ok())
    }

    /// The URL under which sessions are given.
    pub fn url(&self) -> String {
        format!("http://{}:{}", self.name, self.port)
    }

    /// The server's plain URL, for readers who need no session.
    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// Why no session can be given here.
    pub fn shared_name(&self) -> Option<&str> {
        self.shared_name.as_deref()
    }
}

/// Base32 of RFC 4648 in lower case; all bytes fill whole characters.
fn base32(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let digit = usize::try_from(held >> bits & 31).unwrap_or_default();
            text.extend(DIGITS.get(digit).copied().map(char::from));
        }
        held &= (1 << bits) - 1;
    }
    text
}

const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// No other message of the ledger's key begins like this.
const PURPOSE: &[u8] = b"countersign console label 1";
/// 80 bits, 16 characters.
const LABEL_BYTES: usize = 10;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use evidence::machine::MachineSigner;

    use super::*;

    fn of(seed: u8) -> ConsoleAddress {
        started(seed, 1)
    }

    fn started(seed: u8, drawn: u8) -> ConsoleAddress {
        let key = MachineSigner::from_seed([seed; 32]).unwrap().key();
        ConsoleAddress::new(&key, &[drawn; 16], 8080, "http://127.0.0.1:8080".into(), None).unwrap()
    }

    #[test]
    fn attack_who_saw_the_name_before_a_restart_does_not_know_it_after() {
        let [one, again, other, later] = [of(1), of(1), of(2), started(1, 2)].map(|address| address.name);
        assert_eq!(one, again);
        assert_ne!(one, other);
        assert_ne!(one, later);
        let label = one.strip_suffix(".localhost").unwrap();
        assert_eq!(label.len(), 16);
        assert!(label.bytes().all(|byte| DIGITS.contains(&byte)), "{label}");
    }

    #[test]
    fn a_key_that_does_not_sign_gives_no_address() {
        struct Gone;
        impl tlog::SigningKey for Gone {
            fn public(&self) -> [u8; 32] {
                [0; 32]
            }

            fn sign(&self, _: &[u8]) -> Result<[u8; 64], SigningError> {
                Err(SigningError("the device is gone".into()))
            }
        }
        let key: SharedKey = Arc::new(Gone);
        ConsoleAddress::new(&key, &[0; 16], 1, String::new(), None).unwrap_err();
    }

    #[test]
    fn attack_only_the_whole_name_is_the_consoles() {
        let address = of(1);
        let name = address.name.clone();
        for good in [name.clone(), format!("{name}:8080"), format!("{name}:1"), name.to_uppercase()] {
            assert!(address.is_named(&good), "{good}");
        }
        for bad in [
            String::new(),
            "localhost".into(),
            format!("x.{name}"),
            format!("x{name}"),
            format!("{name}."),
            format!("{name}.evil.example"),
            format!("{name}:"),
            format!("{name}:x"),
            format!("{name}:80:80"),
            format!("{name}@evil.example"),
            name.replace(".localhost", ".evil.example"),
        ] {
            assert!(!address.is_named(&bad), "{bad}");
        }
    }

    /// Test vectors of RFC 4648 that need no padding.
    #[test]
    fn base32_is_that_of_the_standard() {
        assert_eq!(base32(b"fooba"), "mzxw6ytb");
        assert_eq!(base32(b""), "");
    }
}
