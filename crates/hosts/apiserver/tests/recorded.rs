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

#[path = "recorded/documents.rs"]
mod documents;
#[path = "recorded/questions.rs"]
mod questions;

use questions::{NAMESPACE, Question, Subject, Verb, beyond, kept};

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

async fn ask(router: &Router, method: Method, path: &str, body: &Value) -> (u16, Vec<String>, Value) {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
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
async fn answers_are_those_of_the_original() {
    let router = server();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    assert_eq!(ask(&router, Method::POST, "/api/v1/namespaces", &namespace).await.0, 201);
    let mut known: BTreeMap<&str, usize> = include_str!("recorded/known.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| (line, 0))
        .collect();
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
        match known.iter_mut().find(|(line, _)| told.starts_with(**line)) {
            Some((_, seen)) => *seen += 1,
            None => wrong.push(format!("{told}\n  original {wanted}\n  ours     {differing}")),
        }
    }
    if let Ok(file) = std::env::var("RECORDED_DIFFERENCES") {
        std::fs::write(file, wrong.join("\n")).expect("written");
    }
    let shown: Vec<&str> = wrong.iter().take(12).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {} answers differ:\n{}", wrong.len(), all.len(), shown.join("\n"));
    let settled: Vec<&&str> = known.iter().filter(|(_, seen)| **seen == 0).map(|(line, _)| line).collect();
    assert!(settled.is_empty(), "these differ no more, take them out of known.txt: {settled:?}");
}
