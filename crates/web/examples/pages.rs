//! Serves the sample pages on loopback, with the headers of the server: `cargo run -p web --example pages 8765`, then
//! <http://127.0.0.1:8765/overview>.
//!
//! `?theme=dark` and `?theme=light` choose the colours without the browser's settings. For people who work on the look; nothing else uses it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use web::{assets, pages, sample};

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8765);
    for stream in TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.incoming() {
        let stream = stream?;
        // A browser that goes away is no reason to stop.
        std::thread::spawn(move || answer(stream));
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut head = String::new();
    BufReader::new(&stream).read_line(&mut head)?;
    let path = head.split(' ').nth(1).unwrap_or("/");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if path == web::frame::STREAM {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: nothing happens here\n\n"
        )?;
        return stream.read_exact(&mut [0]);
    }
    let (status, kind, body) = match path.strip_prefix("/assets/") {
        Some(name) => match assets::find(name) {
            Some(asset) => ("200 OK", asset.content_type, asset.bytes.to_vec()),
            None => ("404 Not Found", "text/plain", Vec::new()),
        },
        None => ("200 OK", "text/html; charset=utf-8", page(path, query).into_bytes()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\
         content-security-policy: {POLICY}\r\nx-content-type-options: nosniff\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)
}

fn page(path: &str, query: &str) -> String {
    let frame = |title: &str, path: &str| sample::frame(title, path);
    let made = match path {
        "/quiet" => pages::overview(&frame("Overview", "/"), &sample::quiet_overview()),
        "/release" => pages::release(&frame("acme/api/production 42", "/release"), &sample::release()),
        "/held" => pages::release(&frame("acme/web/production 118", "/held"), &sample::held_release()),
        "/running" => {
            pages::release(&frame("acme/web/production 117", "/running"), &sample::running_release())
        }
        "/returned" => {
            pages::release(&frame("acme/web/production 117", "/returned"), &sample::returned_release())
        }
        "/rollback" => pages::release(&frame("acme/web/production 118", "/rollback"), &sample::rollback()),
        "/young" => pages::release(&frame("acme/web/production", "/young"), &sample::young_release()),
        "/run" => pages::run(&frame("Run 4f9c21e0", "/run"), &sample::run()),
        "/log" => pages::log(&frame("test on runner-2", "/log"), &sample::log()),
        "/log-live" => pages::log(&frame("bench on runner-1", "/log-live"), &sample::live_log()),
        "/log-search" => pages::log(&frame("test on runner-2", "/log-search"), &sample::searched_log()),
        "/opening" => pages::opening(&sample::opening()),
        "/ledger" => pages::ledger(&frame("Ledger", "/ledger"), &sample::ledger()),
        "/ledger/48171" => pages::entry(&frame("Entry 48171", "/ledger/48171"), &sample::entry()),
        "/services/acme/api" => pages::sheet(&frame("acme/api", "/services/acme/api"), &sample::sheet()),
        "/components" => pages::sheet(&frame("Components", "/components"), &sample::figures_sheet()),
        "/rollout" => {
            pages::sheet(&frame("Rollout of acme/api/production 42", "/rollout"), &sample::rollout_sheet())
        }
        "/compare" => pages::sheet(&frame("Compare", "/compare"), &sample::compared_sheet()),
        "/error" => pages::error(&frame("Error", "/error"), &sample::problem()),
        "/outside" => pages::outside(&sample::problem()),
        "/design" => pages::design(&frame("Components", "/design")),
        _ => pages::overview(&frame("Overview", "/"), &sample::overview()),
    };
    match query.strip_prefix("theme=") {
        Some(theme) => made.replacen("content=\"light dark\"", &format!("content=\"{theme}\""), 1).replacen(
            "<html ",
            if theme == "dark" { "<html data-theme=\"dark\" " } else { "<html data-theme=\"light\" " },
            1,
        ),
        None => made,
    }
}

/// The policy of `server/src/http/console/headers.rs`.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";
