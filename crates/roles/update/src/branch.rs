//! One branch of updates: what it holds, and what happens to it next. Read first: [`Plan`], [`Pass::branch`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Action, Code, Decision, FileEdit, Timestamp, Tree, Verdict};
use serde_json::{Value, json};

use crate::lookup::{Hold, Update};
use crate::observed::{Branch, Combined, Observed, Pull, Question};
use crate::settings::Timing;
use crate::template::render;
use crate::texts;
use crate::update_type::UpdateType;

/// The updates that go into one branch.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub branch: String,
    pub title: String,
    /// The message of its commit.
    pub message: String,
    pub updates: Vec<Arc<Update>>,
    pub automerge: bool,
    pub by_branch: bool,
    pub platform: bool,
    pub reviewers: Vec<String>,
    pub labels: Vec<String>,
    pub hold: Option<Hold>,
    /// When the branch may be made, where it may not be now; the inner `None` is never.
    pub closed_until: Option<Option<Timestamp>>,
    /// When it may merge itself, where it may not now.
    pub unmerged_until: Option<Option<Timestamp>>,
    /// Whether it is kept up to date although it may not be made now.
    pub updated_when_closed: bool,
}

impl Plan {
    /// Puts updates together that have the same branch. Where some are held, only the others go in.
    pub(crate) fn of(branch: String, mut updates: Vec<Arc<Update>>, semantic: bool, now: Timestamp) -> Self {
        if updates.iter().any(|update| update.hold.is_none()) {
            updates.retain(|update| update.hold.is_none());
        }
        let first = updates.iter().max_by_key(|update| update.kind).expect("a branch has an update");
        let alone = || {
            let title = texts::title(&first.dependency.name, &first.shown, semantic);
            (title.clone(), title)
        };
        let (title, message) = grouped(&updates, semantic).unwrap_or_else(alone);
        let all = |test: fn(&Update) -> bool| updates.iter().all(|update| test(update));
        let mut reviewers: Vec<String> = updates.iter().flat_map(|update| update.settings.reviewers.clone()).collect();
        let mut labels: Vec<String> = updates.iter().flat_map(|update| update.settings.labels.clone()).collect();
        for list in [&mut reviewers, &mut labels] {
            list.sort();
            list.dedup();
        }
        // All of a branch's schedules have to be open.
        let latest = |timing: fn(&Update) -> &Timing| {
            let closed = updates.iter().filter_map(|update| timing(update).closed_until(now)).collect::<Vec<_>>();
            (!closed.is_empty()).then(|| if closed.contains(&None) { None } else { closed.into_iter().flatten().max() })
        };
        Self {
            branch,
            title,
            message,
            closed_until: latest(|update| &update.settings.schedule),
            unmerged_until: latest(|update| &update.settings.automerge_schedule),
            updated_when_closed: all(|update| update.settings.update_not_scheduled),
            automerge: all(|update| update.settings.automerge),
            by_branch: all(|update| update.settings.by_branch),
            platform: all(|update| update.settings.platform),
            reviewers,
            labels,
            hold: updates.first().and_then(|update| update.hold.clone()),
            updates,
        }
    }

    /// Returns what has to be written over the base's content.
    fn edits(&self, base: &Tree) -> Vec<FileEdit> {
        let mut splices: BTreeMap<&str, Vec<(std::ops::Range<usize>, &str)>> = BTreeMap::new();
        for update in &self.updates {
            let list = splices.entry(&update.dependency.file).or_default();
            list.push((update.dependency.value_at.clone(), &update.to));
            if let (Some((_, place)), Some(digest)) = (&update.dependency.digest, &update.digest) {
                list.push((place.clone(), digest));
            }
        }
        let mut edits = Vec::new();
        for (path, mut list) in splices {
            let Some(file) = base.get(path) else { continue };
            let mut bytes = file.bytes.to_vec();
            // From the end on, so that the places before stay where they are.
            list.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
            for (place, text) in list {
                bytes.splice(place, text.bytes());
            }
            edits.push(FileEdit { path: path.to_owned(), content: Some(bytes) });
        }
        edits
    }
}

/// One pass over all branches.
pub(crate) struct Pass<'a> {
    pub seen: &'a Observed,
    pub base: &'a (String, String, Tree),
    pub decision: Decision<Value>,
    /// Whether the base branch moves in this pass: everything else then waits for the next one.
    pub merging: bool,
}

