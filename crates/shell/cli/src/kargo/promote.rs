//! What a person promotes, and what a person rejects.

use ::promote::{KARGO, automation, freight, hold, stage};
use anyhow::{Context as _, bail};
use jiff::Timestamp;
use model::Verdict;
use ports::Cluster;
use serde_json::{Value, json};

use super::{MANAGER, Project, reference};
use crate::clusters::{author, record};

/// What a promotion needs to know.
pub(super) struct Board {
    pub namespace: String,
    pub stage: Value,
    pub freight: Vec<Value>,
    pub paused: Verdict,
}

impl Board {
    pub(super) async fn read(cluster: &Cluster, project: &Project, stage: &str, now: Timestamp) -> anyhow::Result<Self> {
        let namespace = project.namespace(cluster).await?;
        let object = cluster.get(&reference(KARGO, "Stage", &namespace, stage)).await?;
        let object = object.with_context(|| format!("there is no Stage {stage} in {namespace}"))?;
        let home = cluster.get(&reference("v1", "Namespace", "", &namespace)).await?;
        let paused = hold::paused(&object, home.as_ref(), now);
        Ok(Self { freight: cluster.list(KARGO, "Freight", Some(&namespace), None).await?, stage: object, paused, namespace })
    }

    /// Finds Freight by name, the beginning of its name, or alias.
    pub(super) fn find(&self, wanted: &str) -> anyhow::Result<&Value> {
        let alias = |freight: &Value| freight["alias"] == wanted || api::label(freight, "kargo.akuity.io/alias") == Some(wanted);
        if let Some(found) = self.freight.iter().find(|freight| api::name(freight) == wanted || alias(freight)) {
            return Ok(found);
        }
        let mut found = self.freight.iter().filter(|freight| wanted.len() >= 4 && api::name(freight).starts_with(wanted));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => bail!("more than one Freight begins with {wanted}"),
            _ => bail!("there is no Freight {wanted} in {}", self.namespace),
        }
    }

    /// Makes the Promotion of Freight that a person wants; what automation would not choose holds its origin back.
    pub(super) fn promotion(&self, cargo: &Value, now: Timestamp) -> anyhow::Result<Value> {
        if let Verdict::Wait { why, .. } | Verdict::Refuse { why, .. } = freight::available(&self.stage, cargo, now) {
            bail!("{why}");
        }
        let mut object = stage::promotion_of(&self.stage, api::name(cargo), now, &author());
        let intent = automation::intent(&self.stage, &self.freight, cargo, now);
        object["metadata"]["annotations"][intent] = json!(freight::origin(cargo));
        Ok(object)
    }
}

pub(super) async fn promote(
    cluster: &Cluster,
    project: &Project,
    stage: &str,
    freight: &str,
    despite_pause: bool,
    now: Timestamp,
) -> anyhow::Result<()> {
    let board = Board::read(cluster, project, stage, now).await?;
    let cargo = board.find(freight)?;
    let mut object = board.promotion(cargo, now)?;
    match &board.paused {
        Verdict::Wait { why, .. } if !despite_pause => bail!("{why}: resume it, or promote with --despite-pause"),
        Verdict::Wait { .. } => object["metadata"]["annotations"][hold::DESPITE_PAUSE] = json!(author()),
        Verdict::Pass | Verdict::Refuse { .. } => {}
    }
    cluster.create(MANAGER, &object).await?;
    record(cluster, &object, "PromotionCreated", &format!("promotion of freight {} to {stage}", api::name(cargo)), "").await?;
    println!("promotion {} created", api::name(&object));
    Ok(())
}

pub(super) async fn reject(
    cluster: &Cluster,
    project: &Project,
    stage: &str,
    freight: &str,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let board = Board::read(cluster, project, stage, now).await?;
    let cargo = board.find(freight)?;
    let why = if reason.is_empty() { format!("it failed at {stage}") } else { format!("{reason} (at {stage})") };
    let patch = json!({"metadata": {"annotations": {hold::REJECTED: api::Note::write(&author(), &why, now, None)}}});
    cluster.patch(MANAGER, &reference(KARGO, "Freight", &board.namespace, api::name(cargo)), None, &patch).await?;
    record(cluster, cargo, "FreightRejected", "it never enters a Stage again", &why).await?;
    println!("freight {} is rejected: it never enters a Stage again", api::name(cargo));
    Ok(())
}
