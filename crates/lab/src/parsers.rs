//! Every parser of untrusted bytes, as a plain function that must neither panic nor accept two spellings of one value.
//!
//! The tests run the same functions over their corpus and its mutations, and `cargo x fuzz` runs them under libFuzzer.

use evidence::advance_order::AdvanceOrder;
use evidence::approval::Signed;
use evidence::bundle::Bundle;
use evidence::canonical;
use evidence::claim::Claim;
use evidence::configuration::Configuration;
use evidence::configuration_order::ConfigurationOrder;
use evidence::dsse::Envelope;
use evidence::enrolment::Enrolment;
use evidence::entry::{Entry, Header, Payload};
use evidence::environment::Environment;
use evidence::founding::Founding;
use evidence::git::{self, Commit};
use evidence::machine::MachineSigner;
use evidence::observations::{Observation, RolloutEnd};
use evidence::oci;
use evidence::pin::Pin;
use evidence::pipeline::Pipeline;
use evidence::plan::Plan;
use evidence::policy_files::PolicyFiles;
use evidence::relayed_status::RelayedStatus;
use evidence::release_file::ReleaseFile;
use evidence::report::AgentReport;
use evidence::request::Request;
use evidence::retreat_order::RetreatOrder;
use evidence::rollback_order::RollbackOrder;
use evidence::run_order::RunOrder;
use evidence::secrets_order::SecretsOrder;
use evidence::source_pack::SourcePack;
use evidence::ssh::{self, SshKey};
use evidence::statements::Statement;
use evidence::status::{Status, StatusFile};
use evidence::tree_list::TreeList;
use evidence::trust_root::TrustRoot;
use evidence::verifier_state::VerifierState;
use tlog::{AddCheckpoint, Checkpoint, Hash, Note, NoteSignature, NoteVerifier, TilePath};

use crate::forgery;
use crate::observed;
use crate::parts::{PIPELINE, PIPELINE_MORE, RELEASE, built};
use crate::scan_parsers;
use crate::secret_parsers;
pub use crate::target::Target;
use crate::window_parsers;

