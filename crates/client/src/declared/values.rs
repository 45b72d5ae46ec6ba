//! Values in force in the shape of files: the same keys and spellings, so that both can be compared and exported.
//!
//! Invariant: numbers of statements, times of signing, former keys and the installation's id are left out: they are of one
//! installation.

use std::collections::BTreeMap;

use evidence::Digest;
use evidence::enrolment::{Enrolment, Purpose};
use evidence::ssh::SshKey;
use evidence::statements::Statement;
use evidence::status::Status;
use evidence::trust_root::{Machine, Quorum, Site, TrustRoot, Witness};
use serde_json::{Map, Value, json};

use super::declaration::Declared;
use super::in_force::{InForce, PlaceInForce};
use super::people::role_text;
use super::places::{configuration_values, soak_text};
use crate::project::label;

/// People by the names that files use: their subjects, and the keys with which they sign for groups.
#[derive(Debug, Default)]
pub struct Handles(pub BTreeMap<String, (String, SshKey)>);

impl Handles {
    /// Names of the people in files, and of those who are in force and in no file.
    pub fn of(declared: Option<&Declared>, in_force: &InForce) -> Self {
        let mut handles = Self::default();
        for (name, (_, keys)) in declared.map(|declared| &declared.keys.people).into_iter().flatten() {
            let approval = keys.iter().find(|key| key.purposes.contains(&Purpose::Approve));
            let Some(key) = approval.or_else(|| keys.first()).map(|key| key.key.clone()) else { continue };
            let person = declared.and_then(|declared| declared.people.as_ref()?.get(name));
            // A holder who is not enrolled keeps the subject that the root gives the key.
            let subject = person
                .map(|it| it.subject.clone())
                .or_else(|| subject_of(&in_force.root, |known| keys.iter().any(|it| it.key == *known)))
                .unwrap_or_else(|| format!("ssh:{}", key.fingerprint()));
            handles.0.insert(name.clone(), (subject, key));
        }
        for person in in_force.people.iter().filter(|person| person.is_signed) {
            let enrolment = &person.enrolment;
            if let Some(key) = enrolment.keys_for(Purpose::Approve).next() {
                handles.add(&enrolment.name, &enrolment.subject, key);
            }
        }
        let root = &in_force.root;
        for quorum in [&root.holders, &root.registrars, &root.policy, &root.status] {
            for holder in &quorum.holders {
                handles.add("holder", &holder.subject, &holder.key);
            }
        }
        handles
    }

    /// The name of a subject.
    pub fn name(&self, subject: &str) -> String {
        let found = self.0.iter().find(|(_, (known, _))| known == subject);
        found.map_or_else(|| subject.to_owned(), |(name, _)| name.clone())
    }

    fn add(&mut self, name: &str, subject: &str, key: &SshKey) {
        if self.0.values().any(|(known, _)| known == subject) {
            return;
        }
        let stem = label(name).map_or_else(|| "person".to_owned(), |name| name.to_string());
        let names = std::iter::once(stem.clone()).chain((2..).map(|number| format!("{stem}-{number}")));
        let free = names.into_iter().find(|name| !self.0.contains_key(name));
        if let Some(name) = free {
            self.0.insert(name, (subject.to_owned(), key.clone()));
        }
    }
}

/// The subject under which a root names a key.
fn subject_of(root: &TrustRoot, is_it: impl Fn(&SshKey) -> bool) -> Option<String> {
    let quorums = [&root.holders, &root.registrars, &root.policy, &root.status];
    let mut holders = quorums.into_iter().flat_map(|quorum| &quorum.holders);
    holders.find(|holder| is_it(&holder.key)).map(|holder| holder.subject.clone())
}

/// The values of a place.
pub fn place(place: &PlaceInForce) -> Value {
    let statement = &place.statement;
    let mut values = configuration_values(&place.configuration);
    let agents: Map<_, _> =
        statement.agents.iter().map(|agent| (agent.name.to_string(), json!(machine(agent)))).collect();
    let more = json!({
        "policy": statement.policy,
        "windows": statement.windows,
        "after": statement.after,
        "automatic": statement.automatic,
        "class": statement.class,
        "soak": statement.soak_ms.map(soak_text),
        "region": statement.region,
        "baseline": statement.baseline,
        "agents": agents,
    });
    if let (Some(values), Value::Object(more)) = (values.as_object_mut(), more) {
        values.extend(more);
    }
    values
}

