//! What a Job's Pods are, seen with what its status has already counted.

use std::collections::{BTreeMap, BTreeSet};

use api::text;
use model::Timestamp;
use serde_json::Value;

use super::backoff;
use super::indexes::Indexes;
use super::policy::{Failing, failing};
use crate::owned::{count, is_leaving, is_ready};

/// Keeps a Pod until its end is counted.
pub(crate) const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// Which index a Pod works at.
pub(crate) const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How many Pods of the index failed before this one.
pub(crate) const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// How many of them did not count.
pub(crate) const IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

/// The Pods of a Job by what they are.
pub(crate) struct Census<'a> {
    pub(crate) spec: &'a Value,
    pub(crate) pods: &'a [Value],
    /// Neither over nor leaving.
    pub(crate) active: Vec<&'a Value>,
    pub(crate) ready: i64,
    /// Leaving, and not over yet.
    pub(crate) terminating: i64,
    /// Pods that have succeeded, and whose names wait in the status or are not there yet.
    pub(crate) succeeded: i64,
    pub(crate) failed: i64,
    /// What the status has counted as succeeded, and that with the new ones; empty without indexes.
    pub(crate) indexes_before: Indexes,
    pub(crate) indexes: Indexes,
    /// Indexes that have failed for good; `None` when no limit is set.
    pub(crate) failed_indexes: Option<Indexes>,
    /// Failed Pods that stay until the next one of their index knows how many failed.
    pub(crate) kept: BTreeMap<i64, &'a Value>,
    /// Uids in the status: Pods whose end is told, and that may go.
    pub(crate) told_succeeded: BTreeSet<&'a str>,
    pub(crate) told_failed: BTreeSet<&'a str>,
}

impl<'a> Census<'a> {
    pub(crate) fn of(object: &'a Value, pods: &'a [Value]) -> Self {
        let spec = &object["spec"];
        let told = |field: &str| -> BTreeSet<&'a str> {
            let uids = object["status"]["uncountedTerminatedPods"][field].as_array();
            uids.into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let active: Vec<&Value> = pods.iter().filter(|pod| !is_over(pod) && !is_leaving(pod)).collect();
        let mut census = Self {
            spec,
            pods,
            ready: amount(active.iter().filter(|pod| is_ready(pod))),
            terminating: amount(pods.iter().filter(|pod| is_leaving(pod) && !is_over(pod))),
            active,
            succeeded: 0,
            failed: 0,
            indexes_before: Indexes::default(),
            indexes: Indexes::default(),
            failed_indexes: None,
            kept: BTreeMap::new(),
            told_succeeded: told("succeeded"),
            told_failed: told("failed"),
        };
        let status = &object["status"];
        let fresh = |told: &BTreeSet<&str>, is: &dyn Fn(&Value) -> bool| {
            amount(pods.iter().filter(|pod| is_held(pod) && !told.contains(api::uid(pod)) && census.counts(pod) && is(pod)))
        };
        let succeeded = fresh(&census.told_succeeded, &|pod| is_phase(pod, "Succeeded"));
        let failed = fresh(&census.told_failed, &|pod| census.is_failed(pod) && failing(spec, pod) != Failing::Ignored);
        census.succeeded = count(&status["succeeded"], 0) + succeeded + amount(census.told_succeeded.iter());
        census.failed = count(&status["failed"], 0) + failed + amount(census.told_failed.iter());
        if census.is_indexed() {
            census.count_indexes(status);
        }
        census
    }

    fn count_indexes(&mut self, status: &Value) {
        let completions = self.completions().unwrap_or(0);
        let pods = self.pods;
        let held = |pod: &&'a Value| is_held(pod) && self.counts(pod);
        let indexes = |is: &dyn Fn(&Value) -> bool| pods.iter().filter(held).filter(|pod| is(pod)).filter_map(index).collect::<Vec<_>>();
        let succeeded = indexes(&|pod| is_phase(pod, "Succeeded"));
        let failed = indexes(&|pod| self.fails_its_index(pod));
        self.indexes_before = Indexes::parse(text(status, &["completedIndexes"]), completions);
        self.indexes = self.indexes_before.with(succeeded);
        self.succeeded = self.indexes.total();
        if !self.limits_each_index() {
            return;
        }
        let failed = Indexes::parse(text(status, &["failedIndexes"]), completions).with(failed);
        let active: Vec<i64> = self.active.iter().filter_map(|pod| index(pod)).collect();
        let mut kept: BTreeMap<i64, &'a Value> = BTreeMap::new();
        for pod in pods.iter().filter(|pod| is_held(pod) && self.counts(pod) && self.is_failed(pod)) {
            let Some(index) = index(pod).filter(|index| !self.indexes.has(*index) && !failed.has(*index) && !active.contains(index)) else {
                continue;
            };
            let rank = |pod: &Value| (failures(pod), backoff::ended(pod));
            if kept.get(&index).is_none_or(|other| rank(other) <= rank(pod)) {
                kept.insert(index, pod);
            }
        }
        self.kept = kept;
        self.failed_indexes = Some(failed);
    }

