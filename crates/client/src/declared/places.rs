//! Places as files declare them: values in layers, the weakest first: `defaults`, the class, the environment's name, the place.
//!
//! Invariant: each value keeps the position at which it is declared. Keys are those of [`KNOWN`]; a place has a policy and an
//! agent, and `after` leads in no circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use evidence::configuration::Configuration;
use evidence::environment::{Class, SOAK_MS_MAX, SOAK_MS_MIN};
use evidence::{CommitId, Digest, Name, Place};
use serde_json::{Map, Value, json};

use super::directory::{Directory, MAIN};
use super::fault::{At, Faults};
use super::keys::Keys;
use super::leaves::{Leaf, Leaves, written};
use super::node::Node;
use crate::policies;

/// Keys of a layer.
pub const KNOWN: [&str; 14] = [
    "policy",
    "windows",
    "port",
    "variables",
    "bounds",
    "drift",
    "measured",
    "prometheus",
    "after",
    "automatic",
    "class",
    "soak",
    "region",
    "baseline",
];
/// Keys that become the configuration.
const CONFIGURED: [&str; 6] = ["port", "variables", "bounds", "drift", "measured", "prometheus"];

/// A place.
#[derive(Clone, Debug)]
pub struct DeclaredPlace {
    /// Its file.
    pub at: At,
    /// Its layers, the weakest first.
    pub layers: Vec<Layer>,
    /// Its effective values.
    pub leaves: Leaves,
}

/// A layer of a place.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its name, for people.
    pub name: String,
    /// Its values.
    pub leaves: Leaves,
}

/// Policies by the path that files name, as the bytes that a statement names by digest.
pub type Policies = BTreeMap<String, (Digest, Vec<u8>)>;

/// Reads every place.
pub fn read(
    directory: &Directory,
    defaults: Leaves,
    keys: &Keys,
    projects: Option<&BTreeSet<Name>>,
    faults: &mut Faults,
) -> (BTreeMap<Place, DeclaredPlace>, Policies) {
    let (classes, overrides) = (layers(directory, "classes", faults), layers(directory, "overrides", faults));
    for name in classes.keys().filter(|name| class(name).is_none()) {
        let what = "no class has this name; known are preview, development, staging and production";
        faults.add(&At::file(&format!("classes/{name}.yaml")), what);
    }
    let (mut places, mut policies) = (BTreeMap::new(), Policies::new());
    for (parts, file, node) in directory.folder("environments") {
        let at = At::file(file);
        let place: Place = match parts.join("/").parse() {
            Ok(place) => place,
            Err(error) => {
                faults.add(&at, format!("{error}"));
                continue;
            }
        };
        if projects.is_some_and(|projects| !projects.contains(&place.project)) {
            faults.add(&at, format!("`projects` of {MAIN} does not name project {}", place.project));
        }
        let own = layer(node, &KNOWN, faults);
        let of_name = overrides.get(place.environment.as_str()).cloned().unwrap_or_default();
        let stronger = defaults.clone().under(&of_name).under(&own);
        let of_class = stronger.text(&["class"]).and_then(|class| classes.get(class)).cloned();
        let layers = [
            ("defaults".to_owned(), defaults.clone()),
            ("class".to_owned(), of_class.unwrap_or_default()),
            (format!("environment {}", place.environment), of_name),
            ("place".to_owned(), own),
        ];
        let layers: Vec<_> = layers.into_iter().map(|(name, leaves)| Layer { name, leaves }).collect();
        let merged = layers.iter().fold(Leaves::default(), |all, layer| all.under(&layer.leaves));
        let mut declared = DeclaredPlace { at, layers, leaves: merged };
        declared.finish(&place, keys, faults);
        declared.read_policy(directory, &mut policies, faults);
        places.insert(place, declared);
    }
    for place in keys.agents.keys().filter(|place| !places.contains_key(*place)) {
        let known = projects.is_none_or(|projects| projects.contains(&place.project));
        if known {
            faults.add(
                &At::file(super::directory::KEYS),
                format!("it has agents of `{place}`, and there is no file environments/{place}.yaml"),
            );
        }
    }
    after(&places, faults);
    (places, policies)
}

/// The values of a layer.
pub fn layer(node: &Node, known: &[&str], faults: &mut Faults) -> Leaves {
    let mut leaves = Leaves::default();
    for (key, node) in node.fields(known, faults) {
        value(&key.text, node, &mut leaves, faults);
    }
    leaves
}

fn layers(directory: &Directory, folder: &str, faults: &mut Faults) -> BTreeMap<String, Leaves> {
    let known: Vec<_> = KNOWN.into_iter().filter(|key| *key != "class" || folder == "overrides").collect();
    let read = directory.folder(folder);
    read.map(|(parts, _, node)| (parts.join("/"), layer(node, &known, faults))).collect()
}

