//! Calendars at the command line: the table of windows, and feeds of a server on this machine.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use ::evidence::windows::{WindowState, Windows};
use ::evidence::{Digest, Moment};
use lab::WindowCase;
use serde_json::{Value, json};

use crate::support::Home;

fn write(home: &Home, path: &str, text: &str) {
    std::fs::write(home.dir.path().join(path), text).unwrap();
}

fn compiled(home: &Home, case: &WindowCase) -> Windows {
    write(home, "windows.yaml", &case.rules);
    case.calendars.iter().for_each(|(path, text)| write(home, path, text));
    let (from, days) = (case.from.to_string(), case.days.to_string());
    let made = home.json(&["calendar", "compile", "windows.yaml", "--from", &from[..10], "--days", &days], 0);
    let bytes = std::fs::read(home.dir.path().join("windows.json")).unwrap();
    assert_eq!(made["digest"], json!(Digest::of(&bytes)), "{}", case.name);
    Windows::decode(&bytes).unwrap()
}

fn shown(state: WindowState) -> (bool, Option<Moment>) {
    match state {
        WindowState::Open { until } => (true, Some(until)),
        WindowState::Closed { opens } => (false, opens),
    }
}

#[test]
fn the_table_of_windows_holds_at_the_command_line() {
    let home = Home::new();
    for case in lab::window_cases() {
        let windows = compiled(&home, &case);
        for (at, state) in case.checks() {
            assert_eq!(windows.state_at(at), state, "{} at {at}", case.name);
        }
        let (at, state) = case.checks().last().unwrap();
        let show = ["calendar", "show", "--file", "windows.json", "--at", &at.to_string()];
        let found: Value = home.json(&show, 0)["calendars"][0].clone();
        let (open, changes) = shown(state);
        assert_eq!((&found["open"], &found["changes"]), (&json!(open), &json!(changes)), "{}", case.name);
    }
}

/// Answers one request, and gives the address.
fn serve(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4_096];
        let _ = stream.read(&mut head).unwrap();
        // A client that has read enough closes the connection.
        drop(stream.write_all(&answer));
    });
    format!("http://{address}/holidays.ics")
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

const FEED: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART;VALUE=DATE:20261124\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

#[test]
fn a_feed_is_fetched_into_a_file_with_its_digest() {
    let home = Home::new();
    let file = home.dir.path().join("holidays.ics");
    let imported = home.json(&["calendar", "import", &serve(ok(FEED.as_bytes()))], 0);
    assert_eq!(std::fs::read(&file).unwrap(), FEED.as_bytes());
    let digest = Digest::of(FEED.as_bytes()).to_string();
    assert_eq!((&imported["digest"], &imported["events"]), (&json!(digest), &json!(1)));
    assert_eq!(imported["former"], Value::Null);
    // The line that it prints is a rule.
    let rule = imported["rule"].as_str().unwrap();
    write(
        &home,
        "windows.yaml",
        &format!("version: 1\nzone: Europe/Berlin\nallow: [{{ always: true }}]\ndeny:\n  {rule}\n"),
    );
    let made = home.json(&["calendar", "compile", "windows.yaml", "--from", "2026-11-21", "--days", "14"], 0);
    assert_eq!(made["intervals"], json!(2));
    // A newer feed replaces the file, and the rules refuse it until somebody has looked at it.
    let newer = FEED.replace("20261124", "20261125");
    let again = home.json(&["calendar", "import", &serve(ok(newer.as_bytes())), "--out", "holidays.ics"], 0);
    assert_eq!(again["former"], json!(digest));
    let refused = home.json(&["calendar", "compile", "windows.yaml", "--from", "2026-11-21"], 1);
    assert!(refused["error"].as_str().unwrap().contains("look at it, then name this digest"), "{refused}");
}

#[test]
fn attack_feeds_that_are_no_calendars_leave_the_file_as_it_is() {
    let home = Home::new();
    write(&home, "holidays.ics", FEED);
    let elsewhere =
        b"HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n".to_vec();
    let endless =
        [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'A'; calendar::CALENDAR_BYTES_MAX + 1]].concat();
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\nBEGIN:VCALENDAR\r\n".to_vec();
    for (answer, text) in [
        (ok(b"<!doctype html>"), "holidays.ics line 1: no property of a calendar"),
        (
            ok(FEED.replace("UID:a", "UID:a\r\nRRULE:FREQ=SECONDLY").as_bytes()),
            "FREQ `SECONDLY` is not known",
        ),
        (
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "answers 404 Not Found; nothing was written",
        ),
        (elsewhere, "answers 302 Found; nothing was written"),
        (endless, "has more than 1048576 bytes; nothing was written"),
        (short, "cannot fetch"),
    ] {
        let failed = home.json(&["calendar", "import", &serve(answer)], 1);
        assert!(failed["error"].as_str().unwrap().contains(text), "{text}: {failed}");
        assert_eq!(std::fs::read(home.dir.path().join("holidays.ics")).unwrap(), FEED.as_bytes());
    }
    let plain = home.json(&["calendar", "import", "http://192.0.2.1/a.ics"], 1);
    assert!(plain["error"].as_str().unwrap().contains("anybody on the way could change it"), "{plain}");
}
