//! What the command line answers, word for word where somebody acts on it: outputs that cannot be written, names and
//! ids as people type them, errors with the remedy that works, files to start from.

mod colleagues;
mod evidence;
mod founding;
mod freezing;
mod kinds;
mod local;
mod logs;
mod names;
mod projects;
mod ranges;
mod remedies;
mod starting;
mod streams;
mod teams;