/// Reads one value into its one spelling.
fn value(key: &str, node: &Node, leaves: &mut Leaves, faults: &mut Faults) {
    let json = node.json();
    if json.is_null() || (json == "none" && ["windows", "after", "class", "soak", "region"].contains(&key)) {
        return leaves.set(&[key], Value::Null, &node.at);
    }
    match key {
        "variables" | "prometheus" => {
            for (name, node) in node.map(faults) {
                let value = if node.json().is_null() {
                    Some(Value::Null)
                } else {
                    node.text(faults).map(Value::from)
                };
                if let Some(value) = value {
                    leaves.set(&[key, &name.text], value, &node.at);
                }
            }
        }
        "bounds" | "drift" | "measured" => {
            node.map(faults);
            leaves.declare(&[key], node);
            // Values of settings and versions are texts, and people write them without quotes.
            for (path, leaf) in &mut leaves.0 {
                let is_text = matches!(path.get(1).map(String::as_str), Some("settings" | "packages"));
                if is_text && path.len() == 3 && (leaf.value.is_number() || leaf.value.is_boolean()) {
                    leaf.value = Value::String(leaf.value.to_string());
                }
            }
        }
        "port" => match json.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0) {
            Some(port) => leaves.set(&[key], json!(port), &node.at),
            None => faults.add(&node.at, "a port is a number from 1 to 65535"),
        },
        "automatic" => match json {
            Value::Bool(_) => leaves.set(&[key], json, &node.at),
            _ => faults.add(&node.at, "`true` or `false` is expected"),
        },
        _ => {
            let Some(text) = node.text(faults) else { return };
            match spelled(key, &text) {
                Ok(text) => leaves.set(&[key], Value::String(text), &node.at),
                Err(what) => faults.add(&node.at, what),
            }
        }
    }
}

/// The one spelling of a text.
fn spelled(key: &str, text: &str) -> Result<String, String> {
    match key {
        "soak" => soak_millis(text).map(soak_text).ok_or_else(|| SOAK.to_owned()),
        "class" => class(text).map(|_| text.to_owned()).ok_or_else(|| CLASSES.to_owned()),
        "after" | "region" => {
            text.parse::<Name>().map(|name| name.to_string()).map_err(|error| error.to_string())
        }
        "baseline" => match text.parse::<CommitId>() {
            Ok(id) => Ok(id.to_string()),
            Err(error) => Err(format!("{error}; quote it, and write all of its digits")),
        },
        _ => {
            // Hidden files are not among those of the directory, so nobody looks where they lead.
            let is_plain = |part: Component<'_>| matches!(part, Component::Normal(name) if !name.to_string_lossy().starts_with('.'));
            let below = Path::new(text).components().all(is_plain);
            match below && !text.is_empty() {
                true => Ok(text.trim_end_matches('/').to_owned()),
                false => Err(format!("`{}` is no path below this directory", text.escape_debug())),
            }
        }
    }
}

/// The class of a name.
#[must_use]
pub fn class(name: &str) -> Option<Class> {
    serde_json::from_value(json!(name)).ok()
}

/// A time to soak in milliseconds.
#[must_use]
pub fn soak_millis(text: &str) -> Option<u64> {
    let read =
        |(name, millis): &(&str, u64)| text.strip_suffix(name)?.parse::<u64>().ok()?.checked_mul(*millis);
    let soak = UNITS.iter().find_map(read)?;
    (SOAK_MS_MIN..=SOAK_MS_MAX).contains(&soak).then_some(soak)
}

/// The same as people write it, in the largest unit that fits.
#[must_use]
pub fn soak_text(millis: u64) -> String {
    let found = UNITS.iter().find(|(_, unit)| millis.is_multiple_of(*unit));
    found.map_or_else(String::new, |(name, unit)| format!("{}{name}", millis / unit))
}

impl DeclaredPlace {
    /// Adds the agents, brings the configuration into its one form, and finds what is missing.
    fn finish(&mut self, place: &Place, keys: &Keys, faults: &mut Faults) {
        for (at, line) in keys.agents.get(place).into_iter().flatten() {
            let text = line.to_string();
            let line = text.split_once('=').map_or(text.as_str(), |(_, rest)| rest);
            self.leaves.set(&["agents", text.split('=').next().unwrap_or_default()], json!(line), at);
        }
        if !self.leaves.0.keys().any(|path| path.first().is_some_and(|part| part == "agents")) {
            faults.add(
                &self.at,
                format!(
                    "the place has no agent; make one with `countersign agent key`, and write its line into keys.yaml below \
                     `agents: {{{place}: [...]}}`"
                ),
            );
        }
        if self.leaves.text(&["policy"]).is_none() {
            let what = "`policy` is missing here and in each layer below; name a directory, which `countersign policy copy \
                        policies/NAME` writes";
            faults.add(&self.at, what);
        }
        if let Some(leaf) = self.leaves.get(&["class"])
            && leaf.value == "production"
            && self.leaves.get(&["automatic"]).is_some_and(|leaf| leaf.value == true)
        {
            let at = leaf.at.as_ref().unwrap_or(&self.at);
            faults.add(
                at,
                "`class` is `production` and `automatic` is true: there a person asks for each release",
            );
        }
        if let (Some(leaf), None) =
            (self.leaves.get(&["soak"]).filter(|leaf| !leaf.value.is_null()), self.leaves.text(&["after"]))
        {
            let at = leaf.at.as_ref().unwrap_or(&self.at);
            faults.add(at, "`soak` needs `after`, the environment that runs the artifact for so long");
        }
        self.configured(faults);
    }

