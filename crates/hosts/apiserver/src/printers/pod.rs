//! What `kubectl get pods` shows. Follows kubernetes `pkg/printers/internalversion/printers.go` `printPod`.

use model::Timestamp;
use serde_json::{Value, json};

use super::{Cell, duration, int_at, list_at, or, str_at, text};
use crate::object::{meta, parse_time};

/// How many containers are ready, how often they began anew and when last, and the one word that says how the Pod is.
#[derive(Default)]
struct Account {
    ready: usize,
    restarts: i64,
    last: Option<Timestamp>,
    word: String,
}

impl Account {
    fn count(&mut self, status: &Value) {
        self.restarts += int_at(status, "/restartCount");
        self.last = self.last.max(parse_time(str_at(status, "/lastState/terminated/finishedAt")));
    }
}

/// Returns the cells of a Pod.
pub(super) fn cells(pod: &Value, now: Timestamp) -> Vec<Cell> {
    let total = list_at(pod, "/spec/containers").len() + list_at(pod, "/spec/initContainers").iter().filter(|one| stays(one)).count();
    let account = account(pod);
    let restarts = match account.last.filter(|_| account.restarts > 0) {
        Some(time) => format!("{} ({} ago)", account.restarts, duration(now.as_second() - time.as_second())),
        None => account.restarts.to_string(),
    };
    vec![
        Cell::name(pod),
        text("Ready", &format!("{}/{total}", account.ready)),
        text("Status", &account.word),
        text("Restarts", &restarts),
        Cell::age(pod, now),
        text("IP", or(str_at(pod, "/status/podIPs/0/ip"), "<none>")).wide(),
        text("Node", or(str_at(pod, "/spec/nodeName"), "<none>")).wide(),
        text("Nominated Node", or(str_at(pod, "/status/nominatedNodeName"), "<none>")).wide(),
        text("Readiness Gates", &gates(pod)).wide(),
    ]
}

fn gates(pod: &Value) -> String {
    let gates = list_at(pod, "/spec/readinessGates");
    let holds = |gate: &&Value| condition(pod, str_at(gate, "/conditionType")).is_some_and(|one| str_at(one, "/status") == "True");
    match gates.len() {
        0 => "<none>".to_owned(),
        total => format!("{}/{total}", gates.iter().filter(holds).count()),
    }
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    list_at(pod, "/status/conditions").iter().find(|one| str_at(one, "/type") == kind)
}

/// Whether an init container runs on beside the others.
fn stays(container: &Value) -> bool {
    str_at(container, "/restartPolicy") == "Always"
}

