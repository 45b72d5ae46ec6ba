//! The protocol over real HTTP: status codes in the order of the protocol, state that survives a restart, and damaged
//! state.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::Path;

use tlog::{
    AddCheckpoint, Checkpoint, Cosignature, CosignatureKey, Frontier, Hash, Note, NoteSigner, SignatureKind,
    leaf_hash, node_hash,
};
use witness::{Statuses, Store, StoreError, serve};

fn log() -> NoteSigner {
    NoteSigner::from_seed("log.example/a", SignatureKind::Ed25519, &[1; 32]).unwrap()
}

fn key() -> CosignatureKey {
    CosignatureKey::from_seed("witness.example/w", &[2; 32]).unwrap()
}

fn leaf(n: u64) -> Hash {
    leaf_hash(&n.to_be_bytes())
}

fn checkpoint(size: u64) -> Note {
    let mut frontier = Frontier::default();
    (0..size).for_each(|n| frontier.push(leaf(n)));
    Checkpoint { origin: "log.example/a".into(), size, root: frontier.root() }.sign(&log()).unwrap()
}

async fn with_witness<T>(dir: &Path, work: impl AsyncFnOnce(&str, &reqwest::Client) -> T) -> T {
    let store = Store::open(dir, vec![key()], vec![log().verifier().clone()]).unwrap();
    let (ready, url) = tokio::sync::oneshot::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let listen = "127.0.0.1:0".parse().unwrap();
    let serving = tokio::spawn(serve(
        (store, Statuses::default()),
        listen,
        (None, Box::new(|| None)),
        |at| drop(ready.send(at.url.clone())),
        async { drop(stopped.await) },
    ));
    let done = work(&url.await.unwrap(), &reqwest::Client::new()).await;
    drop(stop);
    serving.await.unwrap().unwrap();
    done
}

async fn add(
    http: &reqwest::Client,
    url: &str,
    old_size: u64,
    proof: Vec<Hash>,
    note: Note,
) -> (u16, String) {
    let body = AddCheckpoint { old_size, proof, note }.to_string();
    let answer = http.post(format!("{url}/add-checkpoint")).body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn cosigns_growth_and_remembers_it() {
    let dir = tempfile::tempdir().unwrap();
    with_witness(dir.path(), async |url, http| {
        let (status, lines) = add(http, url, 0, vec![], checkpoint(1)).await;
        assert_eq!(status, 200, "{lines}");
        let mut note = checkpoint(1);
        note.extend(tlog::NoteSignature::parse_lines(&lines).unwrap());
        let found = Cosignature::all(&note, &[key().verifier().clone()]).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|cosignature| cosignature.time_seconds > 1_700_000_000));
    })
    .await;
    with_witness(dir.path(), async |url, http| {
        assert_eq!(add(http, url, 0, vec![], checkpoint(2)).await, (409, "1\n".into()));
        assert_eq!(add(http, url, 1, vec![], checkpoint(2)).await.0, 422);
        assert_eq!(add(http, url, 1, vec![leaf(1)], checkpoint(2)).await.0, 200);
        assert_eq!(add(http, url, 2, vec![leaf(9)], checkpoint(3)).await.0, 422);
        assert_eq!(add(http, url, 2, vec![leaf(2)], checkpoint(3)).await.0, 200);
        assert_eq!(add(http, url, 9, vec![], checkpoint(3)).await.0, 400);
        let hash = "b2d3e0cf2e483fbc179ff15f4e95ebef4f0ad5565d228215674c9ee83f0faf1d";
        let seen = http.get(format!("{url}/{hash}/checkpoint")).send().await.unwrap().text().await.unwrap();
        let seen: Note = seen.parse().unwrap();
        assert_eq!((seen.text(), seen.signatures().len()), (checkpoint(3).text(), 2));
        let unknown = http.get(format!("{url}/{}/checkpoint", hash.replace('a', "b"))).send().await.unwrap();
        assert_eq!(unknown.status().as_u16(), 404);
        assert_eq!(node_hash(&leaf(0), &leaf(1)), frontier_root(2));
    })
    .await;
}

fn frontier_root(size: u64) -> Hash {
    checkpoint(size).text().parse::<Checkpoint>().unwrap().root
}

#[tokio::test]
async fn strangers_and_nonsense_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    with_witness(dir.path(), async |url, http| {
        let stranger = NoteSigner::from_seed("log.example/a", SignatureKind::Ed25519, &[9; 32]).unwrap();
        let other = NoteSigner::from_seed("log.example/b", SignatureKind::Ed25519, &[9; 32]).unwrap();
        let forged = Checkpoint { origin: "log.example/a".into(), size: 1, root: leaf(0) };
        assert_eq!(add(http, url, 0, vec![], forged.sign(&stranger).unwrap()).await.0, 403);
        let unknown = Checkpoint { origin: "log.example/b".into(), size: 1, root: leaf(0) };
        assert_eq!(add(http, url, 0, vec![], unknown.sign(&other).unwrap()).await.0, 404);
        for body in ["", "old 0", "old 00\n\nx", "old 0\nnot base64\n\nx\n1\ny\n\n"] {
            let answer = http.post(format!("{url}/add-checkpoint")).body(body).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 400, "{body}");
        }
        let long = "x".repeat(300_000);
        let answer = http.post(format!("{url}/add-checkpoint")).body(long).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 413);
    })
    .await;
}

#[test]
fn a_witness_that_lost_its_memory_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let logs = || vec![log().verifier().clone()];
    let store = Store::open(dir.path(), vec![key()], logs()).unwrap();
    let request = AddCheckpoint { old_size: 0, proof: vec![], note: checkpoint(1) };
    store.add(&request, 5).unwrap().unwrap();
    let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("\n1\n", "\n2\n")).unwrap();
    assert!(matches!(Store::open(dir.path(), vec![key()], logs()), Err(StoreError::Damaged(_))));
    std::fs::write(&file, good).unwrap();
    assert!(Store::open(dir.path(), vec![key()], logs()).is_ok());
}
