//! The pages. Each takes a frame and its model, and returns a whole document.

mod overview;
mod release;
mod run;

pub use overview::overview;
pub use release::release;
pub use run::run;
