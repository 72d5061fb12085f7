//! The Events that Kargo writes about Freight and Promotions, with its reasons, words and annotations.
//! Source: akuity/kargo `api/v1alpha1/event_types.go`, `pkg/event`.

use std::collections::BTreeMap;

use api::text;
use model::{Action, ClusterName, ObjectRef, Timestamp};
use serde_json::Value;

use crate::KARGO;
use crate::automation::ACTOR;

/// What all annotations begin with.
const PREFIX: &str = "event.kargo.akuity.io/";

/// An Event in the making.
pub(crate) struct Told<'a> {
    pub cluster: &'a ClusterName,
    pub project: &'a str,
    /// `controller:…` or who it was.
    pub actor: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
    pub at: Timestamp,
    /// The Stage, empty where there is none.
    pub stage: &'a str,
}

impl Told<'_> {
    /// About Freight.
    pub(crate) fn of_freight(&self, freight: &Value) -> Action {
        self.event("Freight", api::name(freight), self.freight(freight))
    }

    /// About a Promotion of Freight.
    pub(crate) fn of_promotion(&self, promotion: &Value, freight: Option<&Value>) -> Action {
        let mut annotations = freight.map(|freight| self.freight(freight)).unwrap_or_default();
        annotations.insert("promotion-name", api::name(promotion).to_owned());
        let created = text(promotion, &["metadata", "creationTimestamp"]);
        annotations.insert("promotion-create-time", if created.is_empty() { whole(self.at) } else { created.to_owned() });
        self.event("Promotion", api::name(promotion), annotations)
    }

    fn freight(&self, freight: &Value) -> BTreeMap<&'static str, String> {
        let created = text(freight, &["metadata", "creationTimestamp"]);
        let images: Vec<Value> = freight["images"].as_array().into_iter().flatten().map(brief).collect();
        BTreeMap::from([
            ("freight-alias", text(freight, &["alias"]).to_owned()),
            ("freight-create-time", if created.is_empty() { whole(self.at) } else { created.to_owned() }),
            ("freight-images", Value::Array(images).to_string()),
            ("freight-name", api::name(freight).to_owned()),
            ("freight-warehouse-name", text(freight, &["origin", "name"]).to_owned()),
        ])
    }

    fn event(&self, kind: &str, name: &str, mut annotations: BTreeMap<&'static str, String>) -> Action {
        annotations.insert("actor", self.actor.to_owned());
        annotations.insert("project", self.project.to_owned());
        annotations.insert("stage-name", self.stage.to_owned());
        Action::Emit {
            cluster: self.cluster.clone(),
            about: ObjectRef { api_version: KARGO.into(), kind: kind.into(), namespace: self.project.into(), name: name.into() },
            // Kargo writes failures as Normal Events, too.
            severity: "Normal".to_owned(),
            reason: self.reason.to_owned(),
            message: self.message.to_owned(),
            annotations: annotations.into_iter().map(|(key, value)| (format!("{PREFIX}{key}"), value)).collect(),
            at: self.at,
        }
    }
}

/// Who wanted a Promotion.
pub(crate) fn actor(promotion: &Value) -> &str {
    api::annotation(promotion, ACTOR).unwrap_or("controller:promotion-controller")
}

fn brief(image: &Value) -> Value {
    let mut brief = serde_json::Map::new();
    for field in ["repoURL", "tag", "digest"] {
        if !image[field].is_null() {
            brief.insert(field.to_owned(), image[field].clone());
        }
    }
    Value::Object(brief)
}

fn whole(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
