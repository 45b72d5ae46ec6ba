//! The table in force with everything that lives behind it: groups, their counts and connections.
//!
//! Invariant: a table is put in force whole, and each request sees one table. A group with the name of one of the table before
//! goes on with its counts, its token and its connections; one that left is remembered with its counts until its place is
//! needed.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::backend::{Backend, Busy};
use crate::figures::Figures;
use crate::sticky::Wish;
use crate::table::{GROUPS_MAX, Group, Table};
use crate::tally::{Tally, UnderWay};
use crate::turns::{Turns, group_of};

/// The table in force.
#[derive(Debug)]
pub struct Routes {
    live: RwLock<Arc<Live>>,
    /// Requests that no group got.
    pub refused: AtomicU64,
    /// Draws the token of a group.
    draw: fn() -> String,
}

/// A table and its groups.
#[derive(Debug)]
pub struct Live {
    generation: u64,
    /// The table.
    pub table: Table,
    groups: Vec<Arc<Member>>,
    turns: Mutex<Turns>,
    /// Counts of groups that left, the newest one last.
    gone: Vec<Arc<Tally>>,
}

/// A group of the table in force.
#[derive(Debug)]
pub struct Member {
    /// Its row of the table.
    pub row: Group,
    tally: Arc<Tally>,
    backends: Vec<Arc<Backend>>,
    next: AtomicUsize,
}

/// The group of a request.
#[derive(Debug)]
pub struct Chosen {
    /// The group.
    pub member: Arc<Member>,
    /// The request.
    pub under_way: UnderWay,
    /// Whether the client had this group before.
    pub stays: bool,
}

impl Routes {
    /// An empty table, and the source of tokens.
    pub fn new(draw: fn() -> String) -> Self {
        let live = Live {
            generation: 0,
            table: Table::default(),
            groups: Vec::new(),
            turns: Mutex::default(),
            gone: Vec::new(),
        };
        Self { live: RwLock::new(Arc::new(live)), refused: AtomicU64::new(0), draw }
    }

    /// The table in force.
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a table in force that was checked; its number.
    pub fn set(&self, table: Table) -> u64 {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        let generation = live.generation + 1;
        let groups: Vec<_> =
            table.groups.iter().map(|row| Arc::new(self.member(row, &live, generation))).collect();
        let stays = |tally: &Tally| table.groups.iter().any(|row| row.id == tally.id);
        let left = live.groups.iter().map(|member| &member.tally);
        let mut gone: Vec<_> =
            live.gone.iter().chain(left).filter(|tally| !stays(tally)).map(Arc::clone).collect();
        let surplus = gone.len().saturating_sub(GROUPS_MAX);
        gone.drain(..surplus);
        for member in groups.iter().filter(|member| member.row.weight > 0) {
            member.tally.open();
        }
        let weights: Vec<u32> = table.groups.iter().map(|row| row.weight).collect();
        let turns = Mutex::new(live.turns.lock().unwrap_or_else(PoisonError::into_inner).after(&weights));
        *live = Arc::new(Live { generation, table, groups, turns, gone });
        generation
    }

    /// Gives a request to a group; none if no group has a weight.
    pub fn choose(&self, live: &Arc<Live>, wish: Wish<'_>) -> Option<Chosen> {
        // A group may begin to drain between the look at the table and the request's beginning. Then there is a newer table.
        live.choose(wish).or_else(|| self.live().choose(wish)).or_else(|| self.live().choose(wish))
    }

