//! Examples with every optional field that came later. Readers of the first programs refuse them; bytes without such
//! fields are as they were.

use evidence::trust_root::{Machine, TrustRoot};
use evidence::{Digest, trust_root};

use super::support::name;
use super::{check, people, signed, team};

fn sealed(mut machine: Machine, pool: &str, byte: u8) -> Machine {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.encode([byte; 32]);
    machine.pool = Some(pool.parse().unwrap());
    machine.seal = Some(format!("x25519:{bytes}").parse().unwrap());
    machine
}

/// A root with every optional field.
fn root() -> TrustRoot {
    let mut root = team();
    root.authority = Some(Digest::of(b"certificate of the authority"));
    root.rp_id = Some("countersign.example.com".parse().unwrap());
    let pools = ["fork", "deploy"].into_iter().zip(1..);
    root.runners = root.runners.into_iter().zip(pools).map(|(m, (pool, n))| sealed(m, pool, n)).collect();
    root
}

#[test]
fn trust_root_example() {
    let root = root();
    let envelope = signed(root.envelope().unwrap(), trust_root::NAMESPACE, &people());
    let envelope = evidence::dsse::Envelope::decode(&envelope).unwrap();
    check("trust-root", 2, envelope.payload(trust_root::PAYLOAD_TYPE).unwrap());
    assert_eq!(TrustRoot::open(&envelope).unwrap(), root);
    let mut twice = root;
    twice.runners[1].seal = twice.runners[0].seal;
    let error = twice.envelope().unwrap_err().to_string();
    assert_eq!(error, "trust root: a runner's `seal` key stands twice");
    let mut plain = Machine::new(name("a"), twice.provenance, twice.server.clone());
    plain.pool = None;
    assert_eq!(serde_json::to_value(&plain).unwrap().as_object().unwrap().len(), 3, "absent when empty");
}
