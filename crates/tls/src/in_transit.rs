//! Somebody between client and server who changes, repeats or makes records: each attack is a mutation of a connection that
//! succeeds (<https://www.rfc-editor.org/rfc/rfc8446#section-5>).

use std::io::{self, Write as _};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ConnectionTrafficSecrets, HandshakeKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio_rustls::TlsConnector;

use crate::tests::{Met, id, installation, issued, meet, meet_over, now, pinned};
use crate::*;

/// The direction of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Server,
    Client,
}

/// The record that arrives in the place of another, by its direction and number.
type Change = Arc<dyn Fn(To, usize, Vec<u8>) -> Vec<u8> + Send + Sync>;

struct Pair {
    authority: Authority,
    served: Served,
}

impl Pair {
    fn new() -> Self {
        let authority = Authority::make(installation(1), now()).unwrap();
        let server = issued(&authority, &id(Role::Server, "server"), now());
        let served = Served::new(&server, Some(&authority)).unwrap();
        Self { authority, served }
    }

    fn config(&self) -> ClientConfig {
        client_config(&pinned(&self.authority), None).unwrap()
    }

    /// Meets through somebody who changes records.
    async fn through(&self, change: Change) -> Met {
        let ((ours, near), (far, theirs)) = (tokio::io::duplex(1 << 16), tokio::io::duplex(1 << 16));
        let ((from_client, to_client), (from_server, to_server)) =
            (tokio::io::split(near), tokio::io::split(far));
        let passing = [
            tokio::spawn(passed(To::Server, from_client, to_server, Arc::clone(&change))),
            tokio::spawn(passed(To::Client, from_server, to_client, change)),
        ];
        let met = meet_over(&self.served, self.config(), ours, theirs).await;
        for one in passing {
            one.abort();
        }
        met
    }
}

/// Passes on records until one side closes.
async fn passed(
    to: To,
    mut from: ReadHalf<DuplexStream>,
    mut into: WriteHalf<DuplexStream>,
    change: Change,
) -> io::Result<()> {
    for number in 0.. {
        let mut head = [0; 5];
        if from.read_exact(&mut head).await.is_err() {
            break;
        }
        let mut record = head.to_vec();
        record.resize(5 + usize::from(u16::from_be_bytes([head[3], head[4]])), 0);
        from.read_exact(&mut record[5..]).await?;
        into.write_all(&change(to, number, record)).await?;
    }
    into.shutdown().await
}

/// Replaces bytes that stand in the record once.
fn replaced(mut record: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
    let found: Vec<_> = (0..record.len()).filter(|at| record[*at..].starts_with(old)).collect();
    assert_eq!(found.len(), 1, "the bytes stand there once");
    record.splice(found[0]..found[0] + old.len(), new.iter().copied());
    record
}

