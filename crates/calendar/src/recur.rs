//! Recurrence: the dates on which an event of a calendar happens (RFC 5545, 3.3.10,
//! <https://www.rfc-editor.org/rfc/rfc5545#section-3.3.10>).
//!
//! Invariant: dates come in order, each once, the first not before the first of the event. Each period that is looked at
//! costs from a budget, so that no rule runs for ever.

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};

/// How often an event happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// The rule of an event. Empty lists say nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub frequency: Frequency,
    pub interval: i32,
    pub count: Option<u32>,
    pub months: Vec<i8>,
    /// Negative ones count from the end.
    pub month_days: Vec<i8>,
    /// Weekdays, each with its number within the month or year; 0 for all.
    pub weekdays: Vec<(i8, Weekday)>,
    pub positions: Vec<i16>,
    pub week_start: Weekday,
}

/// The cost that rules may have: one for each period and each date.
#[derive(Debug)]
pub(crate) struct Budget(pub u64);

/// The budget is spent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spent;

impl Budget {
    pub(crate) fn take(&mut self, cost: u64) -> Result<(), Spent> {
        self.0 = self.0.checked_sub(cost).ok_or(Spent)?;
        Ok(())
    }
}

impl Repeat {
    /// All dates from `first` until the count is reached, `ends` says so, or `last` is passed.
    pub(crate) fn dates(
        &self,
        first: Date,
        last: Date,
        ends: &dyn Fn(Date) -> bool,
        budget: &mut Budget,
    ) -> Result<Vec<Date>, Spent> {
        let mut dates = Vec::new();
        for period in 0_i32.. {
            let Some((begin, mut found)) = self.period(first, period) else { break };
            if begin > last {
                break;
            }
            budget.take(1 + found.len() as u64)?;
            found.sort_unstable();
            found.dedup();
            for date in self.chosen(&found).into_iter().filter(|date| *date >= first) {
                let counted = self.count.is_some_and(|count| dates.len() as u64 >= u64::from(count));
                if date > last || counted || ends(date) {
                    return Ok(dates);
                }
                dates.push(date);
            }
        }
        Ok(dates)
    }

    /// The first day of a period, and its dates in any order; nothing at the end of the calendar.
    fn period(&self, first: Date, period: i32) -> Option<(Date, Vec<Date>)> {
        let steps = period.checked_mul(self.interval)?;
        match self.frequency {
            Frequency::Daily => {
                let date = first.checked_add(steps.days()).ok()?;
                let fits = self.in_months(date) && self.in_month_days(date) && self.in_weekdays(date);
                Some((date, if fits { vec![date] } else { Vec::new() }))
            }
            Frequency::Weekly => {
                let into = first.weekday().since(self.week_start);
                let begin =
                    first.checked_sub(i64::from(into).days()).ok()?.checked_add(steps.weeks()).ok()?;
                let days = (0..7).filter_map(|day: i64| begin.checked_add(day.days()).ok());
                let own = |date: &Date| match self.weekdays.is_empty() {
                    true => date.weekday() == first.weekday(),
                    false => self.in_weekdays(*date),
                };
                Some((begin, days.filter(own).filter(|date| self.in_months(*date)).collect()))
            }
            Frequency::Monthly => {
                let begin = first.first_of_month().checked_add(steps.months()).ok()?;
                let dates =
                    if self.in_months(begin) { self.of_month(begin, first.day()) } else { Vec::new() };
                Some((begin, dates))
            }
            Frequency::Yearly => {
                let begin = first.first_of_year().checked_add(steps.years()).ok()?;
                Some((begin, self.of_year(begin, first)))
            }
        }
    }

    fn of_month(&self, begin: Date, own_day: i8) -> Vec<Date> {
        let days = 1..=begin.days_in_month();
        let dates = days.filter_map(|day| Date::new(begin.year(), begin.month(), day).ok());
        if !self.month_days.is_empty() {
            return dates.filter(|date| self.in_month_days(*date) && self.in_weekdays(*date)).collect();
        }
        if !self.weekdays.is_empty() {
            let (from, to) = (begin, begin.last_of_month());
            return dates.filter(|date| self.is_numbered(*date, from, to)).collect();
        }
        dates.filter(|date| date.day() == own_day).collect()
    }

    fn of_year(&self, begin: Date, first: Date) -> Vec<Date> {
        let month = |month: i8| Date::new(begin.year(), month, 1).ok();
        if self.months.is_empty() && self.month_days.is_empty() {
            if self.weekdays.is_empty() {
                return Date::new(begin.year(), first.month(), first.day()).into_iter().collect();
            }
            let (from, to) = (begin, begin.last_of_year());
            let dates = begin.series(1.day()).take_while(|date| *date <= to);
            return dates.filter(|date| self.is_numbered(*date, from, to)).collect();
        }
        let all: Vec<i8> = (1..=12).collect();
        let months = if self.months.is_empty() { &all } else { &self.months };
        months
            .iter()
            .filter_map(|number| month(*number))
            .flat_map(|begin| self.of_month(begin, first.day()))
            .collect()
    }

    /// Dates at the positions of the rule.
    fn chosen(&self, dates: &[Date]) -> Vec<Date> {
        if self.positions.is_empty() {
            return dates.to_vec();
        }
        let count = dates.len();
        let is_chosen = |at: usize| {
            let (front, back) = (at + 1, count - at);
            self.positions.iter().any(|position| {
                let wanted = usize::from(position.unsigned_abs());
                if *position > 0 { wanted == front } else { wanted == back }
            })
        };
        dates.iter().enumerate().filter(|(at, _)| is_chosen(*at)).map(|(_, date)| *date).collect()
    }

    fn in_months(&self, date: Date) -> bool {
        self.months.is_empty() || self.months.contains(&date.month())
    }

    fn in_month_days(&self, date: Date) -> bool {
        let from_end = date.day() - date.days_in_month() - 1;
        self.month_days.is_empty()
            || self.month_days.contains(&date.day())
            || self.month_days.contains(&from_end)
    }

    fn in_weekdays(&self, date: Date) -> bool {
        self.weekdays.is_empty() || self.weekdays.iter().any(|(_, weekday)| *weekday == date.weekday())
    }

    /// Whether a date is one of the weekdays, by its number between two days.
    fn is_numbered(&self, date: Date, from: Date, to: Date) -> bool {
        let day = date.day_of_year();
        let front = (day - from.day_of_year()) / 7 + 1;
        let back = -((to.day_of_year() - day) / 7 + 1);
        let named = self.weekdays.iter().filter(|(_, weekday)| *weekday == date.weekday());
        named
            .map(|(number, _)| i16::from(*number))
            .any(|number| number == 0 || number == front || number == back)
    }
}
