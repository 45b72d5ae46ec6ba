//! Policy as code: decides whether a release may ship, in Rego over a JSON input.
//!
//! Invariant: a verdict depends on policy and input alone, everywhere and forever. Built-ins are checked against a list
//! when a policy is loaded, so there is no clock, randomness or network. The budget is counted in instructions, so a
//! replay on a slower machine stops at the same place. "Could not decide" is a separate verdict and never a pass, and a
//! policy that made no check does not pass either. Of the product the crate knows only the packs, and kinds,
//! producers and origin of reports (`reads.rs`); the meaning of the input is left to the policies.
//!
//! A [`Gate`] that denies unsigned commits:
//!
//! ```
//! use policy::{Bundle, Gate, Verdict};
//!
//! let rules = r#"
//! package countersign.gate
//!
//! checks contains "signed-commits"
//!
//! deny contains {"code": "unsigned", "what": "the commit is not signed", "remedy": "sign it"} if not input.signed
//! "#;
//! let bundle = Bundle::new([("gate.rego".to_owned(), rules.to_owned())].into())?;
//! let gate = Gate::compile(&bundle)?;
//!
//! assert!(matches!(gate.ask(r#"{"signed": true}"#), Verdict::Pass { .. }));
//! let Verdict::Fail { reasons, .. } = gate.ask(r#"{"signed": false}"#) else { panic!("it passed") };
//! assert_eq!(reasons.first().map(|reason| reason.code.as_str()), Some("unsigned"));
//! assert!(matches!(gate.ask("no JSON"), Verdict::Undecided { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod budget;
mod builtins;
mod bundle;
mod explain;
mod fields;
mod gate;
mod modifiers;
mod packs;
mod reading;
mod reads;
mod testing;
mod uncertain;

pub use budget::Budget;
pub use bundle::{BUNDLE_FILES_MAX, Bundle, BundleError, FILE_BYTES_MAX};
pub use explain::{Effect, ExplainError, Rule};
pub use gate::{ENGINE, Gate, GateError, INPUT_BYTES_MAX, INSTRUCTIONS_MAX, Reason, Verdict};
pub use packs::{PACKS, Pack};
pub use reading::{Unasked, all_asked};
pub use reads::{AllReads, Producers, Read, ReadObservation, ReadsError, ReportsFrom};
pub use testing::{run_tests, test_names};