    /// The figures of all groups.
    pub fn figures(&self, connections: u64) -> Figures {
        let live = self.live();
        let mut tallies: Vec<_> = live.groups.iter().map(|member| (&member.tally, true)).collect();
        tallies.extend(live.gone.iter().map(|tally| (tally, false)));
        tallies.sort_by_key(|(tally, _)| tally.begun);
        Figures {
            generation: live.generation,
            groups: tallies.into_iter().map(|(tally, serving)| tally.figures(serving)).collect(),
            connections,
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// The counts of a group by its name, also of one that left, and its weight.
    pub fn tally(&self, id: &str) -> Option<(Arc<Tally>, u32)> {
        let live = self.live();
        let member = live.groups.iter().find(|member| member.row.id == id);
        member
            .map(|member| (Arc::clone(&member.tally), member.row.weight))
            .or_else(|| live.gone.iter().find(|tally| tally.id == id).map(|tally| (Arc::clone(tally), 0)))
    }

    /// Closes connections to backends that were idle for their time, and all of groups that drain.
    pub fn close_idle(&self) {
        let live = self.live();
        let time = Duration::from_millis(u64::from(live.table.limits.reuse_ms));
        for member in &live.groups {
            let time = if member.tally.is_draining() { Duration::ZERO } else { time };
            member.backends.iter().for_each(|backend| backend.close_idle(time));
        }
    }

    fn member(&self, row: &Group, before: &Live, generation: u64) -> Member {
        let same = before.groups.iter().find(|member| member.row.id == row.id);
        let tally = same.map_or_else(
            || Arc::new(Tally::new(row.id.clone(), generation, (self.draw)())),
            |member| Arc::clone(&member.tally),
        );
        let backends = row.backends.iter().map(|address| {
            let kept = same.filter(|member| member.row.http2 == row.http2);
            let kept = kept.and_then(|member| {
                member.backends.iter().find(|backend| backend.address == *address).map(Arc::clone)
            });
            kept.unwrap_or_else(|| Arc::new(Backend::new(*address)))
        });
        Member { row: row.clone(), backends: backends.collect(), tally, next: AtomicUsize::new(0) }
    }
}

impl Live {
    /// Whether a group with backends has this token.
    pub fn knows(&self, token: &str) -> bool {
        self.groups.iter().any(|member| member.token() == token && !member.backends.is_empty())
    }

    fn choose(&self, wish: Wish<'_>) -> Option<Chosen> {
        let wanted = match wish {
            Wish::Any => None,
            Wish::Token(token) => self.groups.iter().find(|member| member.token() == token),
            Wish::Value(value) => {
                let rows = self.groups.iter().map(|member| (member.row.id.as_str(), member.row.weight));
                group_of(value, rows).and_then(|index| self.groups.get(index))
            }
        };
        let enter = |member: &Arc<Member>, stays| {
            let under_way = member.tally.enter()?;
            Some(Chosen { member: Arc::clone(member), under_way, stays })
        };
        wanted.and_then(|member| enter(member, true)).or_else(|| {
            let index = self.turns.lock().unwrap_or_else(PoisonError::into_inner).next()?;
            enter(self.groups.get(index)?, false)
        })
    }
}

impl Member {
    /// The value of the cookie that stands for it.
    pub fn token(&self) -> &str {
        self.row.token.as_deref().unwrap_or(&self.tally.token)
    }

    /// The backend for a request, another one than `not` if there is one.
    pub fn backend(&self, not: Option<&Arc<Backend>>) -> Option<Busy> {
        // Of those with equally few requests each has its turn.
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.backends.len().max(1);
        let (before, after) = self.backends.split_at_checked(first)?;
        let others = after.iter().chain(before);
        let others = others.filter(|backend| not.is_none_or(|not| !Arc::ptr_eq(not, backend)));
        others.min_by_key(|backend| backend.rank()).map(Backend::begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, u32)]) -> Table {
        let group = |(id, weight): &(&str, u32)| Group {
            id: (*id).to_owned(),
            weight: *weight,
            backends: vec![([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into()],
            http2: false,
            token: None,
        };
        Table { groups: rows.iter().map(group).collect(), ..Table::default() }
    }

    fn routes() -> Routes {
        static DRAWN: AtomicU64 = AtomicU64::new(0);
        Routes::new(|| format!("token{}", DRAWN.fetch_add(1, Ordering::Relaxed)))
    }

    #[test]
    fn a_group_goes_on_with_its_counts_and_one_that_left_is_remembered() {
        let routes = routes();
        assert!(routes.choose(&routes.live(), Wish::Any).is_none());
        assert_eq!(routes.set(table(&[("stable", 1), ("canary", 1)])), 1);
        for _ in 0..4 {
            let chosen = routes.choose(&routes.live(), Wish::Any).unwrap();
            chosen.under_way.end(crate::tally::End::Passed);
        }
        let old = routes.choose(&routes.live(), Wish::Any).unwrap();
        assert_eq!(routes.set(table(&[("stable", 1)])), 2);
        let of = |figures: &Figures, id: &str| {
            let group = figures.groups.iter().find(|group| group.id == id).unwrap();
            (group.begun, group.serving, group.requests, group.in_flight)
        };
        let figures = routes.figures(0);
        assert_eq!((of(&figures, "stable").2, of(&figures, "canary").2), (2, 2));
        assert!(
            !of(&figures, "canary").1 && figures.groups.iter().map(|group| group.in_flight).sum::<u64>() == 1
        );
        drop(old);
        routes.set(table(&[("stable", 0), ("canary", 1)]));
        let figures = routes.figures(0);
        assert_eq!(of(&figures, "canary"), (3, true, 0, 0), "it began anew");
    }

    #[test]
    fn a_client_stays_with_a_group_of_weight_0_until_it_drains() {
        let routes = routes();
        routes.set(table(&[("stable", 1), ("canary", 0)]));
        let live = routes.live();
        let token = live.groups.get(1).unwrap().token().to_owned();
        assert!(live.knows(&token) && !live.knows("token"));
        let chosen = |wish| routes.choose(&routes.live(), wish).unwrap();
        let stays = chosen(Wish::Token(&token));
        assert!(stays.member.row.id == "canary" && stays.stays);
        assert_eq!(chosen(Wish::Token("guessed")).member.row.id, "stable");
        routes.tally("canary").unwrap().0.drain();
        let moved = chosen(Wish::Token(&token));
        assert!(moved.member.row.id == "stable" && !moved.stays);
        routes.set(table(&[("stable", 1), ("canary", 0)]));
        assert_eq!(chosen(Wish::Token(&token)).member.row.id, "stable", "weight 0 does not open it");
        routes.set(table(&[("stable", 1), ("canary", 1)]));
        assert_eq!(chosen(Wish::Token(&token)).member.row.id, "canary");
    }

    #[test]
    fn requests_go_to_the_backend_with_the_fewest() {
        let routes = routes();
        routes.set(table(&[("stable", 1)]));
        let member = routes.choose(&routes.live(), Wish::Any).unwrap().member;
        let first = member.backend(None).unwrap();
        let second = member.backend(None).unwrap();
        assert_ne!(first.backend().address, second.backend().address);
        assert_eq!(
            member.backend(Some(first.backend())).unwrap().backend().address,
            second.backend().address
        );
        drop(second);
        for _ in 0..3 {
            assert_ne!(member.backend(None).unwrap().backend().address, first.backend().address);
        }
    }
}
