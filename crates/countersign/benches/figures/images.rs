//! An image of 500 MB, scanned in a cold process, against reading and unpacking its layer.

use std::io::Read as _;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::support::Home;
use crate::{print, spans};

#[path = "../../../scan/tests/images/support.rs"]
#[allow(dead_code, reason = "the tests of the crate `scan` use the rest of it")]
mod built;

/// Bytes of the layer without compression.
const BYTES: usize = 500_000_000;

pub fn images() {
    let home = Home::new();
    let items = files();
    let bytes: usize = items.iter().map(|item| item.bytes.len()).sum();
    let build = built::Build::of(&[&items]);
    drop(items);
    let layer = built::gzip(&build.layers[0]);
    std::fs::write(home.dir.path().join("layer"), &layer).unwrap();
    std::fs::write(home.dir.path().join("image.tar"), built::archive(&build.oci())).unwrap();
    drop(build);
    let ours = spans(3, || {
        let out = home.run(&["scan", "image.tar"]);
        assert!(String::from_utf8_lossy(&out.stdout).contains("image: sha256:"));
    });
    let floor = spans(3, || {
        let file = std::fs::File::open(home.dir.path().join("layer")).unwrap();
        let mut unpacked = MultiGzDecoder::new(std::io::BufReader::new(file));
        let mut buffer = vec![0; 1 << 16];
        while unpacked.read(&mut buffer).unwrap() > 0 {}
    });
    print(
        &format!("scan of an image of {} MB", bytes / 1_000_000),
        &ours,
        &floor,
        "reading and unpacking its layer",
    );
}

/// Programs, libraries and texts of this machine.
fn files() -> Vec<built::Item> {
    let (mut open, mut items, mut left) = (vec![Path::new("/usr").to_path_buf()], Vec::new(), BYTES);
    while let Some(at) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&at) else { continue };
        let mut entries: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for path in entries {
            let Ok(meta) = path.symlink_metadata() else { continue };
            if meta.is_dir() {
                open.push(path);
            } else if meta.is_file() && meta.len() <= left as u64 {
                let Ok(bytes) = std::fs::read(&path) else { continue };
                left -= bytes.len().min(left);
                items.push(built::Item::bytes(path.to_str().unwrap().trim_start_matches('/'), &bytes));
            }
        }
    }
    items
}
