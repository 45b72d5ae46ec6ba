//! The storage as its callers use it: appends, turns, tiles as an independent client reads them, and `audit_verify`:
//! every row and blob changed, removed and reordered, one at a time.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use evidence::entry::{Actor, Auth, Entry, Header, Payload};
use evidence::{Digest, Moment};
use ledger::{Anchors, Blobs, DATABASE, Ledger, LedgerError, Reader, Report, Tiles, verify};
use rusqlite::{Connection, params};
use tlog::{
    Checkpoint, CosignatureKey, Nodes as _, NoteSigner, SignatureKind, SigningError, SigningKey,
    consistency_proof, decode_bundle, inclusion_proof, leaf_hash, root_of, verify_consistency,
    verify_inclusion,
};

fn signer() -> NoteSigner {
    NoteSigner::from_seed("countersign/test", SignatureKind::Ed25519, &[1; 32]).unwrap()
}

fn witness() -> CosignatureKey {
    CosignatureKey::from_seed("witness/test", &[2; 32]).unwrap()
}

fn anchors(quorum: usize) -> Anchors {
    Anchors {
        ledger: signer().verifier().clone(),
        witnesses: vec![witness().verifier().clone()],
        quorum,
        seen: None,
    }
}

fn entry(n: u64, blobs: Vec<Digest>) -> Entry {
    let facts = Payload::new("facts", &serde_json::json!({ "n": n }), [7; 16]).unwrap();
    let particulars = n.is_multiple_of(2).then(|| Payload::new("particulars", &"name", [8; 16]).unwrap());
    let header = Header {
        v: 1,
        kind: "test.happened".into(),
        rules: 1,
        time: Moment::from_millis(1_000 + n).unwrap(),
        project: None,
        subject: None,
        actor: Actor::System,
        auth: Auth::None,
        cause: n.checked_sub(1),
        idempotency: n.is_multiple_of(3).then(|| Digest::of(&n.to_be_bytes())),
        facts: facts.commitment(),
        particulars: particulars.as_ref().map(Payload::commitment),
        blobs,
    };
    Entry { header: header.encode().unwrap(), facts, particulars }
}

fn fill(dir: &Path, count: u64) -> Ledger {
    let mut ledger = Ledger::create(dir, signer()).unwrap();
    let blobs = Blobs::open(&dir.join("blobs")).unwrap();
    let named = blobs.put(b"named by entry 0").unwrap();
    let entries: Vec<_> =
        (0..count).map(|n| entry(n, if n == 0 { vec![named] } else { Vec::new() })).collect();
    for batch in entries.chunks(100) {
        ledger.begin(0).unwrap().append(batch).unwrap();
    }
    let mut note = ledger.head().unwrap().checkpoint;
    note.extend([witness().cosign(&note, 2_000).unwrap()]);
    ledger.set_witnessed(&note, Moment::default()).unwrap();
    ledger
}

fn report(dir: &Path) -> Report {
    verify(dir, &anchors(1)).unwrap()
}

#[test]
fn appended_entries_are_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let head = fill(dir.path(), 7).head().unwrap();
    let mut ledger = Ledger::open(dir.path(), signer()).unwrap();
    assert_eq!(ledger.head().unwrap(), head);
    let append = ledger.begin(5).unwrap();
    assert_eq!(append.new_entries(), [entry(5, vec![]), entry(6, vec![])]);
    drop(append);
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.by_idempotency(&Digest::of(&3_u64.to_be_bytes())).unwrap(), Some(3));
    assert_eq!(reader.by_idempotency(&Digest::of(b"never")).unwrap(), None);
    assert_eq!(report(dir.path()).breaches, []);
}

/// A key in a device that can be absent.
struct Device {
    key: tlog::MemoryKey,
    there: Arc<AtomicBool>,
}

impl SigningKey for Device {
    fn public(&self) -> [u8; 32] {
        self.key.public()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SigningError> {
        if self.there.load(Ordering::SeqCst) {
            return self.key.sign(message);
        }
        Err(SigningError("the device is gone".to_owned()))
    }
}

#[test]
fn what_cannot_be_signed_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let there = Arc::new(AtomicBool::new(true));
    let key = tlog::MemoryKey::from_seed(&[1; 32]).unwrap();
    let device = Arc::new(Device { key, there: Arc::clone(&there) });
    let signer = NoteSigner::new("countersign/test", SignatureKind::Ed25519, device).unwrap();
    let mut ledger = Ledger::create(dir.path(), signer).unwrap();
    ledger.begin(0).unwrap().append(&[entry(0, vec![])]).unwrap();
    let head = ledger.head().unwrap();
    there.store(false, Ordering::SeqCst);
    let refused = ledger.begin(1).unwrap().append(&[entry(1, vec![])]).unwrap_err().to_string();
    assert_eq!(refused, "checkpoint: the signing key did not sign: the device is gone");
    assert_eq!(ledger.head().unwrap(), head);
    there.store(true, Ordering::SeqCst);
    ledger.begin(1).unwrap().append(&[entry(1, vec![])]).unwrap();
    assert_eq!(ledger.head().unwrap().frontier.size(), 2);
}

