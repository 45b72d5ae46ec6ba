//! Brings the processes of a place into the order of an arrangement, without a moment in which nobody serves.
//!
//! Invariant: what is missing starts and passes its probe before anything changes for clients; then one table changes all
//! shares at once; then what is not wanted any more ends its requests and leaves. If something does not start, everything is
//! as it was. The same arrangement again changes nothing. Only a splitter that cannot be started leaves the new members in their
//! groups: the next look tries again.

use evidence::plan::Target;
use judge::rollout::Probes;

use crate::arrangement::Group;
use crate::fault::Fault;
use crate::groups::Member;
use crate::instance::{Door, Doorway, Instance};
use crate::leftovers;
use crate::ports::bind;
use crate::process::Processes;
use crate::seats::{Arrangement, GroupFault, Measured, Seat};
use crate::splitting::Splitter;

impl Processes {
    /// Makes an arrangement.
    pub(crate) fn make(&mut self, wanted: &Arrangement<'_>) -> Result<(), GroupFault> {
        let stable = |fault| GroupFault { group: Group::Stable, fault };
        self.settle_groups();
        if self.service.is_none() && self.groups.members.is_empty() && self.groups.leaving.is_empty() {
            let ended = leftovers::end(&self.means.state);
            ended.map_err(|error| stable(Fault::new("still-alive", error.to_string())))?;
        }
        let assigned = self.groups.assigned(&wanted.seats);
        let begun = self.begun(wanted, &assigned.missing)?;
        if let Err(fault) = self.open_front(wanted.port) {
            self.dismiss(begun);
            return Err(stable(fault));
        }
        self.groups.drain = wanted.drain;
        self.groups.seat(assigned.next, begun);
        self.groups.sticky.clone_from(&wanted.sticky);
        self.groups.protocol = wanted.protocol;
        self.groups.weights = wanted.seats.iter().map(|seat| (seat.group, seat.weight)).collect();
        self.groups.wanted = wanted.seats.iter().map(|seat| (seat.group, seat.instances)).collect();
        // It had the socket of the place itself until now. The splitter does not wait in accept(2), which holds for all that share
        // the socket, so this process is asked to end before.
        if let Some(direct) = &self.service {
            direct.held.ask_to_end();
        }
        self.put_table().map_err(stable)?;
        if let Some(direct) = self.service.take() {
            self.groups.leave(direct, None, std::time::Duration::ZERO);
        }
        self.given = false;
        self.settle_groups();
        Ok(())
    }

    /// Starts what is missing.
    fn begun(&mut self, wanted: &Arrangement<'_>, missing: &[u32]) -> Result<Vec<Member>, GroupFault> {
        let mut begun = Vec::new();
        for (seat, missing) in wanted.seats.iter().zip(missing) {
            for _ in 0..*missing {
                match self.member(seat) {
                    Ok(member) => begun.push(member),
                    Err(fault) => {
                        self.dismiss(begun);
                        return Err(GroupFault { group: seat.group, fault });
                    }
                }
            }
        }
        Ok(begun)
    }

    /// Starts and probes one process of a group.
    fn member(&mut self, seat: &Seat<'_>) -> Result<Member, Fault> {
        let plan = &seat.known.plan;
        let Target::Process { port: Some(_), .. } = plan.target else {
            return Err(Fault::new("not-split", "only a process with a port can have a share of requests"));
        };
        let dir = seat.checked()?;
        self.secrets.take(seat.secrets);
        let doorway = Doorway::own(plan)
            .map_err(|error| Fault::new("port-taken", format!("no port of the host is free: {error}")))?;
        let instance = self.launch(plan, &dir, &doorway)?;
        // From here on its socket ends with it, so that a client of a process that has ended is not kept waiting.
        drop(doorway);
        let instance = self.probed(plan, &dir, instance)?;
        let instance = instance.ok_or_else(|| Fault::new("start-failed", "there is no process"))?;
        let address = match instance.door {
            Door::Socket(address, _) => Ok(address),
            door => self.means.address(plan, Some((door, instance.held.keeper()))),
        };
        match address {
            Ok(address) => Ok(Member {
                group: seat.group,
                key: seat.key(),
                address,
                plan: plan.clone(),
                dir,
                check: crate::checks::Check::default(),
                instance,
            }),
            Err(error) => {
                self.end(instance);
                Err(Fault::new("probe-failed", error.to_string()))
            }
        }
    }

    fn dismiss(&mut self, begun: Vec<Member>) {
        begun.into_iter().for_each(|member| self.end(member.instance));
    }

    /// Ends a process that no client knows.
    fn end(&mut self, instance: Instance) {
        let Instance { held, role, .. } = instance;
        if let Err(error) = held.stop() {
            tracing::warn!("{error}");
        }
        role.into_iter().for_each(|id| self.leases.leave(id));
    }

