//! Confinement of the step before it starts: capabilities, privilege gains, paths and limits are removed.
//!
//! Invariant: init confines itself first, so the step cannot run without it. Nothing here can be undone.

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

/// Oldest Landlock ABI with scopes for signals and abstract sockets.
pub const LANDLOCK_ABI: u32 = 6;

/// Confines this process permanently.
pub fn confine(spec: &Spec) -> Result<(), Failed> {
    limits(&spec.limits)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).doing("make init not dumpable")?;
    clear_ambient_capability_set().doing("clear ambient capabilities")?;
    for capability in CapabilitySet::all().iter() {
        // For a capability that this kernel does not know, it answers EINVAL; then there is nothing to remove.
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

/// Sets resource limits. The data size is not limited, because sanitizers and garbage collectors map far more than they
/// use. The control group or the supervisor limits the memory that is really used.
fn limits(limits: &Limits) -> Result<(), Failed> {
    for (name, resource, value) in [
        // Not 0: for a limit of 1 the kernel writes no core file and starts no program that takes one (core(5)).
        ("core", Resource::Core, 1),
        ("open files", Resource::Nofile, limits.open_files),
        ("processes", Resource::Nproc, limits.processes),
        ("file size", Resource::Fsize, limits.workspace_bytes.max(limits.tmp_bytes)),
        ("locked memory", Resource::Memlock, 8 << 20),
        ("real-time priority", Resource::Rtprio, 0),
        ("nice", Resource::Nice, 0),
        ("message queues", Resource::Msgqueue, 800 << 10),
    ] {
        // An unprivileged process cannot raise a limit above the supervisor's own.
        let value = getrlimit(resource).maximum.map_or(value, |most| most.min(value));
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) }).doing(name)?;
    }
    Ok(())
}

/// Restricts paths with Landlock: read and execute anywhere in the new root; write in the workspace, `/tmp` and `/dev`;
/// no signals and no abstract sockets out of the sandbox.
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
