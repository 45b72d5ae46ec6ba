//! The tables of a rollout: the arithmetic of the verdict, and its steps.
//!
//! Invariant: arithmetic of a step that ended is computed again from the counts that its agent signed, by the judge's own
//! functions. These counts are those of the step, so its windows are, too.

use evidence::rollout_counts::Counts;
use evidence::rollout_measure::{Measure, Stand};
use judge::rollout::{Answered, Probes, StepEvidence, measures};
use web::model::{SheetCell, SheetTable, Span, State};
use web::parts::count;

use super::figures::time_words;
use super::shown::{Shown, Verdict};
use super::states::{moment_cell, verdict_badge};
use crate::console::sheets::cell;
use crate::console::words::badge;

/// Each number beside its limit: what the agent tells, else that of the last step that was observed.
pub fn arithmetic(shown: &Shown) -> Option<SheetTable> {
    let (title, measured) = match (&shown.now, shown.seen.last()) {
        (Some(now), _) => (format!("The verdict about step {}", now.step), now.measures.clone()),
        (None, Some(seen)) => {
            let title = format!("The verdict about step {}, from its signed counts", seen.verdict.step + 1);
            (title, signed_measures(shown, seen))
        }
        (None, None) => return None,
    };
    Some(SheetTable {
        title,
        columns: ["Number", "State", "Observed", "Limit", "Requests", "Odds against chance"]
            .map(str::to_owned)
            .to_vec(),
        rows: measured.iter().map(measure).collect(),
        more: 0,
        empty: "This step has no requests, so its probes decide alone.".to_owned(),
        fill: None,
    })
}

fn measure(one: &Measure) -> Vec<SheetCell> {
    let (state, word) = match one.stand() {
        Stand::Holds => (State::Pass, "holds"),
        Stand::Open => (State::Wait, "undecided"),
        Stand::Stops => (State::Stop, "stops it"),
    };
    let stand = SheetCell { badge: Some(badge(state, word)), ..SheetCell::default() };
    let (odds, needed) = one.odds_thousandths();
    let part = u64::try_from(odds).unwrap_or(0).saturating_mul(1_000) / needed.max(1);
    let part = u16::try_from(part.min(1_000)).unwrap_or(1_000);
    let mut against = cell(one.odds());
    against.span = Some(Span { from: 0, to: part, today: 1_000, state, sentence: one.odds() });
    vec![cell(one.title()), stand, cell(one.observed()), cell(one.limit()), cell(one.samples()), against]
}

/// The measures of a step from the counts that were signed.
fn signed_measures(shown: &Shown, seen: &Verdict) -> Vec<Measure> {
    let (verdict, in_step_ms) = (&seen.verdict, seen.took_ms());
    let mut rollout = shown.rollout.clone();
    rollout.thresholds.iter_mut().for_each(|one| one.window_ms = in_step_ms);
    for burn in rollout.budget.iter_mut().flat_map(|budget| &mut budget.burns) {
        (burn.long_ms, burn.short_ms) = (in_step_ms, in_step_ms);
    }
    let step = seen.groups();
    let evidence = StepEvidence {
        in_step_ms,
        probes: if verdict.probes { Probes::Pass } else { Probes::Unknown },
        windows: [(in_step_ms, step.clone())].into(),
        step,
        answers: verdict
            .answers
            .iter()
            .map(|(name, number)| (name.clone(), Answered::Number(*number)))
            .collect(),
    };
    measures(&rollout, verdict.step as usize, &evidence)
}

/// The steps that were observed, the oldest first.
pub fn steps(shown: &Shown) -> Option<SheetTable> {
    if shown.seen.is_empty() {
        return None;
    }
    let of = shown.rollout.steps.len();
    let row = |seen: &Verdict| {
        let verdict = &seen.verdict;
        let [old, new] = seen.both();
        let mut state = SheetCell { badge: Some(verdict_badge(verdict.verdict)), ..SheetCell::default() };
        state.notes = verdict.end.map(|end| format!("rollout {}", end.as_str())).into_iter().collect();
        let mut step = cell(format!("{} of {of}", verdict.step + 1));
        step.href = Some(format!("/ledger/{}", seen.entry));
        step.notes = vec![format!("{}% of the requests", verdict.percent)];
        vec![step, state, moment_cell(verdict.began), moment_cell(seen.signed), figures(&new), figures(&old)]
    };
    Some(SheetTable {
        title: "Steps, as the agent signed them".to_owned(),
        columns: ["Step", "Verdict", "Began", "Decided", "New release", "Release before"]
            .map(str::to_owned)
            .to_vec(),
        rows: shown.seen.iter().map(row).collect(),
        more: 0,
        empty: String::new(),
        fill: None,
    })
}

