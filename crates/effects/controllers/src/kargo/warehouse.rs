//! Warehouse: observe the tags of its repositories, let [`promote::warehouse`] decide.

use futures::future::BoxFuture;
use model::{ClusterName, Digest, Timestamp};
use oci::Reference;
use ports::Ports;
use promote::KARGO;
use promote::warehouse::{Found, Observed, VERIFY, decide, signers, subscriptions};
use serde_json::Value;

use super::{Home, named};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};
use crate::signatures;

const NAME: &str = "Warehouse";
/// Where a manifest says when it was made.
const CREATED: &str = "org.opencontainers.image.created";

/// Looks after Warehouses.
pub struct Warehouse {
    ports: Ports,
    home: Home,
}

impl Warehouse {
    /// Makes the controller.
    pub fn new(ports: Ports, home: Home) -> Self {
        Self { ports, home }
    }

    async fn discover(&self, object: &Value, now: Timestamp) -> Result<Vec<(String, Vec<Found>)>, String> {
        let mut discovered = Vec::new();
        let asked = match signers(object)? {
            Some(list) => Some(signatures::identities(&list).map_err(|why| format!("{VERIFY}: {why}"))?),
            None => None,
        };
        let previous = &object["status"]["discoveredArtifacts"]["images"];
        for subscription in subscriptions(object)? {
            let place: Reference = subscription.repository.parse().map_err(|error: oci::ReferenceError| error.to_string())?;
            let tags = self.ports.registry.tags(&place).await.map_err(|error| model::chain(&error))?;
            let mut found: Vec<Found> = Vec::new();
            for tag in subscription.candidates(&tags) {
                let known = previous.as_array().into_iter().flatten().filter(|image| image["repoURL"] == subscription.repository.as_str());
                let known =
                    known.filter_map(|image| image["references"].as_array()).flatten().find(|reference| reference["tag"] == tag.as_str());
                let mut reference = self.reference(&place, tag, known).await?;
                // The newest that is signed is what counts; who stands behind it need not be looked at.
                if let Some(asked) = asked.as_ref().filter(|_| found.iter().all(|newer| newer.refused.is_some())) {
                    let digest: Digest = reference.digest.parse().map_err(|error: model::DigestError| error.to_string())?;
                    let signed = signatures::verified(&self.ports, None, &place, &digest, asked.clone(), now).await;
                    match signed {
                        Ok(_) => {}
                        Err(unsigned) if unsigned.passing => return Err(unsigned.why),
                        Err(unsigned) => reference.refused = Some(unsigned.why),
                    }
                }
                found.push(reference);
            }
            discovered.push((subscription.repository.clone(), found));
        }
        Ok(discovered)
    }

    /// Reads a tag's manifest; one whose digest is what it was is not fetched again.
    async fn reference(&self, place: &Reference, tag: String, known: Option<&Value>) -> Result<Found, String> {
        let place = place.with_tag(tag.parse().map_err(|error: oci::ReferenceError| error.to_string())?);
        let digest = self.ports.registry.resolve(&place).await.map_err(|error| model::chain(&error))?;
        let digest = digest.ok_or_else(|| format!("{}:{tag} is gone", place.location()))?;
        if let Some(known) = known.filter(|known| known["digest"] == digest.as_str()) {
            let annotations = known["annotations"].as_object().into_iter().flatten();
            let annotations = annotations.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
            return Ok(Found {
                tag,
                digest: digest.to_string(),
                annotations,
                created: known["createdAt"].as_str().map(str::to_owned),
                refused: None,
            });
        }
        let fetched = self.ports.registry.manifest(&place.with_digest(digest.clone())).await.map_err(|error| model::chain(&error))?;
        let manifest: Value = serde_json::from_slice(&fetched.bytes).map_err(|error| format!("{}:{tag}: {error}", place.location()))?;
        let annotations = manifest["annotations"].as_object().into_iter().flatten();
        let annotations: Vec<(String, String)> =
            annotations.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
        let created = annotations.iter().find(|(key, _)| key == CREATED).map(|(_, value)| value.clone());
        Ok(Found { tag, digest: digest.to_string(), annotations, created, refused: None })
    }
}

impl Controller for Warehouse {
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
        vec![Watched { api_version: KARGO, kind: NAME }]
    }

    fn serves(&self, cluster: &ClusterName) -> bool {
        *cluster == self.home.0
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        match event {
            Event::Object { cluster, object, .. } if object["kind"] == NAME => vec![Wake::One(Key::of(NAME, cluster, object))],
            // A push by digest may be the signature that was awaited.
            Event::Tagged { .. } => vec![Wake::All(None)],
            _ => Vec::new(),
        }
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let cluster = self.ports.clusters.get(&key.cluster)?;
            let Some(object) = cluster.get(&named(KARGO, NAME, &key.namespace, &key.name)).await? else { return Ok(None) };
            let mine = |freight: &&Value| promote::freight::origin(freight) == format!("Warehouse/{}", key.name);
            let freight = cluster.list(KARGO, "Freight", Some(&key.namespace), None).await?;
            let freight = freight.iter().filter(mine).map(|freight| api::name(freight).to_owned()).collect();
            let discovered = self.discover(&object, seen.now).await;
            let decision = decide(&Observed { cluster: key.cluster.clone(), object: object.clone(), now: seen.now, discovered, freight });
            Ok(Some(Pass { subject: Some(object), decision }))
        })
    }
}
