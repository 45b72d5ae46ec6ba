//! Everything in force, written as the files that declare it.
//!
//! Invariant: a directory that exists is not written into. Keys of people and machines are in `keys.yaml` alone, so that the other
//! files fit another installation.

use std::collections::BTreeMap;
use std::path::Path;

use evidence::Digest;
use evidence::policy_files::PolicyFiles;
use serde_json::{Map, Value, json};

use super::in_force::{InForce, PlaceInForce};
use super::values::{self, Handles};
use super::yaml;
use crate::error::Error;

/// Files by path below the directory.
type Files = BTreeMap<String, Vec<u8>>;

/// Writes everything in force into a new directory, and answers the number of files.
///
/// # Errors
/// `Error` if the directory exists, or a file cannot be written.
pub fn export(in_force: &InForce, dir: &Path) -> Result<usize, Error> {
    if dir.exists() {
        return Err(Error::unusable(format!("`{}` exists already; nothing was written", dir.display())));
    }
    if let Some((place, _)) = in_force.places.iter().find(|(_, old)| !old.is_signed) {
        return Err(Error::unusable(format!(
            "the statement of {place} does not count, since too few of the policy signers have signed it: have it signed anew before \
             it becomes a file"
        )));
    }
    if let Some(person) = in_force.people.iter().find(|person| !person.is_signed) {
        return Err(Error::unusable(format!(
            "the enrolment of {} does not count, since too few of the registrars have signed it: have it signed anew before it becomes \
             a file",
            shown::line(&person.enrolment.name)
        )));
    }
    let files = files(in_force)?;
    for (path, bytes) in &files {
        let file = dir.join(path);
        disk::make_dir(file.parent().unwrap_or(dir))?;
        disk::replace("people.file", &file, bytes, 0o644)?;
    }
    Ok(files.len())
}

fn files(in_force: &InForce) -> Result<Files, Error> {
    let handles = Handles::of(None, in_force);
    let mut files = Files::new();
    let mut put =
        |path: &str, value: Value| drop(files.insert(path.to_owned(), yaml::document(&value).into_bytes()));
    put("configuration.yaml", json!({ "version": 1 }));
    let mut trust = values::trust(&in_force.root, &handles);
    let mut keys = keys(in_force, &handles);
    if let (Some(trust), Some(keys)) = (trust.as_object_mut(), keys.as_object_mut()) {
        for (list, line) in [("runners", true), ("witnesses", false)] {
            let lines = trust.remove(list).and_then(|lines| lines.as_object().cloned()).unwrap_or_default();
            let lines = lines.iter().map(|(name, text)| {
                let text = text.as_str().unwrap_or_default();
                if line { format!("{name}={text}") } else { text.to_owned() }
            });
            keys.insert(list.into(), json!(lines.collect::<Vec<_>>()));
        }
        if let Some(authority) = trust.remove("authority").filter(|digest| !digest.is_null()) {
            keys.insert("authority".into(), authority);
        }
    }
    put("trust.yaml", trust);
    put("keys.yaml", keys);
    put("status.yaml", status(in_force));
    for person in &in_force.people {
        let enrolment = &person.enrolment;
        let mut values = values::person(enrolment);
        if let Some(fields) = values.as_object_mut() {
            fields.remove("keys");
            let usual = enrolment.keys_for(evidence::enrolment::Purpose::Approve).next();
            if usual.is_some_and(|key| enrolment.subject == format!("ssh:{}", key.fingerprint())) {
                fields.remove("subject");
            }
        }
        put(&format!("people/{}.yaml", handles.name(&enrolment.subject)), values);
    }
    for it in &in_force.statements {
        let name = values::statement_name(&it.statement);
        put(&format!("statements/{name}.yaml"), values::statement(&it.statement));
    }
    let policies = policies(in_force)?;
    for (place, old) in &in_force.places {
        put(&format!("environments/{place}.yaml"), place_file(old, &policies));
    }
    for (digest, name) in &policies {
        let bytes = in_force.policies.get(digest).map(Vec::as_slice).unwrap_or_default();
        let decoded = PolicyFiles::decode(bytes).map_err(|error| Error::unusable(error.to_string()))?;
        for (path, text) in decoded.files {
            files.insert(format!("policies/{name}/{path}"), text.into_bytes());
        }
    }
    for old in in_force.places.values() {
        if let Some(windows) = &old.windows {
            files.insert(windows_file(old), windows.encode()?);
        }
    }
    Ok(files)
}

fn windows_file(old: &PlaceInForce) -> String {
    format!("windows/{}.json", old.statement.place().to_string().replace('/', "-"))
}

fn place_file(old: &PlaceInForce, policies: &BTreeMap<Digest, String>) -> Value {
    let mut values = values::place(old);
    if let Some(fields) = values.as_object_mut() {
        fields.remove("agents");
        fields.retain(|_, value| !value.is_null());
        let policy = policies.get(&old.statement.policy).cloned().unwrap_or_default();
        fields.insert("policy".into(), json!(format!("policies/{policy}")));
        if old.windows.is_some() {
            fields.insert("windows".into(), json!(windows_file(old)));
        }
    }
    values
}

/// A name for each policy: that of its pack, or that of the first place which has it.
fn policies(in_force: &InForce) -> Result<BTreeMap<Digest, String>, Error> {
    let mut names = BTreeMap::new();
    let mut packs = BTreeMap::new();
    for pack in &policy::PACKS {
        let bytes =
            PolicyFiles::new(pack.files()).encode().map_err(|error| Error::unusable(error.to_string()))?;
        packs.insert(Digest::of(&bytes), pack.name);
    }
    for (place, old) in &in_force.places {
        let digest = old.statement.policy;
        let name = packs.get(&digest).map(|name| (*name).to_owned());
        let own = || place.to_string().replace('/', "-");
        names.entry(digest).or_insert_with(|| name.unwrap_or_else(own));
    }
    Ok(names)
}

fn keys(in_force: &InForce, handles: &Handles) -> Value {
    let mut people: Map<String, Value> = Map::new();
    for person in &in_force.people {
        let keys = values::person(&person.enrolment).get("keys").cloned().unwrap_or_default();
        people.insert(handles.name(&person.enrolment.subject), keys);
    }
    // Holders who are not enrolled sign too.
    for (name, (_, key)) in &handles.0 {
        if !people.contains_key(name) {
            people.insert(name.clone(), json!([{ "key": key, "purposes": ["approve"] }]));
        }
    }
    let line = |agent: &evidence::trust_root::Machine| format!("{}={}", agent.name, values::machine(agent));
    let agents: Map<_, _> = in_force
        .places
        .iter()
        .map(|(place, old)| {
            (place.to_string(), json!(old.statement.agents.iter().map(line).collect::<Vec<_>>()))
        })
        .collect();
    json!({ "people": people, "agents": agents })
}

fn status(in_force: &InForce) -> Value {
    let status = &in_force.status;
    let texts = |items: Vec<String>| json!(items);
    let mut values = Map::new();
    values.insert("frozen".into(), texts(status.frozen.iter().map(ToString::to_string).collect()));
    values.insert("barred".into(), texts(status.barred.iter().map(ToString::to_string).collect()));
    let revoked: Map<_, _> =
        status.revoked.iter().map(|it| (it.key.clone(), json!(it.invalid_since))).collect();
    values.insert("revoked".into(), Value::Object(revoked));
    Value::Object(values)
}
