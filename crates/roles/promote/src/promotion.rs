//! Promotion: runs its steps in order, from the start at every pass, until the first that has to wait.
//! Follows akuity/kargo `pkg/promotion/local_engine.go`, `pkg/controller/promotions/promotions.go`.

use std::collections::BTreeMap;

use api::text;
use expr::kargo::{FUNCTIONS, Kargo, STATUS};
use expr::{Halt, Known, Refusal, Scope, Want, template, template_all};
use golang::parse_duration;
use model::{ClusterName, Code, Decision, Timestamp, Verdict};
use serde_json::{Map, Value, json};

use crate::events::{self, Told};
use crate::steps::{self, Answer, Input, Question, Step, Work};
use crate::{freight, hold, names};

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The Promotion.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// Why the last pass's action failed.
    pub failure: Option<String>,
    /// The Stage.
    pub stage: Option<Value>,
    /// The project's Namespace.
    pub project: Option<Value>,
    /// The Freight.
    pub freight: Option<Value>,
    /// As whom commits are made.
    pub identity: String,
    /// What the world has answered so far.
    pub answers: BTreeMap<Question, Answer>,
}

/// What looking gives: a decision, or something that must be known first.
#[derive(Debug)]
pub enum Outcome {
    /// The decision.
    Decided(Box<Decision<Value>>),
    /// The driver answers and lets decide again.
    Ask(Question),
}

/// Decides what a Promotion does next.
pub fn decide(seen: &Observed) -> Outcome {
    let mut status = seen.object["status"].clone();
    let phase = text(&status, &["phase"]).to_owned();
    let decided = |decision: Decision<Value>| Outcome::Decided(Box::new(decision));
    if !matches!(phase.as_str(), "" | "Pending" | "Running") {
        return decided(Decision::of(status));
    }
    if phase.is_empty() {
        status["phase"] = json!("Pending");
    }
    let name = api::name(&seen.object);
    let Some(stage) = &seen.stage else {
        return decided(finish(seen, status, "Errored", &format!("Stage {:?} not found", text(&seen.object, &["spec", "stage"]))));
    };
    let Some(cargo) = &seen.freight else {
        return decided(finish(seen, status, "Errored", &format!("Freight {:?} not found", text(&seen.object, &["spec", "freight"]))));
    };
    if let Some(abort) =
        api::annotation(&seen.object, "kargo.akuity.io/abort").filter(|_| phase == "Running" || phase == "Pending" || phase.is_empty())
    {
        return decided(finish(seen, status, "Aborted", &format!("aborted by {abort}")));
    }
    if stage["status"]["currentPromotion"]["name"] != name {
        let stage = api::name(stage);
        return decided(Decision::of(status).wait(Code::Promoting, format!("{name} waits for its turn at {stage}"), None));
    }
    // What runs already stops where it stands, and goes on when the pause is over.
    let wanted = api::annotation(&seen.object, hold::DESPITE_PAUSE).is_some();
    let held = Some(hold::paused(stage, seen.project.as_ref(), seen.now)).filter(|verdict| *verdict != Verdict::Pass && !wanted);
    if let Some(held) = held.as_ref().filter(|_| status["startedAt"].is_null()) {
        return decided(Decision::of(status).heed(held));
    }
    if let Some(why) = api::refusal(&seen.object).or_else(|| tampered(&seen.object, stage, status["startedAt"].is_null())) {
        return decided(finish(seen, status, "Errored", &why));
    }
    if status["startedAt"].is_null() {
        let verdict = freight::available(stage, cargo, seen.now);
        if let Verdict::Wait { why, .. } | Verdict::Refuse { why, .. } = verdict {
            return decided(finish(seen, status, "Errored", &format!("Freight is not available to this Stage: {why}")));
        }
        // The start is written down first: commits carry its time, so that a repeat makes the same commit.
        status["startedAt"] = json!(Timestamp::from_second(seen.now.as_second()).unwrap_or(seen.now).to_string());
        status["phase"] = json!("Running");
        status["freight"] = freight::reference(cargo);
        let collection =
            json!({"id": names::collection(&[api::name(cargo)]), "items": {freight::origin(cargo): freight::reference(cargo)}});
        status["freightCollection"] = collection;
        status["currentStep"] = json!(0);
        let short: String = api::name(cargo).chars().take(7).collect();
        let mut decision = Decision::of(status).note(format!("promotion of freight {short} to {} starts", api::name(stage)));
        decision.look_again(seen.now);
        return decided(decision);
    }
    Run { seen, cargo, stage, status, held, work: Work::new(), outputs: Map::new() }.steps()
}

