//! Asks the questions of `tests/recorded` and prints the answers, one line each: `originals URL CA-FILE TOKEN`. With the further
//! word `documents` it prints what the OpenAPI documents say instead, with `owners` who owns what after writes of several
//! managers, with `values` what is said of values of a custom resource, with `beginning` what is there at first. The server should
//! be a fresh one.
//! `cargo xtask record kubernetes` runs this against the original.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

#[path = "../tests/recorded/beginning.rs"]
mod beginning;
#[path = "../tests/recorded/documents.rs"]
mod documents;
#[path = "../tests/recorded/owners.rs"]
mod owners;
#[path = "../tests/recorded/questions.rs"]
mod questions;
#[path = "../tests/recorded/values.rs"]
mod values;

use questions::{NAMESPACE, Verb, beyond, kept};

struct Server {
    client: Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: String,
    token: String,
}

impl Server {
    fn new(url: String, authority: &str, token: String) -> Result<Self, Box<dyn Error>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&std::fs::read(authority)?).flatten());
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), url, token })
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<(u16, Vec<String>, Value), Box<dyn Error>> {
        self.ask_as(method, path, "application/json", body).await
    }

    async fn ask_as(&self, method: Method, path: &str, media: &str, body: &Value) -> Result<(u16, Vec<String>, Value), Box<dyn Error>> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, media)
            .header(header::USER_AGENT, "recorded/1")
            .body(Full::from(if body.is_null() { String::new() } else { body.to_string() }))?;
        let response = self.client.request(request).await?;
        let status = response.status().as_u16();
        let warnings = response.headers().get_all(header::WARNING).iter().filter_map(|one| one.to_str().ok().map(str::to_owned)).collect();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, warnings, serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)))))
    }
}

async fn tell_documents(server: &Server) -> Result<(), Box<dyn Error>> {
    let index = server.ask(Method::GET, documents::INDEX, &Value::Null).await?.2;
    let mut told = BTreeMap::new();
    for place in documents::places(&index) {
        told.extend(documents::lines(&server.ask(Method::GET, &place, &Value::Null).await?.2));
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for (name, digest) in told {
        writeln!(out, "{name} {digest}")?;
    }
    Ok(())
}

async fn tell_beginning(server: &Server) -> Result<(), Box<dyn Error>> {
    while server.ask(Method::GET, beginning::LAST, &Value::Null).await?.0 != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for place in beginning::PLACES {
        for line in beginning::lines(&server.ask(Method::GET, place, &Value::Null).await?.2) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// Makes the namespace and what is in every one.
async fn begin(server: &Server) -> Result<(), Box<dyn Error>> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    server.ask(Method::POST, "/api/v1/namespaces", &namespace).await?;
    // Without controllers nobody else makes it.
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    server.ask(Method::POST, &format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts"), &account).await?;
    Ok(())
}

async fn tell_owners(server: &Server) -> Result<(), Box<dyn Error>> {
    begin(server).await?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for subject in questions::subjects().iter().filter(|subject| subject.kept && owners::is_compared(subject)) {
        let (status, _, told) = server.ask(Method::POST, &subject.under, &subject.object).await?;
        if status != 201 {
            return Err(format!("{}: {status} {told}", subject.under).into());
        }
        let place = format!("{}/{}", subject.under, subject.object["metadata"]["name"].as_str().unwrap_or_default());
        for write in owners::writes(subject) {
            let mut body = write.body.clone();
            if write.method == "PUT" {
                body = server.ask(Method::GET, &place, &Value::Null).await?.2;
                owners::merge(&mut body, &write.body);
            }
            let (status, _, told) = server.ask_as(write.method.parse()?, &format!("{place}{}", write.at), write.media, &body).await?;
            writeln!(out, "{}", owners::line(&write, &owners::kept(status, told)))?;
        }
    }
    Ok(())
}

async fn tell_values(server: &Server) -> Result<(), Box<dyn Error>> {
    begin(server).await?;
    let (status, _, told) =
        server.ask(Method::POST, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &values::definition()).await?;
    if status != 201 {
        return Err(told.to_string().into());
    }
    // It is served a moment later.
    while server.ask(Method::GET, values::PATH, &Value::Null).await?.0 != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for (words, object) in values::objects() {
        let (status, _, told) = server.ask(Method::POST, &format!("{}?dryRun=All", values::PATH), &object).await?;
        writeln!(out, "{}", values::line(&words, status, &told))?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().ok_or("usage: originals URL CA-FILE TOKEN [beginning|documents|owners|values]");
    let server = Server::new(argument()?, &argument()?, argument()?)?;
    match argument().ok().as_deref() {
        Some("beginning") => return tell_beginning(&server).await,
        Some("documents") => return tell_documents(&server).await,
        Some("owners") => return tell_owners(&server).await,
        Some("values") => return tell_values(&server).await,
        Some(other) => return Err(format!("there is nothing to tell of {other}").into()),
        None => {}
    }
    begin(&server).await?;
    let subjects = questions::subjects();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut base, mut live) = (Value::Null, Value::Null);
    for question in &questions::questions(&subjects) {
        let subject = &subjects[question.subject];
        let path = match question.verb {
            Verb::Create => format!("{}?dryRun=All", subject.under),
            Verb::Update | Verb::Status => {
                let place = format!("{}/{}", subject.under, subject.object["metadata"]["name"].as_str().unwrap_or_default());
                if question.at.is_empty() {
                    let (status, _, told) = server.ask(Method::POST, &subject.under, &subject.object).await?;
                    if !matches!(status, 201 | 409) {
                        return Err(format!("{}: {status} {told}", question.told(subject)).into());
                    }
                }
                // Controllers inside the server may have written since.
                live = server.ask(Method::GET, &place, &Value::Null).await?.2;
                questions::asked_at(question, &place)
            }
        };
        let method = if question.verb == Verb::Create { Method::POST } else { Method::PUT };
        let mut body = question.body(subject, (question.verb != Verb::Create).then_some(&live));
        let mut asked = server.ask(method.clone(), &path, &body).await;
        if asked.is_err() {
            // A connection may have been closed in between; a server that breaks does so again.
            asked = server.ask(method, &path, &body).await;
        }
        while asked.as_ref().is_ok_and(|(status, _, told)| *status == 409 && told["reason"] == "Conflict") {
            // Something in the server has written in between.
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            live = server.ask(Method::GET, path.split(['?']).next().unwrap_or_default().trim_end_matches("/status"), &Value::Null).await?.2;
            body = question.body(subject, Some(&live));
            asked = server.ask(Method::PUT, &path, &body).await;
        }
        let answer = asked.map_or_else(|_| json!({"status": 0}), |(status, warnings, told)| kept(question.verb, status, warnings, told));
        if question.at.is_empty() {
            writeln!(out, "{answer}")?;
            base = answer;
        } else {
            writeln!(out, "{}", beyond(&base, &answer))?;
        }
    }
    Ok(())
}