/// The line of a machine without its name.
pub fn machine(machine: &Machine) -> String {
    let seal = machine.seal.map(|seal| format!(",{seal}")).unwrap_or_default();
    format!("{}{seal}@{}", machine.key, site(&machine.place))
}

fn site(site: &Site) -> String {
    format!("{}/{}", site.host, site.operator)
}

/// The line of a witness.
pub fn witness(witness: &Witness) -> String {
    format!("{}@{}", witness.vkey, site(&witness.place))
}

/// The values of the trust root.
pub fn trust(root: &TrustRoot, handles: &Handles) -> Value {
    let group = |quorum: &Quorum| {
        let mut members: Vec<_> = quorum.holders.iter().map(|holder| handles.name(&holder.subject)).collect();
        members.sort();
        members.dedup();
        json!({ "threshold": quorum.threshold, "members": members })
    };
    let by_name = |lines: Vec<(String, String)>| -> Value {
        Value::Object(lines.into_iter().map(|(name, line)| (name, json!(line))).collect())
    };
    let runners = root.runners.iter().map(|runner| (runner.name.to_string(), machine(runner)));
    let witnesses = root
        .witnesses
        .keys
        .iter()
        .map(|it| (it.vkey.split('+').next().unwrap_or_default().to_owned(), witness(it)));
    let pools = root.runners.iter().filter_map(|runner| Some((runner.name.to_string(), json!(runner.pool?))));
    let mut values = json!({
        "groups": {
            "holders": group(&root.holders), "registrars": group(&root.registrars),
            "policy": group(&root.policy), "status": group(&root.status),
        },
        "runners": by_name(runners.collect()),
        "witnesses": by_name(witnesses.collect()),
        "witness-quorum": root.witnesses.quorum,
        "authority": root.authority,
    });
    if let Some(values) = values.as_object_mut() {
        let pools: Map<_, _> = pools.collect();
        if !pools.is_empty() {
            values.insert("pools".into(), Value::Object(pools));
        }
        if !root.protected.is_empty() {
            let refs: Vec<_> = root.protected.iter().map(ToString::to_string).collect();
            values.insert("protected".into(), json!(refs));
        }
    }
    values
}

/// The values of a person.
pub fn person(enrolment: &Enrolment) -> Value {
    let mut roles: Vec<_> = enrolment.grants.iter().map(role_text).collect();
    roles.sort();
    // The format gives keys no order, and files are compared with them.
    let mut keys = enrolment.keys.clone();
    keys.sort();
    let mut values = json!({
        "name": enrolment.name, "subject": enrolment.subject, "emails": enrolment.emails, "roles": roles,
        "keys": keys,
    });
    let more = [
        ("accounts", json!(enrolment.accounts)),
        ("eligible", json!(enrolment.eligible)),
        ("passkeys", json!(enrolment.passkeys)),
        ("openpgp", json!(enrolment.openpgp)),
    ];
    if let Some(values) = values.as_object_mut() {
        let full = more.into_iter().filter(|(_, list)| list.as_array().is_some_and(|list| !list.is_empty()));
        values.extend(full.map(|(key, list)| (key.to_owned(), list)));
    }
    values
}

/// The values of the status.
pub fn status(status: &Status) -> Value {
    let truths = |texts: Vec<String>| -> Map<String, Value> {
        texts.into_iter().map(|text| (text, json!(true))).collect()
    };
    let lists = [
        ("frozen", truths(status.frozen.iter().map(ToString::to_string).collect())),
        ("barred", truths(status.barred.iter().map(ToString::to_string).collect())),
        ("revoked", status.revoked.iter().map(|it| (it.key.clone(), json!(it.invalid_since))).collect()),
    ];
    let full = lists.into_iter().filter(|(_, items)| !items.is_empty());
    Value::Object(full.map(|(key, items)| (key.to_owned(), Value::Object(items))).collect())
}

/// A name for the file of a statement, the same in every installation.
pub fn statement_name(it: &Statement) -> String {
    let mut values = statement(it);
    if let Some(values) = values.as_object_mut() {
        values.remove("until");
        values.remove("reason");
    }
    let digest = Digest::of(values.to_string().as_bytes()).to_string();
    let short: String = digest.trim_start_matches("sha256:").chars().take(8).collect();
    format!("{}-{short}", it.kind().as_str())
}

/// The values of a statement.
pub fn statement(statement: &Statement) -> Value {
    json!({
        "kind": statement.kind(), "scope": statement.scope.to_string(), "until": statement.expires,
        "reason": statement.reason, "subjects": statement.subjects, "body": statement.body,
    })
}
