//! Two attacks by the owner of the server: the bytes of an artifact are replaced in the store, and an artifact is swapped
//! together with its manifest and its row of the ledger. The second one is tried on a copy of everything.

use std::fs;
use std::path::{Path, PathBuf};

use client::home::Home;
use client::session;
use evidence::bundle::Bundle;
use evidence::entry::{Header, Payload};
use evidence::oci::{LayerEntry, LayerFile, Manifest, layer, manifest, open_layer};
use evidence::{Bytes, Digest};
use ledger::{BLOBS, Blobs, DATABASE};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::outcomes::{artifact_of, production, promote, refused, running};
use super::repository::broke;
use super::stage::Stage;
use crate::children::Role;
use crate::failure::Failure;
use crate::waiting::runtime;

/// The server's owner replaces an artifact's bytes in the store.
pub fn replaced(stage: &mut Stage) -> Result<(), Failure> {
    let line = "an artifact replaced in the store";
    stage.write("CHANGES.md", "1.0.1: documentation\n")?;
    stage.commit("bob", "Keep a list of changes")?;
    let ran = stage.expect("bob", &["run"], 0, line)?.value;
    stage.expect("alice", &["approve", "--yes", "--reason", "only documentation"], 0, line)?;
    let before = running(stage, "production")?;
    let path = layer_of(&stage.data, &artifact_of(&ran))?;
    let honest = fs::read(&path)?;
    fs::write(&path, forged(&honest)?)?;
    let answered = stage.countersign("bob", &["promote", &production()]);
    fs::write(&path, &honest)?;
    refused(&answered?, 3, &["artifact-differs"], line)?;
    if running(stage, "production")? != before {
        return Err(broke(line, "production runs something else"));
    }
    stage.tell(
        "the artifact's bytes replaced in the server's store: the agent refuses, artifact-differs".into(),
    );
    Ok(())
}

/// The server's owner swaps artifact, manifest and ledger row, on a copy of everything.
pub fn swapped(stage: &mut Stage) -> Result<(), Failure> {
    let line = "an artifact swapped with manifest and ledger row";
    stage.expect("bob", &["run"], 0, line)?;
    stage.expect("alice", &["approve", "--yes", "--reason", "only documentation"], 0, line)?;
    // The agent is stopped while the release becomes due, so that there is time to swap the artifact.
    let agent = stage.agent_dir("production")?;
    stage.end(&agent);
    let due = stage.expect("bob", &["promote", "--no-wait", &production()], 0, line)?.value;
    let due = due.get("due").and_then(Value::as_u64).unwrap_or_default();
    let aside = stage.aside("attack");
    copy(&stage.data, &aside.join("data"))?;
    copy(&with_ending(&stage.data, ".keys"), &aside.join("data.keys"))?;
    copy(&agent, &aside.join("agent"))?;
    swap(&aside.join("data"), due)?;
    let reasons = attacked(&aside, due, &stage.log)?;
    fs::remove_dir_all(&aside)?;
    if reasons != json!(["entry-unproven"]) {
        return Err(broke(line, &format!("the agent reported {reasons}")));
    }
    stage
        .tell("artifact, manifest and ledger row swapped together: the agent refuses, entry-unproven".into());
    // The original installation was not touched: the honest release proceeds.
    stage.start("agent", &agent)?;
    let line = "the honest release after it";
    wait_running(stage, line)?;
    stage.write("CHANGES.md", "1.0.2: more documentation\n")?;
    stage.commit("bob", "Say more")?;
    stage.expect("bob", &["run"], 0, line)?;
    stage.expect("alice", &["approve", "--yes", "--reason", "only documentation"], 0, line)?;
    promote(stage, line)?;
    Ok(())
}

/// Waits until the agent has reported the due release.
fn wait_running(stage: &Stage, line: &str) -> Result<(), Failure> {
    let client = stage.client()?;
    let runtime = runtime()?;
    let mut seen = 0;
    for _ in 0..LOOKS_MAX {
        let standing = stage.standing("production")?;
        if standing.get("open") == Some(&Value::Null) {
            let outcome = standing.pointer("/last/outcome").cloned().unwrap_or_default();
            return if outcome == json!("running") { Ok(()) } else { Err(broke(line, &outcome.to_string())) };
        }
        seen = runtime.block_on(client.wait_past(seen))?;
    }
    Err(broke(line, "the agent did not report"))
}

