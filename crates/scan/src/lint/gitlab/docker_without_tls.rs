//! `gitlab-docker-without-tls`.
//!
//! <https://docs.gitlab.com/ci/docker/using_docker_build/#docker-in-docker-with-tls-disabled-in-the-docker-executor>.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-docker-without-tls",
        severity: Severity::High,
        title: "a Docker daemon listens without TLS",
        why: "It runs with all privileges, and everything that reaches its port takes over the machine of the runner.",
        remedy: "remove it, and share `/certs` with the daemon; or build without a daemon",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for variable in &pipeline.variables {
        let is_off = match variable.name.as_str() {
            "DOCKER_TLS_CERTDIR" => variable.value.trim().is_empty(),
            "DOCKER_HOST" => {
                variable.value.starts_with("tcp://")
                    && variable.value.trim_end_matches('/').ends_with(":2375")
            }
            _ => false,
        };
        if is_off {
            hits.at(variable.line, variable.name.clone());
        }
    }
    pipeline.root.each(&mut |key, node| {
        let is_daemon = node.text_at("name").is_some_and(|name| name.contains("dind"));
        let words = node.get("command").map(Marked::one_or_more).unwrap_or_default();
        let off = words.iter().find(|word| {
            word.text().is_some_and(|word| {
                word == "--tls=false" || word.starts_with("--host=tcp://") && word.ends_with(":2375")
            })
        });
        if let Some(word) = off.filter(|_| is_daemon && key.is_none()) {
            hits.of(word, word.text().unwrap_or_default());
        }
    });
}
