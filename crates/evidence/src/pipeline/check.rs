//! The rules of a pipeline file: what a step of each kind may have, and what its names and paths may be.
//!
//! Invariant: a fault names its place in the file and the remedy.

use std::collections::BTreeSet;

use super::{
    ALL_REPORTS_MAX, Artifact, CONNECT_MAX, DATABASE_FILE, DATABASE_VARIABLES, Pipeline, PipelineError,
    REPORTS_MAX, Run, SECRETS_MAX, STEPS_MAX, ScanSort, Step, StepLimits, StepReport,
};
use crate::Name;
use crate::configuration::variable_fault;
use crate::tree_list::path_fault;

impl Pipeline {
    /// Broken rules: at most one of the whole file, one of each step and one of each artifact.
    pub(crate) fn faults(&self) -> Vec<PipelineError> {
        let fault = |place: String, what: &str| PipelineError::Rule { place, what: what.to_owned() };
        let mut faults = Vec::new();
        if self.version != 1 {
            faults.push(fault("version".into(), "is not 1, the version that this program knows"));
        }
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            faults.push(fault("steps".into(), "between 1 and 256 steps are needed"));
        }
        let reports = |step: &Step| step.reports.len() + step.scan.len();
        if self.steps.values().map(reports).sum::<usize>() > ALL_REPORTS_MAX {
            faults.push(fault(
                "steps".into(),
                "declare more than 64 reports together; let one tool write one report",
            ));
        }
        faults.extend(self.steps.iter().filter_map(|(name, step)| self.check_step(name, step).err()));
        let is_known = |step: &Step| step.needs.iter().all(|need| self.steps.contains_key(need));
        let order = self.order();
        // A step that needs a missing one is not part of a cycle.
        if let Some(name) = self.steps.keys().find(|name| !order.contains(name))
            && self.steps.values().all(is_known)
        {
            let what = "the steps need each other in a circle; break it";
            faults.push(fault(format!("steps.{name}.needs"), what));
        }
        faults.extend(self.unscanned());
        faults.extend(self.artifacts.iter().filter_map(|(name, it)| self.check_artifact(name, it).err()));
        faults
    }

    /// The first step that runs in an image, and does not come after a scan of the images although there is one: images are
    /// scanned before they are used, or nobody says that they are.
    fn unscanned(&self) -> Option<PipelineError> {
        let scans = |step: &Step| step.scan.contains(&ScanSort::Images);
        let scan = self.steps.iter().find(|(_, step)| scans(step))?.0;
        let mut after = BTreeSet::new();
        for name in self.order() {
            let comes_after = |step: &Step| {
                step.needs.iter().any(|need| after.contains(need) || self.steps.get(need).is_some_and(scans))
            };
            if self.steps.get(name).is_some_and(comes_after) {
                after.insert(name);
            }
        }
        let early = |(name, step): &(&Name, &Step)| self.image_of(step).is_some() && !after.contains(name);
        let (name, _) = self.steps.iter().find(early)?;
        Some(PipelineError::Rule {
            place: format!("steps.{name}.needs"),
            what: format!("runs in an image before step `{scan}` has scanned it; add `{scan}` to `needs`"),
        })
    }

    fn check_step(&self, name: &Name, step: &Step) -> Result<(), PipelineError> {
        let fail = |field: &str, what: String| {
            let place =
                if field.is_empty() { format!("steps.{name}") } else { format!("steps.{name}.{field}") };
            Err(PipelineError::Rule { place, what })
        };
        if let Some((field, what)) = kind_fault(step) {
            return fail(field, what.to_owned());
        }
        if let Some(need) = step.needs.iter().find(|need| !self.steps.contains_key(*need)) {
            return fail("needs", format!("`{need}` is no step; known are {}", names(self.steps.keys())));
        }
        if let Some((output, why)) =
            step.outputs.iter().find_map(|output| Some((output, path_fault(output)?)))
        {
            return fail("outputs", format!("`{output}` {why}"));
        }
        if let Some(why) = reports_fault(step) {
            return fail("reports", why);
        }
        if let Some(why) = step.env.keys().find_map(|name| variable_fault(name, &OWN_VARIABLES)) {
            return fail("env", why);
        }
        if let Some(why) = secrets_fault(step) {
            return fail("secrets", why);
        }
        if let Some((field, why)) = database_fault(step) {
            return fail(field, why);
        }
        limits_fault(step.limits).map_or(Ok(()), |why| fail("limits", why))
    }

    fn check_artifact(&self, name: &Name, artifact: &Artifact) -> Result<(), PipelineError> {
        let fail = |what: String| Err(PipelineError::Rule { place: format!("artifacts.{name}"), what });
        if artifact.files.is_empty() {
            return fail("has no files; an empty artifact is never released".into());
        }
        for (target, source) in &artifact.files {
            let step = self.steps.get(&source.step);
            let Some(step) = step else { return fail(format!("`{}` is no step", source.step)) };
            let paths = [target, &source.path];
            if let Some((path, why)) = paths.into_iter().find_map(|path| Some((path, path_fault(path)?))) {
                return fail(format!("`{path}` {why}"));
            }
            if step.approval.is_some() {
                return fail(format!("step `{}` is an approval, which leaves nothing", source.step));
            }
            let given = step.outputs.iter().any(|output| {
                source.path == *output
                    || source.path.strip_prefix(output.as_str()).is_some_and(|rest| rest.starts_with('/'))
            });
            if !given {
                return fail(format!("`{}` is not among the outputs of step `{}`", source.path, source.step));
            }
        }
        if let Some(step) = self.held_source(&artifact.files.values().map(|source| &source.step).collect()) {
            return fail(format!(
                "step `{step}` has secrets or needs a step with some, so nothing of it enters an artifact: take the files \
                 from a step before it"
            ));
        }
        Ok(())
    }
}

