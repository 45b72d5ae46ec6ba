//! Queries of a rollout in the life of an agent: they are asked beside all other work, each in its own time.
//!
//! Invariant: a server that is slow or away delays no tick. Its answer reaches the rollout that asked, and no other.

use evidence::Moment;
use evidence::rollout::Query;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::answers::{ANSWER_MAX, ASK_EVERY};
use crate::deployer::Deployer;
use crate::prometheus;
use crate::rolling::steps;
use crate::serve::Life;

impl Deployer {
    /// The release that is rolled out, with the queries of its plan and the addresses that are asked.
    #[must_use]
    pub fn queries(&self) -> Option<(u64, Vec<(Query, String)>)> {
        let rollout = self.memory.rollout.as_ref()?;
        let plan = steps(rollout);
        let asked = plan.prometheus.iter();
        let asked = asked.filter_map(|query| Some((query.clone(), plan.sources.get(&query.source)?.clone())));
        Some((rollout.release, asked.collect()))
    }
}

impl Life {
    /// Asks the queries of every rollout of this place.
    pub async fn ask(&self) {
        loop {
            sleep(ASK_EVERY).await;
            let Ok(Some((release, queries))) = self.running.run(|running| running.queries()).await else {
                continue;
            };
            self.ask_all(release, queries).await;
        }
    }

    async fn ask_all(&self, release: u64, queries: Vec<(Query, String)>) {
        let (mut asking, clock) = (JoinSet::new(), self.now);
        for (query, address) in queries {
            let asked: Moment = clock();
            asking.spawn(async move {
                let answered = prometheus::ask(&address, &query.query, ANSWER_MAX, clock).await;
                (query.name, asked, answered)
            });
        }
        while let Some(done) = asking.join_next().await {
            let Ok((name, asked, answered)) = done else { continue };
            debug!(release, "query {name}: {answered:?}");
            let taken = self.running.run(move |running: &mut Deployer| {
                // Another release may be rolled out by now.
                if running.rolls_out() == Some(release) {
                    running.rolling.answers.take(name, asked, answered);
                }
            });
            if let Err(error) = taken.await {
                warn!("the answer to a query is not taken: {error}");
            }
        }
    }
}
