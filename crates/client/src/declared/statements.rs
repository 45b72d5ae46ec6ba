//! Statements of people that stand: grants, waivers, and vulnerabilities that do not affect a product.
//!
//! Invariant: a file has what a person signs but for the person, the time and the trust that they saw. Statements about one
//! release, and values of secrets, are in no file: they are evidence, not configuration.

use std::collections::BTreeMap;

use evidence::dsse::Envelope;
use evidence::statements::{PAYLOAD_TYPE, Scope, Statement, StatementKind};
use evidence::{Digest, Id, Moment, Name, canonical};
use serde_json::{Value, json};

use super::directory::Directory;
use super::fault::{At, Faults};
use super::leaves::Leaves;
use super::node::Node;
use crate::new_statement::Until;

/// Kinds that files may have.
pub const KINDS: [StatementKind; 3] =
    [StatementKind::Grant, StatementKind::Waiver, StatementKind::NotAffected];

/// A statement.
#[derive(Clone, Debug)]
pub struct DeclaredStatement {
    /// Its file.
    pub at: At,
    /// Its values.
    pub leaves: Leaves,
    /// Its content, with a stand-in for installation and person.
    pub statement: Statement,
}

/// Reads every statement, by the name of the file.
pub fn read(directory: &Directory, now: Moment, faults: &mut Faults) -> BTreeMap<String, DeclaredStatement> {
    let mut statements = BTreeMap::new();
    for (parts, file, node) in directory.folder("statements") {
        let at = At::file(file);
        let mut leaves = Leaves::default();
        for (key, node) in node.fields(&KNOWN, faults) {
            one(&key.text, node, &mut leaves, faults);
        }
        for key in ["kind", "scope", "until", "reason", "body"] {
            if leaves.get(&[key]).is_none() {
                faults.add(&at, format!("`{key}` is missing"));
            }
        }
        match statement(&leaves, now) {
            Some(Ok(statement)) => {
                statements.insert(parts.join("/"), DeclaredStatement { at, leaves, statement });
            }
            Some(Err(what)) => faults.add(node.place_of("body").unwrap_or(&at), what),
            None => {}
        }
    }
    statements
}

fn one(key: &str, node: &Node, leaves: &mut Leaves, faults: &mut Faults) {
    let value = match key {
        "kind" => match serde_json::from_value::<StatementKind>(node.json()) {
            Ok(kind) if KINDS.contains(&kind) => json!(kind),
            _ => {
                return faults.add(
                    &node.at,
                    "grant, waiver or not-affected is expected; other statements are about one release",
                );
            }
        },
        "scope" => match node.text(faults).and_then(|text| scope(&text)) {
            Some(scope) => json!(scope.to_string()),
            None => {
                return faults
                    .add(&node.at, "a scope is PROJECT/SERVICE/ENVIRONMENT, with `*` for every one");
            }
        },
        "until" => match node.parsed::<Until>(faults) {
            Some(until) => json!(until.0),
            None => return,
        },
        "subjects" => {
            let digests = node.list(faults).iter().filter_map(|node| node.parsed::<Digest>(faults));
            let mut digests: Vec<_> = digests.collect();
            digests.sort_unstable();
            json!(digests)
        }
        "reason" => match node.text(faults) {
            Some(text) => json!(text),
            None => return,
        },
        _ => node.json(),
    };
    leaves.set(&[key], value, &node.at);
}

/// The statement that values become; `None` if one of them is missing.
fn statement(leaves: &Leaves, now: Moment) -> Option<Result<Statement, String>> {
    let value = |key: &str| leaves.get(&[key]).map(|leaf| leaf.value.clone());
    let (kind, body) = (value("kind")?, value("body")?);
    let until: Moment = serde_json::from_value(value("until")?).ok()?;
    if until <= now {
        return Some(Err("it has ended: remove the file, or choose a later `until`".to_owned()));
    }
    let secret = body.get("secret").and_then(Value::as_str).and_then(|secret| secret.parse().ok());
    let subject = |secret: evidence::statements::GrantedSecret| json!([secret.subject()]);
    let subjects = value("subjects").or_else(|| secret.map(subject)).unwrap_or_else(|| json!([]));
    let payload = json!({
        "v": 1, "kind": kind, "installation": STANDIN, "person": STANDIN,
        "scope": scope(value("scope")?.as_str()?)?, "subjects": subjects, "not_before": now, "expires": until,
        "root": 1, "checkpoint": "", "reason": value("reason")?, "nonce": STANDIN, "via": "command-line",
        "body": body,
    });
    let read =
        canonical::encode("statement", &payload).map_err(|error| error.to_string()).and_then(|bytes| {
            Statement::read(&Envelope::new(PAYLOAD_TYPE, bytes)).map_err(|error| error.to_string())
        });
    Some(read)
}

/// A scope as people write it.
#[must_use]
pub fn scope(text: &str) -> Option<Scope> {
    let parts: Vec<_> = text.split('/').collect();
    let name = |text: &str| match text {
        "*" => Some(None),
        text => text.parse::<Name>().ok().map(Some),
    };
    let [project, service, environment] = parts.as_slice() else { return None };
    Some(Scope { project: project.parse().ok()?, service: name(service)?, environment: name(environment)? })
}

const KNOWN: [&str; 6] = ["kind", "scope", "until", "reason", "subjects", "body"];
/// Installation, person and nonce until somebody signs.
const STANDIN: Id = Id::from_random([0; 16]);
