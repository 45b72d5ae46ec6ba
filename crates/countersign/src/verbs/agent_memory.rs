//! The memory of an agent, for the verbs that work in its directory.
//!
//! Invariant: a directory of nobody names the verb that makes one.

use std::path::Path;

use agent::{Memory, MemoryError};

use crate::failure::Failure;

/// The memory of an agent that has joined.
pub fn memory(data: &Path) -> Result<Memory, Failure> {
    Memory::read(data).map_err(|error| match error {
        MemoryError::Io(..) => {
            Failure::error(format!("{error}; `countersign agent join` makes the directory of an agent"))
        }
        other => other.into(),
    })
}
