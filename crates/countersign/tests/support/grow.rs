//! Makes a long history quickly.

use domain::{Event, Refused};
use evidence::Moment;
use evidence::entry::{Actor, Auth, Entry, Header};
use evidence::machine::MachineSigner;
use ledger::{Ledger, Reader};
use tlog::{NoteSigner, SignatureKind};

use super::Home;

/// Appends refusals to a ledger whose server is down, with the ledger's key, until it has this many entries.
pub fn grow(home: &Home, entries: u64) {
    let pem = std::fs::read_to_string(home.data().with_file_name("data.keys/ledger.pem")).unwrap();
    let reader = Reader::open(&home.data()).unwrap();
    let head = reader.head().unwrap();
    let origin = head.checkpoint.text().lines().next().unwrap().to_owned();
    let key = MachineSigner::from_pem(&pem).unwrap().key();
    let signer = NoteSigner::new(&origin, SignatureKind::Ed25519, key).unwrap();
    let mut ledger = Ledger::open(&home.data(), signer).unwrap();
    let last = reader.entries(head.frontier.size() - 1, head.frontier.size()).unwrap().pop().unwrap();
    let time = Header::decode(&last.header).unwrap().time;
    let mut size = head.frontier.size();
    while size < entries {
        let until = entries.min(size + 1_000);
        let batch: Vec<_> = (size..until).map(|n| refused(n, time)).collect();
        ledger.begin(size).unwrap().append(&batch).unwrap();
        size = until;
    }
}

fn refused(n: u64, time: Moment) -> Entry {
    let person = lab::id(u8::try_from(n % 200).unwrap());
    let reasons = vec!["release-not-open".to_owned()];
    let event = Event::Refused(Refused {
        person: person.into(),
        action: "promote".parse().unwrap(),
        reasons,
        more: None,
    });
    let facts = event.facts([u8::try_from(n % 256).unwrap(); 16]).unwrap();
    let header = Header {
        v: 1,
        kind: event.kind().to_owned(),
        rules: domain::RULES,
        time,
        project: None,
        subject: Some(person),
        actor: Actor::Person(person),
        auth: Auth::SignedRequest,
        cause: None,
        idempotency: Some(evidence::Digest::of(&n.to_be_bytes())),
        facts: facts.commitment(),
        particulars: None,
        blobs: Vec::new(),
    };
    Entry { header: header.encode().unwrap(), facts, particulars: None }
}
