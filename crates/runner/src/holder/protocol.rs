//! Messages between a runner and the process that holds a step's secrets, over one socket.
//!
//! Invariant: each message is a byte that says what it is, and a frame whose size has a bound. In order:
//!
//! | from | message |
//! |---|---|
//! | holder | `HELLO`: its public key |
//! | runner | a frame with an [`Order`]: to revoke leases, or to run a step |
//! | holder | of leases: `REVOKED` with `Revoked`, and it ends |
//! | holder | of a step with a role: `LEASE` with the key of its credential, wrapped to the key of the lease |
//! | runner | `BEGUN`: the lease is written down |
//! | holder | `MINTED`: the role is made |
//! | runner | the inputs of the step as `sandbox::send_inputs` writes them |
//! | holder | `OUT` and `ERROR`, any number: a piece of the masked log |
//! | runner | `UNWANTED`, at any time: the step is to end |
//! | holder | `WORKSPACE` with the descriptor of the workspace, then `DONE`: [`Done`]; or `FAILED`: [`Failed`], and it ends |
//! | runner | `SEARCH`, any number: bytes that are to leave the machine |
//! | holder | `HAS` or `HAS_NOT`, for each |
//!
//! Either side ends by closing the socket. No message of the holder has a value.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use evidence::seal::{SealKey, WrappedKey};
use evidence::secret_name::SecretName;
use evidence::statements::StoreSource;
use evidence::{Bytes, Id, Name};
use mint::{LeaseId, Target, Terms};
use sandbox::{Exit, Level, Reached, Refused, Spec, read_frame_within, write_frame};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stores::Access;

use crate::left_leases::LeftLease;

/// An order to a holder.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// To run a step.
    Step(Box<Work>),
    /// To revoke leases.
    Revoke(Revocation),
}

/// Leases to revoke.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    pub leases: Vec<LeftLease>,
    /// The operator's allowances for the network, each as text.
    pub allowed: Vec<String>,
}

/// The role to make for a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleOrder {
    /// Its lease.
    pub id: LeaseId,
    pub target: Target,
    pub terms: Terms,
    /// The key of the lease, to which the credential is sealed for the revocation.
    pub seal: SealKey,
}

/// By what the key of a lease opens its credential, as the journal of leases has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedCredential {
    pub v: u8,
    pub installation: Id,
    /// Nonce of the work for which it was lent.
    pub nonce: Id,
    pub secret: SecretName,
    pub number: u32,
    pub sealed: Bytes,
    pub key: WrappedKey,
}

/// A step and what it gets.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    pub installation: Id,
    /// Nonce of the work for which the secrets were lent.
    pub nonce: Id,
    pub values: Vec<Lent>,
    /// Secrets that lie in stores.
    #[serde(default)]
    pub elsewhere: Vec<Elsewhere>,
    /// Directory of the journal of leases.
    #[serde(default)]
    pub leases: Option<PathBuf>,
    /// The specification, without bytes of secrets.
    pub spec: Spec,
    /// The role that is to be made first; its password is a secret of the step.
    pub role: Option<RoleOrder>,
    /// The operator's allowances for the network, each as text.
    pub allowed: Vec<String>,
    /// Declared outputs and reports of the step, which are searched for values.
    pub leaves: Vec<String>,
}

/// A sealed secret.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lent {
    /// Name of its file.
    pub file: Name,
    pub secret: SecretName,
    pub number: u32,
    pub sealed: Bytes,
    pub key: WrappedKey,
}

/// A secret that the holder reads in a store.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elsewhere {
    /// Name of its file.
    pub file: Name,
    pub from: StoreSource,
    pub access: Access,
}

/// The result of a step that ran.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    pub exit: Exit,
    pub level: Level,
    pub log_truncated: bool,
    /// Without values: they are masked.
    pub reached: Vec<Reached>,
    pub refused: Vec<Refused>,
    /// Where the step left a value, in words, without the value.
    pub found: Vec<String>,
}

/// Why a step did not run to its end.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// Whether the runner did not want it any more.
    pub unwanted: bool,
    /// The reason, without values.
    pub why: String,
}

/// Writes a message.
pub fn send(to: &UnixStream, tag: u8, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut &*to, &[tag])?;
    write_frame(to, bytes)
}

/// Encodes the content of a message.
pub fn encoded(message: &impl Serialize) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(message)?)
}

/// Reads the content of a message, at most so many bytes.
pub fn read<T: DeserializeOwned>(from: &UnixStream, most: usize) -> io::Result<T> {
    Ok(serde_json::from_slice(&read_frame_within(from, most)?)?)
}

pub const HELLO: u8 = b'K';
pub const LEASE: u8 = b'L';
pub const BEGUN: u8 = b'B';
pub const MINTED: u8 = b'M';
pub const REVOKED: u8 = b'R';
pub const OUT: u8 = b'O';
pub const ERROR: u8 = b'E';
pub const UNWANTED: u8 = b'U';
pub const WORKSPACE: u8 = b'W';
pub const DONE: u8 = b'D';
pub const FAILED: u8 = b'F';
pub const SEARCH: u8 = b'S';
pub const HAS: u8 = b'Y';
pub const HAS_NOT: u8 = b'N';

pub const HELLO_BYTES_MAX: usize = 256;
/// 16 sealed values of 1 MiB in base64 of base64, a script, and what is around them.
pub const WORK_BYTES_MAX: usize = 64 << 20;
/// A wrapped key, or the reason for its absence.
pub const LEASE_BYTES_MAX: usize = 64 << 10;
pub const REVOKED_BYTES_MAX: usize = 1 << 20;
pub const PIECE_BYTES_MAX: usize = 1 << 20;
/// Destinations are as many as a step asks for in its time.
pub const DONE_BYTES_MAX: usize = 64 << 20;
pub const SEARCH_BYTES_MAX: usize = 64 << 20;