#[test]
fn refusals_of_the_store_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = fill(dir.path(), 3);
    let head = ledger.head().unwrap();
    assert!(matches!(ledger.begin(0).unwrap().append(&[]), Err(LedgerError::Batch)));
    let mut damaged = entry(3, vec![]);
    damaged.facts.bytes.push(b' ');
    let refused = ledger.begin(0).unwrap().append(&[entry(3, vec![]), damaged]);
    assert!(matches!(refused, Err(LedgerError::Entry { at: 1, .. })));
    let twice = ledger.begin(0).unwrap().append(&[entry(0, vec![])]);
    assert!(matches!(twice, Err(LedgerError::Sql { .. })), "an idempotency key counts once");
    assert_eq!(ledger.head().unwrap(), head);
    assert!(matches!(Ledger::open(dir.path(), signer()), Err(LedgerError::Locked(_))));
    drop(ledger);
    assert!(matches!(Ledger::create(dir.path(), signer()), Err(LedgerError::Exists(_))));
    let stranger = NoteSigner::from_seed("countersign/test", SignatureKind::Ed25519, &[9; 32]).unwrap();
    assert!(matches!(Ledger::open(dir.path(), stranger), Err(LedgerError::Checkpoint(_))));
    let newer = Connection::open(dir.path().join(DATABASE)).unwrap();
    newer.execute_batch("PRAGMA user_version = 3").unwrap();
    assert!(matches!(Ledger::open(dir.path(), signer()), Err(LedgerError::Format { format: 3, .. })));
    assert_eq!(report_of_a_missing_one(), "cannot open the ledger");
}

fn report_of_a_missing_one() -> String {
    let dir = tempfile::tempdir().unwrap();
    let error = verify(dir.path(), &anchors(0)).unwrap_err().to_string();
    error.split(':').next().unwrap_or_default().to_owned()
}

#[test]
fn tiles_of_every_shape_give_proofs() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = fill(dir.path(), 700);
    let reader = Reader::open(dir.path()).unwrap();
    let tiles = Tiles::new(dir.path(), &reader);
    let checkpoint: Checkpoint = ledger.head().unwrap().checkpoint.text().parse().unwrap();
    let read = |path: &str| tiles.read(path.parse().unwrap()).unwrap();
    for derived in [false, true] {
        assert_eq!(read("tile/0/001").unwrap().len(), 8192);
        assert_eq!(read("tile/0/002.p/188").unwrap().len(), 188 * 32);
        assert_eq!(read("tile/1/000.p/2").unwrap().len(), 64);
        for absent in ["tile/0/002", "tile/0/002.p/189", "tile/1/000.p/3", "tile/2/000.p/1", "tile/0/003.p/1"]
        {
            assert_eq!(read(absent), None, "{absent}");
        }
        let bundle = read("tile/entries/002.p/188").unwrap();
        let last = *decode_bundle(&bundle).unwrap().last().unwrap();
        assert_eq!(last, entry(699, vec![]).header);
        assert_eq!(root_of(&tiles, 0, 700).unwrap(), checkpoint.root);
        for index in [0, 1, 255, 256, 511, 512, 699] {
            let proof = inclusion_proof(&tiles, index, 700).unwrap();
            let leaf = tiles.node(0, index).unwrap();
            verify_inclusion(&leaf, index, 700, &proof, &checkpoint.root).unwrap();
        }
        for old in [1, 255, 256, 257, 512, 699, 700] {
            let proof = consistency_proof(&tiles, old, 700).unwrap();
            let old_root = root_of(&tiles, 0, old).unwrap();
            verify_consistency(old, 700, &old_root, &checkpoint.root, &proof).unwrap();
        }
        assert_eq!(dir.path().join("tiles/tile/0/001").exists(), derived);
        tiles.derive().unwrap();
    }
    std::fs::remove_file(dir.path().join("tiles/tile/0/001")).unwrap();
    tiles.derive().unwrap();
    assert!(dir.path().join("tiles/tile/0/001").exists(), "a missing file is derived anew");
    ledger.begin(700).unwrap().append(&[entry(700, vec![])]).unwrap();
    assert_eq!(tiles.node(0, 700).unwrap(), leaf_hash(&entry(700, vec![]).header));
    assert_eq!(report(dir.path()).breaches, []);
}

