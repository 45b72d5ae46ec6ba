//! Ports without a known protocol: one group for each connection.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use splitter::{Errors, Protocol, Table};

use crate::support::{Splitter, backend, group, nowhere, rest, table};

fn tcp(groups: &[splitter::Group]) -> Table {
    Table { protocol: Protocol::Tcp, ..table(groups) }
}

/// A backend that says its name, then repeats what it hears to the end.
fn echo(name: &'static str) -> std::net::SocketAddr {
    backend(move |talk| {
        talk.say(name);
        let mut all = Vec::new();
        talk.reader.read_to_end(&mut all).unwrap();
        talk.say(&String::from_utf8(all).unwrap());
    })
}

#[test]
fn each_connection_has_its_group_and_ends_side_by_side() {
    let groups = [group("stable", 3, &[nowhere(), echo("S")]), group("canary", 1, &[echo("C")])];
    let mut splitter = Splitter::start(&tcp(&groups));
    let mut names = String::new();
    for _ in 0..8 {
        let mut stream = splitter.connect();
        let mut name = [0];
        stream.read_exact(&mut name).unwrap();
        names.push(char::from(name[0]));
        stream.write_all(b"to the end").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut stream), ("to the end".to_owned(), true));
    }
    assert_eq!(names.matches('C').count(), 2, "{names}");
    let figures = splitter.settled("stable");
    assert_eq!((figures.requests, figures.errors.total(), figures.client.total()), (6, 0, 0));
    assert!(figures.retried > 0 && figures.latency.is_empty(), "{figures:?}");
}

#[test]
fn a_broken_connection_is_broken_on_the_other_side() {
    let address = backend(|talk| {
        let mut byte = [0];
        talk.reader.read_exact(&mut byte).unwrap();
        // The second byte lies unread, so the system resets the connection.
        talk.say("part");
        let _ = talk.stream.peek(&mut [0]);
    });
    let mut splitter = Splitter::start(&tcp(&[group("stable", 1, &[address])]));
    let mut stream = splitter.connect();
    stream.write_all(&[b'x'; 100_000]).unwrap();
    let (_, is_clean) = rest(&mut stream);
    assert!(!is_clean);
    assert_eq!(splitter.settled("stable").errors, Errors { broken: 1, ..Errors::default() });
    splitter.control.set(&tcp(&[group("stable", 1, &[nowhere()])])).unwrap();
    let (answer, is_clean) = rest(&mut splitter.connect());
    assert!(answer.is_empty() && !is_clean);
    assert_eq!(splitter.settled("stable").errors, Errors { broken: 1, connect: 1, ..Errors::default() });
}
