//! The server beside the original: the same questions, and what the original answered to them (see `recorded/questions.rs`).
//! Where the answers may differ says `recorded/known.txt`, each with its reason; whoever makes one of them equal takes its line out.

use std::collections::BTreeMap;
use std::sync::Arc;

use apiserver::{ApiServer, Options};
use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Method, Request, header};
use model::{Caller, Clock, Timestamp};
use serde_json::{Value, json};
use store::Store;
use tower::ServiceExt as _;

#[path = "recorded/beginning.rs"]
mod beginning;
#[path = "recorded/documents.rs"]
mod documents;
#[path = "recorded/owners.rs"]
mod owners;
#[path = "recorded/questions.rs"]
mod questions;
#[path = "recorded/values.rs"]
mod values;

use questions::{NAMESPACE, Question, Subject, Verb, beyond, kept};

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

async fn ask(router: &Router, method: Method, path: &str, body: &Value) -> (u16, Vec<String>, Value) {
    ask_as(router, method, path, "application/json", body).await
}

async fn ask_as(router: &Router, method: Method, path: &str, media: &str, body: &Value) -> (u16, Vec<String>, Value) {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, media)
        .header(header::USER_AGENT, "recorded/1")
        .extension(Caller { uid: "recorder".to_owned(), ..Caller::master("recorder") })
        .body(body)
        .expect("a request");
    let response = router.clone().oneshot(request).await.expect("infallible");
    let status = response.status().as_u16();
    let warnings = response.headers().get_all(header::WARNING).iter().filter_map(|one| one.to_str().ok().map(str::to_owned)).collect();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, warnings, serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes))))
}

/// Asks one question; `live` is what the last update was about.
async fn answer(router: &Router, question: &Question, subject: &Subject, live: &mut Value) -> Value {
    if question.verb == Verb::Create {
        let path = format!("{}?dryRun=All", subject.under);
        let (status, warnings, told) = ask(router, Method::POST, &path, &question.body(subject, None)).await;
        return kept(question.verb, status, warnings, told);
    }
    let place = format!("{}/{}", subject.under, subject.object["metadata"]["name"].as_str().expect("a name"));
    if question.at.is_empty() {
        let (status, _, told) = ask(router, Method::POST, &subject.under, &subject.object).await;
        assert!(matches!(status, 201 | 409), "{}: {told}", question.told(subject));
    }
    // The server itself may have written since.
    *live = ask(router, Method::GET, &place, &Value::Null).await.2;
    let body = question.body(subject, Some(live));
    let (status, warnings, told) = ask(router, Method::PUT, &questions::asked_at(question, &place), &body).await;
    kept(question.verb, status, warnings, told)
}

fn server() -> Router {
    let outgoing: apiserver::Outgoing = Arc::new(|_| Box::pin(async { Err("nothing is called".to_owned()) }));
    let options = Options {
        name: "recorded".to_owned(),
        clock: Arc::new(System),
        store: Store::memory(),
        outgoing,
        kubelet: None,
        tokens: Vec::new(),
    };
    ApiServer::new(options).expect("starts").router()
}

/// Component statuses are not served: nobody has any since release 1.19. Where an issuer's keys are told is no matter of OpenAPI.
const UNTOLD: &[&str] =
    &["definition io.k8s.api.core.v1.Component", "path /api/v1/componentstatuses", "path /.well-known/", "path /openid/"];

#[tokio::test]
async fn documents_are_those_of_the_original() {
    let router = server();
    let index = ask(&router, Method::GET, documents::INDEX, &Value::Null).await.2;
    let mut ours = BTreeMap::new();
    for place in documents::places(&index) {
        ours.extend(documents::lines(&ask(&router, Method::GET, &place, &Value::Null).await.2));
    }
    let wanted: BTreeMap<String, String> = include_str!("recorded/documents.txt")
        .lines()
        .filter(|line| !UNTOLD.iter().any(|start| line.starts_with(start)))
        .filter_map(|line| line.rsplit_once(' ').map(|(name, digest)| (name.to_owned(), digest.to_owned())))
        .collect();
    assert!(wanted.len() > 900, "{}", wanted.len());
    let wrong: Vec<&String> = wanted.iter().filter(|(name, digest)| ours.get(*name) != Some(digest)).map(|(name, _)| name).collect();
    assert!(wrong.is_empty(), "{} differ from the original's: {wrong:#?}", wrong.len());
    let more: Vec<&String> = ours.keys().filter(|name| !wanted.contains_key(*name)).collect();
    assert!(more.is_empty(), "the original tells nothing of {more:#?}");
}

#[tokio::test]
async fn a_cluster_begins_as_the_original_does() {
    let router = server();
    assert_eq!(ask(&router, Method::GET, beginning::LAST, &Value::Null).await.0, 200);
    let mut ours = Vec::new();
    for place in beginning::PLACES {
        ours.extend(beginning::lines(&ask(&router, Method::GET, place, &Value::Null).await.2));
    }
    let wanted: Vec<&str> = include_str!("recorded/beginning.txt").lines().collect();
    let lacking = wanted.iter().filter(|line| !ours.iter().any(|own| own == *line)).map(|line| ("original", (*line).to_owned()));
    let own = ours.iter().filter(|own| !wanted.contains(&own.as_str())).map(|line| ("ours", line.clone()));
    let wrong = lacking.chain(own).map(|(whose, line)| (line.clone(), format!("{whose} {line}"))).collect();
    judge(wrong, wanted.len(), include_str!("recorded/beginning-known.txt"));
}