/// Says how a Promotion differs from what its Stage makes: its steps act with Kargo's rights, so they may only be the Stage's.
/// Upstream's webhook overwrites them when the Promotion is made.
fn tampered(promotion: &Value, stage: &Value, fresh: bool) -> Option<String> {
    if api::generation(promotion) > 1 {
        return Some("it was edited after it was made: make another".to_owned());
    }
    let expected = stages_own(stage);
    let same = |field: &str| promotion["spec"][field].is_null() || promotion["spec"][field] == expected["spec"][field];
    (fresh && !(same("steps") && same("vars"))).then(|| "its steps are not those of its Stage's promotionTemplate".to_owned())
}

/// Returns the JSON patch that completes a Promotion that names only Stage and Freight: with what the Stage's template says.
/// Kargo's webhook does so too, and its definition demands the steps.
pub fn completion(promotion: &Value, stage: &Value) -> Value {
    let own = stages_own(stage);
    let missing = ["steps", "vars"].into_iter().filter(|field| promotion["spec"][field].is_null() && !own["spec"][field].is_null());
    missing.map(|field| json!({"op": "add", "path": format!("/spec/{field}"), "value": own["spec"][field]})).collect()
}

fn stages_own(stage: &Value) -> Value {
    crate::stage::promotion_of(stage, "", Timestamp::UNIX_EPOCH, "")
}

/// Returns a field of a Promotion; one that somebody has written by hand need not repeat what its Stage says.
fn filled(promotion: &Value, stage: &Value, field: &str) -> Value {
    if promotion["spec"][field].is_null() { stages_own(stage)["spec"][field].clone() } else { promotion["spec"][field].clone() }
}

fn steps_of(promotion: &Value, stage: &Value) -> Vec<Value> {
    filled(promotion, stage, "steps").as_array().cloned().unwrap_or_default()
}

struct Run<'a> {
    seen: &'a Observed,
    cargo: &'a Value,
    stage: &'a Value,
    status: Value,
    /// Why nothing new may begin.
    held: Option<Verdict>,
    work: Work,
    outputs: Map<String, Value>,
}

