//! Secrets that were never issued.

/// A token of GitHub's form, whose checksum is right; it was never issued.
pub fn token() -> String {
    let random = "0123456789abcdefghijABCDEFGHIJ";
    let mut table = Vec::new();
    let mut checksum = crc32(random.as_bytes());
    for _ in 0..6 {
        let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        table.push(digits[(checksum % 62) as usize]);
        checksum /= 62;
    }
    table.reverse();
    format!("ghp_{random}{}", String::from_utf8(table).unwrap())
}

/// CRC-32 of the bytes (<https://www.rfc-editor.org/rfc/rfc1952#section-8>).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}
