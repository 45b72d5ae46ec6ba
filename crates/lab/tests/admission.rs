//! Requests for runs with arguments that this server reads and does not apply: they are refused on record, and no run
//! begins that does less than its requester signed.
#![allow(clippy::unwrap_used, reason = "test code")]

use domain::{Command, State};
use evidence::Digest;
use evidence::entry::Entry;
use judge::{AdmitError, Sent, Store, Unavailable, admit};
use lab::Lab;
use serde_json::{Value, json};

/// A ledger that holds nothing.
struct Empty;

impl Store for Empty {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Unavailable> {
        Err(Unavailable(format!("blob {digest} is missing")))
    }

    fn entry(&self, number: u64) -> Result<Entry, Unavailable> {
        Err(Unavailable(format!("entry {number} is missing")))
    }
}

fn asked(beside: &[(&str, Value)]) -> Result<Command, AdmitError> {
    let lab = Lab::default();
    let (pack, _) = lab.written("a change", &[lab.base()]);
    let mut arguments = json!({ "project": "shop", "commit": pack.commit });
    for (field, value) in beside {
        arguments.as_object_mut().unwrap().insert((*field).to_owned(), value.clone());
    }
    let (request, envelope) = lab.request(&lab.ada, "run", arguments, 70);
    let attachments = [pack.encode().unwrap()];
    let sent = Sent { request: &request, envelope: &envelope, statements: &[], attachments: &attachments };
    admit(&State::default(), &lab.root(), &Empty, &sent).map(|admitted| admitted.command)
}

#[test]
fn a_run_on_a_ref_is_taken() {
    assert!(matches!(asked(&[]).unwrap(), Command::Run(_)), "unmutated");
    let on_ref = asked(&[("ref", json!("refs/heads/main"))]).unwrap();
    assert!(matches!(on_ref, Command::Run(_)), "runners and judges hold it to the ref");
}

#[test]
fn arguments_of_a_run_keep_their_shapes() {
    let many: Vec<_> = (0..65).map(|number| format!("runner-{number:02}")).collect();
    let rule = "`without` is empty, not sorted, names a runner twice, or more than 64 runners";
    for names in [json!([]), json!(["b", "a"]), json!(["a", "a"]), json!(many)] {
        let error = asked(&[("without", names.clone())]).unwrap_err();
        assert_eq!(error.to_string(), rule, "{names}");
    }
    for (field, value) in [
        ("ref", json!("main")),
        ("ref", json!("refs/heads/../x")),
        ("without", json!("runner-1")),
        ("without", json!(["Runner 1"])),
        ("reference", json!("refs/heads/main")),
    ] {
        assert!(matches!(asked(&[(field, value.clone())]), Err(AdmitError::Malformed(_))), "{field} {value}");
    }
}
