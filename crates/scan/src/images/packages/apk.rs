//! Packages of Alpine: `/lib/apk/db/installed` (<https://wiki.alpinelinux.org/wiki/Apk_spec>).

use std::collections::BTreeMap;

use super::installed::Installed;
use crate::components::fault::{Fault, Within as _};

/// Reads the records, whose fields have names of one letter.
pub fn read(bytes: &[u8]) -> Result<Vec<Installed>, Fault> {
    let text = String::from_utf8_lossy(bytes);
    let (mut all, mut fields, mut line) = (Vec::new(), BTreeMap::new(), 0_usize);
    for written in text.lines().chain([""]) {
        line += 1;
        if written.is_empty() {
            let record = std::mem::take(&mut fields);
            if !record.is_empty() {
                all.push(installed(&record).within(|| format!("the record before line {line}"))?);
            }
            continue;
        }
        let (field, value) = written
            .split_once(':')
            .ok_or_else(|| Fault::new("it is no field").within(format!("line {line}")))?;
        // Fields of the files repeat.
        if ["P", "V", "A", "o", "L"].contains(&field) && fields.insert(field, value.trim()).is_some() {
            return Err(
                Fault::new(format!("the field `{field}` stands twice")).within(format!("line {line}"))
            );
        }
    }
    Ok(all)
}

fn installed(fields: &BTreeMap<&str, &str>) -> Result<Installed, Fault> {
    let field = |name: &str| fields.get(name).copied().filter(|value| !value.is_empty());
    let asked = |name: &str| field(name).ok_or_else(|| Fault::new(format!("it has no `{name}`")));
    let name = asked("P")?.to_owned();
    Ok(Installed {
        version: asked("V")?.to_owned(),
        architecture: field("A").unwrap_or_default().to_owned(),
        source: field("o").filter(|origin| *origin != name).map(|origin| (origin.to_owned(), None)),
        licence: field("L").map(str::to_owned),
        name,
    })
}