    /// The socket of the place, for a splitter. A process that holds the port itself, or may be outlived by one that does, ends
    /// first: then clients wait a moment, as they do when such a process is replaced.
    fn open_front(&mut self, port: u16) -> Result<(), Fault> {
        let is_open = self.socket.as_ref().is_some_and(|(held, _)| *held == port);
        if is_open && (self.means.namespace || !self.given) {
            return Ok(());
        }
        if let Some(Instance { held, role, .. }) = self.service.take() {
            let stopped = held.stop();
            role.into_iter().for_each(|id| self.leases.leave(id));
            stopped.map_err(|error| Fault::new("still-alive", error.to_string()))?;
        }
        if let Some(front) = self.front.take() {
            front.stop();
        }
        self.let_go();
        self.socket = Some((port, bind(port)?));
        Ok(())
    }

    /// Puts the table of the members that there are in force, by a new splitter if the one before has ended.
    fn put_table(&mut self) -> Result<(), Fault> {
        let Some(table) = self.groups.table() else { return Ok(()) };
        let failed = |what: &str| Fault::new("splitter-failed", what);
        match self.front.as_mut().map(|front| front.set(&table)) {
            Some(Ok(())) => return Ok(()),
            Some(Err(fault)) => {
                tracing::warn!("another splitter takes the place of one that takes no table: {fault}")
            }
            None => {}
        }
        self.groups.begin_counting();
        self.front = None;
        let (_, socket) = self.socket.as_ref().ok_or_else(|| failed("the port of the place is not open"))?;
        let user = self.splitter_user.or(self.means.user);
        let mut front = Splitter::start(self.means.launcher.as_ref(), socket, user)?;
        front.set(&table)?;
        self.front = Some(front);
        Ok(())
    }

    /// Gives groups other shares at once; nothing is started.
    pub(crate) fn reweigh(&mut self, weights: &[(Group, u32)]) -> Result<(), Fault> {
        self.groups.weights = weights.iter().copied().collect();
        self.put_table()
    }

    /// Looks after the groups: a splitter that was killed is started again, processes that have ended get no requests, those
    /// that leave are asked to end.
    pub(crate) fn settle_groups(&mut self) {
        if self.groups.members.is_empty() && self.groups.leaving.is_empty() {
            return;
        }
        let lost = self.groups.lose();
        let is_dead = self.front.as_mut().is_none_or(|front| !front.is_alive());
        if !lost.is_empty() || is_dead {
            if is_dead && self.untabled.is_none() {
                self.means.note("the splitter has ended; it is started again");
            }
            let failed = self.put_table().err().map(|fault| fault.to_string());
            // Each look tries again, and one fault is told once.
            if let Some(fault) = failed.as_ref().filter(|_| self.untabled != failed) {
                tracing::warn!("{fault}; each look tries again");
            }
            self.untabled = failed;
        }
        for (instance, what) in lost {
            self.means.note(&what);
            self.lost = Some(what);
            self.end(instance);
        }
        if let Some(Ok(figures)) = self.front.as_mut().map(Splitter::figures) {
            self.groups.count(&figures);
        }
        for gone in self.groups.gone() {
            self.end(gone);
        }
    }

    /// Counts, and probes of the new release.
    pub(crate) fn measured(&mut self) -> Measured {
        let wanted = self.groups.wanted.get(&Group::Canary).copied().unwrap_or(0);
        let (mut found, mut probes) = (0, Probes::Pass);
        for member in &mut self.groups.members {
            if member.group != Group::Canary {
                continue;
            }
            found += 1;
            let (check, instance) = (&mut member.check, &mut member.instance);
            self.means.look_at(check, &member.plan, &member.dir, instance);
            probes = match (probes, member.check.says(&member.plan)) {
                (Probes::Fail, _) | (_, Probes::Fail) => Probes::Fail,
                (Probes::Unknown, _) | (_, Probes::Unknown) => Probes::Unknown,
                (Probes::Pass, Probes::Pass) => Probes::Pass,
            };
        }
        // One that has ended is a member no more.
        let probes = if found < wanted { Probes::Fail } else { probes };
        self.settle_groups();
        Measured { totals: self.groups.totals().clone(), probes }
    }

    /// How a process of a group has ended that was not replaced.
    pub(crate) fn lost_member(&mut self) -> Option<String> {
        self.settle_groups();
        let held = |group| self.groups.members.iter().filter(|member| member.group == group).count();
        let is_whole = self.groups.wanted.iter().all(|(group, wanted)| held(*group) >= *wanted as usize);
        if is_whole {
            self.lost = None;
            return None;
        }
        Some(self.lost.clone().unwrap_or_else(|| "a process of its groups is missing".to_owned()))
    }

    /// Ends every group: first the splitter, which waits for its requests, then all processes at once.
    pub(crate) fn stop_groups(&mut self) -> Result<(), crate::held::AliveError> {
        if let Some(front) = self.front.take() {
            front.stop();
        }
        let members = std::mem::take(&mut self.groups.members).into_iter().map(|member| member.instance);
        let leaving = std::mem::take(&mut self.groups.leaving).into_iter().map(|leaving| leaving.instance);
        let all: Vec<_> = members.chain(leaving).collect();
        all.iter().for_each(|instance| instance.held.ask_to_end());
        self.groups.weights.clear();
        self.groups.wanted.clear();
        let mut stopped = Ok(());
        for Instance { held, role, .. } in all {
            stopped = stopped.and(held.stop());
            role.into_iter().for_each(|id| self.leases.leave(id));
        }
        stopped
    }
}
