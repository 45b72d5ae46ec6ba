//! Evidence: the signed and committed formats of countersign, and the standards that they follow.
//!
//! Invariant: everything here is pure. A format has exactly one encoding (RFC 8785), is verified as received, and
//! carries a version. The crate deliberately contains no state, storage, clock or randomness: salts, nonces and moments
//! come from the caller. The texts of errors are part of the formats, too: findings quote them, and the ledger records
//! the digest of a verdict with its findings. So a text that a verdict can quote does not change.
//!
//! An [`Envelope`](dsse::Envelope) that a machine signs, and a [`Pipeline`](pipeline::Pipeline) that is read:
//!
//! ```
//! use evidence::dsse::Envelope;
//! use evidence::machine::MachineSigner;
//! use evidence::pipeline::Pipeline;
//!
//! let signer = MachineSigner::from_seed([7; 32])?;
//! let mut envelope = Envelope::new("application/vnd.example+json", b"{}".to_vec());
//! signer.sign(&mut envelope)?;
//!
//! let received = Envelope::decode(&envelope.encode()?)?;
//! signer.public().verify(&received)?;
//! assert_eq!(received.payload("application/vnd.example+json")?, b"{}");
//! let other = MachineSigner::from_seed([8; 32])?;
//! assert!(other.public().verify(&received).is_err());
//!
//! let pipeline = Pipeline::parse(b"version: 1\nsteps:\n  build:\n    run: make\n")?;
//! assert_eq!(pipeline.order().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod address;
pub mod advance_order;
pub mod amounts;
pub mod approval;
pub mod before;
pub mod bundle;
pub mod canonical;
pub mod check;
pub mod claim;
pub mod codeowners;
pub mod configuration;
pub mod configuration_order;
pub mod credentials;
pub mod databases;
pub mod document;
pub mod domain_name;
pub mod drift;
pub mod dsse;
pub mod enrolment;
pub mod entry;
pub mod environment;
pub mod evidence_manifest;
pub mod founding;
pub mod git;
pub mod introduction;
pub mod link;
pub mod machine;
pub mod observations;
pub mod oci;
pub mod parity;
pub mod parity_rules;
pub mod pin;
pub mod pipeline;
pub mod pipeline_files;
mod place;
pub mod plan;
pub mod policy_files;
pub mod pool;
pub mod preview;
pub mod previews_order;
pub mod provenance;
pub mod receipt;
pub mod records;
pub mod relayed_status;
pub mod release_check;
pub mod release_file;
pub mod report;
pub mod request;
pub mod retreat_order;
pub mod rollback_order;
pub mod rollout;
pub mod rollout_counts;
pub mod rollout_file;
pub mod rollout_measure;
pub mod rollout_metric;
pub mod rollout_query;
pub mod rollout_reason;
pub mod rotation_recipe;
pub mod rules;
pub mod run_order;
pub mod seal;
pub mod secret_name;
pub mod secrets_order;
pub mod serving;
pub mod source_pack;
pub mod ssh;
pub mod ssh_access;
pub mod statement;
pub mod statements;
pub mod status;
pub mod tree_list;
pub mod trust_root;
pub mod unique_map;
pub mod unread_status;
pub mod verifier_state;
pub mod vouched;
pub mod windows;

mod bytes;
mod digest;
mod id;
mod ordered;
mod placed;
mod purpose;
mod time;

pub use bytes::{Bytes, BytesError};
pub use digest::{Digest, DigestError, Hasher};
pub use id::{CommitId, CommitIdError, Id, IdError, Name, NameError};
pub use place::{Place, PlaceError};
pub use time::{Moment, MomentError};
