//! The client of a person: profiles, pins and keys, signed requests, and the review of evidence before a signature.
//!
//! Input: the person's files, a repository, and the answers of a server. Output: values, texts and signed requests.
//! Invariant: no private key of a person comes near this crate, since `ssh-keygen` signs; nothing that a server sends is
//! believed before it is verified under the person's pin. This crate deliberately omits the command line, terminals and
//! the server's storage: it prints nothing.

pub mod access;
mod addresses;
pub mod advisories;
mod ancestry;
pub mod approval;
pub mod authority_files;
pub mod browser;
pub mod changes;
pub mod clock;
pub mod commit_command;
pub mod declared;
pub mod dirs;
pub mod dossier;
mod error;
pub mod evidence_file;
pub mod feed;
pub mod fetched;
pub mod files;
pub mod foresight;
pub mod home;
pub mod hooks;
pub mod hosts;
pub mod id_prefix;
pub mod kept_enrolment;
pub mod kept_trust;
pub mod key_files;
pub mod leaks;
pub mod log_tail;
pub mod machine_dir;
pub mod missing_pipeline;
pub mod new_statement;
pub mod onboarding;
pub mod output_differences;
pub mod pack;
mod partial_clone;
pub mod pending;
pub mod pinned_review;
pub mod pinned_root;
pub mod pins;
pub mod pkcs11;
pub mod places;
pub mod policies;
pub mod pools;
pub mod ports;
pub mod previews;
pub mod profile;
pub mod project;
pub mod project_files;
pub mod promotion;
pub mod random;
pub mod record;
pub mod rejection;
pub mod request;
pub mod role_way;
pub mod rollback;
pub mod rollback_by_hand;
pub mod rollout;
pub mod root_key;
pub mod rotation;
pub mod run;
pub mod run_failure;
pub mod run_reports;
pub mod run_request;
pub mod seal_files;
pub mod secret;
pub mod secret_file;
pub mod secret_holders;
pub mod secret_reads;
pub mod secret_values;
pub mod seen_status;
pub mod session;
pub mod signing;
pub mod source_tree;
pub mod statements;
pub mod test_history;
pub mod vex;
pub mod waiting;
pub mod windows;
pub mod witness_pins;
pub mod working_tree;

pub use error::Error;