/// Rewrites the copy: a forged layer and manifest, the proposal's row, and the evidence that names both.
fn swap(data: &Path, due: u64) -> Result<(), Failure> {
    let blobs = Blobs::open(&data.join(BLOBS))?;
    let ledger = Connection::open(data.join(DATABASE))?;
    let (_, _, facts) = row(&ledger, due)?;
    let digest: Digest = serde_json::from_value(facts.get("bundle").cloned().unwrap_or_default())?;
    let mut bundle = Bundle::decode(&blobs.read(&digest, evidence::bundle::BYTES_MAX as u64)?)?;
    let honest = Manifest::decode(&bundle.manifest.0)?;
    let old = honest.layers.first().map(|layer| layer.digest).unwrap_or(digest);
    let bytes = forged(&blobs.read(&old, 1 << 30)?)?;
    let swapped = manifest(&honest.artifact_type, &bytes, honest.annotations.clone())?;
    blobs.put(&bytes)?;
    let artifact = blobs.put(&swapped)?;
    bundle.manifest = Bytes(swapped);
    for logged in &mut bundle.logged {
        let mut header = Header::decode(&logged.header.0)?;
        if header.kind != "release.proposed" {
            continue;
        }
        let mut facts: Value = serde_json::from_slice(&logged.facts.0)?;
        set(&mut facts, "artifact", json!(artifact));
        let payload = Payload { salt: salt_of(&logged.salt.0), bytes: serde_json::to_vec(&facts)? };
        header.facts = payload.commitment();
        logged.header = Bytes(header.encode()?);
        logged.facts = Bytes(payload.bytes.clone());
        put(&ledger, logged.index, &logged.header.0, &payload.bytes)?;
    }
    let forged = blobs.put(&bundle.encode()?)?;
    let (mut header, salt, mut facts) = row(&ledger, due)?;
    set(&mut facts, "bundle", json!(forged));
    let payload = Payload { salt, bytes: serde_json::to_vec(&facts)? };
    header.facts = payload.commitment();
    put(&ledger, due, &header.encode()?, &payload.bytes)
}

/// Header, salt and facts of an entry.
fn row(ledger: &Connection, number: u64) -> Result<(Header, [u8; 16], Value), Failure> {
    let text = "SELECT header, facts_salt, facts FROM entry WHERE seq = ?1";
    let (header, salt, facts): (Vec<u8>, Vec<u8>, Vec<u8>) =
        ledger.query_row(text, params![i64::try_from(number)?], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok((Header::decode(&header)?, salt_of(&salt), serde_json::from_slice(&facts)?))
}

/// Overwrites an entry, as only the owner of the file could.
fn put(ledger: &Connection, number: u64, header: &[u8], facts: &[u8]) -> Result<(), Failure> {
    let text = "UPDATE entry SET header = ?2, facts = ?3, leaf = ?4 WHERE seq = ?1";
    let leaf = tlog::leaf_hash(header);
    ledger.execute(text, params![i64::try_from(number)?, header, facts, leaf.as_bytes()])?;
    Ok(())
}

fn set(facts: &mut Value, field: &str, value: Value) {
    if let Some(object) = facts.as_object_mut() {
        object.insert(field.to_owned(), value);
    }
}

fn salt_of(bytes: &[u8]) -> [u8; 16] {
    bytes.try_into().unwrap_or_default()
}

/// Runs server and agent on the copy and returns the reasons in the agent's report.
fn attacked(aside: &Path, due: u64, log: &[String]) -> Result<Value, Failure> {
    let server = Role::start("server", &aside.join("data"), log)?;
    let client = session::client(&Home::new(Some(&aside.join("data")))?.into())?;
    let at = ["--server".to_owned(), server.ready.url.clone()];
    let agent = Role::start("agent", &aside.join("agent"), &[&at, log].concat())?;
    let runtime = runtime()?;
    let mut seen = 0;
    for _ in 0..LOOKS_MAX {
        let entries = runtime.block_on(client.entries(due))?;
        let report = entries.iter().find(|entry| entry.kind == "release.reported");
        if let Some(report) = report {
            let refused = report.facts.get("outcome") == Some(&json!("refused"));
            let reasons = report.facts.get("reasons").cloned().unwrap_or_default();
            drop(agent);
            return Ok(if refused { reasons } else { report.facts.clone() });
        }
        seen = runtime.block_on(client.wait_past(seen))?;
    }
    Ok(json!("no report before the limit"))
}

/// File of an artifact's layer.
fn layer_of(data: &Path, artifact: &str) -> Result<PathBuf, Failure> {
    let blobs = Blobs::read_only(&data.join(BLOBS));
    let manifest = Manifest::decode(&blobs.read(&artifact.parse()?, 1 << 20)?)?;
    let layer = manifest.layers.first().ok_or_else(|| Failure::error("the artifact has no layer"))?;
    Ok(blobs.path(&layer.digest))
}

/// The same layer with other programs, still in the canonical archive form.
fn forged(honest: &[u8]) -> Result<Vec<u8>, Failure> {
    let (mut files, mtime) = open_layer(honest)?;
    for entry in files.values_mut() {
        let bytes = b"#!/bin/sh\nexec sleep 1000\n".to_vec();
        *entry = LayerEntry::File(LayerFile { bytes, executable: true });
    }
    Ok(layer(&files, mtime)?)
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for item in fs::read_dir(from)?.flatten() {
        let target = to.join(item.file_name());
        let kind = item.file_type()?;
        if kind.is_dir() {
            copy(&item.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(item.path(), &target)?;
        }
    }
    Ok(())
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
    name.push(ending);
    path.with_file_name(name)
}

/// Most changes of the ledger to wait for.
const LOOKS_MAX: u32 = 200;
