//! An object of Kubernetes as rules see it.

use super::grant::Grant;
use crate::lint::marked::{Marked, Value};

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
    /// The specification of its pod.
    pub pod: &'a Marked,
    /// Object and container, for people.
    pub about: String,
    /// When it runs.
    pub part: Part,
}

/// Parts of containers in a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It runs before the others.
    Init,
    /// It runs as long as the pod.
    Main,
    /// Somebody adds it to a pod that runs.
    Debug,
}

/// An item of a list with what its list says of all items: in `DeploymentList` each item is a `Deployment` of its version, whether it says so
/// or not. A `List` says nothing of them.
fn inheriting(item: &Marked, list: &Marked, kind: &str) -> Marked {
    let mut item = item.clone();
    let own = kind.strip_suffix("List").filter(|own| !own.is_empty());
    let (Some(own), Value::Map(entries)) = (own, &mut item.value) else { return item };
    let has = |entries: &[(String, Marked)], key: &str| entries.iter().any(|(known, _)| known == key);
    if let Some(version) = list.get("apiVersion").filter(|_| !has(entries, "apiVersion")) {
        entries.push(("apiVersion".to_owned(), version.clone()));
    }
    if let Some(node) = list.get("kind").filter(|_| !has(entries, "kind")) {
        let value = Value::Text { text: own.to_owned(), is_plain: true };
        entries.push(("kind".to_owned(), Marked { value, ..node.clone() }));
    }
    item
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
            let of_item = |item: &Marked| Self::all_of(&inheriting(item, document, kind));
            return items.items().iter().flat_map(of_item).collect();
        }
        let metadata = document.get("metadata");
        let name = metadata
            .and_then(|metadata| metadata.text_at("name").or_else(|| metadata.text_at("generateName")));
        let name = format!("{kind} {}", name.unwrap_or("without a name"));
        vec![Self { node: document.clone(), kind: kind.to_owned(), name }]
    }

    /// The group of its kind, such as `apps`; empty for the core.
    pub fn group(&self) -> &str {
        let version = self.node.text_at("apiVersion").unwrap_or_default();
        version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether it is one of these kinds of a group.
    pub fn is(&self, group: &str, kinds: &[&str]) -> bool {
        self.group() == group && kinds.contains(&self.kind.as_str())
    }

    /// The specification of its pods, if it has any. Kinds that others define, such as rollouts, have it where those of Kubernetes do.
    pub fn pod(&self) -> Option<&Marked> {
        match self.kind.as_str() {
            "Pod" => self.node.get("spec"),
            "PodTemplate" => self.node.at(&["template", "spec"]),
            _ => {
                let job = ["spec", "jobTemplate", "spec", "template", "spec"];
                let pod = self.node.at(&job).or_else(|| self.node.at(&["spec", "template", "spec"]))?;
                pod.get("containers").is_some().then_some(pod)
            }
        }
    }

    /// The metadata of its pods.
    pub fn pod_metadata(&self) -> Option<&Marked> {
        let path: &[&str] = match self.kind.as_str() {
            "Pod" => &["metadata"],
            "PodTemplate" => &["template", "metadata"],
            "CronJob" => &["spec", "jobTemplate", "spec", "template", "metadata"],
            _ => &["spec", "template", "metadata"],
        };
        self.node.at(path)
    }

    /// The pod, if it is no patch: each of its containers has an image. Another file says what a patch leaves out.
    pub fn whole_pod(&self) -> Option<&Marked> {
        let mut containers = self.containers().peekable();
        (containers.peek().is_some() && containers.all(|container| container.is_whole()))
            .then(|| self.pod())?
    }

    /// The containers of its pods, those that run before the others and those for debugging among them.
    pub fn containers(&self) -> impl Iterator<Item = Container<'_>> {
        let lists = [
            ("initContainers", Part::Init),
            ("containers", Part::Main),
            ("ephemeralContainers", Part::Debug),
        ];
        self.pod().into_iter().flat_map(move |pod| {
            lists.into_iter().flat_map(move |(list, part)| {
                let items = pod.get(list).map(Marked::items).unwrap_or_default();
                items.iter().map(move |node| {
                    let name = node.text_at("name").unwrap_or("without a name");
                    Container { node, pod, about: format!("{}, container {name}", self.name), part }
                })
            })
        })
    }

    /// The paths of the host that its pods, or the pods that claim it as a volume, are given.
    pub fn host_paths(&self) -> Vec<(&str, &Marked)> {
        let volumes = self.pod().and_then(|pod| pod.get("volumes")).map(Marked::items).unwrap_or_default();
        let of_volume = self.node.get("spec").filter(|_| self.is("", &["PersistentVolume"]));
        let all = volumes.iter().chain(of_volume);
        let paths = all.filter_map(|volume| volume.at(&["hostPath", "path"]));
        paths.filter_map(|node| Some((node.text()?, node))).collect()
    }

    /// The security contexts of its pods and their containers, each with a name for people.
    pub fn security_contexts(&self) -> Vec<(&Marked, String)> {
        let of_pod = self.pod().and_then(|pod| pod.get("securityContext"));
        let of_pod = of_pod.map(|context| (context, self.name.clone()));
        let of_containers = self.containers();
        let of_containers =
            of_containers.filter_map(|one| Some((one.node.get("securityContext")?, one.about)));
        of_pod.into_iter().chain(of_containers).collect()
    }

    /// Those to whom a binding gives a role.
    pub fn subjects(&self) -> &[Marked] {
        let subjects =
            self.node.get("subjects").filter(|_| self.is(RBAC, &["RoleBinding", "ClusterRoleBinding"]));
        subjects.map(Marked::items).unwrap_or_default()
    }

    /// The role that a binding gives.
    pub fn role(&self) -> Option<&Marked> {
        self.node.get("roleRef").filter(|_| self.is(RBAC, &["RoleBinding", "ClusterRoleBinding"]))
    }

    /// The rights that a role gives.
    pub fn grants(&self) -> impl Iterator<Item = Grant<'_>> {
        let rules = self.node.get("rules").filter(|_| self.is(RBAC, &["Role", "ClusterRole"]));
        rules.map(Marked::items).unwrap_or_default().iter().map(|node| Grant { node })
    }

    /// Whether its pods run on Windows, where the security of Linux means nothing.
    pub fn is_windows(&self) -> bool {
        let Some(pod) = self.pod() else { return false };
        let names = [pod.at(&["os", "name"]), pod.at(&["nodeSelector", "kubernetes.io/os"])];
        names.into_iter().flatten().any(|name| name.text() == Some("windows"))
    }
}

