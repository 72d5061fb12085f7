//! Stage: observe Freight, Promotions, runs and the target cluster, let [`promote::stage`] decide.

use std::time::Duration;

use api::text;
use futures::future::BoxFuture;
use model::{ClusterName, Code, Timestamp, Verdict};
use ports::Ports;
use promote::stage::{Observed, TEMPLATES, current_digests, decide, deployed};
use promote::target::{Target, deliveries, images, target};
use promote::{ARGO, KARGO};
use serde_json::Value;

use super::{Home, named};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};
use crate::flux::{KUSTOMIZE, SOURCE};

const NAME: &str = "Stage";
/// How long a target that does not answer is left alone.
const UNREACHABLE: Duration = Duration::from_secs(2);
const STAGE: &str = "kargo.akuity.io/stage";

/// Looks after Stages.
pub struct Stage {
    ports: Ports,
    home: Home,
}

impl Stage {
    /// Makes the controller.
    pub fn new(ports: Ports, home: Home) -> Self {
        Self { ports, home }
    }

    /// Asks the cluster that the Stage aims at whether it runs the promoted digests: the cluster in which a Kustomization
    /// syncs the folder of the pointer that the Stage's promotion edits.
    async fn deployed(&self, stage: &Value, now: Timestamp) -> Found {
        let wait = |why: String| Found { deployed: Verdict::Wait { code: Code::NotDeployed, why, until: None }, running: None };
        let Some(target) = target(stage) else {
            let why = "the promotion edits no pointer (git-clone and yaml-update)".to_owned();
            let remedy = "let a yaml-update step edit the pointer of an environment".into();
            return Found { deployed: Verdict::Refuse { code: Code::Unsupported, why, remedy }, running: None };
        };
        let digests = current_digests(stage);
        let mut unreachable = None;
        for cluster in self.ports.clusters.names() {
            match self.asked(cluster, stage, &target, &digests).await {
                Ok(Some(found)) => return found,
                Ok(None) => {}
                Err(error) => unreachable = Some(format!("cluster {}: {error}", cluster.0)),
            }
        }
        match unreachable {
            // Nothing wakes the Stage when a cluster answers again.
            Some(why) => {
                let until = now.checked_add(UNREACHABLE).ok();
                Found { deployed: Verdict::Wait { code: Code::Unreachable, why, until }, running: None }
            }
            None => wait(format!("no Kustomization of any cluster syncs {} of {} yet", target.path, target.repository)),
        }
    }

    async fn asked(
        &self,
        cluster: &ClusterName,
        stage: &Value,
        target: &Target,
        digests: &[String],
    ) -> Result<Option<Found>, ports::ClusterError> {
        let client = self.ports.clusters.get(cluster)?;
        let kustomizations = client.list(KUSTOMIZE, "Kustomization", None, None).await?;
        if kustomizations.is_empty() {
            return Ok(None);
        }
        let repositories = client.list(SOURCE, "GitRepository", None, None).await?;
        let sources = client.list(SOURCE, "OCIRepository", None, None).await?;
        let Some(found) = deliveries(target, &images(stage), &kustomizations, &repositories, &sources) else { return Ok(None) };
        let consumers: Vec<&Value> = found.iter().map(|delivery| delivery.kustomization).collect();
        let verdicts = consumers.iter().map(|kustomization| deployed(digests, Some(kustomization)));
        let verdict = verdicts.reduce(|all, next| if all == Verdict::Pass { next } else { all });
        let mut running = consumers.iter().filter(|kustomization| at_rest(kustomization));
        let running = running.next().map(|kustomization| text(kustomization, &["status", "lastAppliedRevision"]).to_owned());
        Ok(Some(Found { deployed: verdict.unwrap_or_else(|| deployed(digests, None)), running }))
    }
}

/// What the target cluster says.
struct Found {
    deployed: Verdict,
    /// The revision that it runs, where it is at rest with one.
    running: Option<String>,
}

/// Tells whether a Kustomization has applied what it was last asked for, and that is healthy.
fn at_rest(kustomization: &Value) -> bool {
    let status = &kustomization["status"];
    api::is_true(kustomization, "Ready")
        && status["observedGeneration"] == kustomization["metadata"]["generation"]
        && status["lastAppliedRevision"] == status["lastAttemptedRevision"]
}

impl Controller for Stage {
    fn name(&self) -> &'static str {
        NAME
    }

    fn manager(&self) -> &'static str {
        promote::MANAGER
    }

    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn watches(&self) -> Vec<Watched> {
        let mut watched = [NAME, "Freight", "Promotion", "ProjectConfig"].map(|kind| Watched { api_version: KARGO, kind }).to_vec();
        watched.extend(["AnalysisRun", "AnalysisTemplate"].map(|kind| Watched { api_version: ARGO, kind }));
        watched.push(Watched { api_version: KUSTOMIZE, kind: "Kustomization" });
        watched.push(Watched { api_version: "v1", kind: "Namespace" });
        watched
    }

    fn serves(&self, _cluster: &ClusterName) -> bool {
        true
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        let Event::Object { cluster, object, .. } = event else { return Vec::new() };
        let kind = text(object, &["kind"]);
        // What runs in any cluster matters to the Stages at home; everything else only there.
        if kind == "Kustomization" {
            return vec![Wake::All(Some(self.home.0.clone()))];
        }
        if *cluster != self.home.0 {
            return Vec::new();
        }
        match kind {
            NAME => vec![Wake::One(Key::of(NAME, cluster, object))],
            "Promotion" => vec![Wake::One(Key::named(NAME, cluster, api::namespace(object), text(object, &["spec", "stage"])))],
            "AnalysisRun" => api::label(object, STAGE)
                .map(|stage| Wake::One(Key::named(NAME, cluster, api::namespace(object), stage)))
                .into_iter()
                .collect(),
            "Freight" | "ProjectConfig" | "AnalysisTemplate" | "Namespace" => vec![Wake::All(Some(cluster.clone()))],
            _ => Vec::new(),
        }
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let cluster = self.ports.clusters.get(&key.cluster)?;
            let Some(object) = cluster.get(&named(KARGO, NAME, &key.namespace, &key.name)).await? else { return Ok(None) };
            let namespace = Some(key.namespace.as_str());
            let mine = format!("{STAGE}={}", key.name);
            let promotions = cluster.list(KARGO, "Promotion", namespace, None).await?;
            let promotions = promotions.into_iter().filter(|promotion| promotion["spec"]["stage"] == key.name.as_str()).collect();
            let mut templates = Vec::new();
            for wanted in object["spec"]["verification"]["analysisTemplates"].as_array().into_iter().flatten() {
                let name = text(wanted, &["name"]);
                templates.push((name.to_owned(), cluster.get(&named(TEMPLATES, "AnalysisTemplate", &key.namespace, name)).await?));
            }
            let found = self.deployed(&object, seen.now).await;
            let observed = Observed {
                cluster: key.cluster.clone(),
                now: seen.now,
                project: cluster.get(&named("v1", "Namespace", "", &key.namespace)).await?,
                configs: cluster.list(KARGO, "ProjectConfig", namespace, None).await?,
                freight: cluster.list(KARGO, "Freight", namespace, None).await?,
                promotions,
                runs: cluster.list(ARGO, "AnalysisRun", namespace, Some(&mine)).await?,
                templates,
                deployed: found.deployed,
                running: found.running,
                object: object.clone(),
            };
            Ok(Some(Pass { subject: Some(object), decision: decide(&observed) }))
        })
    }
}
