//! Files of the ledger over a real ledger.

use super::super::ledger::{FileSort, of_size};
use super::Corpus;

#[test]
fn attack_a_file_ends_after_so_many_bytes_and_says_where_it_goes_on() {
    let corpus = Corpus::new();
    let entries = corpus.shared().intake.state().entries;
    let now = corpus.time(entries - 1);
    for bytes_max in [1, 20_000, usize::MAX] {
        let (mut query, mut seen, mut files) = (String::new(), Vec::new(), 0);
        loop {
            let file = corpus.at(now, |at| of_size(at, &query, FileSort::Ndjson, bytes_max).unwrap());
            files += 1;
            let lines = String::from_utf8(file).unwrap();
            let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            let mut more = None;
            for line in lines {
                seen.extend(line["entry"].as_u64());
                more = line["more"].as_str().map(|more| more.split_once('?').unwrap().1.to_owned());
            }
            match more {
                Some(next) => query = next,
                None => break,
            }
        }
        assert!(seen.iter().copied().eq((0..entries).rev()), "each entry once: {seen:?}");
        assert_eq!(files > 1, bytes_max < usize::MAX, "{files} files of {bytes_max} bytes");
    }
}
