//! Programs in the manner of Kubernetes' own, written with kube-rs as others write them, for `cargo xtask prove kubernetes`.
//! Read first: [`churn`], controllers and reflectors under fire; [`kubelet`], which says of every Pod that it runs.

mod churn;
mod kubelet;

use anyhow::{Context as _, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["kubelet", kubeconfig, context, nodes @ ..] if !nodes.is_empty() => {
            kubelet::run(connect(kubeconfig, context).await?, nodes.iter().map(|node| (*node).to_owned()).collect()).await
        }
        ["churn", kubeconfig, context, objects, seed] => {
            let plan = churn::Plan { objects: objects.parse().context("OBJECTS")?, seed: seed.parse().context("SEED")? };
            churn::run(connect(kubeconfig, context).await?, &plan).await
        }
        _ => bail!("usage: kubelet KUBECONFIG CONTEXT NODE… | churn KUBECONFIG CONTEXT OBJECTS SEED"),
    }
}

async fn connect(kubeconfig: &str, context: &str) -> anyhow::Result<Client> {
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig)?, &options).await?;
    Ok(Client::try_from(config)?)
}
