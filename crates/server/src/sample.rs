//! Entries for tests.

use domain::{Event, RULES};
use evidence::entry::{Actor, Auth, Entry, Header};
use evidence::{Digest, Name};
use lab::at;

/// An entry that names a blob.
pub fn entry(event: &Event, actor: Actor, project: Option<Name>, blob: Digest) -> Entry {
    let facts = event.facts([1; 16]).unwrap();
    let header = Header {
        v: 1,
        kind: event.kind().to_owned(),
        rules: RULES,
        time: at(0),
        project,
        subject: None,
        actor,
        auth: Auth::SignedRequest,
        cause: None,
        idempotency: None,
        facts: facts.commitment(),
        particulars: None,
        blobs: vec![blob],
    };
    Entry { header: header.encode().unwrap(), facts, particulars: None }
}
