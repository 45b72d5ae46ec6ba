//! The graph of a run: its nodes in order, and the critical path.
//!
//! Input: nodes with the nodes that they need, and their times. Output: the same in an order in which each node comes after
//! all that it needs, and the nodes without which the run would have ended earlier. Invariant: a circle, which no pipeline
//! has, loses no node.

use std::collections::BTreeSet;

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphNode {
    /// Its name, unique in the graph.
    pub name: String,
    /// Names of the nodes that it needs; other names are ignored.
    pub needs: BTreeSet<String>,
    /// Milliseconds from the start of the run until it ended; `None` while it has not ended.
    pub until: Option<u64>,
    /// Milliseconds from the start of the run until it was due; `None` while it is not due.
    pub from: Option<u64>,
}

/// Nodes in an order in which each comes after all that it needs, otherwise in the given order.
#[must_use]
pub fn ordered(nodes: Vec<GraphNode>) -> Vec<GraphNode> {
    let known: BTreeSet<String> = nodes.iter().map(|node| node.name.clone()).collect();
    let (mut left, mut done, mut met) = (nodes, Vec::new(), BTreeSet::new());
    while !left.is_empty() {
        let is_ready =
            |node: &GraphNode| node.needs.iter().all(|need| !known.contains(need) || met.contains(need));
        let next = left.iter().position(is_ready).unwrap_or_default();
        let node = left.remove(next);
        met.insert(node.name.clone());
        done.push(node);
    }
    done
}

/// Names of the nodes of the critical path: the node that ended last or has not ended, and of each node on the path the one
/// that it waited for last.
#[must_use]
pub fn critical(nodes: &[GraphNode]) -> BTreeSet<String> {
    let begun = || nodes.iter().filter(|node| node.from.is_some());
    // A node that has not ended counts as the last one.
    let last = |node: &&GraphNode| (node.until.is_none(), node.until, node.from);
    let mut path = BTreeSet::new();
    let mut at = begun().max_by_key(last);
    while let Some(node) = at {
        if !path.insert(node.name.clone()) {
            break;
        }
        at = begun().filter(|other| node.needs.contains(&other.name)).max_by_key(last);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::{GraphNode, critical, ordered};

    fn node(name: &str, needs: &[&str], from: Option<u64>, until: Option<u64>) -> GraphNode {
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        GraphNode { name: name.to_owned(), needs, until, from }
    }

    #[test]
    fn a_node_comes_after_all_that_it_needs() {
        let names = |nodes: Vec<GraphNode>| -> Vec<String> {
            ordered(nodes).into_iter().map(|node| node.name).collect()
        };
        let made = |name: &str, needs: &[&str]| node(name, needs, None, None);
        let nodes = vec![made("image", &["test", "build"]), made("test", &["build"]), made("build", &[])];
        assert_eq!(names(nodes), ["build", "test", "image"]);
        assert_eq!(names(vec![made("a", &["elsewhere"]), made("b", &[])]), ["a", "b"]);
        assert_eq!(names(vec![made("a", &["b"]), made("b", &["a"])]), ["a", "b"], "a circle loses nothing");
    }

    #[test]
    fn the_critical_path_is_what_the_run_waited_for() {
        let path = |nodes: &[GraphNode]| critical(nodes).into_iter().collect::<Vec<_>>();
        let build = node("build", &[], Some(0), Some(40));
        let lint = node("lint", &[], Some(0), Some(90));
        let test = node("test", &["build"], Some(40), Some(80));
        let image = node("image", &["test", "lint"], Some(90), Some(100));
        let all = [build.clone(), lint.clone(), test.clone(), image];
        assert_eq!(path(&all), ["image", "lint"]);
        let slow = node("test", &["build"], Some(40), Some(95));
        let image = node("image", &["test", "lint"], Some(95), Some(100));
        assert_eq!(path(&[build.clone(), lint.clone(), slow, image]), ["build", "image", "test"]);
        // A node that has not ended is what the run waits for; a node that is not due yet is not on the path.
        let runs = node("test", &["build"], Some(40), None);
        assert_eq!(path(&[build, lint, runs, node("image", &["test"], None, None)]), ["build", "test"]);
        assert!(path(&[]).is_empty());
        let circle = [node("a", &["b"], Some(0), Some(1)), node("b", &["a"], Some(0), Some(2))];
        assert_eq!(path(&circle), ["a", "b"]);
    }
}
