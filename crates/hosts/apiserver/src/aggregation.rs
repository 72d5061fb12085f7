//! Roles made of the rules of others: what stands in them is kept to what the others have
//! (`kubernetes/kubernetes:pkg/controller/clusterroleaggregation`).

use std::sync::Arc;

use serde_json::{Value, json};
use store::{Batch, StoreError};

use crate::Server;
use crate::object::{self, meta, pairs};
use crate::selector::label_selector_matches;
use crate::status::ApiResult;

/// Where roles for the whole cluster are kept.
pub(crate) const ROLES: &str = "/registry/rbac.authorization.k8s.io/clusterroles/";

/// Writes the rules of every role that takes them from others. Roles may take from roles that take, but each pass settles
/// one step of such a chain at least, so as many passes as there are roles are enough.
pub(crate) fn refresh(server: &Arc<Server>) -> ApiResult<()> {
    let most = server.store.scan(ROLES).0.len();
    for _ in 0..=most {
        let (entries, _) = server.store.scan(ROLES);
        let roles: Vec<Value> = entries.iter().map(|(_, entry)| serde_json::from_slice(&entry.value).unwrap_or(Value::Null)).collect();
        let mut settled = true;
        for ((key, entry), role) in entries.iter().zip(&roles) {
            let Some(rules) = gathered(role, &roles) else { continue };
            let stands = role.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            if stands == rules {
                continue;
            }
            settled = false;
            let mut new = role.clone();
            new["rules"] = json!(rules);
            let batch = Batch::new().expect(key, entry.revision).put(key, object::encode(&new, "rbac.authorization.k8s.io/v1"));
            match server.store.commit(batch) {
                // Somebody else wrote it meanwhile; the next pass sees what.
                Ok(_) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if settled {
            break;
        }
        server.refresh("rbac.authorization.k8s.io", "clusterroles");
    }
    Ok(())
}

/// The rules that a role takes from others, in the order of their names, each once; `None` for a role with rules of its own.
fn gathered(role: &Value, roles: &[Value]) -> Option<Vec<Value>> {
    let selectors = role.pointer("/aggregationRule/clusterRoleSelectors").and_then(Value::as_array)?;
    let mut found: Vec<&Value> = Vec::new();
    for selector in selectors {
        for other in roles.iter().filter(|other| meta(other, "name") != meta(role, "name")) {
            if !label_selector_matches(selector, pairs(other, "labels")) {
                continue;
            }
            for rule in other.get("rules").and_then(Value::as_array).into_iter().flatten() {
                if !found.contains(&rule) {
                    found.push(rule);
                }
            }
        }
    }
    Some(found.into_iter().cloned().collect())
}
