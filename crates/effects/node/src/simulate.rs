//! A Pod that looks as if it ran: its images are asked for, and its containers live by the rules of `simulation`.

use std::time::Duration;

use api::text;
use model::ClusterName;
use oci::Reference;
use ports::{Cluster, ClusterError};
use serde_json::{Value, json};

use crate::images::ImageError;
use crate::node::{Node, Seat};
use crate::pod::containers;
use crate::rules::{Rule, VARIABLE, rule_of};
use crate::simulation::{Image, Life, seconds, status};

impl Node {
    /// Makes a Pod look as if it ran, as long as there is something to change about it.
    pub(crate) async fn simulate(&self, name: &ClusterName, pod: &Value, seat: &Seat) -> Result<(), ClusterError> {
        let cluster = self.options.clusters.get(name)?;
        self.bind(cluster, pod, &seat.node).await?;
        let begun = self.options.clock.now();
        let mut lives = Vec::new();
        for container in containers(pod) {
            let (image, baked) = self.image(container).await;
            let text = rule_of(pod, container).map(str::to_owned).or(baked);
            let rule = text.as_deref().map_or(Ok(Rule::Run), Rule::parse);
            lives.push(Life::new(pod, container, rule, image, begun));
        }
        let mut before = pod["status"]["conditions"].clone();
        let started = pod["status"]["startTime"].as_str().map_or_else(|| seconds(begun), str::to_owned);
        let mut written = Value::Null;
        loop {
            let now = self.options.clock.now();
            for (life, container) in lives.iter_mut().zip(containers(pod)) {
                if life.wants_image(now) {
                    life.learn(self.image(container).await.0);
                }
            }
            let (mut said, mut again) = (Vec::new(), None);
            for step in lives.iter_mut().map(|life| life.step(now)) {
                said.extend(step.said);
                again = [again, step.again].into_iter().flatten().min();
            }
            let mut wanted = status(&lives, &before, now);
            before = wanted["conditions"].clone();
            wanted["startTime"] = json!(started);
            wanted["initContainerStatuses"] = initial(pod, &started);
            seat.write_to(&mut wanted);
            if wanted != written {
                self.tell_surely(cluster, pod, &wanted).await?;
                written = wanted;
            }
            for said in said {
                self.say(cluster, pod, &seat.node, &said).await;
            }
            let Some(again) = again else { return Ok(()) };
            let pause = again.duration_since(self.options.clock.now());
            tokio::time::sleep(Duration::try_from(pause).unwrap_or_default().max(Duration::from_millis(1))).await;
        }
    }

    /// Writes a status, also where the API server does not answer at first.
    async fn tell_surely(&self, cluster: &Cluster, pod: &Value, status: &Value) -> Result<(), ClusterError> {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.tell(cluster, pod, status.clone()).await {
                Err(error) if error.is_passing() => tokio::time::sleep(pause).await,
                other => return other,
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// Asks for an image, and what rule it sets itself.
    async fn image(&self, container: &Value) -> (Image, Option<String>) {
        let asked = async {
            let image = text(container, &["image"]);
            let place: Reference = image.parse().map_err(|error: oci::ReferenceError| ImageError::Unusable(error.to_string()))?;
            let (digest, config) = self.options.images.inspect(&place).await?;
            let baked = config.config.env.iter().find_map(|line| line.strip_prefix(VARIABLE)?.strip_prefix('=').map(str::to_owned));
            Ok::<_, ImageError>((Image::Here(format!("{}@{digest}", place.location())), baked.filter(|rule| !rule.is_empty())))
        };
        asked.await.unwrap_or_else(|error| (Image::Missing(model::chain(&error)), None))
    }
}

/// The containers that start a Pod: done, or for good beside the others.
fn initial(pod: &Value, started: &str) -> Value {
    let all = pod["spec"]["initContainers"].as_array().into_iter().flatten().map(|container| {
        let lasting = container["restartPolicy"] == "Always";
        let state = if lasting {
            json!({"running": {"startedAt": started}})
        } else {
            json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": started, "finishedAt": started}})
        };
        json!({"name": container["name"], "image": container["image"], "imageID": "", "ready": true, "started": lasting, "restartCount": 0, "state": state, "lastState": {}})
    });
    let all: Vec<Value> = all.collect();
    if all.is_empty() { Value::Null } else { json!(all) }
}
