//! Images made of a few entries: their layers, documents and archives.

use std::collections::BTreeMap;
use std::io::Write as _;

use evidence::Digest;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

pub type Files = BTreeMap<String, Vec<u8>>;

/// An entry of a tar.
#[derive(Clone, Debug)]
pub struct Item {
    pub path: String,
    pub flag: u8,
    pub mode: u32,
    pub owner: u32,
    pub target: String,
    pub bytes: Vec<u8>,
    pub pax: Vec<(&'static str, &'static str)>,
}

impl Item {
    fn new(path: &str, flag: u8, mode: u32, target: &str, bytes: &[u8]) -> Self {
        let (path, target, bytes) = (path.to_owned(), target.to_owned(), bytes.to_vec());
        Self { path, flag, mode, owner: 0, target, bytes, pax: Vec::new() }
    }

    pub fn file(path: &str, text: &str) -> Self {
        Self::new(path, b'0', 0o644, "", text.as_bytes())
    }

    pub fn bytes(path: &str, bytes: &[u8]) -> Self {
        Self::new(path, b'0', 0o644, "", bytes)
    }

    pub fn program(path: &str) -> Self {
        Self::new(path, b'0', 0o755, "", b"\x7fELF program")
    }

    pub fn directory(path: &str) -> Self {
        Self::new(path, b'5', 0o755, "", b"")
    }

    pub fn link(path: &str, target: &str) -> Self {
        Self::new(path, b'2', 0o777, target, b"")
    }

    pub fn hard_link(path: &str, target: &str) -> Self {
        Self::new(path, b'1', 0o644, target, b"")
    }

    pub fn device(path: &str) -> Self {
        Self::new(path, b'3', 0o600, "", b"")
    }

    /// A name that a layer hides.
    pub fn hidden(path: &str) -> Self {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        Self::file(&format!("{directory}/.wh.{name}").trim_start_matches('/').to_owned(), "")
    }

    pub fn with_mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }
}

/// A tar of these entries.
pub fn tar(items: &[Item]) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        if !item.pax.is_empty() {
            let record = |(name, value): &(&str, &str)| {
                let rest = name.len() + value.len() + 3;
                let length =
                    (rest..rest + 5).find(|length| length.to_string().len() + rest == *length).unwrap();
                format!("{length} {name}={value}\n")
            };
            let text: String = item.pax.iter().map(record).collect();
            let header = Item { flag: b'x', bytes: text.into_bytes(), ..Item::file("pax", "") };
            put(&mut out, &header);
        }
        put(&mut out, item);
    }
    out.extend([0; 1024]);
    out
}

fn put(out: &mut Vec<u8>, item: &Item) {
    if item.path.len() > 100 {
        let long = Item { flag: b'L', bytes: item.path.clone().into_bytes(), ..Item::file("long", "") };
        put(out, &long);
    }
    let mut header = [0_u8; 512];
    let mut field = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    field(0, &item.path.as_bytes()[..item.path.len().min(100)]);
    field(100, format!("{:07o}", item.mode).as_bytes());
    field(108, format!("{:07o}", item.owner).as_bytes());
    field(116, b"0000000");
    field(124, format!("{:011o}", item.bytes.len()).as_bytes());
    field(136, b"00000000000");
    field(148, b"        ");
    field(156, &[item.flag]);
    field(157, item.target.as_bytes());
    field(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend(header);
    out.extend(&item.bytes);
    out.resize(out.len().next_multiple_of(512), 0);
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An image on its way.
#[derive(Clone, Debug)]
pub struct Build {
    /// Tars of the layers, the lowest first.
    pub layers: Vec<Vec<u8>>,
    /// The inner `config` of its configuration.
    pub config: Value,
    pub history: Value,
    pub created: &'static str,
}

impl Build {
    pub fn of(layers: &[&[Item]]) -> Self {
        let layers = layers.iter().map(|items| tar(items)).collect();
        let config = json!({"User": "app", "Env": ["PATH=/usr/bin"], "Entrypoint": ["/app"]});
        Self { layers, config, history: json!([]), created: "2026-11-01T00:00:00Z" }
    }

    pub fn document(&self) -> Value {
        let diff_ids: Vec<String> = self.layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
        json!({
            "created": self.created, "architecture": "amd64", "os": "linux", "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": self.history,
        })
    }

    /// An OCI layout whose layers are compressed.
    pub fn oci(&self) -> Files {
        let mut files = Files::new();
        files.insert("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
        let config = add(&mut files, self.document().to_string().as_bytes(), CONFIG);
        let layers: Vec<Value> =
            self.layers.iter().map(|layer| add(&mut files, &gzip(layer), GZIP)).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        let manifest = add(&mut files, manifest.to_string().as_bytes(), MANIFEST);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
        files.insert("index.json".to_owned(), index.to_string().into_bytes());
        files
    }

    /// What `docker save` wrote before it wrote layouts.
    pub fn docker(&self) -> Files {
        let mut files = Files::new();
        let config = self.document().to_string().into_bytes();
        let name = format!("{}.json", Digest::of(&config).hex());
        let mut layers = Vec::new();
        for layer in &self.layers {
            let path = format!("{}/layer.tar", Digest::of(layer).hex());
            files.insert(path.clone(), layer.clone());
            layers.push(path);
        }
        let list = json!([{"Config": name, "RepoTags": ["app:1"], "Layers": layers}]);
        files.insert(name, config);
        files.insert("manifest.json".to_owned(), list.to_string().into_bytes());
        files
    }
}

/// Adds a blob, and answers its descriptor.
pub fn add(files: &mut Files, bytes: &[u8], kind: &str) -> Value {
    let digest = Digest::of(bytes);
    files.insert(format!("blobs/sha256/{}", digest.hex()), bytes.to_vec());
    json!({"mediaType": kind, "digest": digest.to_string(), "size": bytes.len()})
}

/// The files as one tar.
pub fn archive(files: &Files) -> Vec<u8> {
    let items: Vec<Item> = files.iter().map(|(path, bytes)| Item::bytes(path, bytes)).collect();
    tar(&items)
}

pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