/// All parsers.
pub const TARGETS: [Target; 22] = [
    Target {
        name: "yaml",
        run: yaml,
        seeds: |_| [PIPELINE, PIPELINE_MORE, RELEASE].map(|text| text.as_bytes().to_vec()).to_vec(),
        sources: &["evidence/src/pipeline.rs", "evidence/src/release_file.rs"],
    },
    Target {
        name: "bundle",
        run: bundle,
        seeds: |lab| vec![crate::assemble(lab, &lab.honest()).0.encode().unwrap()],
        sources: &[
            "evidence/src/bundle.rs",
            "evidence/src/canonical.rs",
            "evidence/src/ordered.rs",
            "evidence/src/bytes.rs",
        ],
    },
    Target {
        name: "dsse",
        run: dsse,
        seeds: |lab| {
            let parts = lab.honest();
            let all = parts.receipts.iter().chain(&parts.approvals).chain(&parts.roots);
            all.map(|envelope| envelope.encode().unwrap()).collect()
        },
        sources: &["evidence/src/dsse.rs", "evidence/src/canonical.rs", "evidence/src/ordered.rs"],
    },
    Target {
        name: "sshsig",
        run: sshsig,
        seeds: |lab| {
            let parts = lab.honest();
            let approval = parts.approvals.first().unwrap().signatures().first().unwrap().sig.clone();
            vec![approval, lab.bob.approve.key.line().as_bytes().to_vec()]
        },
        sources: &["evidence/src/ssh.rs"],
    },
    Target {
        name: "note",
        run: note,
        seeds: |lab| {
            let (bundle, _) = crate::assemble(lab, &lab.honest());
            let vkey = lab.witnesses[0].verifier().to_string();
            vec![bundle.checkpoint.into_bytes(), vkey.into_bytes()]
        },
        sources: &["tlog/src/note.rs", "tlog/src/checkpoint.rs", "tlog/src/key.rs", "tlog/src/witness.rs"],
    },
    Target {
        name: "tile",
        run: tile,
        seeds: |_| {
            let entries: [&[u8]; 3] = [b"one", b"two", b""];
            let mut bundle = vec![b'b'];
            bundle.extend(tlog::encode_bundle(entries).unwrap());
            vec![bundle, b"ptile/0/x001/067.p/8".to_vec(), b"ptile/entries/000".to_vec()]
        },
        sources: &["tlog/src/tile.rs"],
    },
    Target {
        name: "proof",
        run: proof,
        seeds: |_| vec![vec![7; 2 + 32 * 5], vec![0; 2 + 64]],
        sources: &["tlog/src/proof.rs", "tlog/src/hash.rs"],
    },
    Target {
        name: "trust-root",
        run: trust_root,
        seeds: |lab| {
            let parts = lab.honest();
            let statements = parts.roots.iter().chain(&parts.enrolments).chain(&parts.environments);
            let mut seeds: Vec<_> = statements.map(|envelope| envelope.encode().unwrap()).collect();
            seeds.push(parts.status.encode().unwrap());
            seeds.push(RelayedStatus::new(parts.status, parts.roots).encode().unwrap());
            let (verdict, agent) = (observed::verdict(3, RolloutEnd::Failed), &lab.staging);
            seeds.push(
                observed::observed(&observed::observation("staging", verdict), agent).encode().unwrap(),
            );
            seeds.extend(forgery::statements().iter().map(|envelope| envelope.encode().unwrap()));
            let people = parts.enrolments.iter().map(|envelope| Enrolment::read(envelope).unwrap());
            let founding = Founding::new(lab.root(), lab.status(), people.collect(), Vec::new());
            seeds.push(founding.unwrap().encode().unwrap());
            seeds
        },
        sources: &[
            "evidence/src/trust_root.rs",
            "evidence/src/enrolment.rs",
            "evidence/src/environment.rs",
            "evidence/src/status.rs",
            "evidence/src/relayed_status.rs",
            "evidence/src/statements/form.rs",
            "evidence/src/observations/form.rs",
            "evidence/src/founding.rs",
        ],
    },
    Target {
        name: "git-object",
        run: git_object,
        seeds: |lab| {
            let pack = lab.honest().source;
            let objects = pack.commits.values().chain(pack.trees.values()).map(|object| object.0.clone());
            objects.chain([pack.encode().unwrap()]).collect()
        },
        sources: &[
            "evidence/src/git/commit.rs",
            "evidence/src/git/tree.rs",
            "evidence/src/git/changes.rs",
            "evidence/src/source_pack.rs",
        ],
    },
    Target {
        name: "http-body",
        run: http_body,
        seeds: |lab| {
            let request = lab.honest().requests.remove(0);
            let text = serde_json::to_string(&request).unwrap();
            let submission = format!("{{\"request\":{text},\"statements\":[],\"attachments\":[]}}");
            vec![submission.into_bytes(), format!("{{\"envelope\":{text}}}").into_bytes()]
        },
        sources: &["wire/src/message/submission.rs", "wire/src/message/place.rs", "evidence/src/claim.rs"],
    },
    Target {
        name: "canonical",
        run: canonical_json,
        seeds: |lab| {
            let parts = lab.honest();
            vec![
                parts.tree.encode().unwrap(),
                parts.plan.encode().unwrap(),
                parts.policy.encode().unwrap(),
                parts.configuration,
                lab.order().encode().unwrap(),
                b"{\"a\":[1,\"\\u0001\",null,true],\"b\":{}}".to_vec(),
            ]
        },
        sources: &[
            "evidence/src/canonical.rs",
            "evidence/src/ordered.rs",
            "evidence/src/entry.rs",
            "evidence/src/plan.rs",
        ],
    },
    Target {
        name: "layer",
        run: layer,
        seeds: |_| {
            let built = built();
            let more = oci::LayerFiles::from([
                ("lib/libx.so".to_owned(), oci::LayerEntry::Link("../lib/libx.so.1".into())),
                ("spool/in".to_owned(), oci::LayerEntry::Directory),
            ]);
            vec![built.layer, built.manifest, oci::layer(&more, 7).unwrap()]
        },
        sources: &["evidence/src/oci.rs"],
    },
    scan_parsers::REPORT,
    scan_parsers::LOCKFILE,
    scan_parsers::VEX,
    scan_parsers::ADVISORY,
    scan_parsers::SECRET,
    secret_parsers::RECORD,
    secret_parsers::GRANT,
    secret_parsers::SEALED,
    window_parsers::CALENDAR,
    window_parsers::WINDOWS,
];

