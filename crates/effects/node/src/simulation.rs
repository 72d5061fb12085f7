//! The life of a simulated container under a rule, and what it makes of its Pod's status. Pure: the time is an argument.
//! Read first: [`Life::step`], [`status`]. Follows kubernetes/kubernetes `pkg/kubelet/kuberuntime/kuberuntime_manager.go` and
//! `pkg/kubelet/images/image_manager.go` for back-off, states and Events.

use std::time::Duration;

use api::text;
use model::{Digest, Timestamp};
use serde_json::{Value, json};

use crate::events::Said;
use crate::rules::Rule;

/// The kubelet's first pause before a container is started again, or an image pulled again; each is twice the one before.
const PAUSE: Duration = Duration::from_secs(10);
/// Its longest.
const LONGEST: Duration = Duration::from_secs(300);
/// Who has run so long begins with the first pause again.
const LASTING: Duration = Duration::from_secs(600);
/// How long the state is told as a failed pull before it is told as waiting for the next one.
const PULL: Duration = Duration::from_secs(1);

/// Whether the kubelet starts a container again that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    Always,
    OnFailure,
    Never,
}

impl Restart {
    pub fn of(pod: &Value) -> Self {
        match text(pod, &["spec", "restartPolicy"]) {
            "Never" => Self::Never,
            "OnFailure" => Self::OnFailure,
            _ => Self::Always,
        }
    }

    fn again(self, code: i32) -> bool {
        self == Self::Always || (self == Self::OnFailure && code != 0)
    }
}

/// What is known of a container's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Image {
    /// It is there, under this name with its digest.
    Here(String),
    /// It is not, and why.
    Missing(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Ended {
    code: i32,
    started: Timestamp,
    finished: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    New,
    Refused(String),
    /// The image was not to be had, so often by now.
    NotPulled {
        why: String,
        tries: u32,
        at: Timestamp,
    },
    Waiting {
        why: String,
        tries: u32,
        until: Timestamp,
    },
    Running {
        since: Timestamp,
    },
    /// It has ended and is started again.
    BackOff {
        until: Timestamp,
        pause: Duration,
    },
    Ended(Ended),
}

/// Names of a container, for messages.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub container: String,
    pub image: String,
    /// `pod_namespace(uid)`
    pub pod: String,
    pub uid: String,
}

/// The life of one simulated container.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    names: Names,
    rule: Result<Rule, String>,
    restart: Restart,
    image: Image,
    state: State,
    restarts: u32,
    /// How often it ended of late; what its next pause is told from.
    crashes: u32,
    last: Option<Ended>,
}

/// What one step gave.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub said: Vec<Said>,
    /// When there is something to do again.
    pub again: Option<Timestamp>,
}

fn pause(times: u32) -> Duration {
    PAUSE.saturating_mul(1 << times.min(16)).min(LONGEST)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str().and_then(|text| text.parse().ok())
}

impl Life {
    /// Begins, or goes on where the Pod's status says that it stands.
    pub fn new(pod: &Value, container: &Value, rule: Result<Rule, String>, image: Image, now: Timestamp) -> Self {
        let name = text(container, &["name"]);
        let mut life = Self {
            names: Names {
                container: name.to_owned(),
                image: text(container, &["image"]).to_owned(),
                pod: format!("{}_{}({})", api::name(pod), api::namespace(pod), api::uid(pod)),
                uid: api::uid(pod).to_owned(),
            },
            rule,
            restart: Restart::of(pod),
            image,
            state: State::New,
            restarts: 0,
            crashes: 0,
            last: None,
        };
        let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
        let Some(before) = statuses.into_iter().find(|status| status["name"] == name) else { return life };
        life.restarts = before["restartCount"].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        life.crashes = life.restarts;
        life.last = ended(&before["lastState"]["terminated"]);
        if let Some(since) = time(&before["state"]["running"]["startedAt"]) {
            life.state = State::Running { since };
        } else if let Some(ended) = ended(&before["state"]["terminated"]) {
            life.state = State::Ended(ended);
        } else if before["state"]["waiting"]["reason"] == "CrashLoopBackOff" && life.rule.as_ref().is_ok_and(Rule::ends) {
            life.crashes += 1;
            let pause = pause(life.crashes.saturating_sub(2));
            life.state = State::BackOff { until: later(now, pause), pause };
        }
        life
    }

