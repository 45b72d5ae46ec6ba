//! The files that a browser loads: one style sheet, our own modules of JavaScript, an icon. Each is embedded, under a name that
//! holds a digest of its bytes, so a browser may keep it for ever.
//!
//! Invariant: a name that was made from other bytes is unknown. The digest only tells versions apart; it protects nothing.

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its bytes.
    pub bytes: &'static [u8],
    /// Its type, for the header.
    pub content_type: &'static str,
}

/// The file of a name, the last part of its address `/assets/NAME`.
#[must_use]
pub fn find(name: &str) -> Option<Asset> {
    let file = FILES.iter().find(|file| file.versioned() == name)?;
    Some(Asset { bytes: file.bytes, content_type: file.content_type })
}

/// The name of a file with the digest of its bytes: `console-1f0c5a9e7b3d2468.css`.
pub(crate) fn name(file: &str) -> String {
    FILES.iter().find(|known| known.name == file).map_or_else(String::new, File::versioned)
}

/// The scripts that every page loads.
pub(crate) const SCRIPTS: [&str; 4] = ["time.js", "copy.js", "keys.js", "live.js"];

struct File {
    name: &'static str,
    bytes: &'static [u8],
    content_type: &'static str,
    digest: u64,
}

impl File {
    const fn new(name: &'static str, bytes: &'static [u8], content_type: &'static str) -> Self {
        Self { name, bytes, content_type, digest: digest(bytes) }
    }

    fn versioned(&self) -> String {
        let (stem, ending) = self.name.split_once('.').unwrap_or((self.name, ""));
        format!("{stem}-{:016x}.{ending}", self.digest)
    }
}

/// FNV-1a (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>), which the compiler can compute.
const fn digest(bytes: &[u8]) -> u64 {
    let (mut digest, mut rest) = (0xcbf2_9ce4_8422_2325_u64, bytes);
    while let [first, others @ ..] = rest {
        digest = (digest ^ *first as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = others;
    }
    digest
}

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

static FILES: [File; 7] = [
    File::new("console.css", include_bytes!("../assets/console.css"), STYLE),
    File::new("time.js", include_bytes!("../assets/time.js"), SCRIPT),
    File::new("copy.js", include_bytes!("../assets/copy.js"), SCRIPT),
    File::new("keys.js", include_bytes!("../assets/keys.js"), SCRIPT),
    File::new("live.js", include_bytes!("../assets/live.js"), SCRIPT),
    File::new("log.js", include_bytes!("../assets/log.js"), SCRIPT),
    File::new("mark.svg", include_bytes!("../assets/mark.svg"), "image/svg+xml"),
];

#[cfg(test)]
mod tests {
    use super::{FILES, SCRIPTS, find, name};

    #[test]
    fn a_file_has_only_the_name_of_its_bytes() {
        for file in &FILES {
            assert_eq!(find(&name(file.name)).map(|found| found.bytes), Some(file.bytes));
            assert_eq!(find(file.name), None);
        }
        assert_eq!(find(&name("console.css").replace("console-", "console-0")), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn scripts_are_small() {
        let scripts = FILES.iter().filter(|file| file.content_type.starts_with("text/javascript"));
        let bytes: usize = scripts.map(|file| file.bytes.len()).sum();
        assert!(bytes <= 30 * 1_024, "{bytes} bytes of script, at most 30 KiB");
        assert!(SCRIPTS.iter().all(|script| !name(script).is_empty()));
    }
}