impl Pass<'_> {
    /// Decides what happens to a branch, and returns what is to be told about it.
    pub(crate) fn branch(&mut self, plan: &Plan) -> Result<Value, Question> {
        let verdict = self.step(plan)?;
        let holds = match &verdict {
            Verdict::Pass => String::new(),
            Verdict::Wait { why, .. } | Verdict::Refuse { why, .. } => why.clone(),
        };
        let told = |verdict: Verdict| match verdict {
            Verdict::Pass => Verdict::Pass,
            Verdict::Wait { code, why, until } => Verdict::Wait { code, why: format!("{}: {why}", plan.branch), until },
            Verdict::Refuse { code, why, remedy } => Verdict::Refuse { code, why: format!("{}: {why}", plan.branch), remedy },
        };
        let decision = std::mem::replace(&mut self.decision, Decision::of(Value::Null));
        self.decision = decision.heed(&told(verdict));
        let changes: Vec<Value> = plan.updates.iter().map(|update| change(update)).collect();
        Ok(json!({
            "branch": plan.branch, "title": plan.title, "updates": changes, "automerge": plan.automerge,
            "automergeType": if plan.by_branch { "branch" } else { "pr" }, "reviewers": plan.reviewers, "labels": plan.labels, "holds": holds,
        }))
    }

    fn step(&mut self, plan: &Plan) -> Result<Verdict, Question> {
        if let Some(Hold { code, why, until }) = &plan.hold {
            return Ok(Verdict::Wait { code: *code, why: why.clone(), until: *until });
        }
        let pull = self.seen.pull(Question::Pull { branch: plan.branch.clone() })?.clone();
        let same = pull.as_ref().filter(|pull| !pull.open && pull.title.eq_ignore_ascii_case(&plan.title));
        if let Some(closed) = same.filter(|pull| !pull.merged) {
            let why = format!("pull request {} for it was closed without a merge", closed.number);
            self.forget(&plan.branch)?;
            return Ok(Verdict::Refuse {
                code: Code::NeedsApproval,
                why,
                remedy: "open it again, or change its title, to have the update".to_owned(),
            });
        }
        // What was merged once and taken back is not merged again without a person.
        let automerge = plan.automerge && same.is_none();
        let pull = pull.filter(|pull| pull.open);
        if self.merging {
            return Ok(waits(Code::ChecksPending, "another branch is merged first"));
        }
        let there = self.seen.branches.contains_key(&plan.branch);
        if let Some(until) = plan.closed_until.filter(|_| !there || !plan.updated_when_closed) {
            return Ok(Verdict::Wait { code: Code::Suspended, why: "it is outside its schedule".to_owned(), until });
        }
        let branch = if there { self.seen.branch(Question::Branch { name: plan.branch.clone() })?.clone() } else { None };
        let edits = plan.edits(&self.base.2);
        match branch {
            None => {
                self.push(plan, edits, None);
                Ok(if automerge && plan.by_branch { Verdict::Pass } else { self.offer(plan, pull.as_ref()) })
            }
            Some(branch) if branch.author != self.seen.author => {
                let why = format!("{} has changed the branch", branch.author);
                Ok(Verdict::Refuse { code: Code::NeedsApproval, why, remedy: "delete the branch to have it made anew".to_owned() })
            }
            Some(branch) if self.outdated(&branch, &edits, automerge) => {
                self.push(plan, edits, Some(branch.tip));
                Ok(Verdict::Pass)
            }
            Some(branch) if automerge && plan.by_branch && pull.is_none() => self.by_branch(plan, &branch),
            Some(branch) => self.by_pull(plan, &branch, pull.as_ref(), automerge),
        }
    }

    /// A branch is made anew when it holds something else than is wanted; one that merges itself also when it is behind.
    fn outdated(&self, branch: &Branch, edits: &[FileEdit], automerge: bool) -> bool {
        if branch.parent.as_ref() == Some(&self.base.1) {
            return branch.tree != with(&self.base.2, edits);
        }
        automerge || edits.iter().any(|edit| branch.tree.bytes(&edit.path) != edit.content.as_deref())
    }

    fn push(&mut self, plan: &Plan, edits: Vec<FileEdit>, expected: Option<String>) {
        let verb = if expected.is_some() { "is made anew" } else { "is made" };
        self.note(format!("{}: the branch {verb}: {}", plan.branch, plan.title));
        self.act(Action::PushCommit {
            repository: self.seen.repository.clone(),
            branch: plan.branch.clone(),
            base: self.base.1.clone(),
            expected,
            edits,
            message: plan.message.clone(),
            identity: self.seen.identity.clone(),
            at: Timestamp::from_second(self.seen.now.as_second()).unwrap_or(self.seen.now),
        });
    }

    /// Merges a branch without a pull request: the base branch moves to its tip as soon as its checks are green.
    fn by_branch(&mut self, plan: &Plan, branch: &Branch) -> Result<Verdict, Question> {
        if let Some(until) = plan.unmerged_until {
            return Ok(unscheduled(until));
        }
        let statuses = self.seen.statuses(Question::Statuses { commit: branch.tip.clone() })?.clone();
        let names = statuses.names.join(", ");
        Ok(match statuses.combined {
            Combined::Green => {
                self.note(format!("{}: its checks are green, {} moves to it", plan.branch, self.base.0));
                self.move_branch(&self.base.0.clone(), Some(&self.base.1.clone()), Some(&branch.tip));
                // Only after the base branch holds it.
                self.move_branch(&plan.branch, Some(&branch.tip), None);
                self.merging = true;
                Verdict::Pass
            }
            Combined::Pending => waits(Code::ChecksPending, &format!("its checks have not ended: {names}")),
            Combined::None => waits(Code::ChecksPending, "no check has reported"),
            Combined::Failed => {
                self.note(format!("{}: a check failed ({names}), so it becomes a pull request", plan.branch));
                self.offer(plan, None)
            }
        })
    }

    fn by_pull(&mut self, plan: &Plan, branch: &Branch, pull: Option<&Pull>, automerge: bool) -> Result<Verdict, Question> {
        let Some(pull) = pull else { return Ok(self.offer(plan, None)) };
        if !pull.title.eq_ignore_ascii_case(&plan.title) {
            return Ok(self.offer(plan, Some(pull)));
        }
        let open = |why: &str| waits(Code::PullOpen, &format!("pull request {} is open{why}", pull.number));
        if !automerge {
            return Ok(open(""));
        }
        if let Some(until) = plan.unmerged_until.filter(|_| !pull.auto_merge) {
            return Ok(unscheduled(until));
        }
        if pull.auto_merge {
            return Ok(open(&if pull.waits_for.is_empty() { String::new() } else { format!(": {}", pull.waits_for) }));
        }
        if !plan.platform {
            let statuses = self.seen.statuses(Question::Statuses { commit: branch.tip.clone() })?.clone();
            let names = statuses.names.join(", ");
            match statuses.combined {
                Combined::Green => {}
                Combined::Pending => return Ok(waits(Code::ChecksPending, &format!("its checks have not ended: {names}"))),
                Combined::None => return Ok(waits(Code::ChecksPending, "no check has reported")),
                Combined::Failed => return Ok(waits(Code::ChecksFailed, &format!("a check failed: {names}"))),
            }
        }
        self.act(Action::MergePull {
            repository: self.seen.repository.clone(),
            number: pull.number,
            head: branch.tip.clone(),
            method: "fast-forward-only".to_owned(),
            when_green: plan.platform,
            identity: self.seen.identity.clone(),
        });
        Ok(open(", and merges when its checks are green"))
    }

    /// Opens the branch's pull request. One that speaks of another version is closed for it: titles are never changed.
    fn offer(&mut self, plan: &Plan, open: Option<&Pull>) -> Verdict {
        if let Some(open) = open.filter(|open| !open.title.eq_ignore_ascii_case(&plan.title)) {
            self.close(open.number);
        } else if let Some(open) = open {
            return waits(Code::PullOpen, &format!("pull request {} is open", open.number));
        }
        for (field, list) in [("reviewers", &plan.reviewers), ("labels", &plan.labels)] {
            if !list.is_empty() {
                let text = format!("{}: {field} {} cannot be set on pull requests", plan.branch, list.join(", "));
                let remedy =
                    if field == "reviewers" { "the forge asks the owners that its CODEOWNERS file names" } else { "set them by hand" };
                let decision = std::mem::replace(&mut self.decision, Decision::of(Value::Null));
                self.decision = decision.stall(Code::Unsupported, &text, remedy);
            }
        }
        self.act(Action::OpenPull {
            repository: self.seen.repository.clone(),
            head: plan.branch.clone(),
            base: self.base.0.clone(),
            title: plan.title.clone(),
            body: texts::body(plan),
            identity: self.seen.identity.clone(),
        });
        waits(Code::PullOpen, "its pull request is opened")
    }

    /// Deletes a branch that no update wants, if nobody else has worked on it; closes its pull request before.
    pub(crate) fn prune(&mut self, name: &str) -> Result<(), Question> {
        if !self.forget(name)? {
            return Ok(());
        }
        let pull = self.seen.pull(Question::Pull { branch: name.to_owned() })?.clone();
        if let Some(open) = pull.filter(|pull| pull.open) {
            // Before the deletion, which comes last in the list.
            let deletion = self.decision.actions.pop();
            self.close(open.number);
            self.decision.actions.extend(deletion);
        }
        Ok(())
    }

    fn forget(&mut self, name: &str) -> Result<bool, Question> {
        if !self.seen.branches.contains_key(name) {
            return Ok(false);
        }
        let Some(branch) = self.seen.branch(Question::Branch { name: name.to_owned() })?.clone() else { return Ok(false) };
        if branch.author != self.seen.author {
            self.note(format!("{name}: no update wants the branch, but {} has changed it", branch.author));
            return Ok(false);
        }
        self.note(format!("{name}: no update wants the branch any more"));
        self.move_branch(name, Some(&branch.tip), None);
        Ok(true)
    }

    fn close(&mut self, number: u64) {
        let (repository, identity) = (self.seen.repository.clone(), self.seen.identity.clone());
        self.act(Action::ClosePull { repository, number, identity });
    }

    fn move_branch(&mut self, branch: &str, expected: Option<&str>, target: Option<&str>) {
        self.act(Action::MoveBranch {
            repository: self.seen.repository.clone(),
            branch: branch.to_owned(),
            expected: expected.map(str::to_owned),
            target: target.map(str::to_owned),
            identity: self.seen.identity.clone(),
        });
    }

    fn act(&mut self, action: Action) {
        self.decision.actions.push(action);
    }

    fn note(&mut self, text: String) {
        self.decision.because.push(model::Reason { code: None, text });
    }
}

