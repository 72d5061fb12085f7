use model::Action;
use serde_json::json;

use super::{Answer, Input, Kind, Question, Step, git_push};

pub(super) const KIND: Kind = Kind {
    keys: &["repoURL", "path", "sourceBranch", "targetBranch", "title", "description", "provider"],
    required: &["sourceBranch", "targetBranch"],
    lasting: true,
    run,
};

/// Opens a pull request, or adopts the one that is there. With `path` instead of `repoURL` the source branch is pushed
/// first, from that checkout.
fn run(input: &mut Input<'_>) -> Step {
    let (head, base) =
        (input.text("sourceBranch").unwrap_or_default().to_owned(), input.text("targetBranch").unwrap_or_default().to_owned());
    let root = match input.text("path").map(|path| input.locate(path)).transpose() {
        Ok(found) => found.map(|(root, _)| root),
        Err(why) => return Step::Failed(why),
    };
    let repository = match (input.text("repoURL"), &root) {
        (Some(repository), _) => repository.trim_end_matches(".git").to_owned(),
        (None, Some(root)) => input.work[root].repository.clone(),
        (None, None) => return Step::Failed("repoURL is required".into()),
    };
    let pull = match input.answer(Question::Pull { repository: repository.clone(), head: head.clone(), base: base.clone() }) {
        Ok(Answer::Pull(pull)) => pull.clone(),
        Ok(_) => None,
        Err(ask) => return *ask,
    };
    let checkout = input.work.values().find(|checkout| checkout.repository == repository);
    let message = checkout.and_then(|checkout| checkout.message.clone()).unwrap_or_default();
    if let Some(pull) = pull {
        // An earlier Promotion of the same Freight may have used the branch: a pull request that is over is ours only if it
        // held our commit, which is on the target when it was merged and on the source when it was not.
        let branch = if pull.merged { base.clone() } else { head.clone() };
        let ours = Question::Landed { repository: repository.clone(), branch, message: message.clone(), second: input.started.as_second() };
        let adopted = pull.open
            || match input.answer(ours) {
                Ok(answer) => matches!(answer, Answer::Landed(Some(_))),
                Err(ask) => return *ask,
            };
        if adopted {
            return Step::Done(json!({"pr": {"id": pull.number, "url": pull.url}, "prNumber": pull.number}));
        }
    }
    if checkout.is_some_and(|checkout| checkout.edits().is_empty()) {
        // The target says already what is wanted: there is nothing to ask for.
        return Step::Skipped(json!({"pr": {"id": 0}, "prNumber": 0}));
    }
    if let Some(root) = &root {
        match git_push::push(input, root, &head) {
            Step::Done(_) => {}
            other => return other,
        }
    }
    let title = input.text("title").map_or_else(|| message.lines().next().unwrap_or(&head).to_owned(), str::to_owned);
    let body = input.text("description").unwrap_or_default().to_owned();
    Step::Act(Box::new(Action::OpenPull { repository, head, base, title, body, identity: input.identity.to_owned() }))
}