    /// Tells whether somebody should look for the image again.
    pub fn wants_image(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Waiting { until, .. } if until <= now)
    }

    /// Tells what the registry said of the image.
    pub fn learn(&mut self, image: Image) {
        self.image = image;
    }

    /// Does what is due.
    pub fn step(&mut self, now: Timestamp) -> Step {
        let mut step = Step::default();
        loop {
            let before = (self.state.clone(), self.restarts);
            step.again = self.advance(now, &mut step.said);
            if (&self.state, self.restarts) == (&before.0, before.1) {
                return step;
            }
        }
    }

    fn advance(&mut self, now: Timestamp, said: &mut Vec<Said>) -> Option<Timestamp> {
        let name = self.names.container.clone();
        let rule = match &self.rule {
            Ok(rule) => rule.clone(),
            Err(why) => {
                if !matches!(self.state, State::Refused(_)) {
                    said.push(Said::warning("Failed", &name, format!("Error: {why}")));
                    self.state = State::Refused(why.clone());
                }
                return None;
            }
        };
        match self.state.clone() {
            State::New => {
                self.pull(now, 1, said);
                None
            }
            State::Refused(_) | State::Ended(_) => None,
            State::NotPulled { why, tries, at } => {
                let shown = later(at, PULL);
                if now >= shown {
                    said.push(Said::normal("BackOff", &name, format!("Back-off pulling image {:?}", self.names.image)));
                    said.push(Said::warning("Failed", &name, "Error: ImagePullBackOff"));
                    self.state = State::Waiting { why, tries, until: later(at, pause(tries - 1)) };
                }
                Some(shown)
            }
            State::Waiting { tries, until, .. } => {
                if now >= until {
                    self.pull(now, tries + 1, said);
                }
                Some(until)
            }
            State::Running { since } => match rule {
                Rule::Slow(after) => Some(later(since, after)).filter(|at| *at > now),
                Rule::CrashLoop => self.end(1, since, since.max(now), said),
                Rule::Exit { code, after } if now >= later(since, after) => self.end(code, since, now, said),
                Rule::Exit { after, .. } => Some(later(since, after)),
                Rule::Run | Rule::NotReady | Rule::ImageMissing | Rule::Unschedulable => None,
            },
            State::BackOff { until, .. } => {
                if now >= until {
                    self.restarts += 1;
                    self.start(now, said);
                }
                Some(until)
            }
        }
    }

    fn pull(&mut self, now: Timestamp, tries: u32, said: &mut Vec<Said>) {
        let (name, image) = (&self.names.container, &self.names.image);
        let missing = match (&self.rule, &self.image) {
            (Ok(Rule::ImageMissing), _) => Some(format!("{image}: not found, by the rule \"image-missing\" of the simulation")),
            (_, Image::Missing(why)) => Some(why.clone()),
            (_, Image::Here(_)) => None,
        };
        said.push(Said::normal("Pulling", name, format!("Pulling image {image:?}")));
        let Some(why) = missing else {
            said.push(Said::normal("Pulled", name, format!("Successfully pulled image {image:?}")));
            return self.start(now, said);
        };
        said.push(Said::warning("Failed", name, format!("Failed to pull image {image:?}: {why}")));
        said.push(Said::warning("Failed", name, "Error: ErrImagePull"));
        self.state = State::NotPulled { why, tries, at: now };
    }

    fn start(&mut self, now: Timestamp, said: &mut Vec<Said>) {
        let name = &self.names.container;
        if self.last.is_some() {
            let image = &self.names.image;
            said.push(Said::normal(
                "Pulled",
                name,
                format!("Container image {image:?} already present on machine and can be accessed by the pod"),
            ));
        }
        said.push(Said::normal("Created", name, "Container created"));
        said.push(Said::normal("Started", name, "Container started"));
        self.state = State::Running { since: now };
    }

    fn end(&mut self, code: i32, started: Timestamp, finished: Timestamp, said: &mut Vec<Said>) -> Option<Timestamp> {
        let ended = Ended { code, started, finished };
        if !self.restart.again(code) {
            self.state = State::Ended(ended);
            return None;
        }
        if later(started, LASTING) <= finished {
            self.crashes = 0;
        }
        self.last = Some(ended);
        self.crashes += 1;
        if self.crashes == 1 {
            // The first time the kubelet does not wait.
            self.restarts += 1;
            self.start(finished, said);
            return None;
        }
        let (pause, Names { container, pod, .. }) = (pause(self.crashes - 2), &self.names);
        said.push(Said::warning("BackOff", container, format!("Back-off restarting failed container {container} in pod {pod}")));
        self.state = State::BackOff { until: later(finished, pause), pause };
        None
    }

    fn is_ready(&self, now: Timestamp) -> bool {
        let State::Running { since } = self.state else { return false };
        match self.rule {
            Ok(Rule::Slow(after)) => now >= later(since, after),
            Ok(Rule::NotReady | Rule::CrashLoop) | Err(_) => false,
            Ok(Rule::Run | Rule::ImageMissing | Rule::Unschedulable | Rule::Exit { .. }) => true,
        }
    }

    /// Returns the container's status.
    pub fn status(&self, now: Timestamp) -> Value {
        let Names { container, image, pod, uid } = &self.names;
        let id = format!("simulated://{}", Digest::of(format!("{uid}/{container}/{}", self.restarts).as_bytes()).hex());
        let waiting = |reason: &str, message: String| {
            let mut waiting = json!({"reason": reason});
            if !message.is_empty() {
                waiting["message"] = json!(message);
            }
            json!({"waiting": waiting})
        };
        let state = match &self.state {
            State::New => waiting("ContainerCreating", String::new()),
            State::Refused(why) => waiting("CreateContainerConfigError", why.clone()),
            State::NotPulled { why, .. } => waiting("ErrImagePull", why.clone()),
            State::Waiting { why, .. } => waiting("ImagePullBackOff", format!("Back-off pulling image {image:?}: ErrImagePull: {why}")),
            State::Running { since } => json!({"running": {"startedAt": seconds(*since)}}),
            State::BackOff { pause, .. } => {
                let pause = golang_seconds(*pause);
                waiting("CrashLoopBackOff", format!("back-off {pause} restarting failed container={container} pod={pod}"))
            }
            State::Ended(ended) => json!({"terminated": terminated(ended)}),
        };
        let is_running = matches!(self.state, State::Running { .. });
        let last = self.last.as_ref().map_or_else(|| json!({}), |ended| json!({"terminated": terminated(ended)}));
        let image_id = match &self.image {
            Image::Here(id) => id.as_str(),
            Image::Missing(_) => "",
        };
        let mut status = json!({
            "name": container, "image": image, "imageID": image_id, "ready": self.is_ready(now), "started": is_running,
            "restartCount": self.restarts, "state": state, "lastState": last,
        });
        if !matches!(self.state, State::New | State::Refused(_) | State::NotPulled { .. } | State::Waiting { .. }) {
            status["containerID"] = json!(id);
        }
        status
    }

    fn has_begun(&self) -> bool {
        self.last.is_some() || matches!(self.state, State::Running { .. } | State::BackOff { .. } | State::Ended(_))
    }
}

