//! People as files declare them: names, addresses and roles. Their public keys are in `keys.yaml`.
//!
//! Invariant: a person has a key that approves and one that signs requests; roles are written as `trust enrol` takes them.

use std::collections::BTreeMap;

use evidence::Name;
use evidence::enrolment::Grant;
use serde_json::{Value, json};

use super::directory::{Directory, KEYS};
use super::fault::{At, Faults};
use super::keys::Keys;
use super::leaves::Leaves;

/// A person.
#[derive(Clone, Debug)]
pub struct DeclaredPerson {
    /// Its file.
    pub at: At,
    /// Its subject, which never changes.
    pub subject: String,
    /// Its values.
    pub leaves: Leaves,
}

/// Reads every person, by the name of the file.
pub fn read(directory: &Directory, keys: &Keys, faults: &mut Faults) -> BTreeMap<String, DeclaredPerson> {
    let mut people = BTreeMap::new();
    for (parts, file, node) in directory.folder("people") {
        let (name, at) = (parts.join("/"), At::file(file));
        let mut leaves = Leaves::default();
        for (key, node) in node.fields(&KNOWN, faults) {
            match key.text.as_str() {
                "name" | "subject" => {
                    if let Some(text) = node.text(faults) {
                        leaves.set(&[&key.text], json!(text), &node.at);
                    }
                }
                "emails" => {
                    let texts = node.list(faults).iter().filter_map(|node| node.text(faults));
                    let texts = texts.map(|text| text.to_lowercase()).collect();
                    leaves.set(&["emails"], sorted(texts), &node.at);
                }
                "roles" => {
                    let mut roles = Vec::new();
                    for node in node.list(faults) {
                        let Some(text) = node.text(faults) else { continue };
                        match role(&text) {
                            Some(grant) => roles.push(role_text(&grant)),
                            None => faults.add(&node.at, ROLE),
                        }
                    }
                    leaves.set(&["roles"], sorted(roles), &node.at);
                }
                // These are as their format has them.
                _ => leaves.set(&[&key.text], node.json(), &node.at),
            }
        }
        for key in ["name", "emails", "roles"] {
            if leaves.get(&[key]).is_none() {
                faults.add(&at, format!("`{key}` is missing"));
            }
        }
        match keys.people.get(&name) {
            Some((at, of)) => leaves.set(&["keys"], json!(of), at),
            None => faults.add(&at, format!("{KEYS} has no keys of `{name}` below `people`")),
        }
        let subject = leaves.text(&["subject"]).map(str::to_owned);
        let subject =
            subject.or_else(|| keys.approval(&name).map(|key| format!("ssh:{}", key.fingerprint())));
        match subject {
            Some(subject) => {
                leaves.set(&["subject"], json!(subject), &at);
                people.insert(name, DeclaredPerson { at, subject, leaves });
            }
            None => faults.add(&at, format!("none of the keys of `{name}` in {KEYS} approves")),
        }
    }
    people
}

/// A role with its scope: `ROLE`, `ROLE@PROJECT`, `ROLE@PROJECT/ENVIRONMENT`; `*` stands for every project.
#[must_use]
pub fn role(text: &str) -> Option<Grant> {
    let (role, scope) = text.split_once('@').map_or((text, None), |(role, scope)| (role, Some(scope)));
    let (project, environment) = match scope.map(|scope| scope.split_once('/').unwrap_or((scope, ""))) {
        None => (None, None),
        Some((project, environment)) => (Some(project), Some(environment).filter(|name| !name.is_empty())),
    };
    let name = |text: Option<&str>| text.filter(|text| *text != "*").map(str::parse::<Name>).transpose().ok();
    Some(Grant { role: role.parse().ok()?, project: name(project)?, environment: name(environment)? })
}

/// The same as text.
#[must_use]
pub fn role_text(grant: &Grant) -> String {
    let project = grant.project.as_ref().map_or("*", Name::as_str);
    match (&grant.project, &grant.environment) {
        (None, None) => grant.role.to_string(),
        (Some(_), None) => format!("{}@{project}", grant.role),
        (_, Some(environment)) => format!("{}@{project}/{environment}", grant.role),
    }
}

fn sorted(mut texts: Vec<String>) -> Value {
    texts.sort();
    texts.dedup();
    json!(texts)
}

const KNOWN: [&str; 8] =
    ["name", "subject", "emails", "roles", "accounts", "eligible", "passkeys", "openpgp"];
const ROLE: &str = "a role is ROLE, ROLE@PROJECT or ROLE@PROJECT/ENVIRONMENT";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_reads_as_it_is_written() {
        for text in ["developer", "release-manager@shop", "release-manager@shop/production", "a@*/production"]
        {
            assert_eq!(role_text(&role(text).unwrap()), text);
        }
        for text in ["", "Developer", "a@", "a@b/c/d", "a@b c"] {
            assert!(role(text).is_none(), "{text}");
        }
    }
}