fn figures(counts: &Counts) -> SheetCell {
    let mut found = cell(format!("{} requests", count(counts.requests)));
    let time = |name: &str, part| {
        let micros = counts.latency.quantile(part)?;
        Some(format!("{name} {}", time_words(micros)))
    };
    let failed = format!("{} failed", count(counts.errors));
    found.notes = match counts.requests {
        0 => Vec::new(),
        _ => [Some(failed), time("p50", 500_000), time("p99", 990_000)].into_iter().flatten().collect(),
    };
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use evidence::Moment;
    use evidence::observations::{RolloutVerdict, VerdictOfStep};
    use evidence::rollout::{Budget, Burn, Comparison, Query, Rollout, RolloutStep, Threshold};
    use evidence::rollout_counts::bucket;

    use super::*;

    fn counts(requests: u64, errors: u64, micros: u64) -> Counts {
        let mut counts = Counts { requests, errors, ..Counts::default() };
        counts.latency.add(bucket(micros), requests);
        counts
    }

    fn shown(groups: &[(&str, Counts)]) -> Shown {
        let at = |text: &str| text.parse::<Moment>().unwrap();
        let step = |percent| RolloutStep { percent, pause_ms: 60_000, automatic: true };
        let rollout = Rollout {
            steps: [5, 100].map(step).to_vec(),
            thresholds: vec![Threshold {
                metric: "errors".parse().unwrap(),
                at_most: 10_000,
                window_ms: 300_000,
                samples_min: 20,
            }],
            budget: Some(Budget {
                objective: 1_000,
                window_ms: 86_400_000,
                burns: vec![Burn { long_ms: 3_600_000, short_ms: 300_000, rate: 14_400 }],
            }),
            comparison: Some(Comparison {
                false_alarms: 10_000,
                ratio: 2_000,
                samples_min: 50,
                slow_us: None,
            }),
            prometheus: vec![Query {
                name: "queue".parse().unwrap(),
                source: "prometheus".parse().unwrap(),
                query: "max(queue_length)".to_owned(),
                at_most: 100_000_000,
                at_least: None,
            }],
            ..Rollout::default()
        };
        // An agent that measured nothing was answered nothing.
        let answer = groups.first().map(|_| ("queue".parse().unwrap(), 20_500_000));
        let verdict = RolloutVerdict {
            release: 2,
            artifact: evidence::Digest::of(b"artifact"),
            plan: evidence::Digest::of(b"plan"),
            step: 0,
            percent: 5,
            began: at("2026-11-30T09:00:00.000Z"),
            verdict: VerdictOfStep::Stop,
            end: None,
            probes: true,
            counts: groups
                .iter()
                .map(|(name, counts)| (name.parse().unwrap(), counts.clone()))
                .collect::<BTreeMap<_, _>>(),
            reasons: vec!["errors".to_owned()],
            answers: answer.into_iter().collect(),
        };
        let seen = vec![Verdict { entry: 9, signed: at("2026-11-30T09:02:00.000Z"), verdict }];
        let digest = evidence::Digest::of(b"plan");
        Shown { words: Vec::new(), digest, rollout, seen, now: None, is_reported: false }
    }

    fn texts(table: &SheetTable) -> Vec<String> {
        let cell = |cell: &SheetCell| {
            let badge = cell.badge.iter().map(|badge| badge.word.clone());
            let parts = badge.chain([cell.text.clone()]).chain(cell.notes.clone());
            parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
        };
        table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" | ")).collect()
    }

    #[test]
    fn signed_counts_give_the_arithmetic_of_their_step() {
        let shown = shown(&[
            ("stable", counts(1_000, 0, 900)),
            ("baseline", counts(100, 0, 900)),
            ("canary", counts(100, 10, 41_000)),
        ]);
        let table = arithmetic(&shown).unwrap();
        assert_eq!(table.title, "The verdict about step 1, from its signed counts");
        let expected = [
            "errors over 2 min | stops it | 10 % | at most 1 % | 10 of 100 | 2^20.8 of 2^10",
            "query queue | holds | 20.5 | at most 100 | - | one number decides",
            "error budget over 2 min | stops it | burns 100 times as fast | at most 14.4 times | 10 of 100 | 2^16.1 of 2^10",
            "errors, compared | stops it | 10 of 100, and 0 of 100 before | no worse than the release before | 100 and 100 | 2^9.2 of 2^9.2",
            "errors of clients, compared | holds | 0 of 100, and 0 of 100 before | no worse than the release before | 100 and 100 | 2^0 of 2^9.2",
        ];
        assert_eq!(texts(&table), expected);
        let bars: Vec<_> = table.rows.iter().map(|row| row[5].span.as_ref().unwrap().to).collect();
        assert_eq!(bars[0], 1_000, "odds beyond their bound fill the bar");
        let steps = steps(&shown).unwrap();
        assert_eq!(
            texts(&steps),
            [
                "1 of 2, 5% of the requests | stopped |  |  | 100 requests, 10 failed, p50 43 ms, p99 43 ms | 1,100 requests, 0 failed, p50 0.9 ms, p99 0.9 ms"
            ]
        );
    }

    #[test]
    fn a_step_without_requests_has_no_share() {
        let shown = shown(&[]);
        let table = arithmetic(&shown).unwrap();
        assert!(texts(&table).iter().all(|row| row.contains("undecided")), "{:?}", texts(&table));
        assert!(texts(&steps(&shown).unwrap())[0].ends_with("| 0 requests | 0 requests"));
    }
}
