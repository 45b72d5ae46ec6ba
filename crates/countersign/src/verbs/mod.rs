//! The command line: one file for each verb.

mod agent;
mod agent_memory;
mod agent_order;
mod alerts;
mod apply;
mod apply_steps;
mod approve;
mod arguments;
mod audit;
mod calendar;
mod calendar_rules;
mod calendar_show;
mod cancel;
mod demo;
mod evidence;
mod explain;
mod founding_sign;
mod health;
mod hook;
mod init;
mod joined_again;
mod key;
mod key_use;
mod lift;
mod locate;
mod logs;
mod logs_place;
mod machine_key;
mod new_statement;
mod not_affected;
mod open;
mod osv;
mod override_release;
mod parity;
mod pipeline;
mod pipeline_run;
mod policy;
mod policy_dry_run;
mod policy_explain;
mod preview;
mod project;
mod promote;
mod record;
mod renewal;
mod rescan;
mod rollback;
mod rollback_out;
mod rollout;
mod rotation_plan;
mod rotation_source;
mod run;
pub mod runner;
mod runner_image;
mod runner_remote;
mod sbom;
mod scan;
mod scan_advisories;
mod scan_changes;
mod scan_history;
mod scan_image;
mod scan_image_facts;
mod scan_report;
mod scan_rules;
mod secret;
mod secret_grant;
mod secret_import;
mod secret_leaked;
mod secret_people;
mod secret_place;
mod secret_read;
mod secret_root;
mod secret_rotate;
mod secret_rotation;
mod secret_seen;
mod secret_values;
mod secret_who;
mod server;
mod sign_off;
mod status;
mod status_compare;
mod status_drift;
mod status_relay;
mod status_release;
mod status_unsent;
mod tag;
mod test_history;
mod tls_arguments;
mod trust;
mod trust_drift;
mod trust_environment;
mod trust_origin;
mod trust_parity;
mod trust_root;
mod trust_sign;
mod trust_statement;
mod trust_status;
mod trust_windows;
mod up;
mod vault_arguments;
pub mod verify;
mod waive;
mod windows_page;
mod witness;
mod witness_join;

use ::evidence::approval::Decision;
use arguments::{Child, DataDir, RoleArguments, address, reached_at, release, words};
use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::log_options::LogOptions;
use crate::output::Output;
use crate::waiting::runtime;