/// Runs SQL that tampers with a copy of the database, and verifies the copy.
fn tampered(dir: &Path, sql: &str) -> Report {
    let copy = tempfile::tempdir().unwrap();
    copy_dir(dir, copy.path());
    let connection = Connection::open(copy.path().join(DATABASE)).unwrap();
    connection.execute_batch(sql).unwrap();
    drop(connection);
    report(copy.path())
}

fn copy_dir(from: &Path, to: &Path) {
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_dir(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), &target).unwrap();
        }
    }
}

fn places(report: &Report) -> Vec<&str> {
    report.breaches.iter().map(|breach| breach.place.as_str()).collect()
}

#[test]
fn audit_verify_names_every_changed_removed_and_reordered_row() {
    let dir = tempfile::tempdir().unwrap();
    drop(fill(dir.path(), 12));
    assert_eq!(report(dir.path()).breaches, []);
    for seq in 0..12 {
        let place = format!("entry {seq}");
        for change in [
            "leaf = zeroblob(32)",
            "header = CAST(replace(CAST(header AS TEXT), '\"rules\":1', '\"rules\":2') AS BLOB)",
            "header = zeroblob(3)",
            "facts_salt = zeroblob(16)",
            "facts = CAST('{\"n\":99}' AS BLOB)",
            "facts = zeroblob(0)",
            "particulars_salt = zeroblob(16), particulars = CAST('\"x\"' AS BLOB)",
        ] {
            let found = tampered(dir.path(), &format!("UPDATE entry SET {change} WHERE seq = {seq}"));
            assert!(places(&found).contains(&place.as_str()), "{change} at {seq}: {:?}", found.breaches);
        }
        let gone = tampered(dir.path(), &format!("DELETE FROM entry WHERE seq = {seq}"));
        let expected = if seq == 11 { "head, checkpoint" } else { &place };
        assert!(places(&gone).contains(&expected), "{seq} gone: {:?}", gone.breaches);
    }
    let erased =
        tampered(dir.path(), "UPDATE entry SET particulars = NULL, particulars_salt = NULL WHERE seq = 4");
    assert!(places(&erased).contains(&"entry 4"));
    let swapped = "UPDATE entry SET seq = 100 WHERE seq = 4; UPDATE entry SET seq = 4 WHERE seq = 5; \
                   UPDATE entry SET seq = 5 WHERE seq = 100";
    let found = tampered(dir.path(), swapped);
    assert!(places(&found).contains(&"entries 0 to 7"), "{:?}", found.breaches);
    let added = "INSERT INTO entry SELECT 12, leaf, header, facts_salt, facts, particulars_salt, particulars \
                 FROM entry WHERE seq = 11";
    assert!(places(&tampered(dir.path(), added)).contains(&"head, checkpoint"));
}

#[test]
fn audit_verify_names_the_other_tables() {
    let dir = tempfile::tempdir().unwrap();
    drop(fill(dir.path(), 12));
    for (sql, place) in [
        ("DELETE FROM idempotency WHERE seq = 3", "entry 3"),
        ("UPDATE idempotency SET seq = 4 WHERE seq = 3", "entry 3"),
        ("UPDATE idempotency SET key = zeroblob(32) WHERE seq = 3", "entry 3"),
        ("INSERT INTO idempotency VALUES (zeroblob(32), 1)", "table idempotency"),
        ("UPDATE head SET size = 11", "head"),
        ("UPDATE head SET edge = zeroblob(64)", "head, edge"),
        ("UPDATE head SET checkpoint = replace(checkpoint, '12', '11')", "head, checkpoint"),
        ("UPDATE head SET checkpoint = 'x'", "head"),
        ("UPDATE witnessed SET note = replace(note, '12', '11')", "witnessed"),
        ("UPDATE witnessed SET note = (SELECT checkpoint FROM head)", "witnessed"),
        ("DELETE FROM witnessed", "witnessed"),
        ("DELETE FROM cosigned", "cosigned"),
        ("UPDATE cosigned SET note = 'x'", "cosigned 12"),
        ("UPDATE cosigned SET size = 11", "cosigned 11"),
        ("UPDATE cosigned SET note = replace(note, '12', '13'), size = 13", "cosigned 13"),
        ("UPDATE cosigned SET note = replace(note, '12', '11'), size = 11", "cosigned 11"),
        ("PRAGMA user_version = 1", "ledger.db, schema"),
        ("CREATE TABLE extra (x)", "ledger.db, schema"),
        ("DROP TABLE witnessed; CREATE TABLE witnessed (only_row, note)", "ledger.db, schema"),
    ] {
        let found = tampered(dir.path(), sql);
        assert!(places(&found).contains(&place), "{sql}: {:?}", found.breaches);
    }
    assert!(verify_fails_without(dir.path(), "DELETE FROM head"));
}