/// The field of a step that does not fit its kind, and the reason; `None` if all fit.
fn kind_fault(step: &Step) -> Option<(&'static str, &'static str)> {
    let is_scan = !step.scan.is_empty();
    let confined = !step.outputs.is_empty() || !step.network.is_empty() || !step.env.is_empty();
    if step.run.is_none() && (step.database.is_some() || !step.connect.is_empty()) {
        return Some((
            "",
            "has `database` or `connect`, which mean nothing without `run`: no command would use them",
        ));
    }
    let reported = !step.reports.is_empty() || !step.report_exits.is_empty();
    if step.run.is_none() && step.image.is_some() {
        return Some(("image", "means nothing without `run`: no command would see it"));
    }
    match (&step.run, &step.approval) {
        (Some(_), Some(_)) => Some(("", EITHER)),
        (None, None) if !is_scan => Some(("", EITHER)),
        (Some(_), _) | (_, Some(_)) if is_scan => Some(("scan", ALONE)),
        (None, None) if confined => Some(("scan", "has no outputs, network or env: the runner itself scans")),
        (None, None) if reported => Some(("scan", "has no reports but the runner's own")),
        (None, Some(approval)) if approval.count == 0 => {
            Some(("approval.count", "is 0; nobody is not somebody"))
        }
        (None, Some(_)) if confined => Some(("", "an approval has no outputs, network or env")),
        (None, Some(_)) if reported => Some(("", "an approval has no reports")),
        (Some(Run::Script(text)), _) if text.trim().is_empty() => Some(("run", "is empty")),
        (Some(Run::Program(words)), _) if words.first().is_none_or(String::is_empty) => {
            Some(("run", "names no program"))
        }
        _ => None,
    }
}

/// The reason why a step cannot have its secrets; `None` if it can.
fn secrets_fault(step: &Step) -> Option<String> {
    if step.secrets.is_empty() {
        return None;
    }
    if step.run.is_none() {
        return Some("mean nothing without `run`: no command would see them".into());
    }
    if step.secrets.len() > SECRETS_MAX {
        return Some(format!("are more than {SECRETS_MAX}"));
    }
    let mut variables = BTreeSet::new();
    step.secrets.values().filter_map(|asked| asked.env.as_ref()).find_map(|variable| {
        if let Some(why) = variable_fault(variable, &OWN_VARIABLES) {
            return Some(why);
        }
        let twice = step.env.contains_key(variable) || !variables.insert(variable);
        twice.then(|| format!("set the variable `{variable}`, which `env` or another secret sets too"))
    })
}

