//! Running a service until it ends, and again if it failed.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::{
    engine::{
        reason::reason,
        workload::{ResolvedWorkload, ServiceInstance, ServiceOutcome},
    },
    plugin::catch_unwind,
    types::{WorkloadExit, WorkloadState},
};

/// How long to wait before the first restart; twice as long before each
/// further one.
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// How long an aborted service may take to let go. It does so when it next
/// waits for something, and a guest that only computes gives way 100 times a
/// second; a function of the host that blocks may never do so.
const ABORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs a service to its end. After a failure it is run again, each time as a
/// fresh instance in a fresh store, as often as the workload allows.
pub(super) async fn supervise(workload: &ResolvedWorkload, first: ServiceInstance) -> WorkloadExit {
    let max_restarts = workload.max_restarts();
    let mut restarts = 0;
    let mut instance: anyhow::Result<ServiceInstance> = Ok(first);
    loop {
        let outcome = match instance {
            Ok(instance) => run(instance).await,
            Err(error) => ServiceOutcome::Failed {
                exit_code: None,
                reason: reason(error.chain()),
            },
        };
        let (exit_code, reason) = match outcome {
            ServiceOutcome::Completed => {
                return WorkloadExit {
                    workload_state: WorkloadState::Completed,
                    exit_code: Some(0),
                    message: "the service completed".to_string(),
                };
            }
            ServiceOutcome::Failed { exit_code, reason } => (exit_code, reason),
        };
        if restarts >= max_restarts {
            return WorkloadExit {
                workload_state: WorkloadState::Error,
                exit_code,
                message: failure_message(workload.name(), &reason, restarts),
            };
        }
        let back_off = back_off(restarts);
        restarts += 1;
        tracing::warn!(
            workload_id = workload.id(),
            reason,
            restarts,
            max_restarts,
            ?back_off,
            "service failed; running it again"
        );
        tokio::time::sleep(back_off).await;
        instance = workload.instantiate_service().await;
    }
}

/// Ends a service and waits until its store is dropped.
pub(super) async fn abort(workload_id: &str, task: JoinHandle<()>) {
    task.abort();
    if tokio::time::timeout(ABORT_TIMEOUT, task).await.is_err() {
        tracing::warn!(
            workload_id,
            "a service does not let itself be stopped; leaving it behind"
        );
    }
}

/// One run. A panic in a function of the host is a failure of the run.
async fn run(instance: ServiceInstance) -> ServiceOutcome {
    match catch_unwind(instance.run()).await {
        Ok(outcome) => outcome,
        Err(panic) => ServiceOutcome::Failed {
            exit_code: None,
            reason: format!("a function of the host panicked: {panic}"),
        },
    }
}

fn back_off(restarts: u64) -> Duration {
    let factor = u32::try_from(restarts)
        .ok()
        .and_then(|restarts| 2_u32.checked_pow(restarts))
        .unwrap_or(u32::MAX);
    FIRST_BACK_OFF.saturating_mul(factor).min(LONGEST_BACK_OFF)
}

fn failure_message(name: &str, reason: &str, restarts: u64) -> String {
    let times = match restarts {
        0 => String::new(),
        1 => ", after 1 restart".to_string(),
        _ => format!(", after {restarts} restarts"),
    };
    format!("the service of workload '{name}' failed{times}: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_doubles_up_to_a_limit() {
        let millis = |restarts| back_off(restarts).as_millis();
        assert_eq!([0, 1, 2, 3].map(millis), [100, 200, 400, 800]);
        assert_eq!([9, 40, u64::MAX].map(millis), [30_000; 3]);
    }

    #[test]
    fn the_message_counts_restarts() {
        assert_eq!(
            failure_message("w", "trap", 0),
            "the service of workload 'w' failed: trap"
        );
        assert_eq!(
            failure_message("w", "trap", 2),
            "the service of workload 'w' failed, after 2 restarts: trap"
        );
    }
}