impl Run<'_> {
    fn steps(mut self) -> Outcome {
        let list = steps_of(&self.seen.object, self.stage);
        for (at, step) in list.iter().enumerate() {
            let alias = step["as"].as_str().map_or_else(|| format!("step-{}", at + 1), str::to_owned);
            self.status["currentStep"] = json!(at);
            let result = self.step(at, step, &alias);
            let (state, output) = match result {
                Step::Ask(question) => return Outcome::Ask(question),
                Step::Done(output) => ("Succeeded", output),
                Step::Skipped(output) => ("Skipped", output),
                Step::Failed(why) => {
                    self.tell(at, &alias, "Failed", &why);
                    let why = format!("step {at} ({alias}) met an error: {why}");
                    return Outcome::Decided(Box::new(finish(self.seen, self.status, "Failed", &why)));
                }
                Step::Act(action) => return self.act(at, &alias, step, *action),
                Step::Wait(verdict) => {
                    let verdict = self.held.clone().unwrap_or(verdict);
                    self.tell(at, &alias, "Running", "");
                    return Outcome::Decided(Box::new(Decision::of(self.status).heed(&verdict)));
                }
            };
            self.tell(at, &alias, state, "");
            if !output.is_null() {
                self.status["state"][alias.as_str()] = output.clone();
                self.outputs.insert(alias, output);
            }
        }
        let name = api::name(self.stage).to_owned();
        let ended = finish(self.seen, self.status, "Succeeded", "");
        Outcome::Decided(Box::new(ended.note(format!("promotion to {name} succeeded"))))
    }

    /// An action that failed too often, or can never succeed, ends the Promotion; the rest of the time it is tried again.
    fn act(mut self, at: usize, alias: &str, step: &Value, action: model::Action) -> Outcome {
        if let Some(held) = self.held.as_ref().filter(|_| !matches!(action, model::Action::CancelMerge { .. })) {
            return Outcome::Decided(Box::new(Decision::of(self.status.clone()).heed(held)));
        }
        if let Some(failure) = &self.seen.failure {
            let key = "errorCount";
            let errors = self.status["stepExecutionMetadata"][at][key].as_i64().unwrap_or(0) + 1;
            self.tell(at, alias, "Running", failure);
            self.status["stepExecutionMetadata"][at][key] = json!(errors);
            let most = step["retry"]["errorThreshold"].as_i64().unwrap_or(5).max(1);
            if errors >= most {
                self.tell(at, alias, "Errored", failure);
                let why = format!("step {at} ({alias}) met an error {errors} times: {failure}");
                return Outcome::Decided(Box::new(finish(self.seen, self.status, "Errored", &why)));
            }
            let why = failure.clone();
            return Outcome::Decided(Box::new(Decision::of(self.status).wait(Code::Unreachable, why, None)));
        }
        self.tell(at, alias, "Running", "");
        let what = format!("{} at {}", step["uses"].as_str().unwrap_or_default(), api::name(self.stage));
        Outcome::Decided(Box::new(Decision::of(self.status).act(action).note(what)))
    }

    fn step(&mut self, at: usize, step: &Value, alias: &str) -> Step {
        let uses = text(step, &["uses"]).to_owned();
        let Some(kind) = steps::find(&uses) else { return Step::Failed(format!("step kind {uses:?} is not supported")) };
        if kind.lasting && matches!(text(&self.status["stepExecutionMetadata"][at], &["status"]), "Succeeded" | "Skipped") {
            // What it did to the world is done; doing it again is never wanted.
            return Step::Done(self.status["state"][alias].clone());
        }
        if let Some(timeout) =
            step["retry"]["timeout"].as_str().and_then(|text| parse_duration(text).ok()).filter(|timeout| !timeout.is_zero())
        {
            let started: Option<Timestamp> = text(&self.status["stepExecutionMetadata"][at], &["startedAt"]).parse().ok();
            if started.and_then(|started| started.checked_add(timeout).ok()).is_some_and(|end| self.seen.now > end) {
                return Step::Failed("step timed out".to_owned());
            }
        }
        let config = match self.config(step, alias) {
            Ok(config) => config,
            Err(why) => return Step::Failed(format!("failed to evaluate config: {why}")),
        };
        if let Some(key) = config.keys().find(|key| !kind.keys.contains(&key.as_str())) {
            return Step::Failed(format!("invalid {uses} config: (root): Additional property {key} is not allowed"));
        }
        if let Some(key) = kind.required.iter().find(|key| !config.contains_key(**key)) {
            return Step::Failed(format!("invalid {uses} config: (root): {key} is required"));
        }
        let started: Timestamp = text(&self.status, &["startedAt"]).parse().unwrap_or(self.seen.now);
        let mut input = Input {
            config: &config,
            work: &mut self.work,
            answers: &self.seen.answers,
            promotion: api::name(&self.seen.object),
            started,
            identity: &self.seen.identity,
            held: self.held.is_some(),
        };
        (kind.run)(&mut input)
    }

    fn config(&self, step: &Value, alias: &str) -> Result<Map<String, Value>, String> {
        let known = Known { functions: &[FUNCTIONS, STATUS], names: None };
        let want = self.want();
        let mut vars = Map::new();
        let vars_of_all = filled(&self.seen.object, self.stage, "vars");
        let promotion = vars_of_all.as_array();
        let own = step["vars"].as_array();
        for var in promotion.into_iter().flatten().chain(own.into_iter().flatten()) {
            let here = Here { run: self, alias, vars: &vars };
            let value = template(text(var, &["value"]), &known, &here, want).map_err(|halt| format!("vars: {}", told(halt)))?;
            vars.insert(text(var, &["name"]).to_owned(), value);
        }
        let here = Here { run: self, alias, vars: &vars };
        match template_all(&step["config"], &known, &here, &|_| want).map_err(told)? {
            Value::Object(config) => Ok(config),
            Value::Null => Ok(Map::new()),
            _ => Err("config must be a map".to_owned()),
        }
    }

    /// What a text with expressions becomes. Kargo guesses from the final text, so that the tag `1.10` is a number; with the
    /// annotation on the Stage or the project it is done so here as well.
    fn want(&self) -> Want {
        let places = [Some(self.stage), self.seen.project.as_ref()];
        let upstream = places.into_iter().flatten().any(|object| api::annotation(object, "supercargo.dev/expressions") == Some("upstream"));
        if upstream { Want::Coerced } else { Want::Kept }
    }

    fn tell(&mut self, at: usize, alias: &str, state: &str, message: &str) {
        let list = &mut self.status["stepExecutionMetadata"];
        if !list.is_array() {
            *list = json!([]);
        }
        let Some(items) = list.as_array_mut() else { return };
        while items.len() <= at {
            items.push(json!({}));
        }
        let now = self.seen.now.to_string();
        let entry = &mut items[at];
        entry["alias"] = json!(alias);
        if entry["startedAt"].is_null() {
            entry["startedAt"] = json!(now);
        }
        if entry["status"] != state && state != "Running" {
            entry["finishedAt"] = json!(now);
        }
        entry["status"] = json!(state);
        if !message.is_empty() {
            entry["message"] = json!(message);
        }
    }
}

