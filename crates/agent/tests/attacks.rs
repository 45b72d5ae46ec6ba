//! Attacks by services on their enclosure, each as root, as an ordinary user, and on a host without process namespaces.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `nobody`, an ordinary user of every system.
const ORDINARY: u32 = 65534;
/// The agent's user in the way of the systemd unit.
const OF_UNIT: u32 = 65531;

#[derive(Clone, Copy, PartialEq, Eq)]
enum As {
    Root,
    Ordinary,
    /// An ordinary user of a host that does not allow process namespaces.
    Subreaper,
    /// Root, in a network namespace of this test's own.
    RootInNetwork,
    /// Root, in a control group as a service manager makes it, below a process 1 of this test's own.
    RootInGroup,
    /// Root, with services of another user.
    Service,
    /// The same, on a host that does not allow process namespaces.
    ServiceUnderSubreaper,
    /// An ordinary user with the capabilities of the systemd unit, with services of another user.
    ServiceOfUnit,
}

/// Starts the program in a new network namespace.
fn in_network(program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.arg("--net").arg(program);
    let host = std::fs::read_link("/proc/self/ns/net").unwrap();
    command.env("ATTACK_HOST_NETWORK", host);
    command
}

/// Starts the program in a new control group.
fn in_group(program: &Path, group: &Group) -> Command {
    let mut command = Command::new("unshare");
    // The process above is outside of the group, as the service manager is.
    let joined = "(echo 0 > \"$ATTACK_GROUP\" && exec \"$0\" \"$@\"); exit $?";
    command.args(["--pid", "--fork", "--mount-proc", "sh", "-c", joined]).arg(program);
    command.env("ATTACK_GROUP", group.0.join("cgroup.procs"));
    command.env("ATTACK_OTHER_GROUP", group.0.parent().unwrap().join("cgroup.procs"));
    command
}

