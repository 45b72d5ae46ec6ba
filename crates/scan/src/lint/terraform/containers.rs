//! Containers of tasks: texts of JSON in resources.

use serde_json::Value;

use super::Block;
use crate::lint::json;

/// The containers of a task of ECS, or of a job of Batch.
pub fn containers(block: &Block<'_>) -> Vec<Value> {
    let texts = ["container_definitions", "container_properties"].iter().filter_map(|key| block.text(key));
    let values = texts.filter_map(|text| json::parse(text).ok());
    values.flat_map(|value| if let Value::Array(items) = value { items } else { vec![value] }).collect()
}

/// Why the containers of a resource cannot be read.
pub fn fault(block: &Block<'_>) -> Option<String> {
    let mut texts =
        ["container_definitions", "container_properties"].iter().filter_map(|key| block.text(key));
    texts
        .find_map(|text| json::parse(text).err())
        .map(|why| format!("{}: its containers are {why}", block.address()))
}
