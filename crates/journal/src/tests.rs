//! What lines look like, and which are written.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::{debug, error, error_span, info, trace, warn};
use tracing_subscriber::layer::SubscriberExt as _;

use super::{Filter, Format, LogSource, lines, panic_event};

/// The lines that something writes.
fn written(format: Format, filter: &str, say: impl FnOnce()) -> Vec<String> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let at = Arc::clone(&kept);
    let source = LogSource { title: "agent shop/api/dev".into(), fields: vec![("role", "agent".into())] };
    let filter: Filter = filter.parse().unwrap();
    let lines = lines(source, format, &filter, move |line| at.lock().unwrap().push(line));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), say);
    let lines = kept.lock().unwrap();
    lines.clone()
}

fn everything() {
    let span = error_span!("request", request_id = "r1", run = tracing::field::Empty);
    let _inside = span.enter();
    span.record("run", "0a");
    error!("one");
    warn!(place = %"shop/api/dev", "two");
    info!(count = 3, is_new = true, "three");
    debug!(run = "0b", "four");
    trace!("five");
}

#[test]
fn text_begins_as_it_always_did_and_ends_with_fields() {
    let lines = written(Format::Text, "trace", everything);
    let expected = [
        "agent shop/api/dev: error: one request_id=r1 run=0a\n",
        "agent shop/api/dev: warning: two place=shop/api/dev request_id=r1 run=0a\n",
        "agent shop/api/dev: three count=3 is_new=true request_id=r1 run=0a\n",
        "agent shop/api/dev: debug: four run=0b request_id=r1\n",
        "agent shop/api/dev: trace: five request_id=r1 run=0a\n",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn json_has_level_target_message_and_fields() {
    let lines = written(Format::Json, "info", everything);
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |line: usize, name: &str| lines[line][name].as_str().unwrap().to_owned();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        (text(0, "level"), text(1, "level"), text(2, "level")),
        ("error".into(), "warn".into(), "info".into())
    );
    assert_eq!((text(1, "target"), text(1, "message")), ("journal::tests".into(), "two".into()));
    assert_eq!((text(1, "role"), text(1, "place")), ("agent".into(), "shop/api/dev".into()));
    assert_eq!((text(0, "request_id"), text(0, "run")), ("r1".into(), "0a".into()));
    assert_eq!((&lines[2]["count"], &lines[2]["is_new"]), (&3.into(), &true.into()));
    text(0, "time").parse::<jiff::Timestamp>().unwrap();
}

#[test]
fn the_filter_silences_and_spans_stay_under_it() {
    assert_eq!(written(Format::Text, "off", everything), [""; 0]);
    let lines = written(Format::Text, "error", everything);
    assert_eq!(lines, ["agent shop/api/dev: error: one request_id=r1 run=0a\n"]);
    let lines = written(Format::Text, "off,journal::tests=warn", everything);
    assert_eq!(lines.len(), 2, "{lines:?}");
    for bad in ["a=b=c", "server=loud"] {
        assert!(bad.parse::<Filter>().unwrap_err().to_string().contains("write a level"), "{bad}");
    }
}

/// A person's name, a step's output or another machine's answer is part of many lines.
#[test]
fn attack_words_of_others_stay_words_in_both_formats() {
    let wrote = "a\u{1b}[2J\u{9b}2J\u{202e}b\nserver: error: forged";
    let say = || {
        let _inside = error_span!("work", name = wrote).entered();
        warn!(detail = %wrote, path = ?wrote, request_id = "x\" level=\"error", "it said {wrote}");
    };
    let text = written(Format::Text, "info", say).concat();
    let json = written(Format::Json, "info", say).concat();
    for line in [&text, &json] {
        assert!(!line.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{line:?}");
        assert!(line.ends_with('\n') && line.contains("forged"), "{line}");
    }
    assert_eq!(json.lines().count(), 1);
    // A message of several lines is set in; nothing of it begins where a line of a role begins.
    assert!(text.lines().skip(1).all(|line| line.starts_with("      ")), "{text}");
    assert!(text.contains(r#"request_id="x\" level=\"error""#), "{text}");
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((value["detail"].as_str(), value["name"].as_str()), (Some(wrote), Some(wrote)));
    assert_eq!(value["level"], "warn");
}

#[test]
fn no_member_of_a_json_line_is_there_twice() {
    let lines = written(Format::Json, "info", || info!(role = "server", level = "error", "one"));
    assert_eq!(lines[0].matches("\"role\"").count(), 1, "{lines:?}");
    assert_eq!(lines[0].matches("\"level\"").count(), 1, "{lines:?}");
}

/// A step's output or another machine's answer may be as long as it likes.
#[test]
fn attack_a_long_text_makes_no_long_line() {
    let long = "\u{e4}".repeat(1 << 20);
    for format in [Format::Text, Format::Json] {
        let say = || {
            let _inside = error_span!("work", name = long.as_str()).entered();
            warn!(detail = %long, "it said {long}");
        };
        let line = written(format, "info", say).concat();
        assert!(line.len() < 32 * 1024, "{} bytes", line.len());
        assert_eq!(line.matches("bytes more)").count(), 3, "each is cut, and the line says so");
    }
}

#[test]
fn a_panic_is_a_line_of_json() {
    let (sender, lines) = std::sync::mpsc::channel();
    let source = LogSource { title: String::new(), fields: vec![("role", "server".into())] };
    let old = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let _ = sender.send(panic_event(panic).line(&source, Format::Json));
    }));
    let ended = std::thread::Builder::new().name("worker".into()).spawn(|| panic!("on\npurpose"));
    assert!(ended.unwrap().join().is_err());
    std::panic::set_hook(old);
    let line: String = lines.try_iter().collect();
    assert_eq!(line.lines().count(), 1, "{line}");
    let value: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&value["level"], &value["role"], &value["thread"]),
        (&"error".into(), &"server".into(), &"worker".into())
    );
    assert!(value["message"].as_str().unwrap().ends_with("this is a bug: on\npurpose"), "{line}");
    assert!(value["location"].as_str().unwrap().contains("tests.rs:"), "{line}");
}