fn finish(seen: &Observed, mut status: Value, phase: &str, message: &str) -> Decision<Value> {
    status["phase"] = json!(phase);
    status["finishedAt"] = json!(seen.now.to_string());
    if !message.is_empty() {
        status["message"] = json!(message);
    }
    let words = if message.is_empty() { format!("Promotion {phase}") } else { format!("Promotion {phase}: {message}") };
    let told = Told {
        cluster: &seen.cluster,
        project: api::namespace(&seen.object),
        actor: events::actor(&seen.object),
        reason: &format!("Promotion{phase}"),
        message: &words,
        at: seen.now,
        stage: text(&seen.object, &["spec", "stage"]),
    };
    let decision = Decision::of(status).act(told.of_promotion(&seen.object, seen.freight.as_ref()));
    if phase == "Succeeded" { decision } else { decision.wait(Code::PromotionFailed, format!("promotion is {phase}: {message}"), None) }
}

/// Says why an expression has no value. Nothing is fetched for expressions yet.
fn told(halt: Halt) -> String {
    match halt {
        Halt::Error(error) => error.to_string(),
        Halt::Need(question) => format!("reading {question} in an expression is not supported"),
    }
}

/// What an expression sees. Source: akuity/kargo `pkg/promotion/evaluator.go`.
struct Here<'a> {
    run: &'a Run<'a>,
    alias: &'a str,
    vars: &'a Map<String, Value>,
}

impl Here<'_> {
    fn ctx(&self) -> Value {
        let (object, cargo) = (&self.run.seen.object, self.run.cargo);
        let target = json!({"name": api::name(cargo), "alias": cargo["alias"], "origin": cargo["origin"]});
        let actor = api::annotation(object, "kargo.akuity.io/create-actor").unwrap_or_default();
        json!({
            "project": api::namespace(object), "promotion": api::name(object), "stage": api::name(self.run.stage),
            // The older name of targetFreight.
            "freight": target.clone(), "targetFreight": target,
            "meta": {"promotion": {"actor": actor}, "step": {"alias": self.alias}},
        })
    }

    /// Metadata of the steps so far by their aliases.
    fn metas(&self) -> Value {
        let list = self.run.status["stepExecutionMetadata"].as_array();
        let entries = list.into_iter().flatten().map(|step| (text(step, &["alias"]).to_owned(), step.clone()));
        Value::Object(entries.collect())
    }

    /// Outputs of the steps of the same task by their own aliases; `None` outside tasks.
    fn task(&self) -> Option<Value> {
        let (task, _) = expr::kargo::split_alias(self.alias);
        let own = self.run.outputs.iter().filter_map(|(alias, output)| {
            let (of, short) = expr::kargo::split_alias(alias);
            (of == task).then(|| (short.to_owned(), output.clone()))
        });
        (!task.is_empty()).then(|| json!({"outputs": own.collect::<Map<_, _>>()}))
    }

    /// What is at hand: the Freight itself and the Stage.
    fn answer(&self, question: &expr::Question) -> Option<Option<Value>> {
        match question {
            expr::Question::Freight(name) if name == api::name(self.run.cargo) => Some(Some(self.run.cargo.clone())),
            expr::Question::Stage(name) if name == api::name(self.run.stage) => Some(Some(self.run.stage.clone())),
            _ => None,
        }
    }
}

