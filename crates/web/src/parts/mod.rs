//! Parts that pages share: states, times, digests, commands, facts, rows, tables, pictures.
//!
//! Invariant: text by others leaves this module only through [`text`], and an address only through [`address`]. A part has no inline
//! style or script; the policy of the server's headers forbids both.

mod ansi;
mod bars;
mod changes;
mod chart;
mod commands;
mod curves;
mod facts;
mod figures;
mod form;
mod graph;
mod span;
mod state;
mod table;
mod texts;
mod time;
mod way;

pub use ansi::{Group, group_of, line_of_log};
pub use bars::bars;
pub use changes::changes;
pub use chart::chart;
pub use commands::{command, commands, copy};
pub use curves::curves;
pub use facts::{digest, empty, facts, more, section, short_id};
pub use figures::{bytes, count, took};
pub use form::{choice, form};
pub use graph::graph;
pub use state::{badge, glyph, sign, tone};
pub use table::table;
pub use texts::{address, link, prose, quoted, sentence, text};
pub use time::{age, clock, moment, stamp};
pub use way::way;
