//! Facts about an image that was scanned.

use serde::Serialize;

/// Facts about an image.
#[derive(Debug, Serialize)]
pub struct ImageFacts {
    /// Digest of its manifest; of its configuration where it has no manifest.
    pub digest: String,
    /// Number of its layers.
    pub layers: usize,
    /// Bytes of its layers without compression.
    pub bytes: u64,
    /// Its distribution and release, if it names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// Number of files that were not scanned for secrets, because they are archives, or compressed otherwise than by gzip.
    pub packed: usize,
}

impl ImageFacts {
    /// For people.
    pub fn line(&self) -> String {
        let distribution = self.distribution.as_deref().unwrap_or("no known distribution");
        let layers = shown::many(self.layers, "layer");
        let mib = self.bytes.div_ceil(1 << 20);
        let mut line = format!("image: {}, {layers}, {mib} MiB, {distribution}", self.digest);
        if self.packed > 0 {
            line += "; not scanned for secrets: ";
            line += &shown::many(self.packed, "archive or compressed file");
        }
        line
    }
}
