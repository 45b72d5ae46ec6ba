//! Signed notes (<https://c2sp.org/signed-note>): text, a blank line, signature lines.
//!
//! Invariant: a parsed note prints the bytes that it was read from. The text is untrusted until `verify` has found a
//! signature of a known key. A wrong signature under the name and id of a known key makes the whole note invalid.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::{NoteSigner, NoteVerifier, SignatureKind, is_key_name};
use crate::signing::SigningError;

/// Largest note that is parsed, in bytes.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;

/// A parsed note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line: `— <name> base64(key id || signature)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: u32,
    signature: Vec<u8>,
}

/// Reasons why bytes are not a note, or not a trusted one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoteError {
    /// The note is larger than allowed.
    #[error("the note has more than {NOTE_BYTES_MAX} bytes")]
    Long,
    /// The bytes are not UTF-8, or contain a control character other than newline.
    #[error("the note holds bytes that are not UTF-8 text or a control character")]
    Characters,
    /// The note has no blank line, or no text before it.
    #[error("the note has no text followed by a blank line and signatures")]
    Shape,
    /// A signature line does not follow the format.
    #[error("signature line {0} is not `— <name> <base64>`")]
    Line(usize),
    /// There are more than 64 signatures.
    #[error("the note has more than {SIGNATURES_MAX} signatures")]
    Many,
    /// A known key's signature is wrong.
    #[error("the signature of `{0}` does not match the text")]
    Wrong(String),
    /// No known key signed the note.
    #[error("no known key signed the note")]
    Unsigned,
}

const SIGNATURES_MAX: usize = 64;
const LINE_START: &str = "\u{2014} ";

impl Note {
    /// Creates a note without signatures.
    ///
    /// # Errors
    /// `NoteError` when the text cannot be the text of a note.
    pub fn new(text: &str) -> Result<Self, NoteError> {
        check_characters(text)?;
        if text.len() < 2 || !text.ends_with('\n') {
            return Err(NoteError::Shape);
        }
        Ok(Self { text: text.to_owned(), signatures: Vec::new() })
    }

    /// Parses a note from outside.
    ///
    /// # Errors
    /// `NoteError` names the fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::Long);
        }
        std::str::from_utf8(bytes).map_err(|_| NoteError::Characters)?.parse()
    }

    /// The signed text, including its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines. None of them is verified.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Appends signature lines, for instance those that a witness returned.
    pub fn extend(&mut self, lines: impl IntoIterator<Item = NoteSignature>) {
        for line in lines {
            if !self.signatures.contains(&line) {
                self.signatures.push(line);
            }
        }
    }

    /// Signs the text with a plain Ed25519 key and appends the line.
    ///
    /// # Errors
    /// `SigningError` when the key could not sign; the note is unchanged then.
    pub fn sign(&mut self, signer: &NoteSigner) -> Result<(), SigningError> {
        let key = signer.verifier();
        let signature = signer.sign(self.text.as_bytes())?.to_vec();
        self.extend([NoteSignature { name: key.name().to_owned(), id: key.id(), signature }]);
        Ok(())
    }

    /// The known keys whose plain Ed25519 signatures are on the note, in the order given.
    ///
    /// # Errors
    /// `NoteError::Wrong` when the signature of a known key does not match, `Unsigned` when no known key signed.
    pub fn verify<'a>(&self, known: &'a [NoteVerifier]) -> Result<Vec<&'a NoteVerifier>, NoteError> {
        let plain = known.iter().filter(|key| key.kind() == SignatureKind::Ed25519);
        let mut signers = Vec::new();
        for key in plain {
            let mut lines = self.signatures.iter().filter(|line| line.is_by(key)).peekable();
            let signed = lines.peek().is_some();
            if !lines.all(|line| key.verify_raw(self.text.as_bytes(), &line.signature)) {
                return Err(NoteError::Wrong(key.name().to_owned()));
            }
            if signed {
                signers.push(key);
            }
        }
        if signers.is_empty() { Err(NoteError::Unsigned) } else { Ok(signers) }
    }
}

impl NoteSignature {
    pub(crate) fn new(key: &NoteVerifier, signature: Vec<u8>) -> Self {
        Self { name: key.name().to_owned(), id: key.id(), signature }
    }

    /// Parses signature lines as a witness returns them, each with a final newline.
    ///
    /// # Errors
    /// `NoteError::Line` names the first wrong line.
    pub fn parse_lines(text: &str) -> Result<Vec<Self>, NoteError> {
        if text.len() > NOTE_BYTES_MAX {
            return Err(NoteError::Long);
        }
        let mut signatures = Vec::new();
        for (n, line) in text.split_inclusive('\n').enumerate() {
            if n >= SIGNATURES_MAX {
                return Err(NoteError::Many);
            }
            signatures.push(parse_line(line).ok_or(NoteError::Line(n + 1))?);
        }
        Ok(signatures)
    }

    /// Name of the key that claims to have signed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.signature
    }

    pub(crate) fn is_by(&self, key: &NoteVerifier) -> bool {
        self.name == key.name() && self.id == key.id()
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(source: &str) -> Result<Self, Self::Err> {
        check_characters(source)?;
        let (text, lines) = source.rsplit_once("\n\n").ok_or(NoteError::Shape)?;
        if text.is_empty() || lines.is_empty() {
            return Err(NoteError::Shape);
        }
        Ok(Self { text: format!("{text}\n"), signatures: NoteSignature::parse_lines(lines)? })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| line.fmt(f))
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.signature);
        writeln!(f, "{LINE_START}{} {}", self.name, STANDARD.encode(bytes))
    }
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    if text.len() > NOTE_BYTES_MAX {
        return Err(NoteError::Long);
    }
    let control = text.bytes().any(|byte| byte < 0x20 && byte != b'\n');
    if control { Err(NoteError::Characters) } else { Ok(()) }
}

fn parse_line(line: &str) -> Option<NoteSignature> {
    let (name, base64) = line.strip_suffix('\n')?.strip_prefix(LINE_START)?.split_once(' ')?;
    let bytes = STANDARD.decode(base64).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    if !is_key_name(name) || signature.is_empty() {
        return None;
    }
    let id = u32::from_be_bytes(*id);
    Some(NoteSignature { name: name.to_owned(), id, signature: signature.to_vec() })
}
