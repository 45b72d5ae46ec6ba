//! Answers of the command line, word for word if a person acts on them: outputs that cannot be written, names and ids as
//! people type them, errors with a working remedy, first files of a project.

mod calendars;
pub mod changes;
mod colleagues;
mod comparing;
mod evidence;
mod founding;
mod freezing;
mod history;
mod hooks;
mod kinds;
mod local;
mod logging;
mod logs;
mod names;
mod projects;
mod ranges;
mod remedies;
mod starting;
mod streams;
pub mod teams;
