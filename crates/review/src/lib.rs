//! The meaning of evidence and views to a person who decides: results of scanners and tests, rules of a gate with their facts
//! and owners, the outcome of a run at each place, and the next step.
//!
//! Input: checked evidence with its judgement, and views of a server. Output: values, and lines of text. Invariant: pure;
//! nothing here decides anything. The command line shows it under a person's own pin, the console under the server's own
//! word; both show the same. This crate deliberately omits keys, pins, HTTP and storage.

pub mod alerts;
pub mod approvers;
pub mod budget;
pub mod comparison;
pub mod contents;
pub mod delivery;
pub mod differences;
pub mod disk_size;
pub mod duration;
pub mod ending;
pub mod explain;
pub mod finding_sort;
pub mod findings;
pub mod founding_words;
pub mod headline;
pub mod ids;
pub mod inventory;
pub mod named_release;
pub mod next_step;
pub mod outcome;
pub mod parity;
pub mod place_state;
pub mod place_words;
pub mod policy_controls;
pub mod policy_facts;
pub mod posture;
pub mod record;
pub mod release_words;
pub mod rescan;
pub mod results;
pub mod rollback_words;
pub mod rollout_words;
pub mod run_graph;
pub mod run_words;
pub mod sentences;
pub mod standing;
pub mod status_words;
pub mod summary;
pub mod tally;
pub mod test_reports;
pub mod waivers;
pub mod witnesses;
