//! An object of Kubernetes as rules see it.

use crate::lint::marked::Marked;

/// An object.
#[derive(Debug)]
pub struct Object {
    /// The whole object.
    pub node: Marked,
    /// Its kind.
    pub kind: String,
    /// Kind and name, for people.
    pub name: String,
}

/// A container of a pod.
#[derive(Debug)]
pub struct Container<'a> {
    /// The container.
    pub node: &'a Marked,
    /// Object and container, for people.
    pub about: String,
    /// Whether it runs before the others and ends.
    pub is_init: bool,
}

impl Object {
    /// The objects of a document: itself, or the items of a list.
    pub fn all_of(document: &Marked) -> Vec<Self> {
        let kind = document.text_at("kind").unwrap_or_default();
        if document.get("apiVersion").is_none() || kind.is_empty() {
            return Vec::new();
        }
        if kind.ends_with("List")
            && let Some(items) = document.get("items")
        {
            return items.items().iter().flat_map(Self::all_of).collect();
        }
        let metadata = document.get("metadata");
        let name = metadata
            .and_then(|metadata| metadata.text_at("name").or_else(|| metadata.text_at("generateName")));
        let name = format!("{kind} {}", name.unwrap_or("without a name"));
        vec![Self { node: document.clone(), kind: kind.to_owned(), name }]
    }

    /// The specification of its pods, if it has any.
    pub fn pod(&self) -> Option<&Marked> {
        let path: &[&str] = match self.kind.as_str() {
            "Pod" => &["spec"],
            "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
            "PodTemplate" => &["template", "spec"],
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
                &["spec", "template", "spec"]
            }
            _ => return None,
        };
        self.node.at(path)
    }

    /// The containers of its pods, those that run before the others and those for debugging among them.
    pub fn containers(&self) -> impl Iterator<Item = Container<'_>> {
        let lists = [("initContainers", true), ("containers", false), ("ephemeralContainers", false)];
        let pod = self.pod();
        lists.into_iter().flat_map(move |(list, is_init)| {
            let items = pod.and_then(|pod| pod.get(list)).map(Marked::items).unwrap_or_default();
            items.iter().map(move |node| {
                let name = node.text_at("name").unwrap_or("without a name");
                Container { node, about: format!("{}, container {name}", self.name), is_init }
            })
        })
    }
}
