//! `check`: the example's tests. Reads the target cluster's API and fails unless the promoted digest runs there and is Ready.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{Request, header};
use ports::Web;
use serde_json::Value;

use crate::parse;

#[derive(clap::Parser)]
#[command(name = "check", about = "Checks that what was promoted runs")]
struct Arguments {
    /// Which questions to ask.
    #[arg(long, value_enum)]
    suite: Suite,
    /// The workload's namespace; the application of the target's address where it is not given.
    #[arg(long, default_value_t)]
    namespace: String,
    /// The workload's name; the application of the target's address where it is not given.
    #[arg(long, default_value_t)]
    deployment: String,
    /// The Kustomization that delivers it, as namespace/name; that of the application where it is not given.
    #[arg(long, default_value_t)]
    kustomization: String,
    /// Where the application answers, such as https://myapp.staging.internal: its first word is the application.
    #[arg(long, env = "TARGET", default_value_t)]
    target: String,
    /// The API server.
    #[arg(long, env = "KUBERNETES_API")]
    server: String,
    /// Its certificate authority, PEM.
    #[arg(long, env = "KUBERNETES_CA", hide_env_values = true)]
    authority: String,
    /// A token that may read.
    #[arg(long, env = "KUBERNETES_TOKEN", hide_env_values = true)]
    token: String,
    /// For how many seconds an answer that is not good yet is asked for again.
    #[arg(long, default_value_t = 20)]
    patience: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Suite {
    /// The Kustomization is Ready and the Deployment is complete.
    Smoke,
    /// And every Pod runs the image that the Deployment names.
    Integration,
    /// And the Service selects Pods that are Ready.
    Blackbox,
    /// And the image runs by the digest that it was pulled with, in all Pods the same.
    Whitebox,
    /// All of these.
    Full,
}

impl Arguments {
    /// Puts in what the target's address says and no flag does.
    fn completed(mut self) -> anyhow::Result<Self> {
        let host = self.target.split_once("://").map_or(self.target.as_str(), |(_, rest)| rest);
        let application = host.split(['.', ':', '/']).next().unwrap_or_default().to_owned();
        let missing = [&self.namespace, &self.deployment, &self.kustomization].into_iter().any(String::is_empty);
        if missing && application.is_empty() {
            bail!("which workload? --namespace, --deployment and --kustomization, or TARGET with its address");
        }
        for (field, value) in [
            (&mut self.namespace, application.clone()),
            (&mut self.deployment, application.clone()),
            (&mut self.kustomization, format!("flux-system/{application}")),
        ] {
            if field.is_empty() {
                *field = value;
            }
        }
        Ok(self)
    }
}

struct Api {
    web: Web,
    server: String,
    token: String,
}

pub(crate) async fn run(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    let arguments: Arguments = match parse("check", arguments) {
        Ok(arguments) => Arguments::completed(arguments)?,
        Err(code) => return Ok(code),
    };
    let web = Web::new(&[arguments.authority.clone().into_bytes()]);
    let api = Api { web, server: arguments.server.trim_end_matches('/').to_owned(), token: arguments.token.clone() };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(arguments.patience);
    loop {
        match ask(&api, &arguments).await {
            Ok(found) => {
                println!("ok: {found}");
                return Ok(0);
            }
            Err(error) if tokio::time::Instant::now() >= deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn ask(api: &Api, arguments: &Arguments) -> anyhow::Result<String> {
    let Some((namespace, name)) = arguments.kustomization.split_once('/') else { bail!("--kustomization must be namespace/name") };
    let live = api.get(&format!("/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{namespace}/kustomizations/{name}")).await?;
    let source = api
        .get(&format!(
            "/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/ocirepositories/{}",
            text(&live["spec"]["sourceRef"]["name"])
        ))
        .await?;
    let revision = text(&live["status"]["lastAppliedRevision"]);
    if !is_ready(&live) || revision != text(&source["status"]["artifact"]["revision"]) {
        bail!("Kustomization {name} is not Ready at {}: {revision}", text(&source["status"]["artifact"]["revision"]));
    }
    let workload = api.get(&format!("/apis/apps/v1/namespaces/{}/deployments/{}", arguments.namespace, arguments.deployment)).await?;
    let wanted = workload["spec"]["replicas"].as_i64().unwrap_or(1);
    let count = |field: &str| workload["status"][field].as_i64().unwrap_or(0);
    if workload["status"]["observedGeneration"] != workload["metadata"]["generation"]
        || count("updatedReplicas") != wanted
        || count("availableReplicas") != wanted
    {
        bail!(
            "Deployment {} has {} of {wanted} Pods updated and {} available",
            arguments.deployment,
            count("updatedReplicas"),
            count("availableReplicas")
        );
    }
    let image = text(&workload["spec"]["template"]["spec"]["containers"][0]["image"]).to_owned();
    if arguments.suite != Suite::Smoke {
        pods(api, arguments, &workload, &image).await?;
    }
    Ok(format!("{revision} runs {image} in {wanted} Pods"))
}

async fn pods(api: &Api, arguments: &Arguments, workload: &Value, image: &str) -> anyhow::Result<()> {
    let labels = |map: &Value| {
        let pairs = map.as_object().into_iter().flatten().map(|(key, value)| format!("{key}%3D{}", text(value)));
        pairs.collect::<Vec<_>>().join(",")
    };
    let path = format!("/api/v1/namespaces/{}/pods?labelSelector=", arguments.namespace);
    let all = api.get(&format!("{path}{}", labels(&workload["spec"]["selector"]["matchLabels"]))).await?;
    let all = all["items"].as_array().context("a list of Pods")?;
    let mut digests = Vec::new();
    for pod in all.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()) {
        let status = &pod["status"]["containerStatuses"][0];
        if text(&pod["spec"]["containers"][0]["image"]) != image || !is_ready(pod) {
            bail!("Pod {} does not run {image} or is not Ready", text(&pod["metadata"]["name"]));
        }
        digests.push(text(&status["imageID"]).to_owned());
    }
    digests.dedup();
    if matches!(arguments.suite, Suite::Whitebox | Suite::Full) && (digests.len() != 1 || !digests[0].contains("@sha256:")) {
        bail!("the Pods run {} different digests: {}", digests.len(), digests.join(", "));
    }
    if matches!(arguments.suite, Suite::Blackbox | Suite::Full) {
        let service = api.get(&format!("/api/v1/namespaces/{}/services/{}", arguments.namespace, arguments.deployment)).await?;
        let selected = api.get(&format!("{path}{}", labels(&service["spec"]["selector"]))).await?;
        if !selected["items"].as_array().is_some_and(|pods| pods.iter().any(is_ready)) {
            bail!("Service {} selects no Pod that is Ready", arguments.deployment);
        }
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

impl Api {
    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = Request::get(format!("{}{path}", self.server))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Bytes::new())?;
        let answer = self.web.send(request, None).await?;
        let value: Value = serde_json::from_slice(answer.body()).with_context(|| format!("{path}: HTTP {}", answer.status()))?;
        if !answer.status().is_success() {
            bail!("{path}: {}", text(&value["message"]));
        }
        Ok(value)
    }
}
