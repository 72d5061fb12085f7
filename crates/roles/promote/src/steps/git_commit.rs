use serde_json::json;

use super::{Input, Kind, Step};

pub(super) const KIND: Kind = Kind { keys: &["path", "message"], required: &["path", "message"], lasting: false, run };

/// Takes note of the message; the commit is made when it is pushed, on the branch's tip of that moment.
fn run(input: &mut Input<'_>) -> Step {
    let path = input.text("path").unwrap_or_default().to_owned();
    let Some(message) = input.text("message").map(str::to_owned) else { return Step::Failed("message must be a string".into()) };
    let root = match input.locate(&path) {
        Ok((root, _)) => root,
        Err(why) => return Step::Failed(why),
    };
    let Some(checkout) = input.work.get_mut(&root) else { return Step::Failed(format!("{path} is in no checkout")) };
    checkout.message = Some(message);
    let base = json!({"commit": checkout.base});
    if checkout.edits().is_empty() { Step::Skipped(base) } else { Step::Done(base) }
}