/// What a container that has ended is called.
fn ended(state: &Value) -> String {
    match (str_at(state, "/terminated/reason"), int_at(state, "/terminated/signal")) {
        ("", 0) => format!("ExitCode:{}", int_at(state, "/terminated/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn account(pod: &Value) -> Account {
    let word = or(str_at(pod, "/status/reason"), str_at(pod, "/status/phase"));
    let gated = condition(pod, "PodScheduled").is_some_and(|one| str_at(one, "/reason") == "SchedulingGated");
    let mut account = Account { word: if gated { "SchedulingGated" } else { word }.to_owned(), ..Account::default() };
    let starting = begin(pod, &mut account);
    if !starting || condition(pod, "Initialized").is_some_and(|one| str_at(one, "/status") == "True") {
        run(pod, &mut account);
    }
    if !meta(pod, "deletionTimestamp").is_empty() {
        if str_at(pod, "/status/reason") == "NodeLost" {
            "Unknown".clone_into(&mut account.word);
        } else if !matches!(str_at(pod, "/status/phase"), "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut account.word);
        }
    }
    account
}

/// Looks at the init containers; tells whether the Pod is not past them.
fn begin(pod: &Value, account: &mut Account) -> bool {
    let specs = list_at(pod, "/spec/initContainers");
    for (index, one) in list_at(pod, "/status/initContainerStatuses").iter().enumerate() {
        account.count(one);
        let state = one.get("state").unwrap_or(&Value::Null);
        let ended_already = state.get("terminated").is_some_and(|end| !end.is_null());
        if ended_already && int_at(state, "/terminated/exitCode") == 0 {
            continue;
        }
        let spec = specs.iter().find(|spec| str_at(spec, "/name") == str_at(one, "/name"));
        if spec.is_some_and(stays) && one.get("started") == Some(&json!(true)) {
            account.ready += usize::from(one.get("ready") == Some(&json!(true)));
            continue;
        }
        account.word = match str_at(state, "/waiting/reason") {
            _ if ended_already => format!("Init:{}", ended(state)),
            "" | "PodInitializing" => format!("Init:{index}/{}", specs.len()),
            waiting => format!("Init:{waiting}"),
        };
        return true;
    }
    false
}

/// Looks at the containers; of the init containers only those count on that run beside them.
fn run(pod: &Value, account: &mut Account) {
    let stay: Vec<&str> = list_at(pod, "/spec/initContainers").iter().filter(|one| stays(one)).map(|one| str_at(one, "/name")).collect();
    (account.restarts, account.last) = (0, None);
    for one in list_at(pod, "/status/initContainerStatuses").iter().filter(|one| stay.contains(&str_at(one, "/name"))) {
        account.count(one);
    }
    let (mut running, mut failed) = (false, None);
    for one in list_at(pod, "/status/containerStatuses").iter().rev() {
        account.count(one);
        let state = one.get("state").unwrap_or(&Value::Null);
        let is = |name: &str| state.get(name).is_some_and(|state| !state.is_null());
        match str_at(state, "/waiting/reason") {
            "" if is("terminated") => {
                account.word = ended(state);
                if int_at(state, "/terminated/exitCode") != 0 {
                    failed = Some(account.word.clone());
                }
            }
            "" if is("running") && one.get("ready") == Some(&json!(true)) => {
                running = true;
                account.ready += 1;
            }
            "" => {}
            waiting => waiting.clone_into(&mut account.word),
        }
    }
    if account.word == "Completed" {
        let ready = condition(pod, "Ready").is_some_and(|one| str_at(one, "/status") == "True");
        match failed {
            _ if running && ready => "Running".clone_into(&mut account.word),
            Some(word) => account.word = word,
            None if running => "NotReady".clone_into(&mut account.word),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pod: &Value) -> String {
        let shown: Vec<String> = cells(pod, Timestamp::UNIX_EPOCH)[1..4].iter().map(|cell| cell.value.to_string()).collect();
        shown.join(" ").replace('"', "")
    }

    #[test]
    fn a_row_says_what_holds_a_pod_up() {
        let ended = |reason: &str, code: i64| json!({"terminated": {"reason": reason, "exitCode": code}});
        let running = json!({"running": {}});
        let side = json!({"name": "side", "restartPolicy": "Always"});
        let gate = json!([{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]);
        let ready = json!([{"type": "Ready", "status": "True"}]);
        for (init, spec, status, wanted) in [
            (json!([]), 1, json!({"phase": "Pending", "conditions": gate}), "0/1 SchedulingGated 0"),
            (json!([side]), 1, json!({"phase": "Pending"}), "0/2 Pending 0"),
            (
                json!([side]),
                1,
                json!({"phase": "Running", "initContainerStatuses": [{"name": "side", "started": true, "ready": true, "restartCount": 2}],
                    "containerStatuses": [{"ready": true, "state": running, "restartCount": 1}]}),
                "2/2 Running 3",
            ),
            (
                json!([{"name": "first"}, {"name": "second"}]),
                1,
                json!({"phase": "Pending", "initContainerStatuses": [
                    {"name": "first", "state": ended("Completed", 0), "restartCount": 4}, {"name": "second", "state": {"waiting": {}}}]}),
                "0/1 Init:1/2 4",
            ),
            (
                json!([{"name": "first"}]),
                1,
                json!({"phase": "Pending", "initContainerStatuses": [{"name": "first", "state": ended("", 3)}]}),
                "0/1 Init:ExitCode:3 0",
            ),
            (
                json!([]),
                2,
                json!({"phase": "Running", "conditions": ready, "containerStatuses": [
                    {"state": ended("Completed", 0)}, {"ready": true, "state": running}]}),
                "1/2 Running 0",
            ),
            (
                json!([]),
                2,
                json!({"phase": "Failed", "containerStatuses": [{"state": ended("Completed", 0)}, {"state": ended("Error", 1)}]}),
                "0/2 Error 0",
            ),
        ] {
            let containers: Vec<Value> = (0..spec).map(|number| json!({"name": number.to_string()})).collect();
            let pod = json!({"spec": {"initContainers": init, "containers": containers}, "status": status});
            assert_eq!(row(&pod), wanted, "{pod}");
        }
    }
}
