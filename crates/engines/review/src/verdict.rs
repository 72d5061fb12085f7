use model::{CheckState, Code, Verdict};

use crate::{Approval, BranchPolicy, Change, Lane, Shape, Signature, Update, Waive, obeys, policy_for};

/// Most names that one refusal lists.
const NAMED: usize = 5;

/// Decides whether a change may be made. A branch without a policy takes everything.
///
/// `Wait` means that time may bring what is missing (statuses, reviews); for a push both are refusals.
pub fn verdict(policies: &[BranchPolicy], change: &Change<'_>) -> Verdict {
    let Some(policy) = policy_for(policies, change.branch) else { return Verdict::Pass };
    let require = &policy.require;
    let protected = |text: &str| format!("GH006: Protected branch update failed for refs/heads/{}: {text}", change.branch);
    match change.update {
        Update::Delete => {
            let remedy = "a branch that has a policy is not deleted".to_owned();
            return Verdict::Refuse { code: Code::OutOfLane, why: protected("it cannot be deleted"), remedy };
        }
        Update::Forced if require.no_force_push => {
            let remedy = "rebase onto the branch and push again without force".to_owned();
            return Verdict::Refuse { code: Code::OutOfLane, why: protected("it only moves forward (non-fast-forward)"), remedy };
        }
        Update::Forced | Update::Create | Update::FastForward => {}
    }
    let lane = match lane_of(policy, change) {
        Ok(lane) => lane,
        Err((why, remedy)) => return Verdict::Refuse { code: Code::OutOfLane, why: protected(&why), remedy },
    };
    let waived = |what: Waive| lane.is_some_and(|lane| lane.waive.contains(&what));
    if require.signed
        && !waived(Waive::Signed)
        && let Some(why) = unsigned(change)
    {
        let remedy = "sign the commits with a registered SSH key".to_owned();
        return Verdict::Refuse { code: Code::Unsigned, why: protected(&why), remedy };
    }
    if require.linear
        && !waived(Waive::Linear)
        && let Some(merge) = change.commits.iter().find(|commit| commit.parents > 1)
    {
        let remedy = "rebase instead of merging".to_owned();
        return Verdict::Refuse { code: Code::OutOfLane, why: protected(&format!("{} is a merge commit", short(&merge.id))), remedy };
    }
    if !waived(Waive::Statuses)
        && let Some((code, why)) = statuses(&require.statuses, change)
    {
        return Verdict::Wait { code, why: protected(&why), until: None };
    }
    let fresh: Vec<&Approval> = change
        .approvals
        .iter()
        .filter(|approval| approval.who.login != change.author && (!require.dismiss_stale || approval.commit == change.head))
        .collect();
    if !waived(Waive::Approvals) && (fresh.len() as u64) < u64::from(require.approvals) {
        let why = format!("review from reviewers required, {} of {} approvals given", fresh.len(), require.approvals);
        return Verdict::Wait { code: Code::ReviewRequired, why: protected(&why), until: None };
    }
    if require.codeowners
        && !waived(Waive::Codeowners)
        && let Some(why) = unapproved(change, &fresh)
    {
        return Verdict::Wait { code: Code::ReviewRequired, why: protected(&why), until: None };
    }
    Verdict::Pass
}

/// The lane that the change runs in; `None` for whoever is bound to none. A bot outside its lanes, and a change that fits a
/// lane but not its shape, is refused.
fn lane_of<'a>(policy: &'a BranchPolicy, change: &Change<'_>) -> Result<Option<&'a Lane>, (String, String)> {
    let own: Vec<&Lane> = policy.lanes.iter().filter(|lane| lane.names(change.who)).collect();
    if let Some(lane) = own.iter().find(|lane| change.files.iter().all(|file| lane.covers(&file.path))) {
        if let Some(shape) = &lane.shape {
            for file in change.files {
                obeys(shape, file).map_err(|why| (format!("{} may not make this change: {why}", change.who.login), describe(shape)))?;
            }
        }
        return Ok(Some(lane));
    }
    if !own.iter().any(|lane| lane.confines(change.who)) {
        return Ok(None);
    }
    let outside = change.files.iter().filter(|file| !own.iter().any(|lane| lane.covers(&file.path))).map(|file| file.path.as_str());
    let outside: Vec<&str> = outside.collect();
    let allowed: Vec<&str> = own.iter().flat_map(|lane| lane.paths.iter().map(String::as_str)).collect();
    let why = if outside.is_empty() {
        format!("{} may not change paths of several lanes at once", change.who.login)
    } else {
        format!("{} may not write {}", change.who.login, some(&outside))
    };
    Err((why, format!("its lanes are {}", allowed.join(", "))))
}

fn describe(shape: &Shape) -> String {
    match shape {
        Shape::ImageTagOrDigest => "this lane is for tags and digests of images alone".to_owned(),
        Shape::OnlyYamlPaths { paths, kinds } if kinds.is_empty() => format!("this lane is for {} alone", paths.join(", ")),
        Shape::OnlyYamlPaths { paths, kinds } => format!("this lane is for {} of {} alone", paths.join(", "), kinds.join(", ")),
    }
}

fn unsigned(change: &Change<'_>) -> Option<String> {
    change.commits.iter().find_map(|commit| match &commit.signature {
        Signature::Good => None,
        Signature::Missing => Some(format!("commits must have verified signatures, {} has none", short(&commit.id))),
        Signature::Bad(why) => Some(format!("commits must have verified signatures, {}: {why}", short(&commit.id))),
    })
}

fn statuses(required: &[String], change: &Change<'_>) -> Option<(Code, String)> {
    let mut missing = Vec::new();
    let mut failed = Vec::new();
    for pattern in required {
        let mut fitting = change.statuses.iter().filter(|status| wildcard(pattern, &status.context)).peekable();
        if fitting.peek().is_none() {
            missing.push(pattern.as_str());
        }
        let mut pending = false;
        for status in fitting {
            match status.state {
                CheckState::Success => {}
                CheckState::Pending => pending = true,
                CheckState::Failure | CheckState::Error => failed.push(status.context.as_str()),
            }
        }
        if pending {
            missing.push(pattern.as_str());
        }
    }
    if !failed.is_empty() {
        return Some((Code::ChecksFailed, format!("required status check failed: {}", some(&failed))));
    }
    if missing.is_empty() {
        return None;
    }
    Some((Code::ChecksPending, format!("{} of {} required status checks are expected: {}", missing.len(), required.len(), some(&missing))))
}

fn unapproved(change: &Change<'_>, approvals: &[&Approval]) -> Option<String> {
    let owners = change.codeowners?;
    let mut open = Vec::new();
    for file in change.files {
        let all = owners.owners(&file.path);
        if !all.is_empty() && !all.iter().any(|owner| approvals.iter().any(|approval| owner.gave(approval))) {
            let names: Vec<String> = all.iter().map(ToString::to_string).collect();
            open.push(format!("{} ({})", file.path, names.join(" or ")));
        }
    }
    if open.is_empty() {
        return None;
    }
    Some(format!(
        "review from reviewers required, code owners have not approved {}",
        some(&open.iter().map(String::as_str).collect::<Vec<_>>())
    ))
}

/// In the names of checks `*` stands for anything, slashes included.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

fn some(names: &[&str]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let listed = names[..names.len() - more].join(", ");
    if more == 0 { listed } else { format!("{listed} and {more} more") }
}