/// From commit to production, with evidence that anyone can check.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, arg_required_else_help = true)]
pub struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
    /// Output format.
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Rehearse the whole way from commit to production with two people on an example, without network.
    Demo(demo::Demo),
    /// Make an installation: keys of the roles, trust root, first enrolment.
    Init(init::Init),
    /// Add a project to an installation.
    #[command(subcommand)]
    Project(project::Project),
    /// Start all roles of an installation that `init` made, and stop them together.
    Up(up::Up),
    /// Build a commit and release it to each place that needs no people.
    Run(run::Run),
    /// Cancel a run.
    Cancel(cancel::Cancel),
    /// Show the installation, its runs and its places.
    Status(status::Status),
    /// Open a page of the console in your browser, where it shows what you may read.
    Open(open::Open),
    /// Show the log of a run, or of the service at a place.
    Logs(logs::Logs),
    /// Verify the pending release under your own pin, show it, and approve it with your signature.
    Approve(approve::Approve),
    /// Verify the pending release under your own pin, show it, and reject it with your signature.
    Reject(approve::Approve),
    /// Accept a finding, or the failure of a test, of the pending release until a time, with your signature.
    Waive(waive::Waive),
    /// Say that a vulnerability of a dependency does not affect the pending release, with your signature.
    NotAffected(not_affected::NotAffectedVerb),
    /// Answer for the results of the tests of the pending release, with your signature.
    SignOff(sign_off::SignOff),
    /// Name the semantic version and labels of the pending release, with your signature.
    Tag(tag::TagVerb),
    /// Let the pending release begin outside its windows or before the end of its soak time, with your signature.
    Override(override_release::OverrideVerb),
    /// Let a pending release come again that failed its judgement at its place, with your signature.
    Lift(lift::LiftVerb),
    /// Show tests over many runs: how often each failed, and which are flaky.
    Tests(test_history::Tests),
    /// Ask for a pending release to go ahead.
    Promote(promote::Promote),
    /// Roll a place back to the release that ran before.
    Rollback(rollback::Rollback),
    /// See the rollout of a release under way, and pause it, let it go on, begin its next step, or end it.
    #[command(subcommand)]
    Rollout(rollout::RolloutVerb),
    /// List previews, and remove one before its time; `run --preview` makes one.
    #[command(subcommand)]
    Preview(preview::PreviewVerb),
    /// Show every value in which what runs in one environment differs from what runs in another one.
    Parity(parity::Parity),
    /// Show where a package, a vulnerability or an artifact runs, waits or ran.
    Where(locate::Where),
    /// Have what runs and what waits judged again by newer advisories. Nothing is executed.
    Rescan(rescan::Rescan),
    /// Show alerts: what runs or waits and is judged worse now than when it was released; and say that you look after one.
    Alerts(alerts::Alerts),
    /// Stop all releases to a place or a project until the freeze is lifted. A rollback still works.
    Freeze(trust_status::Places),
    /// Lift a freeze; releases that it held proceed automatically.
    Unfreeze(trust_status::Places),
    /// Compile, show and import calendars: the times in which releases may begin.
    #[command(subcommand)]
    Calendar(calendar::Calendar),
    /// Print the compact record of a deployment: who, what, when, why, from where, with what, past which gates.
    Record(record::RecordVerb),
    /// Save the evidence of a release.
    Evidence(evidence::Evidence),
    /// Verify an evidence bundle offline.
    Verify(verify::Verify),
    /// Scan a directory, a file or a history for secrets, and judge the packages that its lockfiles name by your database of advisories. It needs no installation and no network.
    Scan(scan::Scan),
    /// Make the database of advisories that `scan` judges components by.
    #[command(subcommand)]
    Osv(osv::Osv),
    /// Let git scan each commit before it is made.
    #[command(subcommand)]
    Hook(hook::HookVerb),
    /// Write the bill of materials of a directory, in CycloneDX or SPDX.
    Sbom(sbom::Sbom),
    /// Check the files that describe how a project is built and released, and try them on the working tree.
    #[command(subcommand)]
    Pipeline(pipeline::Pipeline),
    /// Check and test policies.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Bring an installation to what files declare, or show what differs; write what is in force as files.
    Apply(apply::Apply),
    /// Trace a value of an installation to the file, line, commit and author that set it, and to the statement that has it in force.
    Explain(explain::Explain),
    /// Make, sign, send and pin statements of trust.
    #[command(subcommand)]
    Trust(trust::Trust),
    /// Verify a ledger from its files.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Put, list and destroy secrets of a project, and see who may have them.
    #[command(subcommand)]
    Secret(secret::SecretVerb),
    /// Show keys, and choose the ones that you use.
    #[command(subcommand)]
    Key(key::Key),
    /// Run the server.
    Server(server::Server),
    /// Run a witness.
    Witness(witness::Witness),
    /// Run a runner, or make one.
    Runner(runner::Runner),
    /// Run the agent of a place, or make one.
    Agent(agent::AgentVerb),
    /// Set up a service's process and start its program; started by agents.
    #[command(hide = true)]
    ServiceExec {
        /// Limits, sockets, program and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

impl Verb {
    /// Whether it runs for long, or is replaced by another program, and sees to its log itself.
    const fn is_role(&self) -> bool {
        matches!(
            self,
            Self::Server(_)
                | Self::Witness(_)
                | Self::Runner(_)
                | Self::Agent(_)
                | Self::Up(_)
                | Self::Demo(_)
                | Self::ServiceExec { .. }
        )
    }
}

/// Carries out a command line.
pub fn run(command: CommandLine) -> Result<(), Failure> {
    let output = command.output;
    // Roles start a journal under their own names. Warnings of the crates that a verb calls are for the person who called it.
    let _journal = (!command.verb.is_role()).then(|| LogOptions::default().or("warn").start("", &[]));
    match command.verb {
        Verb::Demo(verb) => demo::run(&verb, output),
        Verb::Init(verb) => init::run(&verb, output),
        Verb::Project(verb) => project::run(&verb, output),
        Verb::Up(verb) => up::run(&verb, output),
        Verb::Run(verb) => run::run(&verb, output),
        Verb::Cancel(verb) => cancel::run(&verb, output),
        Verb::Status(verb) => status::run(&verb, output),
        Verb::Open(verb) => open::run(&verb, output),
        Verb::Logs(verb) => logs::run(&verb, output),
        Verb::Approve(verb) => approve::run(&verb, Decision::Approve, output),
        Verb::Reject(verb) => approve::run(&verb, Decision::Reject, output),
        Verb::Waive(verb) => waive::run(&verb, output),
        Verb::NotAffected(verb) => not_affected::run(&verb, output),
        Verb::SignOff(verb) => sign_off::run(&verb, output),
        Verb::Tag(verb) => tag::run(&verb, output),
        Verb::Override(verb) => override_release::run(&verb, output),
        Verb::Lift(verb) => lift::run(&verb, output),
        Verb::Tests(verb) => test_history::run(&verb, output),
        Verb::Promote(verb) => promote::run(&verb, output),
        Verb::Rollback(verb) => rollback::run(&verb, output),
        Verb::Rollout(verb) => rollout::run(&verb, output),
        Verb::Preview(verb) => preview::run(&verb, output),
        Verb::Parity(verb) => parity::run(&verb, output),
        Verb::Where(verb) => locate::run(&verb, output),
        Verb::Rescan(verb) => rescan::run(&verb, output),
        Verb::Alerts(verb) => alerts::run(&verb, output),
        Verb::Freeze(verb) => trust_status::freezing(&verb, false, output),
        Verb::Unfreeze(verb) => trust_status::freezing(&verb, true, output),
        Verb::Calendar(verb) => calendar::run(&verb, output),
        Verb::Record(verb) => record::run(&verb, output),
        Verb::Evidence(verb) => evidence::run(&verb, output),
        Verb::Verify(verb) => verify::run(&verb, output),
        Verb::Scan(verb) => scan::run(&verb, output),
        Verb::Osv(verb) => osv::run(&verb, output),
        Verb::Hook(verb) => hook::run(&verb, output),
        Verb::Sbom(verb) => sbom::run(&verb),
        Verb::Pipeline(verb) => pipeline::run(&verb, output),
        Verb::Policy(verb) => policy::run(&verb, output),
        Verb::Apply(verb) => apply::run(&verb, output),
        Verb::Explain(verb) => explain::run(&verb, output),
        Verb::Trust(verb) => trust::run(&verb, output),
        Verb::Audit(verb) => audit::run(&verb, output),
        Verb::Secret(verb) => secret::run(verb, output),
        Verb::Key(verb) => key::run(&verb, output),
        Verb::Server(verb) => server::run(&verb, output),
        Verb::Witness(verb) => witness::run(&verb, output),
        Verb::Runner(verb) => runner::run(&verb, output),
        Verb::Agent(verb) => agent::run(&verb, output),
        Verb::ServiceExec { arguments } => Err(Failure::error(::agent::exec_service(&arguments))),
    }
}

#[cfg(test)]
mod tests;