fn ended(terminated: &Value) -> Option<Ended> {
    let code = terminated["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok())?;
    Some(Ended { code, started: time(&terminated["startedAt"])?, finished: time(&terminated["finishedAt"])? })
}

fn terminated(Ended { code, started, finished }: &Ended) -> Value {
    let reason = if *code == 0 { "Completed" } else { "Error" };
    json!({"exitCode": code, "reason": reason, "startedAt": seconds(*started), "finishedAt": seconds(*finished)})
}

/// A pause as Go writes it.
fn golang_seconds(pause: Duration) -> String {
    match (pause.as_secs() / 60, pause.as_secs() % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

/// A time as objects carry it.
pub(crate) fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// Returns phase, conditions and statuses of the containers of a Pod, as a patch of its status. `before` are its conditions until
/// now.
pub(crate) fn status(lives: &[Life], before: &Value, now: Timestamp) -> Value {
    let ended: Vec<i32> =
        lives.iter().filter_map(|life| if let State::Ended(ended) = &life.state { Some(ended.code) } else { None }).collect();
    let phase = if !lives.iter().all(Life::has_begun) {
        "Pending"
    } else if ended.len() < lives.len() {
        "Running"
    } else if ended.iter().all(|code| *code == 0) {
        "Succeeded"
    } else {
        "Failed"
    };
    let unready: Vec<&str> = lives.iter().filter(|life| !life.is_ready(now)).map(|life| life.names.container.as_str()).collect();
    let statuses: Vec<Value> = lives.iter().map(|life| life.status(now)).collect();
    json!({"phase": phase, "conditions": conditions(before, phase, &unready, now), "containerStatuses": statuses})
}

/// The conditions that a kubelet keeps; what did not change keeps its time.
pub(crate) fn conditions(before: &Value, phase: &str, unready: &[&str], now: Timestamp) -> Value {
    let over = match phase {
        "Succeeded" => Some("PodCompleted"),
        "Failed" => Some("PodFailed"),
        _ => None,
    };
    let list = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"].map(|kind| {
        let of_containers = matches!(kind, "Ready" | "ContainersReady");
        let good = match kind {
            "PodReadyToStartContainers" => over.is_none(),
            _ if of_containers => over.is_none() && unready.is_empty(),
            _ => true,
        };
        let mut condition = json!({"type": kind, "status": if good { "True" } else { "False" }, "reason": null, "message": null});
        match over {
            Some(reason) if of_containers || (kind == "Initialized" && phase == "Succeeded") => condition["reason"] = json!(reason),
            None if of_containers && !good => {
                condition["reason"] = json!("ContainersNotReady");
                condition["message"] = json!(format!("containers with unready status: [{}]", unready.join(" ")));
            }
            _ => {}
        }
        let known = before.as_array().into_iter().flatten().find(|one| one["type"] == kind && one["status"] == condition["status"]);
        let since = known.and_then(|one| one["lastTransitionTime"].as_str()).map_or_else(|| seconds(now), str::to_owned);
        condition["lastTransitionTime"] = json!(since);
        condition
    });
    json!(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn at(second: i64) -> Timestamp {
        "2026-01-01T00:00:00Z".parse::<Timestamp>().expect("a time").checked_add(Duration::from_secs(second as u64)).expect("in range")
    }

    /// Lives through so many seconds and tells each change: second, phase, state, restarts, readiness; and what was said.
    fn check(rule: &str, policy: &str, until: i64, wanted: &Expect) {
        let pod = json!({"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": "r/x:1"}]}});
        let image = Image::Here("r/x@sha256:1".into());
        let mut lives = [Life::new(&pod, &pod["spec"]["containers"][0], Rule::parse(rule), image, at(0))];
        let (mut second, mut told) = (0, String::new());
        while second <= until {
            let step = lives[0].step(at(second));
            let status = status(&lives, &Value::Null, at(second));
            let one = &status["containerStatuses"][0];
            let state = one["state"].as_object().and_then(|state| state.iter().next()).expect("a state");
            let ready = if one["ready"] == true { " ready" } else { "" };
            let reason = state.1["reason"].as_str().unwrap_or(state.0);
            told.push_str(&format!("{second}s {} {reason} {}{ready}", status["phase"].as_str().expect("a phase"), one["restartCount"]));
            let reasons: Vec<&str> = step.said.iter().map(|said| said.reason).collect();
            told.push_str(&format!(" [{}]\n", reasons.join(" ")));
            let Some(next) = step.again else { break };
            second = next.as_second() - at(0).as_second();
        }
        wanted.assert_eq(&told);
    }

    #[test]
    fn containers_live_by_their_rules() {
        check(
            "run",
            "Always",
            100,
            &expect![[r#"
            0s Running running 0 ready [Pulling Pulled Created Started]
        "#]],
        );
        check(
            "slow=20s",
            "Always",
            100,
            &expect![[r#"
            0s Running running 0 [Pulling Pulled Created Started]
            20s Running running 0 ready []
        "#]],
        );
        check(
            "not-ready",
            "Always",
            100,
            &expect![[r#"
            0s Running running 0 [Pulling Pulled Created Started]
        "#]],
        );
        check(
            "exit=0 after 5s",
            "Never",
            100,
            &expect![[r#"
            0s Running running 0 ready [Pulling Pulled Created Started]
            5s Succeeded Completed 0 []
        "#]],
        );
        check(
            "exit=3",
            "Never",
            100,
            &expect![[r#"
            0s Failed Error 0 [Pulling Pulled Created Started]
        "#]],
        );
        check(
            "exit=0 after 1m",
            "OnFailure",
            100,
            &expect![[r#"
            0s Running running 0 ready [Pulling Pulled Created Started]
            60s Succeeded Completed 0 []
        "#]],
        );
        check(
            "crash-loop",
            "Never",
            100,
            &expect![[r#"
            0s Failed Error 0 [Pulling Pulled Created Started]
        "#]],
        );
    }

    #[test]
    fn who_crashes_waits_longer_each_time() {
        check(
            "crash-loop",
            "Always",
            1_400,
            &expect![[r#"
            0s Running CrashLoopBackOff 1 [Pulling Pulled Created Started Pulled Created Started BackOff]
            10s Running CrashLoopBackOff 2 [Pulled Created Started BackOff]
            30s Running CrashLoopBackOff 3 [Pulled Created Started BackOff]
            70s Running CrashLoopBackOff 4 [Pulled Created Started BackOff]
            150s Running CrashLoopBackOff 5 [Pulled Created Started BackOff]
            310s Running CrashLoopBackOff 6 [Pulled Created Started BackOff]
            610s Running CrashLoopBackOff 7 [Pulled Created Started BackOff]
            910s Running CrashLoopBackOff 8 [Pulled Created Started BackOff]
            1210s Running CrashLoopBackOff 9 [Pulled Created Started BackOff]
        "#]],
        );
        check(
            "exit=0 after 15m",
            "Always",
            2_000,
            &expect![[r#"
            0s Running running 0 ready [Pulling Pulled Created Started]
            900s Running running 1 ready [Pulled Created Started]
            1800s Running running 2 ready [Pulled Created Started]
        "#]],
        );
    }

    #[test]
    fn what_has_no_rule_is_not_started() {
        check(
            "fast",
            "Always",
            10,
            &expect![[r#"
            0s Pending CreateContainerConfigError 0 [Failed]
        "#]],
        );
    }

    #[test]
    fn what_is_not_there_is_pulled_again() {
        check(
            "image-missing",
            "Always",
            100,
            &expect![[r#"
            0s Pending ErrImagePull 0 [Pulling Failed Failed]
            1s Pending ImagePullBackOff 0 [BackOff Failed]
            10s Pending ErrImagePull 0 [Pulling Failed Failed]
            11s Pending ImagePullBackOff 0 [BackOff Failed]
            30s Pending ErrImagePull 0 [Pulling Failed Failed]
            31s Pending ImagePullBackOff 0 [BackOff Failed]
            70s Pending ErrImagePull 0 [Pulling Failed Failed]
            71s Pending ImagePullBackOff 0 [BackOff Failed]
        "#]],
        );
    }

    #[test]
    fn a_life_goes_on_where_the_status_says() {
        let mut pod =
            json!({"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"containers": [{"name": "c", "image": "r/x:1"}]}});
        pod["status"]["containerStatuses"] = json!([{"name": "c", "restartCount": 4, "state": {"running": {"startedAt": seconds(at(0))}},
            "lastState": {"terminated": {"exitCode": 1, "startedAt": seconds(at(0)), "finishedAt": seconds(at(0))}}}]);
        let life =
            |rule: &str, now: i64| Life::new(&pod, &pod["spec"]["containers"][0], Rule::parse(rule), Image::Here(String::new()), at(now));
        let mut slow = life("slow=30s", 20);
        assert_eq!((slow.step(at(20)).again, slow.is_ready(at(20))), (Some(at(30)), false));
        assert_eq!((slow.step(at(30)).again, slow.is_ready(at(30))), (None, true));
        let mut crashing = life("crash-loop", 20);
        assert_eq!(crashing.step(at(20)).again, Some(at(20 + 80)), "the fifth crash");
        assert_eq!(crashing.status(at(20))["restartCount"], 4);
    }

    #[test]
    fn conditions_keep_the_time_of_their_last_change() {
        let before = conditions(&Value::Null, "Running", &["c"], at(0));
        let now = conditions(&before, "Running", &[], at(9));
        let times =
            |kind: &str| now.as_array().into_iter().flatten().find(|one| one["type"] == kind).map(|one| one["lastTransitionTime"].clone());
        assert_eq!((times("Ready"), times("PodScheduled")), (Some(json!(seconds(at(9)))), Some(json!(seconds(at(0))))));
    }
}