/// The field of a step by which it cannot have its database or its connections, and the reason; `None` if it can.
fn database_fault(step: &Step) -> Option<(&'static str, String)> {
    if step.connect.len() > CONNECT_MAX {
        return Some(("connect", format!("names more than {CONNECT_MAX} destinations")));
    }
    let database = step.database.as_ref()?;
    if let Some(why) = database.fault() {
        return Some(("database", why.to_owned()));
    }
    let variables = step.env.keys().chain(step.secrets.values().filter_map(|asked| asked.env.as_ref()));
    if let Some(taken) = variables.into_iter().find(|name| DATABASE_VARIABLES.contains(&name.as_str())) {
        return Some(("database", format!("sets the variable `{taken}`, which `env` or a secret sets too")));
    }
    if step.secrets.keys().any(|own| own.as_str() == DATABASE_FILE) {
        let what = format!(
            "`{DATABASE_FILE}` is the file with the password of the role; give this one another name"
        );
        return Some(("secrets", what));
    }
    if step.secrets.len() >= SECRETS_MAX {
        return Some(("secrets", format!("are more than {SECRETS_MAX} with the credential of the database")));
    }
    let own = step.secrets.values().any(|asked| asked.secret == database.credential);
    own.then(|| {
        let what = "`credential` is also a secret of the step, which could then make roles without end; take it out of `secrets`";
        ("database", what.to_owned())
    })
}

/// The limit that is out of range; `None` if none is.
pub(crate) fn limits_fault(limits: StepLimits) -> Option<String> {
    let all = [
        ("time-seconds", limits.time_seconds, TIME_SECONDS_MAX),
        ("memory-mib", limits.memory_mib, SIZE_MIB_MAX),
        ("workspace-mib", limits.workspace_mib, SIZE_MIB_MAX),
        ("processes", limits.processes, PROCESSES_MAX),
    ];
    let wrong = all.iter().find(|(_, limit, max)| limit.is_some_and(|limit| limit == 0 || limit > *max));
    wrong.map(|(name, _, max)| format!("`{name}` is 0 or above {max}"))
}

/// The reason why the reports of a step cannot be read; `None` if they can.
pub(crate) fn reports_fault(step: &Step) -> Option<String> {
    if step.reports.len() > REPORTS_MAX {
        return Some(format!("are more than {REPORTS_MAX}"));
    }
    let mut paths = BTreeSet::new();
    for StepReport { path, .. } in &step.reports {
        if let Some(why) = path_fault(path) {
            return Some(format!("`{path}` {why}"));
        }
        if !paths.insert(path) {
            return Some(format!("name `{path}` twice; one file has one kind"));
        }
    }
    if let Some(code) = step.report_exits.iter().find(|code| !REPORT_EXITS.contains(code)) {
        return Some(format!("`report-exits` has {code}; only 1 to 123 can be listed"));
    }
    let idle = step.reports.is_empty() && !step.report_exits.is_empty();
    idle.then(|| {
        "are missing, but `report-exits` lets the step pass only with reports that can be read".to_owned()
    })
}

fn names<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    names.map(Name::as_str).collect::<Vec<_>>().join(", ")
}

const EITHER: &str = "needs either `run` or `approval`, or `scan` for a scan by the runner itself";
const ALONE: &str = "stands alone: make a step for the scan, beside the one with `run` or `approval`";
/// Variables of a step that countersign sets, so that files may not.
const OWN_VARIABLES: [&str; 1] = ["COUNTERSIGN_*"];
/// Exit codes that a step can declare. Higher ones are those of shells and of the runner.
const REPORT_EXITS: std::ops::RangeInclusive<u8> = 1..=123;
/// One week.
const TIME_SECONDS_MAX: u64 = 7 * 24 * 3600;
const SIZE_MIB_MAX: u64 = 1 << 20;
const PROCESSES_MAX: u64 = 1 << 16;
