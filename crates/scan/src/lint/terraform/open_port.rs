//! `terraform-open-port`.
//!
//! Ports 80 and 443 are left out: load balancers and web servers are there for everybody.

use evidence::document::findings::Severity;

use super::Plan;
use super::openings::{Opening, openings};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-open-port",
        severity: Severity::High,
        title: "a port is open to everybody",
        why: "Whatever listens there must withstand everybody on the internet, though few services but web servers are meant to.",
        remedy: "allow only the addresses or security groups that need it, and put web servers behind ports 80 and 443",
        same: &[],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    let others = openings(plan).into_iter();
    for Opening { block, ports } in
        others.filter(|Opening { ports, .. }| ports.sensitive().is_none() && !ports.is_web())
    {
        hits.at(0, format!("{}: {ports}", block.address()));
    }
}