/// Of the first record in one direction.
fn first(to: To, change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Change {
    Arc::new(move |on, number, record| if (on, number) == (to, 0) { change(record) } else { record })
}

/// `supported_versions` of a `ClientHello` and of a `ServerHello` (RFC 8446, 4.2.1), up to the version.
const OFFERED: [u8; 5] = [0, 43, 0, 3, 2];
const SELECTED: [u8; 4] = [0, 43, 0, 2];
const TLS_1_3: [u8; 2] = [3, 4];

#[tokio::test]
async fn attack_older_versions_are_neither_offered_nor_taken() {
    let pair = Pair::new();
    pair.through(Arc::new(|_, _, record| record)).await.client.unwrap();
    // A client that offers TLS 1.2 or 1.1 alone (RFC 8446, 4.2.1 and appendix D.5).
    for minor in [3, 2] {
        let old = [OFFERED.as_slice(), &TLS_1_3].concat();
        let new = [OFFERED.as_slice(), &[3, minor]].concat();
        let met = pair.through(first(To::Server, move |hello| replaced(hello, &old, &new))).await;
        let refusal = met.refusal();
        assert!(
            refusal.contains("ProtocolVersion") && refusal.contains("Tls12NotOfferedOrEnabled"),
            "{refusal}"
        );
    }
    // A server that selects TLS 1.2, with and without the sentinel of RFC 8446, 4.1.3.
    let selected = [SELECTED.as_slice(), &TLS_1_3].concat();
    let older =
        |hello: Vec<u8>| replaced(hello, &[SELECTED.as_slice(), &TLS_1_3].concat(), &[0, 43, 0, 2, 3, 3]);
    let sentinel = |mut hello: Vec<u8>| {
        // Record and handshake header, version, random of 32 bytes.
        hello[5 + 4 + 2 + 24..][..8].copy_from_slice(b"DOWNGRD\x01");
        hello
    };
    let without = move |hello: Vec<u8>| {
        let rest = replaced(hello, &selected, &[]);
        let (record, handshake, extensions) = (rest.len() - 5, rest.len() - 9, 5 + 4 + 2 + 32 + 33 + 3);
        let mut hello = rest;
        hello[3..5].copy_from_slice(&u16::try_from(record).unwrap().to_be_bytes());
        hello[7..9].copy_from_slice(&u16::try_from(handshake).unwrap().to_be_bytes());
        let length = u16::try_from(hello.len() - extensions - 2).unwrap();
        hello[extensions..extensions + 2].copy_from_slice(&length.to_be_bytes());
        hello
    };
    let changes: [(&str, Change); 4] = [
        ("an older version", first(To::Client, older)),
        ("with the sentinel", first(To::Client, move |hello| older(sentinel(hello)))),
        ("without the extension", first(To::Client, move |hello| without(sentinel(hello)))),
        // The version is the right one, and the hash of the handshake is another.
        ("the sentinel alone", first(To::Client, sentinel)),
    ];
    for (what, change) in changes {
        let met = pair.through(change).await;
        assert!(met.client.is_err() && met.server.is_err(), "{what}: {}", met.refusal());
    }
}

#[tokio::test]
async fn attack_another_application_protocol() {
    let pair = Pair::new();
    let mut config = pair.config();
    assert_eq!(config.alpn_protocols, [b"http/1.1".to_vec()]);
    meet(&pair.served, config.clone()).await.client.unwrap();
    // RFC 7301, 3.2: no protocol in common ends the handshake.
    for other in [&b"h2"[..], b"postgresql", b"http/1.0"] {
        config.alpn_protocols = vec![other.to_vec()];
        let refusal = meet(&pair.served, config.clone()).await.refusal();
        assert!(refusal.contains("NoApplicationProtocol"), "{refusal}");
    }
}

#[tokio::test]
async fn attack_records_that_are_changed_repeated_or_too_long() {
    let pair = Pair::new();
    // The numbers of records to the server: hello, change of cipher, finished, data.
    let count = Arc::new(std::sync::Mutex::new(Vec::new()));
    let counted = Arc::clone(&count);
    let kinds: Change = Arc::new(move |to, _, record| {
        counted.lock().unwrap().push((to, record[0]));
        record
    });
    pair.through(kinds).await.client.unwrap();
    let to_server: Vec<_> =
        count.lock().unwrap().iter().filter(|(to, _)| *to == To::Server).map(|(_, kind)| *kind).collect();
    assert_eq!(to_server[..4], [22, 20, 23, 23], "{to_server:?}");
    let data = |change: fn(Vec<u8>) -> Vec<u8>| -> Change {
        Arc::new(
            move |to, number, record| if (to, number) == (To::Server, 3) { change(record) } else { record },
        )
    };
    // RFC 8446, 5.2 (a record that does not authenticate), 5.3 (sequence numbers) and 5.1 (lengths).
    for (what, change, reason) in [
        (
            "a changed byte",
            data(|mut record| {
                *record.last_mut().unwrap() ^= 1;
                record
            }),
            "cannot decrypt",
        ),
        ("a record in plain text", data(|_| vec![23, 3, 3, 0, 1, 7]), "decrypt"),
        ("a record too long", data(|_| [&[23, 3, 3, 0x50, 0][..], &[7; 0x5000]].concat()), "TooLarge"),
    ] {
        let met = pair.through(change).await;
        let server = tests::said(met.server.map(drop));
        assert!(server.contains(reason), "{what}: {server}");
    }
    // A record that is sent twice, or before another one.
    let [one, other] = [(&b"\x07"[..], 23), (&b"\x08"[..], 23)];
    assert_eq!(said_to(&pair, &[(0, one), (1, other)]).await, Ok(vec![7, 8]));
    for (what, records) in [("twice", [(0, one), (0, one)]), ("in another order", [(1, other), (0, one)])] {
        let refusal = said_to(&pair, &records).await.unwrap_err();
        assert!(refusal.contains("cannot decrypt"), "{what}: {refusal}");
    }
}

/// A session that is resumed would bring back a certificate that was valid earlier, and early data can be sent again
/// (RFC 8446, 2.2, 2.3 and 8).
#[test]
fn attack_no_session_is_resumed_and_no_early_data_is_taken() {
    let pair = Pair::new();
    let (authority, server) = (&pair.authority, id(Role::Server, "server"));
    let shown = issued(authority, &server, now());
    let mut config = pair.config();
    config.resumption = Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    let config = Arc::new(config);
    // A server that resumes, with the same certificate: the client does so.
    let mut other = ServerConfig::builder_with_provider(algorithms::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::clone(&shown.certified))));
    other.alpn_protocols = vec![b"http/1.1".to_vec()];
    other.max_early_data_size = 1024;
    let resuming = Arc::new(other);
    assert_eq!(kinds(&config, &resuming), [(HandshakeKind::Full, false), (HandshakeKind::Resumed, true)]);
    let mut config = pair.config();
    config.resumption = Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    let ours = pair.served.config();
    assert_eq!(kinds(&Arc::new(config), &ours), [(HandshakeKind::Full, false), (HandshakeKind::Full, false)]);
}

