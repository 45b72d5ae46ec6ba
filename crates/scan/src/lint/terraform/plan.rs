//! Reads a plan (<https://developer.hashicorp.com/terraform/internals/json-format>).
//!
//! Invariant: a plan is read whole or not at all. Resources are those that people manage and that exist once the plan is applied.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Resource;
use super::containers;
use super::policies::{self, Policy};
use super::resource::{Block, bare};
use crate::lint::json;

/// A plan as rules see it.
#[derive(Debug)]
pub struct Plan {
    /// Resources by address.
    pub resources: Vec<Resource>,
    /// What people wrote, as far as plans tell it.
    pub configuration: Value,
    /// Policies of AWS.
    pub policies: Vec<Policy>,
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// A sentence that says why it cannot be judged.
    pub fn read(text: &str) -> Result<Self, String> {
        let plan = json::parse(text)?;
        check_version(&plan)?;
        if plan.get("errored") == Some(&Value::Bool(true)) {
            return Err(
                "the plan ended in an error, so it does not say what will exist; mend that and plan again"
                    .to_owned(),
            );
        }
        let mut resources = BTreeMap::new();
        changes(&plan, "resource_changes", &mut resources)?;
        deferred(&plan, &mut resources)?;
        planned(&plan, &mut resources)?;
        let configuration = plan.get("configuration").cloned().unwrap_or(Value::Null);
        let expressions = expressions(&configuration);
        let mut resources: Vec<Resource> = resources.into_values().collect();
        for resource in &mut resources {
            resource.expressions = expressions.get(&bare(&resource.address)).cloned();
        }
        let policies = policies::read(&resources)?;
        if let Some(why) = resources.iter().find_map(|resource| containers::fault(&resource.block())) {
            return Err(why);
        }
        Ok(Self { resources, configuration, policies })
    }

    /// The resources of these types.
    pub fn of<'a>(&'a self, kinds: &'a [&'a str]) -> impl Iterator<Item = Block<'a>> {
        self.resources.iter().filter(|resource| kinds.contains(&resource.kind.as_str())).map(Resource::block)
    }
}

fn check_version(plan: &Value) -> Result<(), String> {
    let version =
        plan.get("format_version").and_then(Value::as_str).ok_or("its `format_version` is no text")?;
    let major = version.split('.').next().unwrap_or_default();
    if !matches!(major, "0" | "1") {
        return Err(format!(
            "it has the format version `{version}`, and only 0.x and 1.x are known; update countersign"
        ));
    }
    Ok(())
}

type Resources = BTreeMap<String, Resource>;

/// The resources of a list of changes.
fn changes(plan: &Value, list: &str, into: &mut Resources) -> Result<(), String> {
    let Some(changes) = plan.get(list) else { return Ok(()) };
    let changes = changes.as_array().ok_or_else(|| format!("its `{list}` is no list"))?;
    for change in changes {
        add_change(change, into)?;
    }
    Ok(())
}

/// Changes that a later plan makes, once more is known: what will exist is known in part, and that part is judged.
fn deferred(plan: &Value, into: &mut Resources) -> Result<(), String> {
    let Some(deferred) = plan.get("deferred_changes") else { return Ok(()) };
    let deferred = deferred.as_array().ok_or("its `deferred_changes` is no list")?;
    for change in deferred {
        add_change(change.get("resource_change").ok_or("a deferred change has no `resource_change`")?, into)?;
    }
    Ok(())
}

fn add_change(node: &Value, into: &mut Resources) -> Result<(), String> {
    let mut resource = named(node)?;
    let address = &resource.address;
    let change = node.get("change").ok_or_else(|| format!("{address}: it has no `change`"))?;
    let actions = change.get("actions").and_then(Value::as_array);
    let actions = actions.ok_or_else(|| format!("{address}: its `actions` are no list"))?;
    let is_gone = !actions.is_empty()
        && actions.iter().all(|action| matches!(action.as_str(), Some("delete" | "forget")));
    if is_gone || is_read(node) {
        return Ok(());
    }
    resource.values = match change.get("after") {
        Some(after @ Value::Object(_)) => after.clone(),
        // With another action, nothing is left of it only if nothing is known of it.
        _ => return Err(format!("{address}: its `after` is no object")),
    };
    resource.unknown = change.get("after_unknown").cloned().unwrap_or(Value::Null);
    resource.sensitive = change.get("after_sensitive").cloned().unwrap_or(Value::Null);
    if into.contains_key(&resource.address) {
        return Err(format!("{}: it stands twice in the plan", resource.address));
    }
    into.insert(resource.address.clone(), resource);
    Ok(())
}

/// The resources of the root module and those below. Where changes have them too, both must say the same.
fn planned(plan: &Value, into: &mut Resources) -> Result<(), String> {
    let Some(planned) = plan.get("planned_values") else { return Ok(()) };
    let root = planned.get("root_module").ok_or("its `planned_values` have no `root_module`")?;
    let empty = Value::Object(Map::new());
    let mut open = vec![root];
    while let Some(module) = open.pop() {
        let module = module.as_object().ok_or("a module is no object")?;
        open.extend(list(module, "child_modules")?);
        for node in list(module, "resources")? {
            let resource = named(node)?;
            if is_read(node) {
                continue;
            }
            // A resource of which nothing is known has no values, but a change.
            let values = match node.get("values") {
                Some(values @ Value::Object(_)) => values,
                None if into.contains_key(&resource.address) => &empty,
                _ => return Err(format!("{}: its `values` are no object", resource.address)),
            };
            match into.get(&resource.address) {
                Some(known) if known.values == *values && known.kind == resource.kind => {}
                Some(_) => return Err(format!("{}: the plan says two things about it", resource.address)),
                None => {
                    let sensitive = node.get("sensitive_values").cloned().unwrap_or(Value::Null);
                    let resource = Resource { values: values.clone(), sensitive, ..resource };
                    into.insert(resource.address.clone(), resource);
                }
            }
        }
    }
    Ok(())
}

fn list<'a>(module: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], String> {
    match module.get(key) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(format!("the `{key}` of a module are no list")),
    }
}

/// A resource without its values.
fn named(node: &Value) -> Result<Resource, String> {
    let text = |key: &str| node.get(key).and_then(Value::as_str).map(str::to_owned);
    let address = text("address").ok_or("a resource has no `address`")?;
    let kind = text("type").ok_or_else(|| format!("{address}: it has no `type`"))?;
    Ok(Resource {
        address,
        kind,
        provider: text("provider_name").unwrap_or_default(),
        values: Value::Null,
        unknown: Value::Null,
        sensitive: Value::Null,
        expressions: None,
    })
}

/// Whether it is data that is only read.
fn is_read(node: &Value) -> bool {
    node.get("mode").and_then(Value::as_str) == Some("data")
}

/// The expressions of resources in the configuration, by their addresses without indexes.
fn expressions(configuration: &Value) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut open: Vec<(String, &Value)> =
        configuration.get("root_module").map(|root| (String::new(), root)).into_iter().collect();
    while let Some((module, node)) = open.pop() {
        let resources = node.get("resources").and_then(Value::as_array).into_iter().flatten();
        for resource in resources {
            let address = resource.get("address").and_then(Value::as_str);
            if let (Some(address), Some(expressions)) = (address, resource.get("expressions")) {
                all.insert(format!("{module}{address}"), expressions.clone());
            }
        }
        let calls = node.get("module_calls").and_then(Value::as_object).into_iter().flatten();
        for (name, call) in calls {
            if let Some(called) = call.get("module") {
                open.push((format!("{module}module.{name}."), called));
            }
        }
    }
    all
}