/// A server goes on during a verification: the verification sees one state of its ledger.
#[test]
fn a_ledger_that_grows_meanwhile_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = fill(dir.path(), 300);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 300.. {
                ledger.begin(n).unwrap().append(&[entry(n, vec![])]).unwrap();
                if done.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let mut breaches = Vec::new();
        for _ in 0..10 {
            breaches.extend(report(dir.path()).breaches);
        }
        done.store(true, Ordering::Relaxed);
        assert_eq!(breaches, []);
    });
}

/// Format 1 stored only the last cosigned checkpoint. Readers accept it, and the writer converts it to format 2.
#[test]
fn the_first_format_is_read_and_brought_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    drop(fill(dir.path(), 12));
    let database = Connection::open(dir.path().join(DATABASE)).unwrap();
    database.execute_batch("DROP TABLE cosigned; PRAGMA user_version = 1").unwrap();
    assert_eq!(report(dir.path()).breaches, []);
    assert_eq!(Reader::open(dir.path()).unwrap().cosigned(1).unwrap(), None);
    let mut ledger = Ledger::open(dir.path(), signer()).unwrap();
    assert_eq!(Reader::open(dir.path()).unwrap().cosigned(1).unwrap(), None);
    let note = Reader::open(dir.path()).unwrap().witnessed().unwrap().unwrap();
    ledger.set_witnessed(&note, Moment::default()).unwrap();
    assert_eq!(Reader::open(dir.path()).unwrap().cosigned(1).unwrap(), Some(note));
    assert_eq!(report(dir.path()).breaches, []);
    let format: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(format, 2);
}

fn verify_fails_without(dir: &Path, sql: &str) -> bool {
    let copy = tempfile::tempdir().unwrap();
    copy_dir(dir, copy.path());
    Connection::open(copy.path().join(DATABASE)).unwrap().execute_batch(sql).unwrap();
    verify(copy.path(), &anchors(1)).is_err_and(|error| error.to_string().contains("read the head"))
}

#[test]
fn what_no_entry_names_is_removed_unless_somebody_is_about_to() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = fill(dir.path(), 300);
    let reader = Reader::open(dir.path()).unwrap();
    let named = Digest::of(b"named by entry 0");
    let put = |blobs: &Blobs, bytes: &[u8]| {
        let digest = blobs.put(bytes).unwrap();
        let file = std::fs::File::open(blobs.path(&digest)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        digest
    };
    let open = || Blobs::open(&dir.path().join("blobs")).unwrap();
    let orphans = [b"one", b"two", b"six"].map(|bytes| put(&open(), bytes));
    // Another process of the server, later. Blobs that it stored or asked for stay for two sweeps.
    let blobs = open();
    let young = blobs.put(b"young").unwrap();
    let day = std::time::Duration::from_hours(24);
    let sweep = |go_on: bool| blobs.sweep(&reader, day, &|| go_on).unwrap();
    assert!(blobs.has(&orphans[0]));
    assert_eq!(blobs.put(b"two").unwrap(), orphans[1]);
    assert_eq!(sweep(true), 1, "the one that nobody has asked for");
    assert!(!blobs.path(&orphans[2]).exists());
    // A command that was on its way names one of them after all.
    ledger.begin(300).unwrap().append(&[entry(300, vec![orphans[0]])]).unwrap();
    assert_eq!(sweep(true), 1);
    let there = [named, orphans[0], orphans[1], young].map(|digest| blobs.path(&digest).exists());
    assert_eq!(there, [true, true, false, true], "what is young stays, too");
    assert_eq!(put(&blobs, b"two"), orphans[1], "it can come again");
    assert_eq!((sweep(true), sweep(true)), (0, 1), "and stays for a while");
    assert_eq!(report(dir.path()).orphans, 1);
    put(&open(), b"one more");
    assert_eq!(sweep(false), 0, "it was to end early");
    // If the ledger cannot be read, nothing is removed.
    Connection::open(dir.path().join(DATABASE))
        .unwrap()
        .execute("DELETE FROM entry WHERE seq = 7", [])
        .unwrap();
    assert!(open().sweep(&reader, day, &|| true).is_err());
    assert!(blobs.has(&Digest::of(b"one more")));
}

