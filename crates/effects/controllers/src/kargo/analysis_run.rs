//! AnalysisRun: observe its Jobs and Secrets, let [`promote::analysis`] decide.

use base64::Engine as _;
use futures::future::BoxFuture;
use model::ClusterName;
use ports::Ports;
use promote::ARGO;
use promote::analysis::{Observed, RUN_LABEL, decide, secret_args};

use super::{Home, named};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

const NAME: &str = "AnalysisRun";

/// Looks after AnalysisRuns.
pub struct AnalysisRun {
    ports: Ports,
    home: Home,
}

impl AnalysisRun {
    /// Makes the controller.
    pub fn new(ports: Ports, home: Home) -> Self {
        Self { ports, home }
    }
}

impl Controller for AnalysisRun {
    fn name(&self) -> &'static str {
        NAME
    }

    fn manager(&self) -> &'static str {
        "rollouts-controller"
    }

    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn watches(&self) -> Vec<Watched> {
        vec![Watched { api_version: ARGO, kind: NAME }, Watched { api_version: "batch/v1", kind: "Job" }]
    }

    fn serves(&self, cluster: &ClusterName) -> bool {
        *cluster == self.home.0
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        let Event::Object { cluster, object, .. } = event else { return Vec::new() };
        match object["kind"].as_str() {
            Some(NAME) => vec![Wake::One(Key::of(NAME, cluster, object))],
            Some("Job") => {
                let run = api::annotation(object, "analysisrun.argoproj.io/name");
                run.map(|run| Wake::One(Key::named(NAME, cluster, api::namespace(object), run))).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let cluster = self.ports.clusters.get(&key.cluster)?;
            let Some(object) = cluster.get(&named(ARGO, NAME, &key.namespace, &key.name)).await? else { return Ok(None) };
            let label = format!("{RUN_LABEL}={}", api::uid(&object));
            let jobs = cluster.list("batch/v1", "Job", Some(&key.namespace), Some(&label)).await?;
            let mut secrets = Vec::new();
            for (argument, secret, field) in secret_args(&object) {
                let live = cluster.get(&named("v1", "Secret", &key.namespace, &secret)).await?;
                let value = live.and_then(|live| base64::engine::general_purpose::STANDARD.decode(live["data"][&field].as_str()?).ok());
                secrets.push((argument, value.and_then(|bytes| String::from_utf8(bytes).ok())));
            }
            let decision = decide(&Observed {
                cluster: key.cluster.clone(),
                object: object.clone(),
                now: seen.now,
                failure: seen.failure.clone(),
                jobs,
                secrets,
            });
            Ok(Some(Pass { subject: Some(object), decision }))
        })
    }
}
