//! Tests of probes: possible answers of a server, and reasons to end a probe early.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use evidence::plan::{Probe, ProbeTarget};

use super::*;

/// Probes a server that gives this answer and closes.
async fn asked(answer: Vec<u8>) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let count = stream.read(&mut request).unwrap();
        // The client may have closed the connection before the end.
        drop(stream.write_all(&answer));
        String::from_utf8_lossy(request.get(..count).unwrap()).into_owned()
    });
    let judged = http("/health", address, Duration::from_secs(20)).await;
    let request = server.join().unwrap();
    assert!(request.starts_with("GET /health HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains(&format!("host: localhost:{}\r\n", address.port())), "{request}");
    judged.map_err(|error| error.to_string())
}

/// RFC 9110, section 15.2: a client must be able to parse interim answers; RFC 9112, section 4: the reason phrase may
/// be empty, and a client should ignore it.
#[tokio::test]
async fn every_form_of_a_good_answer_passes() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
    let end = "Content-Length: 2\r\n\r\nok";
    for answer in [
        format!("HTTP/1.1 200 OK\r\n{end}"),
        format!("HTTP/1.1 200\r\n{end}"),
        format!("HTTP/1.1 200 \r\n{end}"),
        "HTTP/1.0 200 OK\r\n\r\nok".into(),
        format!("{interim}HTTP/1.1 200 OK\r\n{end}"),
        format!("HTTP/1.1 100 Continue\r\n\r\n{interim}{interim}HTTP/1.1 200\r\n{end}"),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nTrailer: 1\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end".into(),
        format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(BODY_BYTES_MAX + 1)),
        format!("HTTP/1.1 200 OK\r\n{}{end}", format!("Set-Cookie: {}\r\n", "c".repeat(3000)).repeat(10)),
    ] {
        assert_eq!(asked(answer.clone().into_bytes()).await, Ok(()), "{answer:.200}");
    }
}

#[tokio::test]
async fn whatever_is_not_a_complete_200_says_why() {
    for (answer, expected) in [
        (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 7\r\n\r\nno disk",
            "503 Service Unavailable, not 200: no disk",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", "answered 204 No Content, not 200"),
        (
            "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
            "302 Found and points to `/login`; redirects are not followed",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "101 Switching Protocols, not 200",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "its body broke off"),
        ("HTTP/1.1 103 Early Hints\r\n\r\n", "connection closed"),
        ("SSH-2.0-OpenSSH\r\n", "invalid HTTP"),
        ("", "connection closed"),
    ] {
        let said = asked(answer.as_bytes().to_vec()).await.unwrap_err();
        assert!(said.contains(expected), "`{expected}` in: {said}");
    }
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(2 * HEAD_BYTES_MAX));
    assert!(asked(long.into_bytes()).await.is_err(), "a head has a limit");
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(HEADERS_MAX + 1));
    assert!(asked(many.into_bytes()).await.is_err(), "and so have its lines");
}

#[tokio::test]
async fn nobody_who_answers_is_an_error_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let said = http("/x", address, Duration::from_millis(50)).await.unwrap_err().to_string();
    assert_eq!(said, format!("`/x` on {address} did not answer within 50 ms"));
    drop(listener);
    let said = http("/x", address, Duration::from_secs(20)).await.unwrap_err().to_string();
    assert!(said.contains("refused"), "{said}");
}

fn probing(probe: &Probe, time_max: Duration, interrupts: Interrupts) -> Probing<'_> {
    Probing {
        probe,
        service: None,
        time_max,
        settle: Duration::ZERO,
        said: LastAnswer::default(),
        interrupts,
    }
}

const fn endless() -> Probe {
    Probe { ask: ProbeTarget::Http(String::new()), attempts: 10_000, interval_ms: 60_000 }
}

/// Ten thousand attempts with a minute between them would take a week.
#[tokio::test]
async fn attack_a_plan_cannot_probe_for_longer_than_an_hour() {
    let (probe, most) = (endless(), Duration::from_millis(30));
    let asking = probing(&probe, most, Interrupts::default());
    let Fault { code, what } = asking.until_good(async |_| Err(ProbeError::Port)).await.unwrap_err();
    let expected = "the probe took longer than 0 seconds, the last time: there is no port to ask";
    assert_eq!((code, what.as_str()), ("probe-failed", expected));
    let hanging = probing(&probe, most, Interrupts::default());
    let Fault { code, .. } = hanging.until_good(async |_| std::future::pending().await).await.unwrap_err();
    assert_eq!(code, "probe-failed", "nor by an answer that never comes");
    assert_eq!(PROBE_TIME_MAX.as_secs(), 3600);
    assert_eq!(try_time(&Probe { interval_ms: u64::MAX, ..endless() }), PROBE_TIME_MAX);
}

#[tokio::test]
async fn an_interrupt_ends_a_probe_at_once() {
    for (interrupt, expected) in [
        (Interrupt::Ending, (ENDING, "the agent was asked to end")),
        (Interrupt::Unwanted("frozen".into()), (INTERRUPTED, "its probe was ended: frozen")),
    ] {
        let (probe, interrupts) = (endless(), Interrupts::default());
        let hanging = probing(&probe, PROBE_TIME_MAX, interrupts.clone());
        let raise = async {
            tokio::task::yield_now().await;
            interrupts.raise(interrupt);
        };
        let (ended, ()) = tokio::join!(hanging.until_good(async |_| std::future::pending().await), raise);
        let Fault { code, what } = ended.unwrap_err();
        assert_eq!((code, what.as_str()), expected);
    }
}

/// While its process has yet to stay up, the status must not report that the probe has not passed.
#[tokio::test]
async fn what_a_probe_said_before_it_passed_is_told_no_more() {
    let probe = Probe { interval_ms: 0, ..endless() };
    let asking = probing(&probe, PROBE_TIME_MAX, Interrupts::default());
    let said = asking.said.clone();
    let passed = asking.until_good(async |attempt| {
        assert_eq!(said.last().as_deref(), (attempt > 0).then_some("there is no port to ask"));
        if attempt == 0 { Err(ProbeError::Port) } else { Ok(()) }
    });
    passed.await.unwrap();
    assert_eq!(said.last(), None);
}
