//! The table of rules, over its parts.

use super::rule::Rule;
use super::{rules_a_to_d, rules_e_to_m, rules_n_to_z};

/// The rules that read content, in order of precedence: of two that cover the same bytes the first counts.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    rules_a_to_d::RULES.iter().chain(&rules_e_to_m::RULES).chain(&rules_n_to_z::RULES)
}
