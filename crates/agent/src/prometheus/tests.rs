//! Servers that lie: no answer but one number within its time is a number.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;

mod peer;

const NOW: u64 = 1_795_000_000;

fn now() -> Moment {
    Moment::from_millis(NOW * 1_000).unwrap()
}

fn vector(series: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#)
}

fn one(value: &str) -> String {
    vector(&format!(r#"{{"metric":{{}},"value":[{NOW}.5,"{value}"]}}"#))
}

#[test]
fn one_number_of_now_counts() {
    for (text, number) in [
        ("1", 1_000_000),
        ("0", 0),
        ("0.25", 250_000),
        ("1.5e-06", 1),
        ("1e-400", 0),
        ("-3", -3_000_000),
        ("1e+03", 1_000_000_000),
    ] {
        assert_eq!(read(one(text).as_bytes(), now()), Ok(number), "{text}");
    }
    let scalar = format!(
        r#"{{"status":"success","data":{{"resultType":"scalar","result":[{NOW},"7"]}},"warnings":["x"]}}"#
    );
    assert_eq!(read(scalar.as_bytes(), now()), Ok(7_000_000));
}

#[test]
fn attack_an_answer_of_another_shape_is_no_number() {
    let pair = r#"{"metric":{},"value":[1795000000,"1"]}"#;
    let lies = [
        (one("NaN"), "`NaN`, which is no number"),
        (one("+Inf"), "no number"),
        (one("-Inf"), "no number"),
        (one("1e300"), "no number"),
        (one(""), "no number"),
        (one("one"), "no number"),
        (vector(""), "gives 0 numbers"),
        (vector(&format!("{pair},{pair}")), "gives 2 numbers"),
        (vector(r#"{"metric":{},"value":[1795000000,1]}"#), "not one of its interface"),
        (vector(r#"{"metric":{},"value":["1795000000","1"]}"#), "not one of its interface"),
        (vector(r#"{"metric":{},"histogram":[1795000000,{}]}"#), "not one of its interface"),
        (vector(r#"{"metric":{},"value":[1794999000,"1"]}"#), "of another time"),
        (vector(r#"{"metric":{},"value":[1e308,"1"]}"#), "of another time"),
        (one("1").replace("vector", "matrix"), "a `matrix`, not a vector"),
        (one("1").replace("success", "error"), "status `error`"),
        (r#"{"status":"success"}"#.into(), "status `success`"),
        (r#"{"status":"success","status":"success"}"#.into(), "duplicate field"),
        ("[]".into(), "not one of its interface"),
        ("[".repeat(60_000), "not one of its interface"),
        ("<html>".into(), "not one of its interface"),
        (String::new(), "not one of its interface"),
        (one("1").replace("\"1\"", "\"1"), "not one of its interface"),
    ];
    for (lie, words) in lies {
        let said = read(lie.as_bytes(), now()).unwrap_err().to_string();
        assert!(said.contains(words), "{said}: {}", lie.chars().take(100).collect::<String>());
    }
}

/// A server that answers one request with these bytes, and then holds the connection for as long as the client does.
fn server(answer: Vec<u8>) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
            head.extend(byte);
        }
        // The client may have gone, which is what a long answer is for.
        drop(stream.write_all(&answer));
        drop(stream.read(&mut byte));
        String::from_utf8(head).unwrap()
    });
    (address, served)
}

fn http(status: &str, more: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}\r\n{body}", body.len()).into_bytes()
}

fn answered(answer: Vec<u8>, most: Duration) -> (Answered, String) {
    let (address, served) = server(answer);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(ask(&address, "max(up{job=\"shop\"})", most, now));
    drop(runtime);
    (found, served.join().unwrap())
}

#[test]
fn a_number_over_http_and_the_query_as_it_is_asked() {
    let (found, asked) = answered(http("200 OK", "", &one("0.5")), Duration::from_secs(30));
    assert_eq!(found, Answered::Number(500_000));
    let line = asked.lines().next().unwrap();
    assert_eq!(line, "GET /api/v1/query?query=max%28up%7Bjob%3D%22shop%22%7D%29 HTTP/1.1");
}

#[test]
fn attack_a_server_that_is_away_slow_long_or_sends_elsewhere_gives_no_number() {
    let patient = Duration::from_secs(30);
    let long = format!("{}{}", one("1"), " ".repeat(ANSWER_BYTES_MAX));
    let bad = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
    let cases = [
        (http("503 Service Unavailable", "", ""), patient, "status 503"),
        (http("400 Bad Request", "", bad), patient, "status 400: parse error"),
        (http("302 Found", "Location: http://127.0.0.1:9/\r\n", &one("1")), patient, "status 302"),
        (http("200 OK", "", &long), patient, "longer than 65536 bytes"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{".to_vec(),
            Duration::from_millis(300),
            "does not answer",
        ),
        (Vec::new(), Duration::from_millis(300), "does not answer"),
        (b"nonsense\r\n\r\n".to_vec(), patient, "does not answer"),
    ];
    for (answer, most, words) in cases {
        let (Answered::Unread(said), _) = answered(answer, most) else { unreachable!("{words}") };
        assert!(said.contains(words), "{said}: {words}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(ask(&format!("http://{nobody}"), "up", patient, now));
    let Answered::Unread(said) = found else { unreachable!() };
    assert!(said.contains("does not answer") && !said.contains("query="), "{said}");
}
