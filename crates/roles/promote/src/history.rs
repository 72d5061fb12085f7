//! What a Stage's status keeps of Promotions. Its definition takes no nulls, so nothing is kept that is not there.
//! Read first: [`summary`], [`push`].

use api::text;
use serde_json::{Value, json};

/// How many entries a history keeps.
const HISTORY: usize = 10;

/// What a Stage keeps of the Promotion that ended last.
pub(crate) fn summary(promotion: &Value) -> Value {
    let ended = &promotion["status"];
    let kept = |mut summary: Value, fields: [&str; 2]| {
        for field in fields.into_iter().filter(|field| !ended[field].is_null()) {
            summary[field] = ended[field].clone();
        }
        summary
    };
    let status = kept(json!({"phase": ended["phase"]}), ["message", "freightCollection"]);
    kept(json!({"name": api::name(promotion), "status": status}), ["freight", "finishedAt"])
}

/// Puts what a Promotion has brought before what ran until now. What has no id is no Promotion's own word: it brought nothing.
pub(crate) fn push(status: &mut Value, collection: &Value) {
    if text(collection, &["id"]).is_empty() {
        return;
    }
    let mut history = status["freightHistory"].as_array().cloned().unwrap_or_default();
    history.insert(0, collection.clone());
    history.truncate(HISTORY);
    status["freightHistory"] = Value::Array(history);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_kept() {
        let mut promotion = json!({"metadata": {"name": "p"}, "status": {"phase": "Succeeded", "finishedAt": "2026-01-01T00:00:00Z"}});
        let expected = json!({"name": "p", "finishedAt": "2026-01-01T00:00:00Z", "status": {"phase": "Succeeded"}});
        assert_eq!(summary(&promotion), expected);
        promotion["status"]["message"] = json!("m");
        assert_eq!(summary(&promotion)["status"]["message"], "m");
        let mut status = json!({});
        push(&mut status, &promotion["status"]["freightCollection"]);
        assert_eq!(status, json!({}));
        for id in 0..12 {
            push(&mut status, &json!({"id": id.to_string()}));
        }
        let kept = status["freightHistory"].as_array().expect("a list");
        assert_eq!((kept.len(), &kept[0]["id"]), (10, &json!("11")));
    }
}