#[test]
fn audit_verify_names_blobs_and_tiles() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&dir.path().join("blobs")).unwrap();
    drop(fill(dir.path(), 300));
    let orphan = blobs.put(b"an orphan").unwrap();
    assert_eq!((report(dir.path()).blobs, report(dir.path()).orphans), (2, 1));
    assert_eq!(blobs.read(&orphan, 100).unwrap(), b"an orphan");
    assert!(blobs.read(&orphan, 8).is_err(), "longer than asked for");

    let named = Digest::of(b"named by entry 0");
    let place = format!("blob {named}");
    std::fs::write(blobs.path(&named), b"other bytes").unwrap();
    assert!(blobs.read(&named, 100).is_err());
    assert_eq!(places(&report(dir.path())), [place.as_str()]);
    std::fs::remove_file(blobs.path(&named)).unwrap();
    assert_eq!(places(&report(dir.path())), [place.as_str()]);
    blobs.put(b"named by entry 0").unwrap();
    assert_eq!(report(dir.path()).breaches, []);
    std::fs::rename(blobs.path(&orphan), blobs.path(&orphan).with_extension("x")).unwrap();
    assert_eq!(report(dir.path()).breaches.len(), 1);
    std::fs::remove_file(blobs.path(&orphan).with_extension("x")).unwrap();

    let reader = Reader::open(dir.path()).unwrap();
    Tiles::new(dir.path(), &reader).derive().unwrap();
    assert_eq!(report(dir.path()).breaches, []);
    for (file, at) in [("tiles/tile/0/000", 32 * 5), ("tiles/tile/entries/000", 40)] {
        let path = dir.path().join(file);
        let good = std::fs::read(&path).unwrap();
        let mut bytes = good.clone();
        *bytes.get_mut(at).unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(report(dir.path()).breaches.len(), 1, "{file}");
        std::fs::write(&path, good).unwrap();
    }
}

#[test]
fn audit_verify_sees_another_history_by_its_witness() {
    let dir = tempfile::tempdir().unwrap();
    drop(fill(dir.path(), 5));
    let other = tempfile::tempdir().unwrap();
    let mut forged = Ledger::create(other.path(), signer()).unwrap();
    let entries: Vec<_> = (100..105).map(|n| entry(n - 99, vec![])).collect();
    forged.begin(0).unwrap().append(&entries).unwrap();
    let note = Reader::open(dir.path()).unwrap().witnessed().unwrap().unwrap();
    forged.set_witnessed(&note, Moment::default()).unwrap();
    let found = report(other.path());
    let breach = found.breaches.iter().find(|breach| breach.place == "witnessed").unwrap();
    assert_eq!(breach.what, "witnesses saw another history of the first 5 entries");
}

#[test]
fn audit_verify_sees_a_rewound_ledger_by_a_pinned_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = fill(dir.path(), 5);
    let seen: Checkpoint = ledger.head().unwrap().checkpoint.text().parse().unwrap();
    drop(ledger);
    let audit = |dir: &Path, seen: Checkpoint| {
        let report = verify(dir, &Anchors { seen: Some(seen), ..anchors(0) }).unwrap();
        places(&report).contains(&"pinned checkpoint")
    };
    assert!(!audit(dir.path(), seen.clone()), "what was seen is still there");
    let rewound = tempfile::tempdir().unwrap();
    drop(fill(rewound.path(), 4));
    assert!(audit(rewound.path(), seen.clone()), "an entry less, signed by the ledger's own key");
    let elsewhere = Checkpoint { origin: "countersign/other".into(), ..seen };
    assert!(audit(dir.path(), elsewhere));
}

#[test]
fn stale_turns_do_not_write() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = fill(dir.path(), 2);
    let append = ledger.begin(2).unwrap();
    let other = Connection::open(dir.path().join(DATABASE)).unwrap();
    other.busy_timeout(std::time::Duration::ZERO).unwrap();
    let pushed = other.execute("UPDATE head SET size = ?1", params![9]);
    assert!(pushed.is_err(), "the append holds the right to write");
    drop(append);
}