fn yaml(bytes: &[u8]) {
    if let Ok(pipeline) = Pipeline::parse(bytes) {
        assert_eq!(pipeline.order().len(), pipeline.steps.len(), "every step has its turn");
    }
    drop(ReleaseFile::parse(bytes));
    let read = evidence::rules::read(bytes, Some(bytes));
    assert!(read.pipeline.is_some() || !read.problems.is_empty(), "an invalid file has problems");
}

fn bundle(bytes: &[u8]) {
    if let Ok(bundle) = Bundle::decode(bytes) {
        assert_eq!(bundle.encode().unwrap(), bytes, "one spelling");
    }
}

fn dsse(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::decode(bytes) {
        assert_eq!(envelope.encode().unwrap(), bytes, "one spelling");
    }
    drop(Envelope::decode_foreign(bytes));
    let envelope = Envelope::new("application/octet-stream", bytes.to_vec());
    assert!(envelope.pae().ends_with(bytes));
}

fn sshsig(bytes: &[u8]) {
    drop(ssh::embedded_key(bytes));
    if let Ok(key) = std::str::from_utf8(bytes).unwrap_or_default().parse::<SshKey>() {
        assert_eq!(key.line().parse::<SshKey>().unwrap(), key, "one spelling");
    }
    let key = crate::Pair::from_seed(20).key;
    assert!(key.verify("countersign-request@v1", b"nobody signed this", bytes).is_err());
}

fn note(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes, "one spelling");
        drop(note.text().parse::<Checkpoint>());
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    drop(NoteSignature::parse_lines(text));
    if let Ok(key) = text.parse::<NoteVerifier>() {
        assert_eq!(key.to_string(), text, "one spelling");
    }
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string(), text, "one spelling");
    }
    drop(text.parse::<AddCheckpoint>());
}

fn tile(bytes: &[u8]) {
    if let Some(rest) = bytes.strip_prefix(b"b")
        && let Ok(entries) = tlog::decode_bundle(rest)
    {
        assert_eq!(tlog::encode_bundle(entries).unwrap(), rest, "one spelling");
    }
    if let Some(text) = bytes.strip_prefix(b"p").and_then(|rest| std::str::from_utf8(rest).ok())
        && let Ok(path) = text.parse::<TilePath>()
    {
        assert_eq!(path.to_string(), text, "one spelling");
    }
    drop(tlog::tile_root(bytes));
    let (level, index) = (bytes.first().copied().unwrap_or_default(), bytes.len() as u64);
    drop(tlog::tile_node(bytes, level, index));
}

/// Two bytes give the entry and the size of the tree; hashes follow. No tree has these hashes, so no proof may hold.
fn proof(bytes: &[u8]) {
    let [index, size, hashes @ ..] = bytes else { return };
    let hash = |bytes: &[u8]| Hash::from_bytes(bytes.try_into().unwrap());
    let hashes: Vec<Hash> = hashes.chunks_exact(32).map(hash).collect();
    let (index, size) = (u64::from(*index), u64::from(*size));
    let (leaf, root) = (tlog::leaf_hash(b"a leaf of no tree"), tlog::leaf_hash(b"a root of no tree"));
    assert!(tlog::verify_inclusion(&leaf, index, size, &hashes, &root).is_err());
    assert!(tlog::verify_consistency(index, size, &leaf, &root, &hashes).is_err());
    assert!(tlog::verify_inclusion(&leaf, u64::MAX - index, u64::MAX, &hashes, &root).is_err());
    assert!(tlog::verify_consistency(u64::MAX - index, u64::MAX, &leaf, &root, &hashes).is_err());
}