    /// Brings what becomes the configuration into the form of its format, with the positions of the files.
    fn configured(&mut self, faults: &mut Faults) {
        let is_configured =
            |path: &[String]| path.first().is_some_and(|key| CONFIGURED.contains(&key.as_str()));
        let mine: BTreeMap<_, _> = self
            .leaves
            .0
            .iter()
            .filter(|(path, _)| is_configured(path))
            .map(|(path, leaf)| (path.clone(), leaf.clone()))
            .collect();
        let configuration = match configuration(&Leaves(mine.clone()).json()) {
            Ok(configuration) => configuration,
            Err(Unsound(what)) => return faults.add(&self.blamed(&what), what),
        };
        let normal = Leaves::of(&configuration_values(&configuration));
        self.leaves.0.retain(|path, leaf| !is_configured(path) || leaf.value.is_null());
        for (path, leaf) in normal.0 {
            let near = |known: &&Vec<String>| path.starts_with(known) || known.starts_with(&path);
            let at = mine.get(&path).and_then(|leaf| leaf.at.clone());
            let at = at.or_else(|| mine.keys().find(near).and_then(|known| mine.get(known)?.at.clone()));
            self.leaves.0.insert(path, Leaf { at, ..leaf });
        }
    }

    /// The position of the key that a fault names, else the file.
    fn blamed(&self, what: &str) -> At {
        let names = what.split('`').skip(1).step_by(2);
        let found = names.filter_map(|name| {
            let path = self.leaves.0.iter().find(|(path, _)| path.iter().any(|part| part == name));
            path.and_then(|(_, leaf)| leaf.at.clone())
        });
        let mut found = found;
        found.next().unwrap_or_else(|| self.at.clone())
    }

    fn read_policy(&self, directory: &Directory, policies: &mut Policies, faults: &mut Faults) {
        let Some(leaf) = self.leaves.get(&["policy"]) else { return };
        let Some(path) = leaf.value.as_str() else { return };
        if policies.contains_key(path) {
            return;
        }
        let read = policies::read(&directory.path.join(path));
        let bytes = read
            .map_err(|error| error.to_string())
            .and_then(|(files, _)| files.encode().map_err(|error| error.to_string()));
        match bytes {
            Ok(bytes) => drop(policies.insert(path.to_owned(), (Digest::of(&bytes), bytes))),
            Err(what) => faults.add(leaf.at.as_ref().unwrap_or(&self.at), what),
        }
    }
}

/// Why values are no configuration.
#[derive(Debug)]
pub(super) struct Unsound(pub String);

/// The configuration that values become.
///
/// # Errors
/// The fault, which names a field if one is at fault.
pub(super) fn configuration(values: &Value) -> Result<Configuration, Unsound> {
    let mut fields = Map::from_iter([("v".to_owned(), json!(1)), ("variables".to_owned(), json!({}))]);
    for key in CONFIGURED {
        if let Some(value) = values.get(key) {
            fields.insert(if key == "measured" { "baseline" } else { key }.to_owned(), value.clone());
        }
    }
    let unsound =
        |error: &dyn std::fmt::Display| Unsound(error.to_string().replace("`baseline`", "`measured`"));
    let configuration: Configuration =
        serde_json::from_value(Value::Object(fields)).map_err(|error| unsound(&error))?;
    match configuration.encode() {
        Ok(_) => Ok(configuration),
        Err(error) => Err(unsound(&error)),
    }
}

/// The values that a configuration is made of.
pub(super) fn configuration_values(configuration: &Configuration) -> Value {
    let mut value = json!(configuration);
    if let Some(fields) = value.as_object_mut() {
        fields.remove("v");
        if let Some(measured) = fields.remove("baseline") {
            fields.insert("measured".into(), measured);
        }
        if fields.get("variables").and_then(Value::as_object).is_some_and(Map::is_empty) {
            fields.remove("variables");
        }
    }
    value
}

/// Circles of `after`. Whether a place in no file is in force, is asked later.
fn after(places: &BTreeMap<Place, DeclaredPlace>, faults: &mut Faults) {
    for (place, declared) in places {
        let mut at = place.clone();
        for _ in 0..=places.len() {
            let Some(before) = places.get(&at).and_then(|declared| declared.leaves.text(&["after"])) else {
                break;
            };
            let Ok(environment) = before.parse() else { break };
            at = Place { environment, ..at };
            if at == *place {
                let leaf = declared.leaves.get(&["after"]).and_then(|leaf| leaf.at.clone());
                let what = format!(
                    "`{}` leads back to {place}; the first environment has no `after`",
                    written(&["after".to_owned()])
                );
                faults.add(&leaf.unwrap_or_else(|| declared.at.clone()), what);
                break;
            }
        }
    }
}

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SOAK: &str = "a number with a unit is expected, such as 30m, 12h or 3d, from 1m to 90d, or none";
const CLASSES: &str = "preview, development, staging, production or none is expected";
