//! A founding in sentences, for the people who sign it; a pure function.
//!
//! Invariant: every statement has its sentence, and whatever gives somebody or a machine a right is named with its key.

use std::collections::BTreeMap;

use evidence::Digest;
use evidence::enrolment::{Enrolment, Purpose};
use evidence::environment::Environment;
use evidence::founding::Founding;
use evidence::trust_root::{Quorum, Site, TrustRoot};

use crate::status_words;
use crate::summary::assurance;

/// Sentences about all statements; `is_built_in` tells the policy that the reader's own program has.
#[must_use]
pub fn sentences(founding: &Founding, is_built_in: impl Fn(&Digest) -> bool) -> Vec<String> {
    let root = &founding.root.said;
    let enrolments: Vec<_> = founding.enrolments.iter().map(|enrolment| &enrolment.said).collect();
    let names: BTreeMap<_, _> =
        enrolments.iter().map(|said| (said.subject.as_str(), said.name.as_str())).collect();
    let mut lines = vec![format!(
        "this founds installation {} in mode {}; its trust root is valid until {}",
        root.installation,
        assurance(root.mode),
        root.expires
    )];
    groups(root, &names, &mut lines);
    machines(root, &mut lines);
    lines.extend(enrolments.iter().map(|said| enrolment(said)));
    lines.extend(status_words::sentences(None, &founding.status.said));
    lines.extend(founding.places.iter().map(|place| statement(&place.statement.said, &is_built_in)));
    lines
}

/// The signers of each sort of statement; groups of the same people share a sentence.
fn groups(root: &TrustRoot, names: &BTreeMap<&str, &str>, lines: &mut Vec<String>) {
    let all = [
        ("trust roots", &root.holders),
        ("statements of places", &root.policy),
        ("the status", &root.status),
        ("enrolments", &root.registrars),
    ];
    let mut said: Vec<(&Quorum, Vec<&str>)> = Vec::new();
    for (what, quorum) in all {
        match said.iter_mut().find(|(known, _)| *known == quorum) {
            Some((_, of)) => of.push(what),
            None => said.push((quorum, vec![what])),
        }
    }
    for (quorum, of) in said {
        let people = quorum.holders.iter().map(|holder| {
            let name = names.get(holder.subject.as_str()).copied().unwrap_or(&holder.subject);
            format!("{name} ({})", holder.key.fingerprint())
        });
        let people: Vec<_> = people.collect();
        lines.push(format!("{} of {} sign {}", quorum.threshold, people.join(", "), of.join(", ")));
    }
}

fn machines(root: &TrustRoot, lines: &mut Vec<String>) {
    lines.push(format!(
        "the server is {}; its ledger's key is {}, its key for provenance {}",
        site(&root.server),
        root.ledger.vkey,
        root.provenance
    ));
    for runner in &root.runners {
        lines.push(format!("runner {} is {}; its key is {}", runner.name, site(&runner.place), runner.key));
    }
    for witness in &root.witnesses.keys {
        lines.push(format!("witness {} is {}", witness.vkey, site(&witness.place)));
    }
    let count = root.witnesses.keys.len();
    lines.push(format!(
        "{} of {} must have seen an entry",
        root.witnesses.quorum,
        shown::counted(count, "witness", "witnesses")
    ));
}

fn enrolment(said: &Enrolment) -> String {
    let keys = said.keys.iter().map(|key| {
        let purposes: Vec<_> = key.purposes.iter().map(|purpose| purpose_of(*purpose)).collect();
        format!("{} for {}", key.key.fingerprint(), purposes.join(" and "))
    });
    let keys: Vec<_> = keys.collect();
    let roles: Vec<_> = said.grants.iter().map(|grant| grant.role.to_string()).collect();
    format!(
        "{} ({}) is enrolled until {} as {}, with key {}",
        said.name,
        said.emails.join(", "),
        said.expires,
        roles.join(", "),
        keys.join(", ")
    )
}

const fn purpose_of(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SignIn => "requests",
        Purpose::Approve => "approvals and statements",
        Purpose::Commit => "commits",
    }
}

fn statement(said: &Environment, is_built_in: impl Fn(&Digest) -> bool) -> String {
    let agents =
        said.agents.iter().map(|agent| format!("{} ({}, {})", agent.name, site(&agent.place), agent.key));
    let agents: Vec<_> = agents.collect();
    let after = said.after.as_ref().map_or_else(String::new, |after| format!(" after {after}"));
    let starts = if said.automatic { "by themselves" } else { "when a person asks" };
    let policy = match is_built_in(&said.policy) {
        true => "the policy that this program has built in".to_owned(),
        false => format!("policy {}", said.policy),
    };
    format!(
        "at {} releases begin{after} {starts}, under {policy}, with configuration {}, carried out by {}; the first range of changes begins after commit {}",
        said.place(),
        said.configuration,
        agents.join(", "),
        said.baseline
    )
}

fn site(site: &Site) -> String {
    format!("on host {}, operated by {}", site.host, site.operator)
}
