//! What is taken away from the step before it starts: capabilities, privileges to gain, paths, limits.
//!
//! Invariant: applied to init itself, so the step cannot be without it; nothing here can be undone.

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, Scope,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs,
};

use crate::filter;
use crate::mounts::{Doing as _, Failed, QUEUES};
use crate::spec::{Limits, Spec, WORKSPACE};

/// Oldest Landlock that has scopes for signals and abstract sockets.
pub const LANDLOCK_ABI: u32 = 6;

/// Confines this process for good.
pub fn confine(spec: &Spec) -> Result<(), Failed> {
    limits(&spec.limits)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).doing("make init not dumpable")?;
    clear_ambient_capability_set().doing("clear ambient capabilities")?;
    for capability in CapabilitySet::all().iter() {
        // Bits past the last capability that this kernel knows answer EINVAL; there is nothing to remove.
        match remove_capability_from_bounding_set(capability) {
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return Err(Failed(format!("drop capability {capability:?}: {error}"))),
        }
    }
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, none).doing("drop capabilities")?;
    set_no_new_privs(true).doing("set no_new_privs")?;
    paths()?;
    filter::apply()
}

/// No limit of a process's data: sanitizers and garbage collectors map far more than they use, and memory that is used
/// is held by the control group or the supervisor.
fn limits(limits: &Limits) -> Result<(), Failed> {
    for (name, resource, value) in [
        ("core", Resource::Core, 0),
        ("open files", Resource::Nofile, limits.open_files),
        ("processes", Resource::Nproc, limits.processes),
        ("file size", Resource::Fsize, limits.workspace_bytes.max(limits.tmp_bytes)),
        ("locked memory", Resource::Memlock, 8 << 20),
        ("real-time priority", Resource::Rtprio, 0),
        ("nice", Resource::Nice, 0),
        ("message queues", Resource::Msgqueue, 800 << 10),
    ] {
        // Nobody without rights raises what the supervisor itself has less of.
        let value = getrlimit(resource).maximum.map_or(value, |most| most.min(value));
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) }).doing(name)?;
    }
    Ok(())
}

/// Reading and running anywhere in the new root, writing in workspace, `/tmp`, `/dev`; no signals and no
/// abstract sockets out of the sandbox.
fn paths() -> Result<(), Failed> {
    let abi = ABI::V6;
    let read = AccessFs::from_read(abi);
    let below =
        |path: &str, access| Ok::<_, landlock::PathFdError>(PathBeneath::new(PathFd::new(path)?, access));
    let all = AccessFs::from_all(abi);
    let made = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(all)
        .and_then(|ruleset| ruleset.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .doing("landlock")?;
    let mut made = made.add_rule(below("/", read).doing("landlock /")?).doing("landlock /")?;
    for path in [WORKSPACE, "/tmp", "/dev", "/dev/shm", QUEUES] {
        made = made.add_rule(below(path, all).doing(path)?).doing(path)?;
    }
    made.restrict_self().doing("landlock").map(drop)
}
