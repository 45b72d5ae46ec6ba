//! Contents of files in layers, scanned for secrets.
//!
//! Invariant: every byte of every file is scanned, or the file is counted as one that was not. A large file is scanned in
//! windows that overlap, so that no secret lies on an edge. A file that gzip compressed is scanned as it unpacks.

use std::collections::BTreeMap;
use std::io::{self, Read};

use evidence::Digest;

use super::fault::ImageFault;
use super::gunzip::Gunzip;
use crate::secrets::{self, Hit, is_packed};
use crate::{INPUT_BYTES_MAX, ScanError};

/// A secret in a file of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSecret {
    /// Path of the file.
    pub path: String,
    /// Place of the layer, counted from 0.
    pub layer: usize,
    /// The secret. Its line is 0 where the file was scanned in parts.
    pub hit: Hit,
}

/// Secrets, and the files that were not scanned for them.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Files that were scanned.
    pub files: u64,
    /// Secrets, in the order of layers and entries.
    pub secrets: Vec<LayerSecret>,
    /// Files that were not scanned, because they are compressed or archives: their paths with the digests of their first
    /// bytes.
    pub packed: BTreeMap<String, Digest>,
}

/// Contents that are being scanned.
#[derive(Debug, Default)]
pub struct Contents {
    scanned: Scanned,
    window: Vec<u8>,
    /// Bytes that files became which gzip compressed.
    unpacked_bytes: u64,
    fault: Option<ScanError>,
}

impl Contents {
    /// Scans a file of this size.
    ///
    /// # Errors
    /// The error of the stream.
    pub fn add(&mut self, path: &str, layer: usize, from: &mut dyn Read, size: u64) -> io::Result<()> {
        let mut window = std::mem::take(&mut self.window);
        window.clear();
        let (mut left, mut is_first) = (size, true);
        while is_first || left > 0 {
            // The end of the last window is the beginning of this one.
            let passed = window.len().saturating_sub(OVERLAP_BYTES);
            window.drain(..passed);
            let wanted = left.min((WINDOW_BYTES - window.len()) as u64);
            let got = Read::take(&mut *from, wanted).read_to_end(&mut window)?;
            if (got as u64) < wanted {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= wanted;
            self.window(path, layer, &window, is_first && left == 0);
            is_first = false;
        }
        self.scanned.files += 1;
        self.window = window;
        Ok(())
    }

    fn window(&mut self, path: &str, layer: usize, bytes: &[u8], is_whole: bool) {
        if is_packed(bytes) {
            let unpacked = if is_whole { self.gunzipped(bytes) } else { None };
            match unpacked {
                Some(unpacked) if !is_packed(&unpacked) => self.scan(path, layer, &unpacked, true),
                _ => drop(self.scanned.packed.insert(path.to_owned(), Digest::of(bytes))),
            }
        }
        self.scan(path, layer, bytes, is_whole);
    }

    /// The content of a file that gzip compressed, if it is one, and neither it nor all of them together are too large.
    fn gunzipped(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if !bytes.starts_with(b"\x1f\x8b") {
            return None;
        }
        let most = (INPUT_BYTES_MAX as u64).min(UNPACKED_BYTES_MAX.saturating_sub(self.unpacked_bytes));
        let mut unpacked = Vec::new();
        let read = Gunzip::new(bytes, MEMBERS_MAX).take(most + 1).read_to_end(&mut unpacked);
        // A stream that cannot be used was unpacked as well.
        self.unpacked_bytes = self.unpacked_bytes.saturating_add(unpacked.len() as u64);
        read.ok()?;
        (unpacked.len() as u64 <= most).then_some(unpacked)
    }

    fn scan(&mut self, path: &str, layer: usize, bytes: &[u8], is_whole: bool) {
        // Then `fits` refuses the image, and a large file would have many more.
        if self.scanned.secrets.len() > SECRETS_MAX {
            return;
        }
        match secrets::scan(path, bytes) {
            Ok(hits) => {
                for mut hit in hits {
                    if !is_whole {
                        hit.line = 0;
                    }
                    self.scanned.secrets.push(LayerSecret { path: path.to_owned(), layer, hit });
                }
            }
            Err(error) => self.fault = self.fault.take().or(Some(error)),
        }
    }

    /// Whether there are not too many secrets.
    ///
    /// # Errors
    /// `ImageFault` if there are.
    pub fn fits(&mut self) -> Result<(), ImageFault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault.into());
        }
        if self.scanned.secrets.len() > SECRETS_MAX || self.scanned.packed.len() > PACKED_MAX {
            return Err(ImageFault::Bound {
                limit: SECRETS_MAX as u64,
                what: "secrets, or 1,000,000 compressed files",
            });
        }
        Ok(())
    }

    /// The result.
    pub fn finish(self) -> Scanned {
        self.scanned
    }
}

/// As many bytes as a scan for secrets takes.
const WINDOW_BYTES: usize = INPUT_BYTES_MAX;
/// Longer than any secret.
const OVERLAP_BYTES: usize = 64 << 10;
const SECRETS_MAX: usize = 10_000;
const PACKED_MAX: usize = 1_000_000;
/// Bytes that all files together may become which gzip compressed. Those behind the last are counted as not scanned.
const UNPACKED_BYTES_MAX: u64 = 8 << 30;
/// Members of one such file.
const MEMBERS_MAX: u32 = 4_096;
