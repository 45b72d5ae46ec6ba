//! Programs of Kubernetes itself with their flags: as containers of static pods, and as files that configure them.

use super::Object;
use crate::lint::marked::Marked;

/// A program.
#[derive(Debug)]
pub struct Program {
    /// Its name, such as `kube-apiserver`.
    pub name: &'static str,
    /// Line of its beginning.
    pub line: u32,
    /// Object and program, for people.
    pub about: String,
    /// Whether these are all of its flags, so that others have their default.
    pub is_whole: bool,
    /// Whether it is started here, and not only configured.
    pub is_command: bool,
    flags: Vec<Flag>,
}

/// A flag.
#[derive(Debug)]
pub struct Flag {
    name: String,
    /// Its value; `true` if it has none.
    pub value: String,
    /// Its line.
    pub line: u32,
}

impl Program {
    /// The programs that an object starts or configures.
    pub fn all_of(object: &Object) -> Vec<Self> {
        let started = object.containers().flat_map(|container| {
            let words = words(container.node);
            NAMES
                .iter()
                .filter_map(move |name| started(name, &words, &container.about, container.node.line))
                .collect::<Vec<_>>()
        });
        started.chain(kubelet(object)).chain(kubeadm(object)).collect()
    }

    /// The last value of a flag, which is the one that counts.
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().rev().find(|flag| flag.name == name)
    }
}

/// The words of the command line of a container with their lines. A shell splits its script at spaces.
fn words(container: &Marked) -> Vec<(String, u32)> {
    let lists = ["command", "args"].into_iter().filter_map(|key| container.get(key));
    let items = lists.flat_map(Marked::one_or_more);
    let texts = items.filter_map(|item| Some((item.text()?, item.line)));
    texts.flat_map(|(text, line)| text.split_whitespace().map(move |word| (word.to_owned(), line))).collect()
}

fn started(name: &'static str, words: &[(String, u32)], about: &str, line: u32) -> Option<Program> {
    // A path among the arguments of another program is none: a command is the first word, or follows what runs it.
    let begins = |at: usize| match at.checked_sub(1).and_then(|before| words.get(before)) {
        None => true,
        Some((before, _)) => RUNS.contains(&before.as_str()) || before.ends_with(';'),
    };
    let is_it =
        |(at, (word, _)): (usize, &(String, u32))| word.rsplit('/').next() == Some(name) && begins(at);
    let at = words.iter().enumerate().position(is_it)?;
    let mut flags = Vec::new();
    let mut rest = words.iter().skip(at + 1).peekable();
    while let Some((word, line)) = rest.next() {
        let Some(flag) = word.strip_prefix('-') else { continue };
        let flag = flag.strip_prefix('-').unwrap_or(flag);
        let (flag, value) = match flag.split_once('=') {
            Some((flag, value)) => (flag, value.trim_matches(['"', '\'']).to_owned()),
            None => {
                let value =
                    rest.peek().filter(|(next, _)| !next.starts_with('-')).map(|(next, _)| next.clone());
                (flag, value.unwrap_or_else(|| "true".to_owned()))
            }
        };
        // The programs take `_` for `-` in names of flags.
        flags.push(Flag { name: flag.replace('_', "-"), value, line: *line });
    }
    // A file may say what the flags do not.
    let is_whole = !flags.iter().any(|flag| flag.name == "config" || flag.name == "authorization-config");
    Some(Program { name, line, about: format!("{about}, {name}"), is_whole, is_command: true, flags })
}

/// What <https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/> says; each default there is the safe one.
fn kubelet(object: &Object) -> Option<Program> {
    if !object.is("kubelet.config.k8s.io", &["KubeletConfiguration"]) {
        return None;
    }
    let fields: [(&str, &[&str]); 3] = [
        ("anonymous-auth", &["authentication", "anonymous", "enabled"]),
        ("authorization-mode", &["authorization", "mode"]),
        ("read-only-port", &["readOnlyPort"]),
    ];
    let flags = fields.into_iter().filter_map(|(name, path)| {
        let node = object.node.at(path)?;
        Some(Flag { name: name.to_owned(), value: node.text()?.to_owned(), line: node.line })
    });
    Some(Program {
        name: "kubelet",
        line: object.node.line,
        about: object.name.clone(),
        is_whole: false,
        is_command: false,
        flags: flags.collect(),
    })
}

/// What <https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/> adds to the flags of kubeadm.
fn kubeadm(object: &Object) -> Vec<Program> {
    if !object.is("kubeadm.k8s.io", &["ClusterConfiguration"]) {
        return Vec::new();
    }
    let parts = [
        ("kube-apiserver", "apiServer"),
        ("kube-controller-manager", "controllerManager"),
        ("kube-scheduler", "scheduler"),
    ];
    let programs = parts.into_iter().filter_map(|(name, key)| {
        let arguments = object.node.at(&[key, "extraArgs"])?;
        let of_map = arguments.entries().filter_map(|(name, value)| Some((name, value.text()?, value.line)));
        let of_list = arguments.items().iter().filter_map(|item| {
            Some((item.text_at("name")?, item.text_at("value").unwrap_or("true"), item.line))
        });
        let flags = of_map.chain(of_list).map(|(name, value, line)| Flag {
            name: name.to_owned(),
            value: value.to_owned(),
            line,
        });
        let about = format!("{}, {name}", object.name);
        Some(Program {
            name,
            line: arguments.line,
            about,
            is_whole: false,
            is_command: false,
            flags: flags.collect(),
        })
    });
    programs.collect()
}

const NAMES: &[&str] = &["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"];

/// Words after which a command stands.
const RUNS: &[&str] = &["-c", "--", "&&", "||", "|", "exec", "nohup", "sudo", "tini"];
