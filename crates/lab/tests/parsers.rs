//! Every parser over its corpus and 10,000 mutations of it: no panic, no second spelling.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::path::Path;

use lab::Lab;
use lab::parsers::{TARGETS, Target};

/// A small generator of numbers that always gives the same sequence (Marsaglia's xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (most.max(1) as u64)).unwrap()
    }
}

/// Seeds, and the inputs that fuzzing kept.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let mut corpus = (target.seeds)(&Lab::default());
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target.name);
    let mut found: Vec<_> =
        std::fs::read_dir(dir).into_iter().flatten().map(|file| file.unwrap().path()).collect();
    found.sort();
    corpus.extend(found.iter().map(|path| std::fs::read(path).unwrap()));
    corpus
}

fn mutated(corpus: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = corpus[numbers.below(corpus.len())].clone();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len() + 1);
        let until = (at + numbers.below(24)).min(bytes.len());
        match numbers.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 if at < bytes.len() => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
            2 => drop(bytes.drain(at..until)),
            3 => {
                let part = bytes[at..until].to_vec();
                bytes.splice(at..at, part);
            }
            4 => {
                let other = &corpus[numbers.below(corpus.len())];
                let from = numbers.below(other.len() + 1);
                let part = other[from..(from + numbers.below(64)).min(other.len())].to_vec();
                bytes.splice(at..until, part);
            }
            _ => {
                let word = WORDS[numbers.below(WORDS.len())];
                bytes.splice(at..until, word.iter().copied());
            }
        }
    }
    bytes
}

const WORDS: [&[u8]; 12] = [
    b"\"",
    b"\\u0000",
    b"{}",
    b"[]",
    b"null",
    b"-1",
    b"18446744073709551616",
    b"\n\n",
    b"\0",
    b"\xff\xfe",
    b"../",
    b": &a [*a]",
];

fn survives(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let corpus = corpus(target);
    corpus.iter().for_each(|bytes| (target.run)(bytes));
    (target.run)(b"");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..MUTATIONS {
        (target.run)(&mutated(&corpus, &mut numbers));
    }
}

const MUTATIONS: usize = 10_000;

macro_rules! parsers {
    ($($test:ident $name:literal)*) => {
        $(#[test] fn $test() { survives($name); })*

        #[test]
        fn every_parser_is_tested() {
            let tested = [$($name),*];
            assert_eq!(TARGETS.map(|target| target.name), tested);
        }
    };
}

parsers! {
    parser_of_yaml "yaml"
    parser_of_bundles "bundle"
    parser_of_dsse "dsse"
    parser_of_sshsig "sshsig"
    parser_of_notes "note"
    parser_of_tiles "tile"
    parser_of_proofs "proof"
    parser_of_trust_roots "trust-root"
    parser_of_git_objects "git-object"
    parser_of_http_bodies "http-body"
    parser_of_canonical_json "canonical"
    parser_of_layers "layer"
    parser_of_reports "report"
    parser_of_lockfiles "lockfile"
    parser_of_statements_about_vulnerabilities "vex"
    parser_of_advisories "advisory"
    parser_of_files_with_secrets "secret"
    parser_of_records "record"
    parser_of_grants "grant"
    parser_of_sealed_values "sealed-value"
    parser_of_calendars "icalendar"
    parser_of_windows "windows"
}
