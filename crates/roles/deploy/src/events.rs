//! The Events that Flux's controllers write, with their reasons and words. One is written when something has changed, not at
//! every look.

use std::collections::BTreeMap;

use model::{Action, ClusterName, Timestamp};
use serde_json::Value;

/// What an Event tells.
pub(crate) struct Told<'a> {
    /// `Normal` or `Warning`.
    pub severity: &'static str,
    pub reason: &'a str,
    pub message: &'a str,
    /// The revision it is about, where there is one.
    pub revision: Option<&'a str>,
}

/// Returns the action that writes an Event about an object.
pub(crate) fn event(cluster: &ClusterName, object: &Value, at: Timestamp, told: &Told<'_>) -> Action {
    let group = api::text(object, &["apiVersion"]).split('/').next().unwrap_or_default();
    let revision = told.revision.map(|revision| (format!("{group}/revision"), revision.to_owned()));
    Action::Emit {
        cluster: cluster.clone(),
        about: api::reference(object),
        severity: told.severity.to_owned(),
        reason: told.reason.to_owned(),
        message: told.message.to_owned(),
        annotations: revision.into_iter().collect::<BTreeMap<_, _>>(),
        at,
    }
}

/// Tells whether an object's condition `Ready` says something else than this.
pub(crate) fn is_news(object: &Value, reason: &str, message: &str) -> bool {
    let known = api::find_condition(object, "Ready");
    !known.is_some_and(|known| known["reason"] == reason && known["message"] == message)
}
