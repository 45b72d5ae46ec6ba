//! `dockerfile-root-user`.
//!
//! Docker runs as root where no USER says otherwise, unless the base image says so: <https://docs.docker.com/reference/dockerfile/#user>.

use evidence::document::findings::Severity;

use super::Dockerfile;
use super::subject::{Base, Stage};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-root-user",
        severity: Severity::Medium,
        title: "the image runs as root",
        why: "A flaw in the service then gives an attacker every right in the container, and a flaw in the kernel or runtime the host.",
        remedy: "end the last stage with `USER` and an account without rights, by number",
        same: &["DL3002", "CKV_DOCKER_3", "CKV_DOCKER_8", "AVD-DS-0002"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    let Some(last) = file.last() else { return };
    let lineage = file.lineage(file.stages.len().saturating_sub(1));
    let mut users = lineage.iter().flat_map(|stage| stage.instructions.iter().rev());
    let user = users.find(|instruction| instruction.name == "USER" && !instruction.is_onbuild);
    if let Some(user) = user {
        let account = user.text.trim_matches(['"', '\'']).split(':').next().unwrap_or_default();
        // As runtimes read it: `+0` is a number, too.
        let is_zero = account.parse::<i64>() == Ok(0);
        if is_zero || account.eq_ignore_ascii_case("root") {
            hits.at(user.line, format!("USER {account}"));
        }
        return;
    }
    let Some(root) = lineage.last() else { return };
    match &root.base {
        // Arguments of the build say what it begins with.
        Base::Unknown | Base::Stage(_) => {}
        // Such a stage only hands files over: nothing in it can be run.
        Base::Scratch if !runs(&lineage) => {}
        Base::Image(image) if has_other_user(image) => {}
        Base::Scratch | Base::Image(_) => hits.at(last.line, "no USER in the last stage"),
    }
}

fn runs(lineage: &[&Stage]) -> bool {
    let names = ["RUN", "CMD", "ENTRYPOINT"];
    lineage
        .iter()
        .flat_map(|stage| &stage.instructions)
        .any(|instruction| names.contains(&instruction.name.as_str()))
}

/// Whether the name of an image says that it sets an account without rights.
fn has_other_user(image: &str) -> bool {
    let image = image.to_ascii_lowercase();
    ["nonroot", "non-root", "rootless", "unprivileged", "cgr.dev/chainguard/"]
        .iter()
        .any(|part| image.contains(part))
        || ["nanoserver", "servercore", "/windows"].iter().any(|part| image.contains(part))
}
