//! Packages that programs of languages installed: of npm by the `package.json` in `node_modules`, and of Python by the metadata of
//! distributions (<https://packaging.python.org/en/latest/specifications/core-metadata/>).

use serde::Deserialize;

use super::super::image::Image;
use super::super::path::{directory, name};
use super::installed::{Installed, Packages};
use crate::components::fault::Fault;
use crate::components::purl::Purl;

#[derive(Deserialize)]
struct Manifest {
    name: Option<String>,
    version: Option<String>,
    license: Option<serde_json::Value>,
}

/// Sorts of files.
#[derive(Clone, Copy)]
enum Kind {
    Npm,
    Python,
}

/// Whether the file at a path is that of an installed package.
pub fn is_read(path: &str) -> bool {
    kind_of(path).is_some()
}

fn kind_of(path: &str) -> Option<Kind> {
    let at = directory(path);
    match name(path) {
        "package.json" => {
            let above = directory(at);
            let above = if name(above).starts_with('@') { directory(above) } else { above };
            (name(above) == "node_modules").then_some(Kind::Npm)
        }
        "METADATA" => name(at).ends_with(".dist-info").then_some(Kind::Python),
        "PKG-INFO" => name(at).ends_with(".egg-info").then_some(Kind::Python),
        file => file.ends_with(".egg-info").then_some(Kind::Python),
    }
}

/// Adds the installed packages of an image.
pub fn add(image: &Image, packages: &mut Packages) {
    for (path, bytes) in &image.pass.kept {
        let Some(kind) = kind_of(path) else { continue };
        let read = match kind {
            Kind::Npm => npm(bytes),
            Kind::Python => python(bytes).map(Some),
        };
        match read {
            Ok(Some((purl, installed))) => packages.component(purl, &installed, path),
            // Directories within a package have such files as well, which name no package.
            Ok(None) => {}
            Err(fault) => drop(packages.unread.insert(path.clone(), fault.to_string())),
        }
    }
}

fn npm(bytes: &[u8]) -> Result<Option<(String, Installed)>, Fault> {
    let manifest: Manifest =
        serde_json::from_slice(bytes).map_err(|error| Fault::new(format!("it is no manifest: {error}")))?;
    let (Some(name), Some(version)) = (manifest.name, manifest.version) else { return Ok(None) };
    let purl = Purl::npm(&name)?.at(&version)?;
    let licence = manifest.license.as_ref().and_then(serde_json::Value::as_str).map(str::to_owned);
    Ok(Some((purl, Installed { name, version, licence, ..Installed::default() })))
}

fn python(bytes: &[u8]) -> Result<(String, Installed), Fault> {
    let text = String::from_utf8_lossy(bytes);
    let field = |wanted: &str| {
        let mut head = text.lines().take_while(|line| !line.is_empty());
        let value = head.find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(wanted).then(|| value.trim())
        });
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let asked = |wanted: &str| field(wanted).ok_or_else(|| Fault::new(format!("it has no `{wanted}`")));
    let (name, version) = (asked("Name")?, asked("Version")?);
    let purl = Purl::pypi(&name)?.at(&version)?;
    let licence = field("License-Expression").or_else(|| field("License"));
    Ok((purl, Installed { name, version, licence, ..Installed::default() }))
}
