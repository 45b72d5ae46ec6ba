//! The error of public and private keys.

/// Reasons why a text or bytes are not a note key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// The name is empty, or contains a space, control character or plus sign.
    #[error("`{0}` cannot name a key: a name is not empty and has no space, control character or `+`")]
    Name(String),
    /// The text is not `<name>+<id>+<base64>`.
    #[error("a verifier key is `<name>+<8 hex digits>+<base64 of type and public key>`")]
    Text,
    /// The signature type is not one of the two known.
    #[error("signature type 0x{0:02x} is not supported; known are 0x01 and 0x04")]
    Kind(u8),
    /// The id does not follow from this name and key.
    #[error("the key id {stated:08x} is not that of this name and key ({computed:08x})")]
    Id {
        /// Id found in the text.
        stated: u32,
        /// Id that follows from name, type and key.
        computed: u32,
    },
    /// The bytes are not an Ed25519 key.
    #[error("not an Ed25519 key")]
    Bytes,
}
