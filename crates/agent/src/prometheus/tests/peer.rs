//! A real Prometheus that scrapes a service and is asked for its numbers.
//!
//! It comes with `cargo x setup --peers`; without it this test says that it was skipped, and with `cargo x test --peers` a missing
//! one fails.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use super::*;

/// The program, if it was downloaded.
fn program() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin/prometheus");
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("COUNTERSIGN_PEERS").is_none(), "it is missing: cargo x setup --peers");
    println!("skipped: Prometheus is not here; `cargo x test --peers` fetches it");
    None
}

/// It ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A service with figures, which answers every request for as long as the test lasts.
fn service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4_096];
            drop(stream.read(&mut head));
            let body = "queue_length{shard=\"a\"} 12.5\nqueue_length{shard=\"b\"} 40\n";
            let text = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
            drop(write!(stream, "{text}Content-Length: {}\r\n\r\n{body}", body.len()));
        }
    });
    address
}

fn clock() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Moment::from_millis(u64::try_from(since.as_millis()).unwrap()).unwrap()
}

#[test]
fn a_real_prometheus_gives_its_numbers_and_nothing_else() {
    let Some(program) = program() else { return };
    let dir = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}\nscrape_configs:\n- job_name: shop\n  static_configs: [{{targets: ['{}']}}]\n",
        service()
    );
    std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
    let mut command = Command::new(program);
    command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
    let _server = Server(command.arg(format!("--web.listen-address=127.0.0.1:{port}")).spawn().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address = format!("http://127.0.0.1:{port}");
    let asked = |query: &str| runtime.block_on(ask(&address, query, Duration::from_secs(30), clock));
    // It has scraped the service as soon as it has a number.
    while asked("max(queue_length)") != Answered::Number(40_000_000) {
        std::thread::yield_now();
    }
    assert_eq!(asked("min(queue_length)"), Answered::Number(12_500_000));
    assert_eq!(asked("scalar(sum(queue_length))"), Answered::Number(52_500_000));
    for (query, words) in [
        ("queue_length", "gives 2 numbers"),
        ("absent_figure", "gives 0 numbers"),
        ("max(queue_length) / 0", "`+Inf`, which is no number"),
        ("queue_length[1m]", "a `matrix`, not a vector"),
        ("max(", "status 400"),
    ] {
        let Answered::Unread(said) = asked(query) else { unreachable!("{query}") };
        assert!(said.contains(words), "{query}: {said}");
    }
}
