//! The checkout of the shop: `POST /orders` with lines of cents and a quantity gives the total; `GET /orders` the number of
//! orders, `GET /health`.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use shop::{Answer, Request, serve};

fn main() -> io::Result<()> {
    serve("checkout", env!("CARGO_PKG_VERSION"), answer)
}

fn answer(request: &Request) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/orders") => match total(&request.body) {
            Some(total) => {
                let number = ORDERS.fetch_add(1, Ordering::Relaxed) + 1;
                (201, format!("order {number}: {total}\n"))
            }
            None => (400, "each line has cents and a quantity\n".into()),
        },
        ("GET", "/orders") => (200, format!("{}\n", ORDERS.load(Ordering::Relaxed))),
        _ => (404, "there is no such thing\n".into()),
    }
}

fn total(lines: &str) -> Option<u64> {
    if lines.trim().is_empty() {
        return None;
    }
    lines.lines().try_fold(0_u64, |sum, line| {
        let (cents, quantity) = line.split_once(' ')?;
        let one = cents.parse::<u64>().ok()?.checked_mul(quantity.trim().parse().ok()?)?;
        sum.checked_add(one)
    })
}

static ORDERS: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_exact_or_there_is_none() {
        assert_eq!(total("4990 2\n12900 1\n"), Some(22880));
        assert_eq!(total("4990"), None);
        assert_eq!(total(""), None);
        assert_eq!(total("18446744073709551615 2"), None);
    }
}
