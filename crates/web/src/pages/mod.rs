//! The pages. Each takes a frame and its model, and returns a whole document.

mod design;
mod entry;
mod ledger;
mod log;
mod opening;
mod overview;
mod problem;
mod release;
mod run;
mod sheet;

pub use design::design;
pub use entry::entry;
pub use ledger::ledger;
pub use log::log;
pub use opening::opening;
pub use overview::overview;
pub use problem::{error, outside};
pub use release::release;
pub use run::run;
pub use sheet::sheet;
