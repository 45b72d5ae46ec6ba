//! The values in which a place may differ from the environment before it, as an option of a statement.

use std::path::Path;

use evidence::parity_rules::ParityRules;

use super::trust_statement::read;
use crate::failure::Failure;

/// Reads a file of rules; `none` stands for no rules.
pub fn read_rules(named: &Path) -> Result<Option<ParityRules>, Failure> {
    if named == Path::new("none") {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&read(named)?).into_owned();
    let rules = ParityRules::parse(&text);
    rules.map(Some).map_err(|error| Failure::usage(format!("`{}`: {error}", named.display())))
}