    fn fails_its_index(&self, pod: &Value) -> bool {
        let Some(limit) = self.spec["backoffLimitPerIndex"].as_i64().filter(|_| self.is_failed(pod)) else { return false };
        match failing(self.spec, pod) {
            Failing::Index => true,
            Failing::Ignored => false,
            Failing::Counts | Failing::Job(_) => number(pod, FAILURES) >= limit,
        }
    }

    pub(crate) fn completions(&self) -> Option<i64> {
        self.spec["completions"].as_i64()
    }

    pub(crate) fn is_indexed(&self) -> bool {
        self.spec["completionMode"] == "Indexed"
    }

    pub(crate) fn limits_each_index(&self) -> bool {
        self.is_indexed() && self.spec["backoffLimitPerIndex"].is_number()
    }

    /// Tells whether a Pod counts at all: one without a place among the indexes does not.
    pub(crate) fn counts(&self, pod: &Value) -> bool {
        !self.is_indexed() || index(pod).is_some_and(|index| index < self.completions().unwrap_or(0))
    }

    /// Tells whether a leaving Pod is replaced only when it has failed.
    pub(crate) fn awaits_failure(&self) -> bool {
        self.spec["podReplacementPolicy"] == "Failed" || self.spec["podFailurePolicy"].is_object()
    }

    /// Tells whether a Pod has failed; one that leaves counts as failed too. Where its end is awaited, it is when the node has
    /// said that nothing runs any more: then there is no grace left.
    pub(crate) fn is_failed(&self, pod: &Value) -> bool {
        let is_gone = || pod["metadata"]["deletionGracePeriodSeconds"] == 0;
        is_phase(pod, "Failed") || (is_leaving(pod) && !is_phase(pod, "Succeeded") && (!self.awaits_failure() || is_gone()))
    }

    /// When the next Pod may start after failed ones.
    pub(crate) fn pause(&self) -> Option<Timestamp> {
        let counted: Vec<&Value> = self.pods.iter().filter(|pod| self.counts(pod)).collect();
        let last_success = counted.iter().filter(|pod| is_phase(pod, "Succeeded")).filter_map(|pod| backoff::ended(pod)).max();
        let failures = counted.iter().filter(|pod| self.is_failed(pod)).filter_map(|pod| backoff::ended(pod));
        let failures: Vec<Timestamp> = failures.filter(|at| last_success.is_none_or(|last| *at > last)).collect();
        backoff::after(failures.len(), *failures.iter().max()?)
    }
}

pub(crate) fn amount<T>(of: impl Iterator<Item = T>) -> i64 {
    i64::try_from(of.count()).unwrap_or(i64::MAX)
}

pub(crate) fn is_phase(pod: &Value, phase: &str) -> bool {
    text(pod, &["status", "phase"]) == phase
}

pub(crate) fn is_over(pod: &Value) -> bool {
    is_phase(pod, "Succeeded") || is_phase(pod, "Failed")
}

/// Tells whether a Pod waits to be counted.
pub(crate) fn is_held(pod: &Value) -> bool {
    pod["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|one| one == TRACKING))
}

/// The index a Pod works at.
pub(crate) fn index(pod: &Value) -> Option<i64> {
    api::annotation(pod, INDEX)?.parse().ok().filter(|index| *index >= 0)
}

/// Reads an annotation that is a count.
pub(crate) fn number(pod: &Value, annotation: &str) -> i64 {
    api::annotation(pod, annotation).and_then(|text| text.parse::<i32>().ok()).filter(|number| *number >= 0).map_or(0, i64::from)
}

/// How many Pods of an index failed before this one.
pub(crate) fn failures(pod: &Value) -> i64 {
    number(pod, FAILURES) + number(pod, IGNORED)
}
