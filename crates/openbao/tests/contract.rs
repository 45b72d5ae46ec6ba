//! HashiCorp Vault by its documentation, and servers that answer badly.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use openbao::{Clear, Login, Place, Session, Store as _, StoreError};
use serde_json::json;
use support::contract::Vault;
use support::server::{Server, with_json};
use support::{Signer, Table, now, path};

#[test]
fn vault_by_its_documentation_passes_the_table() {
    let mut vault = Vault::new(now());
    let server = Server::start(move |asked| vault.answer(asked));
    let table = Table {
        place: Place::new(&server.address, None, None).unwrap(),
        app_role: (
            "db02de05-fa39-4855-059b-67221c5c2f63".into(),
            "84896a0c-1347-aa90-a4f6-aca8b7558780".into(),
        ),
        signer: Signer::new(1),
        has_database: true,
    };
    table.passes();
    let asked = server.asked.lock().unwrap();
    let ends = asked.iter().filter(|line| line.ends_with("revoke-self")).count();
    let logins = asked.iter().filter(|line| line.contains("/login")).count();
    assert_eq!(logins - ends, 4, "every session that opened was ended, also those that were dropped");
}

fn login() -> Login {
    Login::AppRole { mount: path("approle"), role: "r".into(), secret: Clear::new("s3cr3t-id".into()) }
}

fn logged_in() -> (u16, String) {
    (200, with_json(&json!({ "auth": { "client_token": "hvs.x" } })))
}

/// The failure of a read, by a server that answers the read like this.
fn read_by(answer: (u16, String)) -> StoreError {
    let server = Server::start(move |asked| match asked.path.ends_with("/login") {
        true => logged_in(),
        false => answer.clone(),
    });
    let place = Place::new(&server.address, None, None).unwrap();
    let session = Session::open(&place, &login()).unwrap();
    session.read(&path("secret"), &path("shop/a"), Some(3)).unwrap_err()
}

#[test]
fn attack_a_store_that_sends_the_token_elsewhere() {
    let elsewhere = Server::start(|_| logged_in());
    let to = format!("Location: {}/v1/x\r\nContent-Length: 0\r\n\r\n", elsewhere.address);
    for status in [301, 302, 307, 308] {
        let error = read_by((status, to.clone()));
        assert!(error.to_string().contains("leads elsewhere"), "{error}");
    }
    assert_eq!(elsewhere.asked.lock().unwrap().len(), 0, "nobody was asked there");
}

#[test]
fn attack_answers_without_end_or_of_another_version() {
    let long = format!("Content-Length: 9000000\r\n\r\n{}", "x".repeat(3 << 20));
    assert!(read_by((200, long)).to_string().contains("longer than 2 MiB"));
    let other = json!({ "data": { "data": { "a": "s3cr3t" }, "metadata": { "version": 2 } } });
    assert!(read_by((200, with_json(&other))).to_string().contains("another version"));
    // A value of another type is no text; the error does not quote it.
    let number = json!({ "data": { "data": { "a": 5301 }, "metadata": { "version": 3 } } });
    let error = read_by((200, with_json(&number))).to_string();
    assert!(error.contains("another type") && !error.contains("5301"), "{error}");
    assert!(matches!(read_by((200, with_json(&json!([])))), StoreError::Answer { .. }));
    // Credentials that would never end are refused.
    let server = Server::start(|asked| match asked.path.ends_with("/login") {
        true => logged_in(),
        false => (
            200,
            with_json(&json!({ "lease_id": "", "lease_duration": 0, "renewable": false,
                               "data": { "username": "u", "password": "p" } })),
        ),
    });
    let session = Session::open(&Place::new(&server.address, None, None).unwrap(), &login()).unwrap();
    let error = session.credentials(&path("database"), &path("app")).unwrap_err();
    assert!(error.to_string().contains("would never end"), "{error}");
}

#[test]
fn failures_say_what_to_do_and_hold_no_secret() {
    let say = |status: u16, text: &str| read_by((status, with_json(&json!({ "errors": [text] }))));
    assert!(matches!(say(503, "Vault is sealed"), StoreError::NotReady { status: 503, .. }));
    assert!(say(503, "").is_passing() && say(429, "").is_passing() && !say(403, "").is_passing());
    let refused = say(403, "1 error occurred:\n\t* permission denied\n\n").to_string();
    assert!(
        refused.contains("refuses to read a secret: 1 error occurred: * permission denied; see"),
        "{refused}"
    );
    assert!(say(500, &"long ".repeat(200)).to_string().len() < 420);
    let closed = Place::new("http://127.0.0.1:9", None, None).unwrap();
    let error = Session::open(&closed, &login()).unwrap_err();
    assert!(error.is_passing() && error.to_string().starts_with("127.0.0.1:9 does not answer: "), "{error}");
    assert!(!format!("{error:?} {:?}", login()).contains("s3cr3t"));
}
