//! A splitter: one port, several groups of processes behind it, each with its share of the requests and its own figures.
//!
//! Invariant: it holds no key and no secret, writes no file, and decides nothing about a release: an agent gives it a
//! [`Table`] and reads [`Figures`]. A request stays with the group that it began with, whatever table follows, and an answer
//! that its backend did not finish never looks finished to the client. It knows nothing of releases, plans and observations.

mod answer;
mod attempts;
mod backend;
mod buckets;
mod client;
mod connection;
mod control;
mod fault;
mod figures;
mod frame;
mod heads;
mod limits;
mod link;
mod patience;
mod relay;
mod routes;
mod serve;
mod slots;
mod sticky;
mod stream;
mod streams;
mod table;
mod tally;
mod tcp;
mod tunnel;
mod turns;
mod upgraded;
mod upload;

pub use buckets::{BUCKET_LAST, bucket, bucket_start};
pub use control::{Control, ControlError};
pub use fault::TableError;
pub use figures::{ClientErrors, Errors, Figures, GroupFigures};
pub use frame::{Answer, FRAME_BYTES_MAX, Order};
pub use limits::Limits;
pub use serve::{ServeError, serve};
pub use table::{
    BACKENDS_MAX, GROUPS_MAX, Group, NAME_BYTES_MAX, Protocol, Sticky, TRUSTED_MAX, Table, WEIGHT_MAX,
};