#[tokio::test]
async fn answers_are_those_of_the_original() {
    let router = server();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    assert_eq!(ask(&router, Method::POST, "/api/v1/namespaces", &namespace).await.0, 201);
    let subjects = questions::subjects();
    let all = questions::questions(&subjects);
    let answers: Vec<Value> =
        include_str!("recorded/answers.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(all.len(), answers.len(), "record the answers anew");
    let (mut base, mut live, mut wrong) = (Value::Null, Value::Null, Vec::new());
    for (question, wanted) in all.iter().zip(&answers) {
        let subject = &subjects[question.subject];
        let given = answer(&router, question, subject, &mut live).await;
        let differing = if question.at.is_empty() {
            base = given.clone();
            (given != *wanted).then_some(given)
        } else {
            let differs = beyond(&base, &given);
            // The original broke off: any well-formed refusal is better.
            let broken =
                wanted.get("/status") == Some(&json!([0])) && given["status"].as_u64().is_some_and(|status| (400..500).contains(&status));
            (differs != *wanted && !broken).then_some(differs)
        };
        let Some(differing) = differing else { continue };
        let told = question.told(subject);
        let difference = format!("{told}\n  original {wanted}\n  ours     {differing}");
        wrong.push((told, difference));
    }
    judge(wrong, all.len(), include_str!("recorded/known.txt"));
}

/// The lines of a table of differences, without the reasons above them, and how often each was met.
fn table(text: &'static str) -> BTreeMap<&'static str, usize> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| (line, 0)).collect()
}

/// Tells what differs, but for what is known to.
fn judge(wrong: Vec<(String, String)>, count: usize, known: &'static str) {
    let mut known = table(known);
    let mut told = Vec::new();
    for (words, difference) in wrong {
        match known.iter_mut().find(|(line, _)| words.starts_with(**line)) {
            Some((_, seen)) => *seen += 1,
            None => told.push(difference),
        }
    }
    if let Ok(file) = std::env::var("RECORDED_DIFFERENCES") {
        std::fs::write(file, told.join("\n")).expect("written");
    }
    let shown: Vec<&str> = told.iter().take(12).map(String::as_str).collect();
    assert!(told.is_empty(), "{} of {count} differ:\n{}", told.len(), shown.join("\n"));
    let settled: Vec<&&str> = known.iter().filter(|(_, seen)| **seen == 0).map(|(line, _)| line).collect();
    assert!(settled.is_empty(), "these differ no more, take them out: {settled:?}");
}

#[tokio::test]
async fn owners_are_those_of_the_original() {
    let router = server();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    assert_eq!(ask(&router, Method::POST, "/api/v1/namespaces", &namespace).await.0, 201);
    let mut wanted = include_str!("recorded/owners.txt").lines();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for subject in questions::subjects().iter().filter(|subject| subject.kept && owners::is_compared(subject)) {
        let (status, _, told) = ask(&router, Method::POST, &subject.under, &subject.object).await;
        assert_eq!(status, 201, "{told}");
        let place = format!("{}/{}", subject.under, subject.object["metadata"]["name"].as_str().expect("a name"));
        for write in owners::writes(subject) {
            let mut body = write.body.clone();
            if write.method == "PUT" {
                body = ask(&router, Method::GET, &place, &Value::Null).await.2;
                owners::merge(&mut body, &write.body);
            }
            let method = write.method.parse().expect("a method");
            let (status, _, told) = ask_as(&router, method, &format!("{place}{}", write.at), write.media, &body).await;
            let answer = owners::kept(status, told);
            let (line, wanted) = (owners::line(&write, &answer), wanted.next().expect("record the owners anew"));
            count += 1;
            if line != wanted {
                wrong.push((write.told, format!("original {wanted}\nours     {line}\n         {answer}")));
            }
        }
    }
    assert!(wanted.next().is_none() && count > 500, "record the owners anew");
    judge(wrong, count, include_str!("recorded/owners-known.txt"));
}

#[tokio::test]
async fn values_are_judged_as_the_original_does() {
    let router = server();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    assert_eq!(ask(&router, Method::POST, "/api/v1/namespaces", &namespace).await.0, 201);
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let (status, _, told) = ask(&router, Method::POST, definitions, &values::definition()).await;
    assert_eq!(status, 201, "{told}");
    let (objects, wanted): (Vec<_>, Vec<&str>) = (values::objects(), include_str!("recorded/values.txt").lines().collect());
    assert_eq!(objects.len(), wanted.len(), "record the values anew");
    let mut wrong = Vec::new();
    for ((words, object), wanted) in objects.into_iter().zip(&wanted) {
        let (status, _, told) = ask(&router, Method::POST, &format!("{}?dryRun=All", values::PATH), &object).await;
        let line = values::line(&words, status, &told);
        if line != **wanted {
            wrong.push((words, format!("original {wanted}\nours     {line}")));
        }
    }
    judge(wrong, wanted.len(), include_str!("recorded/values-known.txt"));
}
