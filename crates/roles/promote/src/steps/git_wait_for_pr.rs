use model::{Action, Code, Verdict};
use serde_json::{Value, json};

use super::{Answer, Input, Kind, Pull, Question, Step, git_push};

pub(super) const KIND: Kind =
    Kind { keys: &["repoURL", "prNumber", "provider", "pollInterval"], required: &["prNumber"], lasting: true, run };

/// Waits until a pull request is merged. One that fell behind its target is made anew on the new tip.
fn run(input: &mut Input<'_>) -> Step {
    let number = match &input.config["prNumber"] {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    if number == Some(0) {
        // git-open-pr had nothing to ask for.
        return Step::Skipped(Value::Null);
    }
    let Some(number) = number.filter(|number| *number > 0) else { return Step::Failed("prNumber: expected an integer from 1 on".into()) };
    let repository = match input.text("repoURL") {
        Some(repository) => repository.trim_end_matches(".git").to_owned(),
        None => match input.work.values().next() {
            Some(checkout) => checkout.repository.clone(),
            None => return Step::Failed("repoURL is required".into()),
        },
    };
    let pull = match input.answer(Question::PullNumber { repository: repository.clone(), number }) {
        Ok(Answer::Pull(Some(pull))) => pull.clone(),
        Ok(_) => return Step::Failed(format!("{repository} has no pull request {number}")),
        Err(ask) => return *ask,
    };
    if pull.merged {
        let commit = pull.merge_commit.clone().unwrap_or(pull.head);
        return Step::Done(json!({"pr": {"id": number, "url": pull.url, "open": false, "merged": true}, "commit": commit}));
    }
    if !pull.open {
        return Step::Failed(format!("pull request {number} was closed without being merged"));
    }
    open(input, repository, pull)
}

fn open(input: &Input<'_>, repository: String, pull: Pull) -> Step {
    if input.held && pull.auto_merge {
        let (number, identity) = (pull.number, input.identity.to_owned());
        return Step::Act(Box::new(Action::CancelMerge { repository, number, identity }));
    }
    let root = input
        .work
        .iter()
        .find(|(_, checkout)| checkout.repository == repository && checkout.message.is_some())
        .map(|(root, _)| root.clone());
    if let Some(root) = root.filter(|_| pull.behind) {
        return Step::Act(Box::new(git_push::commit(input, &root, &pull.branch, Some(pull.head))));
    }
    if !pull.auto_merge {
        let (number, head, identity) = (pull.number, pull.head, input.identity.to_owned());
        return Step::Act(Box::new(Action::MergePull {
            repository,
            number,
            head,
            method: "fast-forward-only".into(),
            when_green: true,
            identity,
        }));
    }
    let waits = if pull.waits_for.is_empty() { "its checks".to_owned() } else { pull.waits_for };
    Step::Wait(Verdict::Wait { code: Code::PullOpen, why: format!("pull request {} waits for {waits}", pull.number), until: None })
}