fn trust_root(bytes: &[u8]) {
    drop(StatusFile::decode(bytes));
    drop(VerifierState::decode(bytes));
    if let Ok(founding) = Founding::decode(bytes) {
        assert_eq!(founding.encode().unwrap(), bytes, "one spelling");
    }
    drop(RelayedStatus::decode(bytes));
    let Ok(envelope) = Envelope::decode(bytes) else { return };
    if let Ok(root) = TrustRoot::read(&envelope) {
        assert!(root.witness_keys().is_ok() && root.ledger_key().is_ok());
        drop(TrustRoot::open(&envelope));
    }
    drop(Enrolment::read(&envelope));
    drop(Environment::read(&envelope));
    drop(Status::read(&envelope));
    if let Ok(statement) = Statement::read(&envelope) {
        let again = statement.envelope().unwrap();
        assert_eq!(again.payload_digest(), envelope.payload_digest(), "one spelling");
    }
}

fn git_object(bytes: &[u8]) {
    if let Ok(commit) = Commit::parse(bytes) {
        assert!(commit.people().count() >= 2);
        drop(commit.signer(&[]));
    }
    for digits in [40, 64] {
        drop(git::parse_tree(bytes, digits));
    }
    if let Ok(pack) = SourcePack::decode(bytes)
        && let Ok(checked) = pack.check()
    {
        assert!(checked.commit().is_some());
        drop(checked.range(&checked.id));
        let bases: Vec<_> = checked.commits.keys().collect();
        for base in bases {
            drop(checked.changes(base));
        }
    }
}

fn http_body(bytes: &[u8]) {
    drop(serde_json::from_slice::<wire::Submission>(bytes));
    drop(serde_json::from_slice::<wire::SignedStatement>(bytes));
    drop(serde_json::from_slice::<wire::CommandOutcome>(bytes));
    drop(serde_json::from_slice::<wire::PlaceView>(bytes));
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    drop(text.parse::<Pin>());
    if let Ok(envelope) = Envelope::decode(bytes) {
        drop(Claim::read(&envelope));
    }
}

fn canonical_json(bytes: &[u8]) {
    if let Ok(value) = canonical::decode::<serde_json::Value>("anything", bytes, 1 << 20) {
        assert_eq!(canonical::encode("anything", &value).unwrap(), bytes, "one spelling");
    }
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) {
        match canonical::encode("anything", &value) {
            Ok(ours) => assert_eq!(ours, serde_json_canonicalizer::to_vec(&value).unwrap(), "as others do"),
            Err(_) => assert!(has_other_numbers(&value), "it has floats or large integers"),
        }
    }
    if let Ok(header) = Header::decode(bytes) {
        assert_eq!(header.encode().unwrap(), bytes, "one spelling");
    }
    let facts = Payload { salt: [0; 16], bytes: bytes.to_vec() };
    drop(Entry { header: bytes.to_vec(), facts, particulars: None }.check());
    drop(TreeList::decode(bytes));
    drop(Plan::decode(bytes));
    drop(PolicyFiles::decode(bytes));
    drop(Configuration::decode(bytes));
    drop(AdvanceOrder::decode(bytes));
    drop(RollbackOrder::decode(bytes));
    drop(SecretsOrder::decode(bytes));
    drop(ConfigurationOrder::decode(bytes));
    drop(RetreatOrder::decode(bytes));
    drop(RunOrder::decode(bytes));
    if let Ok(envelope) = Envelope::decode(bytes) {
        drop(Request::read(&envelope));
        drop(Signed::read(&envelope));
        drop(AgentReport::read(&envelope));
        drop(Observation::read(&envelope));
    }
}

/// Whether a document has numbers that our formats do not allow: floats, and integers beyond 2^53 - 1.
fn has_other_numbers(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => {
            let magnitude = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
            magnitude.is_none_or(|magnitude| magnitude >= 1 << 53)
        }
        serde_json::Value::Array(items) => items.iter().any(has_other_numbers),
        serde_json::Value::Object(fields) => fields.values().any(has_other_numbers),
        _ => false,
    }
}

fn layer(bytes: &[u8]) {
    if let Ok((files, mtime)) = oci::open_layer(bytes) {
        assert_eq!(oci::layer(&files, mtime).unwrap(), bytes, "one spelling");
    }
    drop(oci::Manifest::decode(bytes));
    drop(MachineSigner::from_pem(std::str::from_utf8(bytes).unwrap_or_default()));
}