impl Scope for Here<'_> {
    fn name(&self, name: &str) -> Option<expr::Value> {
        let value = match name {
            "ctx" => self.ctx(),
            "vars" => Value::Object(self.vars.clone()),
            "outputs" => Value::Object(self.run.outputs.clone()),
            "stepMetas" => self.metas(),
            "task" => self.task()?,
            _ => return None,
        };
        Some(expr::Value::from_json(&value))
    }

    fn names(&self) -> Vec<&str> {
        vec!["ctx", "vars", "outputs", "stepMetas", "task"]
    }

    fn call(&self, name: &str, arguments: &[expr::Value]) -> Option<Result<expr::Value, Refusal>> {
        let requested = self.run.stage["spec"]["requestedFreight"].as_array().map(Vec::as_slice).unwrap_or_default();
        let metadata = self.run.status["stepExecutionMetadata"].as_array().map(Vec::as_slice).unwrap_or_default();
        let kargo = Kargo {
            project: api::namespace(&self.run.seen.object),
            requested,
            freight: std::slice::from_ref(self.run.cargo),
            answers: &|question| self.answer(question),
            step: Some(expr::kargo::Step { alias: self.alias, metadata }),
        };
        kargo.call(name, arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::Pull;
    use model::{Action, Tree};

    const REPOSITORY: &str = "https://gitea.internal/org/deployment";
    const POINTER: &str = "kind: OCIRepository\nspec:\n  ref:\n    tag: 0.5.1  # the only line\n";

    /// A forge that knows one repository, for as long as a test lasts.
    struct Forge {
        main: String,
        tip: String,
        landed: Vec<(String, String)>,
        pull: Option<Pull>,
        actions: Vec<String>,
    }

    impl Forge {
        fn answer(&self, question: &Question) -> Answer {
            match question {
                Question::Checkout { branch, .. } => Answer::Checkout((branch == "main").then(|| {
                    let mut tree = Tree::default();
                    tree.put("clusters/dev/myapp.yaml", self.main.as_str());
                    (self.tip.clone(), tree)
                })),
                Question::Landed { branch, message, .. } => {
                    Answer::Landed(self.landed.iter().find(|(at, _)| at == branch).map(|_| format!("commit of {}", message.len())))
                }
                Question::Pull { .. } | Question::PullNumber { .. } => Answer::Pull(self.pull.clone()),
            }
        }

        fn perform(&mut self, action: &Action) {
            match action {
                Action::PushCommit { branch, base, expected, edits, message, .. } => {
                    self.actions.push(format!("push {branch} on {base} expecting {expected:?}: {message:?}"));
                    let text = String::from_utf8(edits[0].content.clone().expect("content")).expect("text");
                    if branch == "main" {
                        self.main = text;
                    }
                    self.landed.push((branch.clone(), message.clone()));
                    if let Some(pull) = &mut self.pull {
                        pull.behind = false;
                    }
                }
                Action::OpenPull { head, base, title, .. } => {
                    self.actions.push(format!("open {head} → {base}: {title}"));
                    self.pull = Some(Pull {
                        number: 7,
                        url: "u".into(),
                        open: true,
                        merged: false,
                        head: "h".into(),
                        branch: head.clone(),
                        merge_commit: None,
                        behind: false,
                        auto_merge: false,
                        waits_for: String::new(),
                    });
                }
                Action::MergePull { number, when_green, .. } => {
                    self.actions.push(format!("merge {number} when green {when_green}"));
                    if let Some(pull) = &mut self.pull {
                        pull.auto_merge = true;
                    }
                }
                Action::CancelMerge { number, .. } => {
                    self.actions.push(format!("hold {number}"));
                    if let Some(pull) = &mut self.pull {
                        pull.auto_merge = false;
                    }
                }
                Action::Emit { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn forge() -> Forge {
        Forge { main: POINTER.into(), tip: "t1".into(), landed: Vec::new(), pull: None, actions: Vec::new() }
    }

    fn world(steps: Value) -> Observed {
        let freight = json!({"metadata": {"name": "abcdefgh"}, "origin": {"kind": "Warehouse", "name": "w"}, "images": [{"repoURL": "r/x", "tag": "0.5.2", "digest": "sha256:aa"}]});
        Observed {
            cluster: ClusterName("management".into()),
            object: json!({"metadata": {"name": "dev.01.abcdefg", "namespace": "p"}, "spec": {"stage": "dev", "freight": "abcdefgh", "steps": steps.clone()}}),
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
            failure: None,
            stage: Some(
                json!({"metadata": {"name": "dev"}, "spec": {"promotionTemplate": {"spec": {"steps": steps}}, "requestedFreight": [{"origin": {"kind": "Warehouse", "name": "w"}, "sources": {"direct": true}}]},
                "status": {"currentPromotion": {"name": "dev.01.abcdefg"}}}),
            ),
            project: None,
            freight: Some(freight),
            identity: "kargo".into(),
            answers: BTreeMap::new(),
        }
    }

    fn direct() -> Value {
        json!([
            {"uses": "git-clone", "config": {"repoURL": REPOSITORY, "checkout": [{"branch": "main", "path": "./out"}]}},
            {"uses": "yaml-update", "as": "bump", "config": {"path": "./out/clusters/dev/myapp.yaml", "updates": [{"key": "spec.ref.tag", "value": "${{ imageFrom(\"r/x\").Tag }}"}]}},
            {"uses": "git-commit", "config": {"path": "./out", "message": "dev: myapp → ${{ imageFrom(\"r/x\").Tag }}"}},
            {"uses": "git-push", "config": {"path": "./out", "targetBranch": "main"}},
        ])
    }

    /// One pass as the driver makes it.
    fn pass(seen: &mut Observed, forge: &mut Forge) -> Decision<Value> {
        seen.answers.clear();
        loop {
            match decide(seen) {
                Outcome::Ask(question) => {
                    let answer = forge.answer(&question);
                    seen.answers.insert(question, answer);
                }
                Outcome::Decided(decision) => {
                    decision.actions.iter().for_each(|action| forge.perform(action));
                    seen.object["status"] = decision.status.clone();
                    return *decision;
                }
            }
        }
    }

    fn run(seen: &mut Observed, forge: &mut Forge) -> String {
        for _ in 0..20 {
            let before = seen.object["status"].clone();
            let decision = pass(seen, forge);
            if decision.actions.is_empty() && before == seen.object["status"] {
                break;
            }
        }
        let status = &seen.object["status"];
        format!("{} {}", text(status, &["phase"]), text(status, &["message"])).trim().to_owned()
    }

    #[test]
    fn a_pointer_moves_by_one_commit() {
        let (mut seen, mut forge) = (world(direct()), forge());
        assert_eq!(run(&mut seen, &mut forge), "Succeeded");
        assert_eq!(forge.main, POINTER.replace("0.5.1", "0.5.2"));
        assert_eq!(forge.actions, ["push main on t1 expecting Some(\"t1\"): \"dev: myapp → 0.5.2\""]);
    }

    #[test]
    fn a_pause_takes_back_the_merge_that_would_come_by_itself() {
        let (mut seen, mut forge) = (world(through_a_pull()), forge());
        assert_eq!(run(&mut seen, &mut forge), "Running");
        assert!(forge.pull.as_ref().is_some_and(|pull| pull.auto_merge), "{:?}", forge.actions);
        let held = json!({"metadata": {"annotations": {hold::PAUSED: api::Note::write("ann", "a fire", seen.now, None)}}});
        seen.project = Some(held);
        assert_eq!(run(&mut seen, &mut forge), "Running");
        assert!(forge.pull.as_ref().is_some_and(|pull| !pull.auto_merge), "{:?}", forge.actions);
        seen.project = None;
        assert_eq!(run(&mut seen, &mut forge), "Running");
        assert!(forge.pull.as_ref().is_some_and(|pull| pull.auto_merge), "{:?}", forge.actions);
    }

    #[test]
    fn a_pointer_that_says_so_already_needs_no_pull_request() {
        let (mut seen, mut forge) = (world(through_a_pull()), forge());
        forge.main = POINTER.replace("0.5.1", "0.5.2");
        assert_eq!(run(&mut seen, &mut forge), "Succeeded");
        assert!(forge.actions.is_empty(), "{:?}", forge.actions);
        let states = seen.object["status"]["stepExecutionMetadata"].as_array().expect("a list");
        assert_eq!(states.last().expect("a step")["status"], "Skipped");
    }

    #[test]
    fn steps_are_the_stages_and_nobody_elses() {
        let (mut seen, mut forge) = (world(direct()), forge());
        // Written by hand, it names Stage and Freight only.
        seen.object["spec"].as_object_mut().expect("a map").remove("steps");
        let stage = seen.stage.clone().expect("a Stage");
        assert_eq!(completion(&seen.object, &stage), json!([{"op": "add", "path": "/spec/steps", "value": direct()}]));
        assert_eq!(completion(&stages_own(&stage), &stage), json!([]));
        assert_eq!(run(&mut seen, &mut forge), "Succeeded");
        assert_eq!(forge.actions.len(), 1);
        let refused = |change: &dyn Fn(&mut Value), expected: &str| {
            let (mut seen, mut forge) = (world(direct()), self::forge());
            change(&mut seen.object);
            assert_eq!(run(&mut seen, &mut forge), expected);
            assert!(forge.actions.is_empty());
        };
        let steps = "Errored its steps are not those of its Stage's promotionTemplate";
        refused(&|object| object["spec"]["steps"][1]["config"]["path"] = json!("./out/clusters/prod/myapp.yaml"), steps);
        refused(&|object| object["spec"]["vars"] = json!([{"name": "x", "value": "y"}]), steps);
        refused(&|object| object["metadata"]["generation"] = json!(2), "Errored it was edited after it was made: make another");
    }

    #[test]
    fn a_pause_stops_it_where_it_stands() {
        let (mut seen, mut forge) = (world(direct()), forge());
        pass(&mut seen, &mut forge);
        seen.project = Some(json!({"metadata": {"annotations": {hold::PAUSED: api::Note::write("ann", "a fire", seen.now, None)}}}));
        assert_eq!(run(&mut seen, &mut forge), "Running");
        assert!(forge.actions.is_empty());
        seen.project = None;
        assert_eq!(run(&mut seen, &mut forge), "Succeeded");
    }

    #[test]
    fn a_crash_after_the_push_pushes_nothing_again() {
        let (mut seen, mut forge) = (world(direct()), forge());
        pass(&mut seen, &mut forge);
        let before = seen.object["status"].clone();
        pass(&mut seen, &mut forge);
        // The status was lost with the process, the commit was not.
        seen.object["status"] = before;
        assert_eq!(run(&mut seen, &mut forge), "Succeeded");
        assert_eq!(forge.actions.len(), 1);
    }

    fn through_a_pull() -> Value {
        let mut steps = direct();
        steps[3] = json!({"uses": "git-push", "as": "push", "config": {"path": "./out", "generateTargetBranch": true}});
        let more = json!([
            {"uses": "git-open-pr", "as": "pr", "config": {"repoURL": REPOSITORY, "sourceBranch": "${{ outputs.push.branch }}", "targetBranch": "main"}},
            {"uses": "git-wait-for-pr", "config": {"repoURL": REPOSITORY, "prNumber": "${{ outputs.pr.pr.id }}"}},
        ]);
        steps.as_array_mut().expect("a list").extend(more.as_array().expect("a list").clone());
        steps
    }

    #[test]
    fn production_goes_by_a_pull_request() {
        let steps = through_a_pull();
        let (mut seen, mut forge) = (world(steps), forge());
        assert_eq!(run(&mut seen, &mut forge), "Running");
        // Main moves: the commit is made anew on the new tip.
        forge.tip = "t2".into();
        forge.pull.as_mut().expect("a pull").behind = true;
        assert_eq!(run(&mut seen, &mut forge), "Running");
        let pull = forge.pull.as_mut().expect("a pull");
        (pull.open, pull.merged) = (false, true);
        assert_eq!(run(&mut seen, &mut forge), "Succeeded");
        assert_eq!(
            forge.actions,
            [
                "push kargo/promotion/dev.01.abcdefg on t1 expecting None: \"dev: myapp → 0.5.2\"",
                "open kargo/promotion/dev.01.abcdefg → main: dev: myapp → 0.5.2",
                "merge 7 when green true",
                "push kargo/promotion/dev.01.abcdefg on t2 expecting Some(\"h\"): \"dev: myapp → 0.5.2\"",
            ]
        );
        let mut closed = world(seen.object["spec"]["steps"].clone());
        forge.pull = Some(Pull { open: false, merged: false, ..forge.pull.clone().expect("a pull") });
        assert!(run(&mut closed, &mut forge).contains("was closed without being merged"));
    }

    #[test]
    fn a_pull_request_from_a_path_pushes_its_branch_first() {
        let mut steps = direct();
        steps[3] = json!({"uses": "git-open-pr", "as": "pr", "config": {"path": "./out", "sourceBranch": "kargo/prod-${{ ctx.freight.name }}", "targetBranch": "main"}});
        steps
            .as_array_mut()
            .expect("a list")
            .push(json!({"uses": "git-wait-for-pr", "config": {"prNumber": "${{ outputs.pr.prNumber }}"}}));
        let (mut seen, mut forge) = (world(steps), forge());
        assert_eq!(run(&mut seen, &mut forge), "Running");
        assert_eq!(
            forge.actions,
            [
                "push kargo/prod-abcdefgh on t1 expecting None: \"dev: myapp → 0.5.2\"",
                "open kargo/prod-abcdefgh → main: dev: myapp → 0.5.2",
                "merge 7 when green true"
            ]
        );
    }

    #[test]
    fn the_same_freight_again_is_a_pull_request_of_its_own() {
        let mut steps = direct();
        steps[3] =
            json!({"uses": "git-push", "as": "push", "config": {"path": "./out", "targetBranch": "kargo/prod-${{ ctx.freight.name }}"}});
        let more = json!([
            {"uses": "git-open-pr", "as": "pr", "config": {"repoURL": REPOSITORY, "sourceBranch": "${{ outputs.push.branch }}", "targetBranch": "main"}},
            {"uses": "git-wait-for-pr", "config": {"repoURL": REPOSITORY, "prNumber": "${{ outputs.pr.pr.id }}"}},
        ]);
        steps.as_array_mut().expect("a list").extend(more.as_array().expect("a list").clone());
        let (mut seen, mut forge) = (world(steps), forge());
        // The pull request by which an earlier Promotion of this Freight was merged.
        forge.pull = Some(Pull {
            number: 3,
            url: "u".into(),
            open: false,
            merged: true,
            head: "old".into(),
            branch: "kargo/prod-abcdefgh".into(),
            merge_commit: None,
            behind: false,
            auto_merge: false,
            waits_for: String::new(),
        });
        assert_eq!(run(&mut seen, &mut forge), "Running");
        assert_eq!(forge.actions[1..], ["open kargo/prod-abcdefgh → main: dev: myapp → 0.5.2", "merge 7 when green true"]);
        // Once its own commit is on main, it is over; also for whoever asks after a crash.
        let pull = forge.pull.as_mut().expect("a pull");
        (pull.open, pull.merged) = (false, true);
        forge.landed.push(("main".into(), "dev: myapp → 0.5.2".into()));
        seen.object["status"]["stepExecutionMetadata"][4]["status"] = json!("Running");
        assert_eq!(run(&mut seen, &mut forge), "Succeeded");
        assert_eq!(forge.actions.len(), 3);
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (at, field, value, why) in [
            (0, "uses", json!("argocd-update"), "step 0 (step-1) met an error: step kind \"argocd-update\" is not supported"),
            (1, "config", json!({"path": "../x", "updates": []}), "step 1 (bump) met an error: ../x leads out of the work directory"),
            (1, "config", json!({"path": "out/nothing.yaml", "updates": []}), "step 1 (bump) met an error: out/nothing.yaml: no such file"),
            (
                2,
                "config",
                json!({"path": "./out", "message": "${{ ctx.nothing.name }}"}),
                "step 2 (step-3) met an error: failed to evaluate config: cannot fetch name from <nil> (1:14)\n |  ctx.nothing.name \n | .............^",
            ),
            (
                2,
                "config",
                json!({"path": "./out", "message": "${{ secret('s').key }}"}),
                "step 2 (step-3) met an error: failed to evaluate config: reading Secret s in an expression is not supported",
            ),
            (
                3,
                "config",
                json!({"path": "./out", "force": true}),
                "step 3 (step-4) met an error: invalid git-push config: (root): Additional property force is not allowed",
            ),
        ] {
            let mut steps = direct();
            steps[at][field] = value;
            let (mut seen, mut forge) = (world(steps), forge());
            assert_eq!(run(&mut seen, &mut forge), format!("Failed {why}"));
            assert!(forge.actions.is_empty());
        }
    }

    #[test]
    fn what_is_not_supported_is_told_before_anything_is_done() {
        for (field, value) in [("if", json!("always()")), ("continueOnError", json!(true)), ("task", json!({"name": "t"}))] {
            let mut steps = direct();
            steps[3][field] = value;
            let (mut seen, mut forge) = (world(steps), forge());
            seen.object["apiVersion"] = json!(crate::KARGO);
            seen.object["kind"] = json!("Promotion");
            assert_eq!(run(&mut seen, &mut forge), format!("Errored spec.steps[3].{field} is not supported yet: remove it"));
            assert!(forge.actions.is_empty());
        }
    }

    #[test]
    fn expressions_see_what_the_promotion_sees() {
        for (expression, upstream, message) in [
            ("${{ imageFrom('r/x', warehouse('w')).Tag }}", false, "0.5.2"),
            ("${{ imageFrom('r/y')?.Tag ?? 'none' }}", false, "none"),
            ("${{ status('bump') }}, ${{ success() }}", false, "Succeeded, true"),
            ("${{ outputs['step-9'] == nil }} ${{ stepMetas.bump.status }}", false, "true Succeeded"),
            ("${{ freightMetadata(ctx.targetFreight.name).by }}", false, "me"),
            ("${{ semverDiff('1.2.3', '1.3.0') }} ${{ semverParse('v1.2').IncMinor() }}", false, "Minor \"1.3.0\""),
            ("${{ '1.10' }}", false, "1.10"),
            ("x-${{ '1.10' }}", true, "x-1.10"),
        ] {
            let mut steps = direct();
            steps[2]["config"]["message"] = json!(expression);
            let (mut seen, mut forge) = (world(steps), forge());
            if let Some(freight) = &mut seen.freight {
                freight["status"] = json!({"metadata": {"by": "me"}});
            }
            if upstream && let Some(stage) = &mut seen.stage {
                stage["metadata"]["annotations"] = json!({"supercargo.dev/expressions": "upstream"});
            }
            assert_eq!(run(&mut seen, &mut forge), "Succeeded", "{expression}");
            assert!(forge.actions[0].contains(&format!("{message:?}")), "{expression}: {}", forge.actions[0]);
        }
    }

    #[test]
    fn failures_are_tried_again_and_then_end_it() {
        let (mut seen, mut forge) = (world(direct()), forge());
        pass(&mut seen, &mut forge);
        seen.failure = Some("no answer".into());
        for _ in 0..5 {
            assert_eq!(text(&seen.object["status"], &["phase"]), "Running");
            pass(&mut seen, &mut forge);
        }
        assert_eq!(text(&seen.object["status"], &["message"]), "step 3 (step-4) met an error 5 times: no answer");
    }
}
