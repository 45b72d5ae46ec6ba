//! Rules about images. A new rule is one file here and one row in [`RULES`].

mod compiler;
mod deleted_secret;
mod device;
mod empty_password;
mod foreign_base;
mod old;
mod package_manager;
mod root_user;
mod secret_value;
mod setuid;
mod shell;
mod subject;
mod writable_by_all;

use crate::lint::rule::{Facts, Rule};

pub use subject::{Age, Asked, Judged};

/// The rules.
pub const RULES: &[&Rule<Judged>] = &[
    &root_user::RULE,
    &setuid::RULE,
    &writable_by_all::RULE,
    &device::RULE,
    &shell::RULE,
    &compiler::RULE,
    &package_manager::RULE,
    &secret_value::RULE,
    &deleted_secret::RULE,
    &empty_password::RULE,
    &foreign_base::RULE,
    &old::RULE,
];

/// The rules that hold for an image in which steps run, too.
pub const IN_STEPS: &[&Rule<Judged>] = &[&secret_value::RULE, &deleted_secret::RULE];

/// Facts of all rules.
pub fn facts() -> impl Iterator<Item = &'static Facts> {
    RULES.iter().map(|rule| &rule.facts)
}
