//! A plan of Terraform or OpenTofu as JSON, `terraform show -json` (<https://developer.hashicorp.com/terraform/internals/json-format>,
//! "Plan Representation").
//!
//! Invariant: a plan that failed or is not whole is an error, and an action that this reader does not know is one, too.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::changes::{Change, ChangeAction, FIELDS_MAX};
use evidence::document::{ChangesDocument, TEXT_BYTES_MAX, Tool, text};

use crate::ScanError;
use crate::reports::json::{Node, VERSION_SHOWN, Value, parse};

pub(in super::super) const WHAT: &str = "Terraform plan";

/// Reads a plan.
pub(in super::super) fn read(input: &str) -> Result<ChangesDocument, ScanError> {
    let value = parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let version = root.need_text("format_version")?;
    // Before 1.0 the minor numbers, too, changed what fields mean; from there on only the major one does.
    if !["0.1", "0.2"].contains(&version) && version.split('.').next() != Some("1") {
        return Err(root.fault(format_args!(
            "the format version {} is unknown; known: 0.1, 0.2, 1.x",
            text(version, VERSION_SHOWN)
        )));
    }
    if root.flag("errored")? == Some(true) {
        return Err(root.fault("the plan failed, so it does not show everything; mend it and plan again"));
    }
    if root.flag("complete")? == Some(false) {
        let why = "the plan is not complete: it leaves changes to a later plan; apply what it waits for, and plan again without targets";
        return Err(root.fault(why));
    }
    let changes = match root.field("resource_changes")? {
        Some(changes) => changes.items()?,
        // A plan without any resource has no such list. That of a state, or of a module alone, is no plan.
        None if root.field("planned_values")?.is_some() => Vec::new(),
        None => return Err(root.fault("neither `resource_changes` nor `planned_values` is there: no plan")),
    };
    let tool = Tool::new("terraform", root.text("terraform_version")?);
    let mut document = ChangesDocument::new([tool]);
    for change in changes {
        let Some((address, one)) = read_change(&change)? else { continue };
        if document.resources.insert(address.clone(), one).is_some() {
            return Err(change.fault(format_args!("the resource `{address}` stands twice")));
        }
    }
    Ok(document)
}

/// The change of a resource; `None` if it stays as it is.
fn read_change(node: &Node<'_>) -> Result<Option<(String, Change)>, ScanError> {
    let change = node.need("change")?;
    let actions = change.need("actions")?.items()?;
    let actions = actions.iter().map(Node::str).collect::<Result<Vec<_>, _>>()?;
    let action = match actions.as_slice() {
        ["no-op" | "read"] => return Ok(None),
        ["create"] => ChangeAction::Create,
        ["update"] => ChangeAction::Update,
        ["delete"] => ChangeAction::Delete,
        ["forget"] => ChangeAction::Forget,
        ["create", "delete"] | ["delete", "create"] | ["create", "forget"] => ChangeAction::Replace,
        other => return Err(change.fault(format_args!("the actions {other:?} are unknown"))),
    };
    let mut address = node.need_text("address")?.to_owned();
    // An object that an earlier run could not destroy has the address of the one that took its place.
    if let Some(key) = node.text("deposed")? {
        address = format!("{address} (deposed {key})");
    }
    let fields = match action {
        ChangeAction::Update => changed(&change)?,
        ChangeAction::Replace => forcing(&change)?,
        ChangeAction::Create | ChangeAction::Delete | ChangeAction::Forget => BTreeSet::new(),
    };
    let short = |value: &str| text(value, TEXT_BYTES_MAX);
    let change = Change {
        sort: short(node.need_text("type")?),
        provider: short(node.text("provider_name")?.unwrap_or("unknown")),
        action,
        fields,
    };
    Ok(Some((short(&address), change)))
}

/// Attributes that are other ones after the change, or that nobody knows yet.
fn changed(change: &Node<'_>) -> Result<BTreeSet<String>, ScanError> {
    let values = |name| -> Result<BTreeMap<&str, &Value>, ScanError> {
        let fields = change.field(name)?.map_or_else(|| Ok(Vec::new()), |values| values.fields())?;
        Ok(fields.into_iter().map(|(name, node)| (name, node.value())).collect())
    };
    let (before, after) = (values("before")?, values("after")?);
    let names = before.keys().chain(after.keys()).copied();
    let mut found: BTreeSet<&str> = names.filter(|name| before.get(name) != after.get(name)).collect();
    let unknown = values("after_unknown")?;
    found.extend(unknown.iter().filter(|(_, value)| !is_empty(value)).map(|(name, _)| *name));
    named(change, found)
}

/// Names of attributes. Without some of them a policy would look for a change that it is not told.
fn named(change: &Node<'_>, names: BTreeSet<&str>) -> Result<BTreeSet<String>, ScanError> {
    if names.len() > FIELDS_MAX {
        return Err(change.fault(format_args!(
            "it changes {} attributes, and a document holds at most {FIELDS_MAX}; plan it in parts",
            names.len()
        )));
    }
    Ok(names.into_iter().map(|name| text(name, TEXT_BYTES_MAX)).collect())
}

/// Whether a value says of none of its parts that it is unknown.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(items) => items.iter().all(is_empty),
        Value::Map(map) => map.values().all(is_empty),
        Value::Flag(flag) => !flag,
        Value::Null | Value::Number(_) | Value::Text(_) => true,
    }
}

/// Attributes that force a replacement: the first name of each path.
fn forcing(change: &Node<'_>) -> Result<BTreeSet<String>, ScanError> {
    let mut found = BTreeSet::new();
    for path in change.list("replace_paths")? {
        if let Some(first) = path.items()?.first() {
            found.insert(first.str()?);
        }
    }
    named(change, found)
}
