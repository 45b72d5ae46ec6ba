//! Entries for tests.

use domain::{Event, RULES};
use evidence::entry::{Actor, Auth, Entry, Header};
use evidence::{Digest, Moment, Name};
use lab::at;

/// An entry that names a blob.
pub fn entry(event: &Event, actor: Actor, project: Option<Name>, blob: Digest) -> Entry {
    made(event, at(0), actor, project, vec![blob])
}

/// An entry of a moment.
pub fn entry_at(event: &Event, time: Moment) -> Entry {
    made(event, time, Actor::System, None, Vec::new())
}

fn made(event: &Event, time: Moment, actor: Actor, project: Option<Name>, blobs: Vec<Digest>) -> Entry {
    let facts = event.facts([1; 16]).unwrap();
    let header = Header {
        v: 1,
        kind: event.kind().to_owned(),
        rules: RULES,
        time,
        project,
        subject: None,
        actor,
        auth: Auth::SignedRequest,
        cause: None,
        idempotency: None,
        facts: facts.commitment(),
        particulars: None,
        blobs,
    };
    Entry { header: header.encode().unwrap(), facts, particulars: None }
}