/// Returns a tree with edits in it.
fn with(base: &Tree, edits: &[FileEdit]) -> Tree {
    let mut tree = base.clone();
    for edit in edits {
        if let (Some(file), Some(content)) = (base.get(&edit.path), &edit.content) {
            tree.put_file(&*edit.path, model::TreeFile { bytes: content.clone().into(), executable: file.executable });
        }
    }
    tree
}

/// Returns the title and the message of a group that has more than one dependency or version in it.
fn grouped(updates: &[Arc<Update>], semantic: bool) -> Option<(String, String)> {
    let distinct = |text: fn(&Update) -> &str| updates.iter().map(|update| text(update)).collect::<BTreeSet<&str>>().len();
    let versions = distinct(|update| update.fields.get("newVersion").and_then(Value::as_str).unwrap_or(&update.to));
    if versions < 2 && distinct(|update| &update.dependency.name) < 2 {
        return None;
    }
    let first = updates.iter().min_by_key(|update| &update.dependency.name)?;
    let group = render(first.settings.naming.group.as_deref()?, &Value::Object(first.fields.clone())).ok()?;
    // Where they go to different versions none is named.
    let several = versions > 1 && distinct(|update| &update.to) > 1 && distinct(|update| &update.shown) > 1;
    let message = texts::message(&group, (!several).then_some(first.shown.as_str()), semantic);
    let kind = if several && first.kind == UpdateType::Major { " (major)" } else { "" };
    Some((format!("{message}{kind}"), message))
}

fn unscheduled(until: Option<Timestamp>) -> Verdict {
    Verdict::Wait { code: Code::Suspended, why: "its merge is outside the schedule for it".to_owned(), until }
}

fn waits(code: Code, why: &str) -> Verdict {
    Verdict::Wait { code, why: why.to_owned(), until: None }
}

fn change(update: &Update) -> Value {
    let Update { dependency, kind, from, to, .. } = update;
    json!({"file": dependency.file, "line": dependency.line, "package": dependency.package, "type": kind.word(), "from": from, "to": to})
}
