//! Forgeries: attacks by the owner of the server, its keys and its network, one row each.
//!
//! Invariant: everything around a forgery is as consistent as the attacker can make it: approvers were shown the same, the
//! ledger names it, witnesses cosigned it. So each row depends on exactly the check that it is about.

pub mod advances;
mod apart;
mod build;
mod changes;
pub mod checking;
mod checks;
mod coverage;
mod documents;
mod ledger;
pub mod lent;
mod lifts;
mod loosened;
mod measured;
mod observations;
mod overrides;
pub mod parity;
mod people;
mod pipelines;
mod place;
mod pools;
mod previews;
mod refs;
mod returns;
mod revoked;
mod root;
mod row;
pub mod runs;
mod secrets;
mod seen;
mod statements;
mod stating;
mod unapplied;
mod windows;

pub use ledger::new_origin;
pub use measured::equal as measured_equal;
pub use overrides::{lifted, soaking};
pub use refs::verified;
pub use revoked::{long_there, renew, revoke};
pub use row::{ForgedEvidence, Forgery, READERS};
pub use statements::{KINDS, StatedKind, each as statements};
pub use unapplied::run as asked_with;
pub use windows::{names as with_windows, windows};

/// Every row about work on a runner.
#[must_use]
pub fn all_work() -> Vec<runs::RunForgery> {
    [
        runs::all(),
        checking::rows(),
        loosened::work(),
        refs::work(),
        unapplied::work(),
        pools::work(),
        apart::work(),
        lent::work(),
    ]
    .concat()
}

/// Every row.
#[must_use]
pub fn all() -> Vec<Forgery> {
    let of_what_is_shown = [
        root::rows(),
        loosened::rows(),
        people::rows(),
        revoked::rows(),
        build::rows(),
        refs::rows(),
        documents::rows(),
        changes::rows(),
        coverage::rows(),
        statements::rows(),
        secrets::rows(),
        seen::rows(),
        checks::rows(),
        observations::rows(),
        measured::rows(),
        parity::rows(),
        lifts::rows(),
        place::rows(),
        pipelines::rows(),
        unapplied::rows(),
        pools::rows(),
        previews::rows(),
        apart::rows(),
        windows::rows(),
        overrides::rows(),
    ]
    .concat();
    [of_what_is_shown, ledger::rows(), returns::rows()].concat()
}
