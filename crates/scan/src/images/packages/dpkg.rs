//! Packages of Debian and its kin: `/var/lib/dpkg/status`, and `status.d` of images without a package manager
//! (<https://www.debian.org/doc/debian-policy/ch-controlfields.html>).

use std::collections::BTreeMap;

use super::installed::Installed;
use crate::components::fault::{Fault, Within as _};

/// Reads paragraphs. Those of `status.d` have no `Status`, because every one of them is installed.
pub fn read(bytes: &[u8], is_bare: bool) -> Result<Vec<Installed>, Fault> {
    let text = String::from_utf8_lossy(bytes);
    let (mut all, mut fields, mut line) = (Vec::new(), BTreeMap::new(), 0_usize);
    for written in text.lines().chain([""]) {
        line += 1;
        if written.trim().is_empty() {
            let paragraph = std::mem::take(&mut fields);
            if !paragraph.is_empty() {
                all.extend(
                    installed(&paragraph, is_bare).within(|| format!("the paragraph before line {line}"))?,
                );
            }
            continue;
        }
        if written.starts_with([' ', '\t']) {
            continue;
        }
        let (field, value) = written
            .split_once(':')
            .ok_or_else(|| Fault::new("it is no field").within(format!("line {line}")))?;
        if fields.insert(field.to_ascii_lowercase(), value.trim()).is_some() {
            return Err(
                Fault::new(format!("the field `{field}` stands twice")).within(format!("line {line}"))
            );
        }
    }
    Ok(all)
}

fn installed(fields: &BTreeMap<String, &str>, is_bare: bool) -> Result<Option<Installed>, Fault> {
    let field = |name: &str| fields.get(name).copied().filter(|value| !value.is_empty());
    let asked = |name: &str| field(name).ok_or_else(|| Fault::new(format!("it has no `{name}`")));
    if !is_bare {
        // The last word is the state: files of all others but these two are there, at least some of them.
        let state = asked("status")?.rsplit(' ').next().unwrap_or_default();
        if matches!(state, "not-installed" | "config-files") {
            return Ok(None);
        }
    }
    let (name, version) = (asked("package")?.to_owned(), asked("version")?.to_owned());
    let source = field("source").map(|source| match source.split_once('(') {
        Some((source, version)) => {
            (source.trim().to_owned(), Some(version.trim_end_matches(')').trim().to_owned()))
        }
        None => (source.to_owned(), None),
    });
    let source = source.map(|(source, of)| (source, of.filter(|of| *of != version)));
    let source = source.filter(|(source, of)| *source != name || of.is_some());
    let architecture = field("architecture").unwrap_or_default().to_owned();
    Ok(Some(Installed { name, version, architecture, source, licence: None }))
}