#[derive(Debug)]
struct Always(Arc<rustls::sign::CertifiedKey>);

impl rustls::server::ResolvesServerCert for Always {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// The kinds of two handshakes of one client, and whether its early data was taken.
fn kinds(config: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> [(HandshakeKind, bool); 2] {
    [(); 2].map(|()| {
        let name = ServerName::try_from("10.0.0.1").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::clone(config), name).unwrap();
        let mut server = rustls::ServerConnection::new(Arc::clone(server)).unwrap();
        if let Some(mut early) = client.early_data() {
            assert!(early.write(b"early").unwrap() > 0);
        }
        while client.wants_write() || server.wants_write() {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            server.read_tls(&mut bytes.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            let mut bytes = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            client.read_tls(&mut bytes.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        (client.handshake_kind().unwrap(), server.early_data().is_some())
    })
}

/// Another handshake inside of a connection (RFC 8446, 4.1.2): the record is a genuine one, with the keys of the connection.
#[tokio::test]
async fn attack_a_second_handshake_on_one_connection() {
    let pair = Pair::new();
    let hello = {
        let connection =
            rustls::ClientConnection::new(Arc::new(pair.config()), "10.0.0.1".try_into().unwrap());
        let mut bytes = Vec::new();
        connection.unwrap().write_tls(&mut bytes).unwrap();
        bytes.split_off(5)
    };
    assert_eq!(said_to(&pair, &[(0, (b"\x07", 23))]).await, Ok(vec![7]));
    let refusal = said_to(&pair, &[(0, (&hello, 22))]).await.unwrap_err();
    assert!(refusal.contains("ClientHello"), "{refusal}");
    // A change of cipher is no part of an open connection either, nor is a record of no known type.
    for kind in [20, 99] {
        said_to(&pair, &[(0, (b"\x01", kind))]).await.unwrap_err();
    }
}

/// Records, each with its place in the order, its content and its type.
type Records<'a> = &'a [(u64, (&'a [u8], u8))];

/// The answer of the server to records under the keys of a connection: a byte of each, or its reason.
async fn said_to(pair: &Pair, records: Records<'_>) -> Result<Vec<u8>, String> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (served, count) = (pair.served.clone(), records.len());
    let server = tokio::spawn(async move {
        let (mut stream, _) = accept(&served, theirs).await?;
        let mut bytes = vec![0; count];
        stream.read_exact(&mut bytes).await?;
        Ok::<_, io::Error>(bytes)
    });
    let mut config = pair.config();
    config.enable_secret_extraction = true;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(ServerName::try_from("10.0.0.1").unwrap(), ours).await.unwrap();
    let (mut stream, connection) = stream.into_inner();
    let (number, secrets) = connection.dangerous_extract_secrets().unwrap().tx;
    let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else { unreachable!("another cipher") };
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap());
    for (place, (content, kind)) in records {
        let mut nonce: [u8; 12] = iv.as_ref().try_into().unwrap();
        for (byte, other) in nonce[4..].iter_mut().zip((number + place).to_be_bytes()) {
            *byte ^= other;
        }
        let mut sealed = [*content, &[*kind]].concat();
        let length = u16::try_from(sealed.len() + 16).unwrap().to_be_bytes();
        let (head, nonce) = ([23, 3, 3, length[0], length[1]], Nonce::assume_unique_for_key(nonce));
        key.seal_in_place_append_tag(nonce, Aad::from(head), &mut sealed).unwrap();
        stream.write_all(&[&head[..], &sealed].concat()).await.unwrap();
    }
    server.await.unwrap().map_err(|error| error.to_string())
}
