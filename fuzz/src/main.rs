//! The parsers under libFuzzer: the one that `COUNTERSIGN_FUZZ` names.
//!
//! With `COUNTERSIGN_FUZZ=list` it prints each parser with its source files and ends; with
//! `COUNTERSIGN_SEEDS` it writes what the parser accepts to that directory and ends.
#![no_main]

use std::sync::OnceLock;

use lab::Lab;
use lab::parsers::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fn target() -> &'static Target {
    TARGET.get_or_init(|| {
        let name = std::env::var("COUNTERSIGN_FUZZ").expect("COUNTERSIGN_FUZZ names a parser");
        TARGETS.iter().find(|target| target.name == name).expect("the parser is known")
    })
}

fn begin() {
    if std::env::var("COUNTERSIGN_FUZZ").is_ok_and(|name| name == "list") {
        for target in &TARGETS {
            println!("{} {}", target.name, target.sources.join(" "));
        }
        std::process::exit(0);
    }
    if let Some(dir) = std::env::var_os("COUNTERSIGN_SEEDS") {
        for (n, seed) in (target().seeds)(&Lab::default()).into_iter().enumerate() {
            let path = std::path::Path::new(&dir).join(format!("seed-{n}"));
            std::fs::write(path, seed).expect("the seed can be written");
        }
        std::process::exit(0);
    }
}

fuzz_target!(init: begin(), |bytes: &[u8]| (target().run)(bytes));
