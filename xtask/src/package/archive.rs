//! The two containers of a `.deb` (deb(5)): `ar`, and `tar` in the ustar form of POSIX.1-2017 (pax, "ustar Interchange
//! Format").
//!
//! Invariant: the bytes follow from the entries and the time alone; each number that does not fit its field is an error.

/// One file or directory of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path without a leading `/`.
    pub path: String,
    /// Its rights.
    pub mode: u32,
    /// Its bytes; `None` for a directory.
    pub bytes: Option<Vec<u8>>,
}

/// A tar archive with all entries, sorted by name, each owned by root.
pub fn tar(entries: &[Entry], time_seconds: u64) -> Result<Vec<u8>, String> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|one, other| one.path.cmp(&other.path));
    let mut archive = Vec::new();
    for entry in sorted {
        archive.extend(header(entry, time_seconds)?);
        let bytes = entry.bytes.as_deref().unwrap_or_default();
        archive.extend(bytes);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks end the archive.
    archive.resize(archive.len() + 2 * BLOCK, 0);
    Ok(archive)
}

fn header(entry: &Entry, time_seconds: u64) -> Result<Vec<u8>, String> {
    let is_dir = entry.bytes.is_none();
    let name = format!("./{}{}", entry.path, if is_dir && !entry.path.is_empty() { "/" } else { "" });
    let size = entry.bytes.as_ref().map_or(0, Vec::len) as u64;
    let mut header = text(&name, 100)?;
    header.extend(octal(u64::from(entry.mode), 8)?);
    header.extend(octal(0, 8)?);
    header.extend(octal(0, 8)?);
    header.extend(octal(size, 12)?);
    header.extend(octal(time_seconds, 12)?);
    let sum_at = header.len();
    header.extend([b' '; 8]);
    header.push(if is_dir { b'5' } else { b'0' });
    header.extend([0; 100]);
    header.extend(b"ustar\x0000");
    header.extend(text("root", 32)?);
    header.extend(text("root", 32)?);
    header.extend(octal(0, 8)?);
    header.extend(octal(0, 8)?);
    header.resize(BLOCK, 0);
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    // Six digits, zero, blank.
    let sum = format!("{sum:06o}\0 ");
    header.splice(sum_at..sum_at + 8, sum.into_bytes());
    Ok(header)
}

/// An ar archive with these members, in this order.
pub fn ar(members: &[(&str, Vec<u8>)], time_seconds: u64) -> Result<Vec<u8>, String> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        let header =
            format!("{name:<16}{time_seconds:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", bytes.len());
        if header.len() != 60 {
            return Err(format!("`{name}` of {} bytes does not fit an ar archive", bytes.len()));
        }
        archive.extend(header.into_bytes());
        archive.extend(bytes);
        if !archive.len().is_multiple_of(2) {
            archive.push(b'\n');
        }
    }
    Ok(archive)
}

fn text(value: &str, width: usize) -> Result<Vec<u8>, String> {
    let mut field = value.as_bytes().to_vec();
    if field.len() > width {
        return Err(format!("`{value}` is longer than the {width} bytes of a tar archive"));
    }
    field.resize(width, 0);
    Ok(field)
}

/// Digits up to the last byte of the field, which is zero.
fn octal(value: u64, width: usize) -> Result<Vec<u8>, String> {
    let digits = width - 1;
    let field = format!("{value:0digits$o}\0");
    if field.len() == width {
        Ok(field.into_bytes())
    } else {
        Err(format!("{value} does not fit a tar archive"))
    }
}

const BLOCK: usize = 512;
