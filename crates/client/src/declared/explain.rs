//! An effective value traced to its file, line, commit and author, to the layers that it beat, and to the signed statement that
//! has it in force.
//!
//! Invariant: files and force are told apart: where they differ, both are told.

use evidence::dsse::Envelope;
use evidence::environment;
use evidence::ssh;
use evidence::trust_root::{Quorum, TrustRoot};
use evidence::{Digest, trust_root};
use serde::Serialize;
use serde_json::Value;

use super::declaration::{Declared, Part};
use super::fault::At;
use super::in_force::InForce;
use super::leaves::{Leaf, Leaves, written};
use super::origin::{self, Line};
use super::plan::resolved_values;
use super::values::{self, Handles};

/// The trace of a value.
#[derive(Debug, Serialize)]
pub struct Trace {
    /// The part of the installation.
    pub part: String,
    /// The key.
    pub key: String,
    /// The value that files declare; absent if they declare none.
    pub declared: Option<Value>,
    /// Where it is declared.
    pub at: Option<At>,
    /// The layer that declares it.
    pub layer: Option<String>,
    /// Values of weaker layers, the strongest first.
    pub beaten: Vec<Beaten>,
    /// The commit that last changed the line.
    pub changed: Option<Line>,
    /// The value in force; absent if none is.
    pub in_force: Option<Value>,
    /// The statement that has it in force.
    pub by: Option<Authority>,
    /// Whether files and force say the same.
    pub is_same: bool,
}

/// A value of a weaker layer.
#[derive(Debug, Serialize)]
pub struct Beaten {
    /// The layer.
    pub layer: String,
    /// Its value.
    pub value: Value,
    /// Where it is declared.
    pub at: Option<At>,
}

/// A signed statement.
#[derive(Clone, Debug, Serialize)]
pub struct Authority {
    /// Its number, or version.
    pub number: Option<u64>,
    /// Digest of its payload.
    pub statement: Digest,
    /// Number of its entry.
    pub entry: Option<u64>,
    /// The people who signed it.
    pub signed_by: Vec<String>,
}

/// Traces of every value of a part, or of those under one key.
#[must_use]
pub fn traces(
    declared: &Declared,
    in_force: &InForce,
    root: Option<&Envelope>,
    part: &Part,
    key: Option<&str>,
) -> Vec<Trace> {
    let handles = Handles::of(Some(declared), in_force);
    let (force, by) = force(in_force, declared, &handles, root, part);
    let files = declared.leaves(part).cloned().unwrap_or_default();
    // Digests and full lines in the place of paths, to compare; people are shown what the files say.
    let compared = resolved_values(declared, in_force, part).unwrap_or_else(|| files.clone());
    let mut keys: Vec<_> = files.0.keys().chain(force.0.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    let wanted = |path: &Vec<String>| {
        let text = written(path);
        key.is_none_or(|key| text == key || text.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
    };
    let traced = keys.into_iter().filter(wanted);
    traced.map(|path| trace(declared, part, &path, &files, &compared, &force, by.as_ref())).collect()
}

fn trace(
    declared: &Declared,
    part: &Part,
    path: &[String],
    files: &Leaves,
    compared: &Leaves,
    force: &Leaves,
    by: Option<&Authority>,
) -> Trace {
    let leaf = files.0.get(path);
    let at = leaf.and_then(|leaf| leaf.at.clone());
    let layers = match part {
        Part::Place(place) => declared.places.get(place).map(|it| it.layers.as_slice()).unwrap_or_default(),
        _ => &[],
    };
    let holding: Vec<_> = layers
        .iter()
        .rev()
        .filter_map(|layer| Some((layer.name.clone(), at_layer(&layer.leaves, path)?)))
        .collect();
    let (first, rest) = match holding.split_first() {
        Some((first, rest)) => (Some(first), rest),
        None => (None, <_>::default()),
    };
    let beaten = rest.iter().map(|(layer, leaf)| Beaten {
        layer: layer.clone(),
        value: leaf.value.clone(),
        at: leaf.at.clone(),
    });
    let in_force = force.0.get(path).map(|leaf| leaf.value.clone());
    let value =
        |leaves: &Leaves| leaves.0.get(path).map(|leaf| leaf.value.clone()).filter(|value| !value.is_null());
    Trace {
        part: part.to_string(),
        key: written(path),
        declared: value(files),
        layer: first.map(|(layer, _)| layer.clone()),
        beaten: beaten.collect(),
        changed: at.as_ref().filter(|at| at.line > 0).and_then(|at| origin::line(&declared.path, at)),
        at,
        is_same: value(compared) == in_force,
        by: by.filter(|_| in_force.is_some()).cloned(),
        in_force,
    }
}

/// The value of a layer at a key, or of the key above that it replaces.
fn at_layer<'a>(leaves: &'a Leaves, path: &[String]) -> Option<&'a Leaf> {
    (1..=path.len()).rev().find_map(|length| leaves.0.get(path.get(..length)?))
}

