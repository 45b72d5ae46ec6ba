//! The groups of processes behind a splitter: their members, their table, their counts, and those that are leaving.
//!
//! Invariant: requests go only to members whose probe has passed. A member that leaves is out of the table first, and is asked
//! to end once its requests have ended or their time is over. Counts only rise, whatever splitter counts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use evidence::Digest;
use evidence::plan::Plan;
use evidence::rollout::{Protocol, Sticky};
use evidence::rollout_counts::{Counts, GroupCounts};
use splitter::{Figures, GroupFigures, Table};

use crate::arrangement::Group;
use crate::checks::Check;
use crate::instance::Instance;
use crate::seats::Seat;

/// A process of a group.
#[derive(Debug)]
pub struct Member {
    pub group: Group,
    /// A digest of release and secrets.
    pub key: Digest,
    pub instance: Instance,
    pub address: SocketAddr,
    pub plan: Plan,
    pub dir: PathBuf,
    pub check: Check,
}

/// A process that has left its group.
#[derive(Debug)]
pub struct Leaving {
    pub instance: Instance,
    /// The name under which its last requests are counted.
    name: Option<String>,
    until: Instant,
    asked: Option<Instant>,
}

/// The name of a group in the table.
#[derive(Debug)]
struct Named {
    name: String,
    key: Digest,
    backends: BTreeSet<SocketAddr>,
}

/// The groups of a place.
#[derive(Debug, Default)]
pub struct Groups {
    pub members: Vec<Member>,
    pub leaving: Vec<Leaving>,
    pub weights: BTreeMap<Group, u32>,
    /// How many members each group has to have.
    pub wanted: BTreeMap<Group, u32>,
    pub sticky: Option<Sticky>,
    pub protocol: Protocol,
    pub drain: Duration,
    /// Bytes that nobody can guess, for the values of sticky cookies.
    salt: Vec<u8>,
    named: BTreeMap<Group, Named>,
    number: u64,
    /// The last figures of each name.
    told: BTreeMap<String, Counts>,
    groups: BTreeMap<String, Group>,
    in_flight: BTreeMap<String, u64>,
    totals: GroupCounts,
}

/// Members for the groups of an arrangement.
#[derive(Debug)]
pub struct Assigned {
    /// The next group of each member that there is; none for those that leave.
    pub next: Vec<Option<Group>>,
    /// How many each seat needs beside them.
    pub missing: Vec<u32>,
}

impl Groups {
    /// No groups yet; names of groups in cookies come from bytes that nobody can guess.
    pub fn new(salt: Vec<u8>) -> Self {
        Self { salt, ..Self::default() }
    }