fn stopped(name: &str, way: As) {
    let is_root =
        std::fs::metadata("/proc/self").map(|meta| std::os::unix::fs::MetadataExt::uid(&meta)).unwrap() == 0;
    let services = [As::Service, As::ServiceUnderSubreaper, As::ServiceOfUnit].contains(&way);
    let is_as_root = [As::Root, As::RootInNetwork, As::RootInGroup].contains(&way);
    if (is_as_root || services) && !is_root {
        return skipped("the attacks as root need root");
    }
    let group = match (way == As::RootInGroup).then(Group::new) {
        Some(Err(why)) => return skipped(&why),
        group => group.and_then(Result::ok),
    };
    if name == "drift-firewall" && Command::new("nft").arg("--version").output().is_err() {
        return skipped("`nft` is not installed (Debian: nftables)");
    }
    // The target directory may be unreadable for an ordinary user.
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("agent-attack");
    // `cp` copies it, so that this process never has the file open for writing: starting it could fail with "text file busy".
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_agent-attack")).arg(&program).status();
    assert!(copied.unwrap().success());
    let own = dir.path().join("agent");
    std::fs::create_dir(&own).unwrap();
    let mut command = match way {
        As::Subreaper => {
            let mut command = Command::new("unshare");
            // Without capabilities in its namespace it sees no more than an ordinary user.
            let limit = "echo 0 > /proc/sys/user/max_pid_namespaces && exec setpriv --bounding-set=-all \"$0\" \"$@\"";
            command.args(["--user", "--map-root-user", "sh", "-c", limit]).arg(&program);
            command.env("ATTACK_SUBREAPER", "1");
            command
        }
        As::RootInNetwork => in_network(&program),
        As::RootInGroup => in_group(&program, group.as_ref().unwrap()),
        As::ServiceUnderSubreaper => {
            let mut command = Command::new("setpriv");
            command.args(["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]).arg(&program);
            command
        }
        As::ServiceOfUnit => {
            // As `StateDirectory=` does: the directory of all agents is theirs.
            chown(&own, Some(OF_UNIT), Some(OF_UNIT)).unwrap();
            chown(dir.path(), Some(OF_UNIT), Some(OF_UNIT)).unwrap();
            let unit = include_str!("../../../packaging/systemd/countersign-agent@.service");
            let held = unit.lines().find_map(|line| line.strip_prefix("AmbientCapabilities=CAP_")).unwrap();
            let held = format!("+{}", held.replace(" CAP_", ",+").to_lowercase());
            let id = OF_UNIT.to_string();
            let mut command = Command::new("setpriv");
            command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--no-new-privs"]);
            command.args(["--inh-caps", &held, "--ambient-caps", &held]).arg(&program);
            command
        }
        _ => Command::new(&program),
    };
    if services {
        command.env("ATTACK_SERVICE_USER", "nobody");
    }
    command.args(["attack", name]).arg(&own).current_dir("/");
    if is_root && !is_as_root && !services {
        let user = user_of(name, &way);
        chown(&own, Some(user), Some(user)).unwrap();
        command.uid(user).gid(user);
    }
    let output = command.output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success(), "{name}: {said}");
    let held = [As::Subreaper, As::ServiceUnderSubreaper].contains(&way);
    assert_eq!(said.contains("a subreaper holds services"), held, "{said}");
}

/// Says why a test did not run. An acceptance run must not skip it (`cargo x accept`).
fn skipped(why: &str) {
    assert!(std::env::var_os("COUNTERSIGN_ACCEPT").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

/// A control group of a test's own, with the name of a service.
struct Group(PathBuf);

impl Group {
    fn new() -> Result<Self, String> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
        let mounted = mounts.lines().find(|line| line.contains(" - cgroup2 "));
        let at = mounted
            .and_then(|line| line.split(' ').nth(4))
            .ok_or("this host has no control groups of version 2")?;
        let dir = Path::new(at).join(format!("countersign-test-{}.service", std::process::id()));
        std::fs::create_dir(&dir)
            .map_err(|error| format!("no control group can be made, {}: {error}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It stays as long as a process of a failed test is in it.
        drop(std::fs::remove_dir(&self.0));
    }
}

/// The user of a test. A process that hides counts as foreign for every agent of its user, so parallel tests with such a
/// process each have a separate user.
fn user_of(name: &str, way: &As) -> u32 {
    let hiding =
        ["hidden-worker-answers", "old-socket-answers"].iter().zip(1..).find(|(hides, _)| **hides == name);
    hiding.map_or(ORDINARY, |(_, number)| ORDINARY - 2 * number + u32::from(*way == As::Subreaper))
}

macro_rules! attacks {
    ($($test:ident: $name:literal, $way:expr;)*) => {
        $(#[test] fn $test() { stopped($name, $way); })*
    };
}

attacks! {
    attack_setsid_as_root: "setsid", As::Root;
    attack_setsid_as_ordinary_user: "setsid", As::Ordinary;
    attack_setsid_under_subreaper: "setsid", As::Subreaper;
    attack_double_fork_as_root: "double-fork", As::Root;
    attack_double_fork_as_ordinary_user: "double-fork", As::Ordinary;
    attack_double_fork_under_subreaper: "double-fork", As::Subreaper;
    attack_ignored_sigterm_as_root: "ignores-sigterm", As::Root;
    attack_ignored_sigterm_as_ordinary_user: "ignores-sigterm", As::Ordinary;
    attack_ignored_sigterm_under_subreaper: "ignores-sigterm", As::Subreaper;
    attack_what_starts_itself_again_as_root: "starts-again", As::Root;
    attack_what_starts_itself_again_as_ordinary_user: "starts-again", As::Ordinary;
    attack_what_starts_itself_again_under_subreaper: "starts-again", As::Subreaper;
    attack_what_outlives_its_parent_as_root: "main-ends", As::Root;
    attack_what_outlives_its_parent_as_ordinary_user: "main-ends", As::Ordinary;
    attack_what_outlives_its_parent_under_subreaper: "main-ends", As::Subreaper;
    attack_asked_to_end_from_outside_as_root: "asked-to-end-from-outside", As::Root;
    attack_asked_to_end_from_outside_as_ordinary_user: "asked-to-end-from-outside", As::Ordinary;
    attack_asked_to_end_from_outside_under_subreaper: "asked-to-end-from-outside", As::Subreaper;
    attack_signals_to_everybody_as_root: "kills-everybody", As::Root;
    attack_signals_to_everybody_as_ordinary_user: "kills-everybody", As::Ordinary;
    attack_a_killed_agent_leaves_nothing_as_root: "agent-killed", As::Root;
    attack_a_killed_agent_leaves_nothing_as_ordinary_user: "agent-killed", As::Ordinary;
    attack_a_killed_agent_leaves_nothing_under_subreaper: "agent-killed", As::Subreaper;
    attack_an_old_worker_answers_as_root: "old-worker-answers", As::Root;
    attack_an_old_worker_answers_as_ordinary_user: "old-worker-answers", As::Ordinary;
    attack_an_old_worker_answers_under_subreaper: "old-worker-answers", As::Subreaper;
    attack_a_hidden_worker_answers_as_root: "hidden-worker-answers", As::Root;
    attack_a_hidden_worker_answers_as_ordinary_user: "hidden-worker-answers", As::Ordinary;
    attack_a_hidden_worker_answers_under_subreaper: "hidden-worker-answers", As::Subreaper;
    attack_an_escaped_worker_keeps_the_old_socket_as_root: "old-socket-answers", As::Root;
    attack_an_escaped_worker_keeps_the_old_socket_as_ordinary_user: "old-socket-answers", As::Ordinary;
    attack_an_escaped_worker_keeps_the_old_socket_under_subreaper: "old-socket-answers", As::Subreaper;
    attack_preload_into_the_launcher_as_root: "preload", As::Root;
    attack_preload_into_the_launcher_as_ordinary_user: "preload", As::Ordinary;
    attack_setsid_as_service_user: "setsid", As::Service;
    attack_setsid_as_service_user_under_subreaper: "setsid", As::ServiceUnderSubreaper;
    attack_double_fork_as_service_user: "double-fork", As::Service;
    attack_double_fork_as_service_user_under_subreaper: "double-fork", As::ServiceUnderSubreaper;
    attack_ignored_sigterm_as_service_user: "ignores-sigterm", As::Service;
    attack_ignored_sigterm_as_service_user_under_subreaper: "ignores-sigterm", As::ServiceUnderSubreaper;
    attack_what_starts_itself_again_as_service_user: "starts-again", As::Service;
    attack_what_outlives_its_parent_as_service_user: "main-ends", As::Service;
    attack_asked_to_end_from_outside_as_service_user: "asked-to-end-from-outside", As::Service;
    attack_signals_to_everybody_as_service_user: "kills-everybody", As::Service;
    attack_a_killed_agent_leaves_nothing_as_service_user: "agent-killed", As::Service;
    attack_a_killed_agent_leaves_nothing_as_service_user_under_subreaper: "agent-killed", As::ServiceUnderSubreaper;
    attack_an_old_worker_answers_as_service_user: "old-worker-answers", As::Service;
    attack_a_hidden_worker_answers_as_service_user: "hidden-worker-answers", As::Service;
    attack_an_escaped_worker_keeps_the_old_socket_as_service_user: "old-socket-answers", As::Service;
    attack_preload_into_the_launcher_as_service_user: "preload", As::Service;
    attack_a_probe_leaves_processes_as_service_user: "probe-leaves-behind", As::Service;
    attack_a_probe_without_limits_as_service_user: "probe-limits", As::Service;
    attack_a_service_looks_for_the_agent_as_service_user: "reads-the-agent", As::Service;
    attack_a_service_user_reaches_for_the_agent: "reaches-for-the-agent", As::Service;
    attack_a_service_user_reaches_for_the_agent_under_subreaper: "reaches-for-the-agent", As::ServiceUnderSubreaper;
    attack_double_fork_as_service_user_of_the_unit: "double-fork", As::ServiceOfUnit;
    attack_signals_to_everybody_as_service_user_of_the_unit: "kills-everybody", As::ServiceOfUnit;
    attack_a_killed_agent_leaves_nothing_as_service_user_of_the_unit: "agent-killed", As::ServiceOfUnit;
    attack_a_hidden_worker_answers_as_service_user_of_the_unit: "hidden-worker-answers", As::ServiceOfUnit;
    attack_a_probe_without_limits_as_service_user_of_the_unit: "probe-limits", As::ServiceOfUnit;
    attack_a_service_looks_for_the_agent_as_service_user_of_the_unit: "reads-the-agent", As::ServiceOfUnit;
    attack_a_service_user_reaches_for_the_agent_of_the_unit: "reaches-for-the-agent", As::ServiceOfUnit;
    a_process_listens_by_itself_as_service_user_of_the_unit: "port-as-variable", As::ServiceOfUnit;
    a_process_listens_by_itself_as_service_user: "port-as-variable", As::Service;
    a_process_listens_by_itself_as_service_user_under_subreaper: "port-as-variable", As::ServiceUnderSubreaper;
    attack_truncated_log_as_root: "truncates-its-log", As::Root;
    attack_truncated_log_as_ordinary_user: "truncates-its-log", As::Ordinary;
    attack_flooded_log_as_root: "floods-its-log", As::Root;
    attack_flooded_log_as_ordinary_user: "floods-its-log", As::Ordinary;
    attack_a_probe_leaves_processes_as_root: "probe-leaves-behind", As::Root;
    attack_a_probe_leaves_processes_as_ordinary_user: "probe-leaves-behind", As::Ordinary;
    attack_a_probe_leaves_processes_under_subreaper: "probe-leaves-behind", As::Subreaper;
    attack_a_probe_without_limits_as_root: "probe-limits", As::Root;
    attack_a_probe_without_limits_as_ordinary_user: "probe-limits", As::Ordinary;
    attack_a_stranger_on_the_port_as_root: "stranger-on-the-port", As::Root;
    attack_a_stranger_on_the_port_as_ordinary_user: "stranger-on-the-port", As::Ordinary;
    attack_a_service_looks_for_the_agent_as_root: "reads-the-agent", As::Root;
    attack_a_service_looks_for_the_agent_as_ordinary_user: "reads-the-agent", As::Ordinary;
    a_process_listens_by_itself_as_root: "port-as-variable", As::Root;
    a_process_listens_by_itself_as_ordinary_user: "port-as-variable", As::Ordinary;
    a_process_listens_by_itself_under_subreaper: "port-as-variable", As::Subreaper;
    a_hand_edited_place_is_corrected_as_root: "drift-corrected", As::Root;
    a_hand_edited_place_is_only_told_as_root: "drift-alerted", As::Root;
    a_hand_edited_place_is_frozen_as_root: "drift-frozen", As::Root;
    a_place_that_is_repaired_while_its_agent_is_down_is_free_again: "drift-ended-while-away", As::Root;
    a_hand_edited_file_that_comes_again_is_left_as_root: "drift-again-and-again", As::Root;
    a_hand_edited_file_that_comes_again_is_left_as_ordinary_user: "drift-again-and-again", As::Ordinary;
    a_hand_edited_file_that_comes_again_is_left_under_subreaper: "drift-again-and-again", As::Subreaper;
    attack_a_service_that_changes_its_variables_is_started_again_three_times_as_root: "drift-restarted-again", As::Root;
    attack_many_differences_hide_none_that_holds_releases_as_root: "drift-hidden", As::Root;
    a_hand_edited_file_waits_for_its_layer_as_root: "drift-without-layer", As::Root;
    a_hand_edited_setting_is_corrected_or_frozen_in_a_network_of_its_own: "drift-setting", As::RootInNetwork;
    rules_of_a_firewall_are_compared_in_a_network_of_its_own: "drift-firewall", As::RootInNetwork;
    a_process_in_the_agents_control_group_is_ended_or_told: "drift-group", As::RootInGroup;
    a_stranger_at_the_places_port_is_told_as_root: "drift-listener", As::Root;
    a_hand_edited_variable_of_one_of_two_processes_as_root: "drift-instances", As::Root;
    numbers_stop_a_rollout_as_root: "rollout-numbers", As::Root;
    numbers_stop_a_rollout_as_ordinary_user: "rollout-numbers", As::Ordinary;
    numbers_stop_a_rollout_under_subreaper: "rollout-numbers", As::Subreaper;
    numbers_stop_a_rollout_as_service_user: "rollout-numbers", As::Service;
    numbers_stop_a_rollout_as_service_user_of_the_unit: "rollout-numbers", As::ServiceOfUnit;
    numbers_stop_a_rollout_of_processes_with_ports_as_root: "rollout-of-ports", As::Root;
    attack_a_killed_splitter_loses_no_port_as_root: "rollout-splitter-killed", As::Root;
    attack_a_killed_splitter_loses_no_port_as_ordinary_user: "rollout-splitter-killed", As::Ordinary;
    attack_killed_processes_of_a_rollout_as_root: "rollout-process-killed", As::Root;
    attack_killed_processes_of_a_rollout_as_ordinary_user: "rollout-process-killed", As::Ordinary;
    attack_a_killed_agent_rolls_out_further_as_root: "rollout-agent-killed", As::Root;
    attack_a_killed_agent_rolls_out_further_as_ordinary_user: "rollout-agent-killed", As::Ordinary;
    attack_a_killed_agent_rolls_out_further_under_subreaper: "rollout-agent-killed", As::Subreaper;
    attack_a_killed_agent_rolls_out_further_as_service_user: "rollout-agent-killed", As::Service;
    attack_a_killed_agent_rolls_out_further_as_service_user_of_the_unit: "rollout-agent-killed", As::ServiceOfUnit;
    a_rollout_that_was_done_is_done_after_a_kill_as_root: "rollout-done", As::Root;
    a_rollout_that_was_done_is_done_after_a_kill_as_ordinary_user: "rollout-done", As::Ordinary;
    attack_a_stranger_on_the_port_of_a_rollout_as_root: "rollout-port-taken", As::Root;
    attack_a_stranger_on_the_port_of_a_rollout_as_ordinary_user: "rollout-port-taken", As::Ordinary;
    attack_killed_processes_of_a_release_with_two_as_root: "rollout-instances", As::Root;
    attack_killed_processes_of_a_release_with_two_under_subreaper: "rollout-instances", As::Subreaper;
}