impl<'a> Container<'a> {
    /// Whether it is no patch of a container that stands elsewhere: only such a one says nothing about its image.
    pub fn is_whole(&self) -> bool {
        self.node.get("image").is_some()
    }

    /// The capabilities that it asks for.
    pub fn added_capabilities(&self) -> &'a [Marked] {
        let added = self.node.at(&["securityContext", "capabilities", "add"]);
        added.map(Marked::items).unwrap_or_default()
    }

    /// A value of its security context.
    pub fn security(&self, key: &str) -> Option<&'a Marked> {
        self.node.at(&["securityContext", key]).filter(|node| !node.is_null())
    }

    /// A value of its security context, or that of its pod, which counts where the container says nothing.
    pub fn security_or_pod(&self, key: &str) -> Option<&'a Marked> {
        let of_pod = || self.pod.at(&["securityContext", key]).filter(|node| !node.is_null());
        self.security(key).or_else(of_pod)
    }

    /// A limit of a resource, its own or that of the whole pod.
    pub fn limit(&self, resource: &str) -> Option<&'a Marked> {
        let path = ["resources", "limits", resource];
        let is_said = |node: &&Marked| !node.is_null() && node.number() != Some(0);
        self.node.at(&path).filter(is_said).or_else(|| self.pod.at(&path).filter(is_said))
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";