    /// Which members sit where: each where it sat, then those whose group is not wanted any more, if they were started alike.
    pub fn assigned(&mut self, seats: &[Seat<'_>]) -> Assigned {
        let living: Vec<bool> =
            self.members.iter_mut().map(|member| member.instance.held.ended().is_none()).collect();
        let mut next = vec![None; self.members.len()];
        let mut missing: Vec<u32> = seats.iter().map(|seat| seat.instances).collect();
        for same_group in [true, false] {
            for (seat, missing) in seats.iter().zip(&mut missing) {
                let key = seat.key();
                for (at, member) in self.members.iter().enumerate() {
                    let is_free = living.get(at) == Some(&true) && next.get(at) == Some(&None);
                    let is_wanted = *missing > 0 && member.key == key;
                    if is_free && is_wanted && (member.group == seat.group) == same_group {
                        if let Some(next) = next.get_mut(at) {
                            *next = Some(seat.group);
                        }
                        *missing -= 1;
                    }
                }
            }
        }
        Assigned { next, missing }
    }

    /// Seats the members anew, with those that have begun; the rest leaves.
    pub fn seat(&mut self, next: Vec<Option<Group>>, begun: Vec<Member>) {
        for (member, next) in std::mem::take(&mut self.members).into_iter().zip(next) {
            match next {
                Some(group) => self.members.push(Member { group, ..member }),
                None => {
                    let name = self.named.get(&member.group).map(|named| named.name.clone());
                    self.leave(member.instance, name, self.drain);
                }
            }
        }
        self.members.extend(begun);
    }

    /// Takes members that have ended by themselves out of their groups; what became of each.
    pub fn lose(&mut self) -> Vec<(Instance, String)> {
        let mut lost = Vec::new();
        for mut member in std::mem::take(&mut self.members) {
            match member.instance.held.ended() {
                Some(end) => {
                    let name = member.group.name();
                    lost.push((
                        member.instance,
                        format!("a process of group {name} ended by itself with {end}"),
                    ));
                }
                None => self.members.push(member),
            }
        }
        lost
    }

    /// Lets a process end once its requests have ended, or after a time.
    pub fn leave(&mut self, instance: Instance, name: Option<String>, within: Duration) {
        self.leaving.push(Leaving { instance, name, until: Instant::now() + within, asked: None });
    }

    /// Asks processes to end whose requests have ended; those that are gone, or whose time to end is over.
    pub fn gone(&mut self) -> Vec<Instance> {
        let (now, mut gone) = (Instant::now(), Vec::new());
        for mut one in std::mem::take(&mut self.leaving) {
            let is_idle =
                one.name.as_ref().is_none_or(|name| self.in_flight.get(name).is_none_or(|left| *left == 0));
            if one.asked.is_none() && (is_idle || now >= one.until) {
                one.instance.held.ask_to_end();
                one.asked = Some(now);
            }
            let is_late = one.asked.is_some_and(|asked| now >= asked + one.instance.held.end_time());
            if one.asked.is_some() && (one.instance.held.has_gone() || is_late) {
                gone.push(one.instance);
            } else {
                self.leaving.push(one);
            }
        }
        gone
    }

    /// Whether a member of a group with requests is there.
    pub fn is_serving(&self) -> bool {
        self.members.iter().any(|member| self.weights.get(&member.group).is_some_and(|weight| *weight > 0))
    }

    /// The table of the members that there are; none if nobody could serve.
    pub fn table(&mut self) -> Option<Table> {
        let (mut groups, mut tokens) = (Vec::new(), BTreeSet::new());
        for (group, weight) in self.weights.clone() {
            let members: Vec<_> = self.members.iter().filter(|member| member.group == group).collect();
            let Some(key) = members.first().map(|member| member.key) else { continue };
            let backends: BTreeSet<_> = members.iter().map(|member| member.address).collect();
            let name = self.name_of(group, key, &backends);
            // Two groups of one release have no value in common: the splitter draws one for the second.
            let token = self.sticky.is_some().then(|| self.token(group, &key));
            let token = token.filter(|token| tokens.insert(token.clone()));
            let backends = backends.into_iter().collect();
            groups.push(splitter::Group { id: name, weight, backends, http2: false, token });
        }
        // A group that comes back later counts from zero, so it gets another name.
        self.named.retain(|_, named| groups.iter().any(|group| group.id == named.name));
        let serves = groups.iter().any(|group| group.weight > 0);
        let sticky = self.sticky.clone().map(|sticky| match sticky {
            Sticky::Cookie(name) => splitter::Sticky::Cookie(name),
            Sticky::Header(name) => splitter::Sticky::Header(name),
        });
        let protocol = match self.protocol {
            Protocol::Http => splitter::Protocol::Http,
            Protocol::Tcp => splitter::Protocol::Tcp,
        };
        serves.then(|| Table { groups, sticky, protocol, ..Table::default() })
    }

    /// A group has another name once a process has left it, so that the requests of before can be waited for.
    fn name_of(&mut self, group: Group, key: Digest, backends: &BTreeSet<SocketAddr>) -> String {
        if let Some(named) = self.named.get_mut(&group)
            && named.key == key
            && named.backends.is_subset(backends)
        {
            named.backends.clone_from(backends);
            return named.name.clone();
        }
        self.number += 1;
        let name = format!("{}-{}", group.name(), self.number);
        self.groups.insert(name.clone(), group);
        let named = Named { name: name.clone(), key, backends: backends.clone() };
        self.named.insert(group, named);
        name
    }

    /// The value of a sticky cookie: clients of a new release stay with it when it takes the place of the old one.
    fn token(&self, group: Group, key: &Digest) -> String {
        let is_fresh = u8::from(group == Group::Baseline);
        let bytes = [self.salt.as_slice(), &[is_fresh], key.as_bytes()].concat();
        Digest::of(&bytes).hex().chars().take(TOKEN_CHARS).collect()
    }

    /// Takes figures of the splitter.
    pub fn count(&mut self, figures: &Figures) {
        self.in_flight.clear();
        for figures in &figures.groups {
            self.in_flight.insert(figures.id.clone(), figures.in_flight);
            let Some(group) = self.groups.get(&figures.id) else { continue };
            let counts = counts_of(figures);
            let new = counts.since(self.told.get(&figures.id).unwrap_or(&Counts::default()));
            self.told.insert(figures.id.clone(), counts);
            match group {
                Group::Stable => self.totals.stable.add(&new),
                Group::Baseline => self.totals.baseline.add(&new),
                Group::Canary => self.totals.canary.add(&new),
            }
        }
        // Names of groups whose last requests are counted are forgotten.
        let told: BTreeSet<_> = figures.groups.iter().map(|group| group.id.as_str()).collect();
        let current: BTreeSet<_> = self.named.values().map(|named| named.name.as_str()).collect();
        let is_needed = |name: &String| told.contains(name.as_str()) || current.contains(name.as_str());
        self.told.retain(|name, _| is_needed(name));
        self.groups.retain(|name, _| is_needed(name));
    }

    /// Forgets the figures of a splitter that has ended: the next one counts from zero.
    pub fn begin_counting(&mut self) {
        self.told.clear();
        self.in_flight.clear();
    }

    /// Requests of each group since the agent began.
    pub const fn totals(&self) -> &GroupCounts {
        &self.totals
    }
}

fn counts_of(figures: &GroupFigures) -> Counts {
    let mut counts = Counts {
        requests: figures.requests,
        errors: figures.errors.total(),
        client_errors: figures.client.total(),
        ..Counts::default()
    };
    for (bucket, count) in &figures.latency {
        counts.latency.add(*bucket, *count);
    }
    counts
}

const TOKEN_CHARS: usize = 32;

#[cfg(test)]
mod tests {
    use evidence::rollout_counts;

    #[test]
    fn the_splitter_counts_in_the_buckets_of_observations() {
        assert_eq!(splitter::BUCKET_LAST, rollout_counts::BUCKET_LAST);
        for micros in (0..100_000).chain((17..64).map(|power| 1 << power)) {
            assert_eq!(splitter::bucket(micros), rollout_counts::bucket(micros), "{micros}");
        }
        for bucket in 0..=splitter::BUCKET_LAST {
            assert_eq!(splitter::bucket_start(bucket), rollout_counts::bucket_start(bucket), "{bucket}");
        }
    }
}
