//! The rule about a query to Prometheus.
//!
//! Invariant: a number beyond its limit stops. Anything else leaves the step undecided: an answer that is missing, old or
//! of another shape is never within its limit.

use evidence::rollout::Query;
use evidence::rollout_reason::Reason;

use super::evidence::Answered;

/// Adds what the answer to a query says to the reasons that stop, or to those that leave the step open.
pub fn judge(query: &Query, answered: Option<&Answered>, stops: &mut Vec<Reason>, open: &mut Vec<Reason>) {
    let Query { name, at_most, at_least, .. } = query;
    let number = match answered {
        Some(Answered::Number(number)) => *number,
        Some(Answered::Unread(why)) => {
            return open.push(Reason::QueryUnread { name: name.clone(), why: why.clone() });
        }
        None => return open.push(Reason::QueryUnasked { name: name.clone() }),
    };
    let value = u64::try_from(number).unwrap_or(0);
    if value > *at_most {
        stops.push(Reason::QueryOver { name: name.clone(), observed: number, at_most: *at_most });
    }
    if let Some(at_least) = at_least.filter(|least| number < 0 || value < *least) {
        stops.push(Reason::QueryUnder { name: name.clone(), observed: number, at_least });
    }
}
