//! A service of Compose as rules see it.

use super::interpolation::resolved;
use super::port::Port;
use crate::lint::image::ImageReference;
use crate::lint::marked::Marked;

/// A service.
#[derive(Debug)]
pub struct Service {
    /// The service, with the defaults of its variables.
    pub node: Marked,
    /// `service NAME`, for people.
    pub name: String,
    volumes: Vec<Volume>,
    networks: Vec<String>,
}

/// A path or a volume that a service is given.
#[derive(Debug)]
pub struct Volume {
    /// Path of the host.
    pub source: String,
    /// Line.
    pub line: u32,
}

impl Service {
    /// The services of a document.
    ///
    /// # Errors
    /// A sentence, when they cannot be read.
    pub fn all_of(document: &Marked) -> Result<Vec<Self>, String> {
        let services = match document.get("services") {
            Some(services) if services.is_map() || services.is_null() => services,
            Some(_) => return Err("`services` is no map".to_owned()),
            // Files of the first version have nothing around their services.
            None => document,
        };
        let mut all = Vec::new();
        for (name, node) in services.entries() {
            let is_service = node.is_map() || node.is_null();
            if document.get("services").is_none() && node.get("image").or_else(|| node.get("build")).is_none()
            {
                continue;
            }
            if !is_service {
                return Err(format!("the service `{name}` is no map"));
            }
            let node = resolved(node);
            let volumes = volumes(&node, document);
            let networks = networks(&node, document);
            all.push(Self { node, name: format!("service {name}"), volumes, networks });
        }
        Ok(all)
    }

    /// Whether it says itself what it runs, so that what it leaves out has the default. Others add to a service of another file.
    pub fn is_whole(&self) -> bool {
        let runs = self.node.get("image").is_some() || self.node.get("build").is_some();
        runs && self.node.get("extends").is_none()
    }

    /// The image that it takes from a registry, with its line; none if it is built from the same tree, or if its name is unknown.
    pub fn image(&self) -> Option<(ImageReference<'_>, u32)> {
        let is_built = self.node.get("build").is_some() || self.node.text_at("pull_policy") == Some("build");
        let node = self.node.get("image").filter(|_| !is_built)?;
        let text = node.text().filter(|text| super::interpolation::is_known(text))?;
        Some((ImageReference::of(text)?, node.line))
    }

    /// Paths of the host, and those of volumes that stand for one.
    pub fn volumes(&self) -> &[Volume] {
        &self.volumes
    }

    /// Names of its networks, as Docker knows them.
    pub fn networks(&self) -> &[String] {
        &self.networks
    }

    /// Ports that it publishes.
    pub fn ports(&self) -> impl Iterator<Item = Port> {
        let ports = self.node.get("ports").map(Marked::items).unwrap_or_default();
        ports.iter().filter_map(Port::of)
    }

    /// Entries of a map, or of a list of `NAME=VALUE`, with their lines.
    pub fn pairs(&self, path: &[&str]) -> Vec<(String, String, u32)> {
        let Some(node) = self.node.at(path) else { return Vec::new() };
        let of_map = node.entries().filter_map(|(name, value)| Some((name, value.text()?, value.line)));
        let of_list = node.items().iter().filter_map(|item| {
            let (name, value) = item.text()?.split_once('=')?;
            Some((name, value, item.line))
        });
        of_map.chain(of_list).map(|(name, value, line)| (name.to_owned(), value.to_owned(), line)).collect()
    }
}

/// What `volumes` of a service mount from the host (<https://docs.docker.com/reference/compose-file/services/#volumes>).
fn volumes(service: &Marked, document: &Marked) -> Vec<Volume> {
    let items = service.get("volumes").map(Marked::items).unwrap_or_default();
    let sources = items.iter().filter_map(|item| {
        let source = if item.is_map() {
            item.text_at("source").or_else(|| item.text_at("src"))?
        } else {
            source_of(item.text()?)?
        };
        // A volume with a name may be a directory of the host.
        let options = document.at(&["volumes", source, "driver_opts"]).map(resolved);
        let device =
            options.as_ref().filter(|options| is_bind(options)).and_then(|options| options.text_at("device"));
        Some(Volume { source: device.unwrap_or(source).to_owned(), line: item.line })
    });
    sources.collect()
}

fn is_bind(options: &Marked) -> bool {
    let flags = options.text_at("o").unwrap_or_default();
    flags.split(',').any(|flag| matches!(flag.trim(), "bind" | "rbind"))
        || options.text_at("type") == Some("none")
}

/// The first part of `SOURCE:TARGET:MODE`. The colon of a drive of Windows ends nothing.
fn source_of(text: &str) -> Option<&str> {
    let drive = text.chars().next().is_some_and(|first| first.is_ascii_alphabetic())
        && [":\\", ":/"].iter().any(|mark| text.get(1..3) == Some(mark));
    // `a:/b` is a volume `a` at `/b`, and `C:/a:/b` a directory: it has one colon more.
    let second = if drive { text.get(2..)?.find(':').map(|at| at + 2) } else { None };
    text.get(..second.or_else(|| text.find(':'))?).filter(|source| !source.is_empty())
}

/// Names of networks as Docker knows them.
fn networks(service: &Marked, document: &Marked) -> Vec<String> {
    let Some(node) = service.get("networks") else { return Vec::new() };
    let keys = node.entries().map(|(key, _)| key).chain(node.items().iter().filter_map(Marked::text));
    let names = keys.map(|key| {
        let network = document.at(&["networks", key]);
        let name = network.and_then(|network| {
            network.text_at("name").or_else(|| network.at(&["external", "name"]).and_then(Marked::text))
        });
        name.unwrap_or(key).to_owned()
    });
    names.collect()
}
