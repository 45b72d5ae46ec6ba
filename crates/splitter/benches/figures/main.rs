//! Figures of the splitter, each beside HAProxy and beside the backend alone in the same run: `cargo x bench splitter`.
//!
//! The backend and the proxies are processes. Where there are two processors, a proxy has one for itself, and the load and the
//! backend share the other one; all numbers of proxies are of one processor, therefore.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark"
)]

mod load;
mod parts;

use std::net::SocketAddr;
use std::time::Duration;

use load::{Load, Sample};
use parts::{Part, haproxy, splitter};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    match words.first().map(String::as_str) {
        Some("as-backend") => return parts::be_backend(),
        Some("as-splitter") => return parts::be_splitter(),
        Some("splitter") | None => {}
        // Figures of other crates.
        Some(_) => return,
    }
    let backend = Part::backend();
    let mut ours = splitter(&[backend.address]);
    let theirs = haproxy(backend.address);
    println!(
        "splitter: {} bytes for each answer, {CONNECTIONS} connections",
        load::asked_once(backend.address)
    );
    let theirs = theirs.as_ref().map(|part| part.address);
    let saturated = throughput(backend.address, ours.part.address, theirs);
    by_http2(ours.part.address, theirs.as_ref().and_then(|_| parts::haproxy_http2(backend.address)).as_ref());
    added(backend.address, ours.part.address, theirs, saturated / 5.0);
    switches(&mut ours, backend.address, saturated / 5.0);
}

/// Requests in a second, one after the other on each connection; the least of all proxies.
fn throughput(direct: SocketAddr, ours: SocketAddr, theirs: Option<SocketAddr>) -> f64 {
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (rates, to) in rates.iter_mut().zip([Some(direct), Some(ours), theirs]) {
            let Some(to) = to else { continue };
            rates.push(load::saturate(to, CONNECTIONS, Duration::from_secs(2)));
        }
    }
    let [direct, ours, theirs] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied()
    });
    let (direct, ours) = (direct.unwrap(), ours.unwrap());
    print!("{:44} {ours:>10.0}/s   direct {direct:.0}/s", "splitter, saturated, HTTP/1.1");
    match theirs {
        Some(theirs) => println!(", HAProxy {theirs:.0}/s; {:.2} of that", ours / theirs),
        None => println!("   HAProxy: skipped, it is not installed"),
    }
    ours.min(theirs.unwrap_or(ours))
}

/// The same by HTTP/2, as h2load counts it.
fn by_http2(ours: SocketAddr, theirs: Option<&Part>) {
    let rate = |to| parts::h2load(to);
    let Some(ours) = rate(ours) else {
        println!("{:44} skipped: h2load is not installed", "splitter, saturated, HTTP/2");
        return;
    };
    print!("{:44} {ours:>10.0}/s", "splitter, saturated, HTTP/2 (h2load)");
    match theirs.and_then(|part| rate(part.address)) {
        Some(theirs) => println!("   HAProxy {theirs:.0}/s; {:.2} of that", ours / theirs),
        None => println!("   HAProxy: skipped"),
    }
}

/// Times at a steady load. They count from the moment at which a request was meant to be sent, so a request that had to wait
/// for the one before counts its waiting.
fn added(direct: SocketAddr, ours: SocketAddr, theirs: Option<SocketAddr>, rate: f64) {
    let load = Load { connections: CONNECTIONS, rate, requests: (rate * 4.0) as usize };
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (all, to) in all.iter_mut().zip([Some(direct), Some(ours), theirs]) {
            let Some(to) = to else { continue };
            let Sample { times, lost } = load.run(to);
            assert_eq!(lost, 0);
            all.extend(times);
        }
    }
    let [direct, ours, theirs] = all.map(|mut times| {
        times.sort_unstable();
        (!times.is_empty()).then(|| [50, 99].map(|share| times[(times.len() - 1) * share / 100]))
    });
    let (direct, ours) = (direct.unwrap(), ours.unwrap());
    for (index, share) in ["p50", "p99"].into_iter().enumerate() {
        let added = |times: [Duration; 2]| times[index].saturating_sub(direct[index]);
        let name = format!("splitter, added at {rate:.0}/s, {share}");
        print!("{name:44} {:>10.1?}   direct {:.1?}", added(ours), direct[index]);
        match theirs {
            Some(theirs) => println!(", HAProxy adds {:.1?}", added(theirs)),
            None => println!(),
        }
    }
}

/// Requests that are lost while weights change and groups drain all the time.
fn switches(ours: &mut parts::Splitter, backend: SocketAddr, rate: f64) {
    let other = Part::backend();
    let backends = [backend, other.address];
    let (rate, address) = (rate.min(10_000.0), ours.part.address);
    let load = Load { connections: CONNECTIONS, rate, requests: REQUESTS };
    let running = std::thread::spawn(move || load.run(address));
    let mut switches = 0_u64;
    while !running.is_finished() {
        for group in [1, 0] {
            ours.only(&backends, group);
            switches += 1;
        }
    }
    let Sample { times, lost } = running.join().unwrap();
    let whole = times.len() + lost;
    println!(
        "{:44} {lost:>10} of {whole}   {switches} switches, each drained; longest answer {:.1?}",
        "splitter, requests lost over switches",
        times.iter().max().unwrap()
    );
    assert_eq!(lost, 0);
}

const CONNECTIONS: usize = 32;
const ROUNDS: usize = 3;
const REQUESTS: usize = 100_000;