/// The values of a part in force, and the statement that has them there.
fn force(
    in_force: &InForce,
    declared: &Declared,
    handles: &Handles,
    root: Option<&Envelope>,
    part: &Part,
) -> (Leaves, Option<Authority>) {
    match part {
        Part::Trust => {
            let of = |envelope: &Envelope| Authority {
                number: Some(in_force.root.version.into()),
                statement: envelope.payload_digest(),
                entry: None,
                signed_by: people(envelope, trust_root::NAMESPACE, &in_force.root.holders, handles),
            };
            (Leaves::of(&values::trust(&in_force.root, handles)), root.map(of))
        }
        Part::Status => (Leaves::of(&values::status(&in_force.status)), None),
        Part::Place(place) => match in_force.places.get(place) {
            Some(old) => {
                let by = Authority {
                    number: Some(old.statement.number),
                    statement: old.envelope.payload_digest(),
                    entry: old.view.entry,
                    signed_by: people(&old.envelope, environment::NAMESPACE, policy(&in_force.root), handles),
                };
                (Leaves::of(&values::place(old)), Some(by))
            }
            None => (Leaves::default(), None),
        },
        Part::Person(name) => {
            let person = declared.people.as_ref().and_then(|people| people.get(name));
            let subject = person.map(|person| person.subject.as_str());
            let found = in_force.people.iter().find(|it| {
                subject.map_or_else(
                    || handles.name(&it.enrolment.subject) == *name,
                    |subject| it.enrolment.subject == subject,
                )
            });
            let by = found.map(|it| Authority {
                number: None,
                statement: it.view.enrolment,
                entry: None,
                signed_by: Vec::new(),
            });
            (found.map(|it| Leaves::of(&values::person(&it.enrolment))).unwrap_or_default(), by)
        }
        Part::Statement(name) => {
            let wanted = declared.statements.as_ref().and_then(|all| all.get(name)).map(|it| &it.statement);
            let found = in_force.statements.iter().find(|it| {
                wanted.is_some_and(|wanted| {
                    wanted.scope == it.statement.scope
                        && wanted.subjects == it.statement.subjects
                        && wanted.body == it.statement.body
                })
            });
            let signer = |person| {
                let found = in_force.people.iter().find(|it| it.enrolment.person == person);
                found.map(|it| it.enrolment.name.clone()).into_iter().collect()
            };
            let by = found.map(|it| Authority {
                number: None,
                statement: it.digest,
                entry: None,
                signed_by: signer(it.statement.person),
            });
            (found.map(|it| Leaves::of(&values::statement(&it.statement))).unwrap_or_default(), by)
        }
    }
}

const fn policy(root: &TrustRoot) -> &Quorum {
    &root.policy
}

fn people(envelope: &Envelope, namespace: &str, quorum: &Quorum, handles: &Handles) -> Vec<String> {
    let signers = ssh::signers(envelope, namespace, &quorum.keys()).unwrap_or_default();
    quorum.persons(&signers).into_iter().map(|subject| handles.name(subject)).collect()
}
