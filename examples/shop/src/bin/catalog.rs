//! The catalog of the shop: `GET /items`, `GET /items/NUMBER`, `GET /health`.

use std::io;

use shop::{Answer, Request, serve};

fn main() -> io::Result<()> {
    serve("catalog", env!("CARGO_PKG_VERSION"), answer)
}

fn answer(request: &Request) -> Answer {
    match (request.method.as_str(), request.path.strip_prefix("/items")) {
        ("GET", Some("")) => (200, ITEMS.iter().enumerate().map(|(number, item)| line(number, item)).collect()),
        ("GET", Some(rest)) => {
            let number = rest.strip_prefix('/').and_then(|number| number.parse::<usize>().ok());
            let item = number.and_then(|number| Some((number, ITEMS.get(number)?)));
            item.map_or_else(|| (404, "there is no such item\n".into()), |(number, item)| (200, line(number, item)))
        }
        _ => (404, "there is no such thing\n".into()),
    }
}

fn line(number: usize, (name, cents): &(&str, u32)) -> String {
    format!("{number} {name} {cents}\n")
}

const ITEMS: [(&str, u32); 4] = [("lamp", 4990), ("chair", 12900), ("shelf", 8450), ("desk", 24900)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_have_numbers() {
        let ask = |path: &str| answer(&Request { method: "GET".into(), path: path.into(), body: String::new() });
        assert_eq!(ask("/items/1"), (200, "1 chair 12900\n".into()));
        assert_eq!(ask("/items").1.lines().count(), ITEMS.len());
        assert_eq!(ask("/items/9").0, 404);
    }
}
