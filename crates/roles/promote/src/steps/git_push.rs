use model::Action;
use serde_json::json;

use super::{Answer, Input, Kind, Question, Step};

pub(super) const KIND: Kind =
    Kind { keys: &["path", "targetBranch", "generateTargetBranch", "maxAttempts", "provider"], required: &["path"], lasting: true, run };

/// Branches below this are Kargo's own.
const OWN: &str = "kargo/";

/// Commits what the steps before have edited, onto the branch it goes to, as one commit.
fn run(input: &mut Input<'_>) -> Step {
    let path = input.text("path").unwrap_or_default().to_owned();
    let root = match input.locate(&path) {
        Ok((root, _)) => root,
        Err(why) => return Step::Failed(why),
    };
    let generate = input.config.get("generateTargetBranch").is_some_and(|value| value == true);
    let branch = match (input.text("targetBranch"), generate) {
        (Some(_), true) => return Step::Failed("targetBranch and generateTargetBranch exclude each other".into()),
        (Some(branch), false) => branch.to_owned(),
        (None, true) => format!("kargo/promotion/{}", input.promotion),
        (None, false) => input.work[&root].branch.clone(),
    };
    push(input, &root, &branch)
}

/// Puts the wanted commit of a checkout on a branch.
pub(super) fn push(input: &Input<'_>, root: &str, branch: &str) -> Step {
    let checkout = &input.work[root];
    let (repository, own) = (checkout.repository.clone(), branch == checkout.branch);
    let message = checkout.message.clone().unwrap_or_default();
    let landed = Question::Landed {
        repository: repository.clone(),
        branch: branch.to_owned(),
        message: message.clone(),
        second: input.started.as_second(),
    };
    let output = |commit: &str| json!({"branch": branch, "commit": commit, "commitURL": format!("{repository}/commit/{commit}")});
    match input.answer(landed) {
        Ok(Answer::Landed(Some(commit))) => return Step::Done(output(commit)),
        Ok(_) => {}
        Err(ask) => return *ask,
    }
    let edits = checkout.edits();
    if edits.is_empty() {
        return Step::Skipped(output(&checkout.base));
    }
    if checkout.message.is_none() {
        return Step::Failed("there are edits that no git-commit step has committed".into());
    }
    let expected = if own { Some(checkout.base.clone()) } else { None };
    if !own {
        // What an earlier Promotion left on a branch of ours is replaced; a branch of somebody else's is not ours to move.
        match input.answer(Question::Checkout { repository: repository.clone(), branch: branch.to_owned() }) {
            Ok(Answer::Checkout(Some((tip, _)))) if branch.starts_with(OWN) => {
                let tip = tip.clone();
                return Step::Act(Box::new(commit(input, root, branch, Some(tip))));
            }
            Ok(Answer::Checkout(Some(_))) => {
                return Step::Failed(format!("the branch {branch} is there already, and only branches below {OWN} are replaced"));
            }
            Ok(_) => {}
            Err(ask) => return *ask,
        }
    }
    Step::Act(Box::new(commit(input, root, branch, expected)))
}

/// The commit of a checkout's edits, made anew on its base.
pub(super) fn commit(input: &Input<'_>, root: &str, branch: &str, expected: Option<String>) -> Action {
    let checkout = &input.work[root];
    Action::PushCommit {
        repository: checkout.repository.clone(),
        branch: branch.to_owned(),
        base: checkout.base.clone(),
        expected,
        edits: checkout.edits(),
        message: checkout.message.clone().unwrap_or_default(),
        identity: input.identity.to_owned(),
        at: input.started,
    }
}
