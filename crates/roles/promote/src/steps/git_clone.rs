use serde_json::{Map, Value, json};

use super::{Answer, Checkout, Input, Kind, Question, Step, normal};

pub(super) const KIND: Kind = Kind { keys: &["repoURL", "checkout"], required: &["repoURL", "checkout"], lasting: false, run };

/// Checks branches out, each at its present tip.
fn run(input: &mut Input<'_>) -> Step {
    let repository = input.text("repoURL").unwrap_or_default().trim_end_matches(".git").to_owned();
    let Some(checkouts) = input.config["checkout"].as_array().cloned() else { return Step::Failed("checkout must be a list".into()) };
    let mut commits = Map::new();
    for checkout in &checkouts {
        if let Some(key) =
            checkout.as_object().into_iter().flat_map(|map| map.keys()).find(|key| !matches!(key.as_str(), "branch" | "path" | "as"))
        {
            return Step::Failed(format!("checkout.{key} is not supported"));
        }
        let (Some(branch), Some(path)) = (checkout["branch"].as_str(), checkout["path"].as_str()) else {
            return Step::Failed("checkout needs a branch and a path".into());
        };
        let place = match normal(path) {
            Ok(place) if !place.is_empty() => place,
            Ok(_) => return Step::Failed(format!("checkout path {path:?} is the work directory itself")),
            Err(why) => return Step::Failed(why),
        };
        let question = Question::Checkout { repository: repository.clone(), branch: branch.to_owned() };
        let (base, tree) = match input.answer(question) {
            Ok(Answer::Checkout(Some(found))) => found.clone(),
            Ok(_) => return Step::Failed(format!("{repository} has no branch {branch}")),
            Err(ask) => return *ask,
        };
        commits.insert(checkout["as"].as_str().unwrap_or(path).to_owned(), Value::from(base.as_str()));
        let checkout =
            Checkout { repository: repository.clone(), branch: branch.to_owned(), base, before: tree.clone(), now: tree, message: None };
        input.work.insert(place, checkout);
    }
    Step::Done(json!({"commits": commits}))
}
