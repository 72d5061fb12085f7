//! `cosign sign`: keyless, by digest, as a sigstore bundle and in the legacy form beside what is signed.

use std::ffi::OsString;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{Request, header};
use jiff::Timestamp;
use oci::Reference;
use ports::{Signer, Web};
use serde_json::Value;

use crate::{Hosts, parse};

/// Where the services of keyless signing are, unless said otherwise.
const SERVICES: &str = "https://identity.internal";

#[derive(clap::Parser)]
#[command(name = "cosign", version, about = "Signs images and artifacts")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Signs images and artifacts.
    Sign {
        /// What to sign: `host/name@digest` or `host/name:tag`.
        #[arg(required = true)]
        images: Vec<String>,
        /// Signs every image that an index lists as well.
        #[arg(short, long)]
        recursive: bool,
        /// Makes a sigstore bundle beside the legacy signature.
        #[arg(long, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
        new_bundle_format: bool,
        /// Does not ask.
        #[arg(short, long)]
        yes: bool,
        /// The identity token; from the job's issuer where it is not given.
        #[arg(long, env = "COSIGN_IDENTITY_TOKEN", hide_env_values = true)]
        identity_token: Option<String>,
        /// The certificate authority.
        #[arg(long, env = "COSIGN_FULCIO_URL", default_value = SERVICES)]
        fulcio_url: String,
        /// The transparency log.
        #[arg(long, env = "COSIGN_REKOR_URL", default_value = SERVICES)]
        rekor_url: String,
        /// The timestamp authority.
        #[arg(long, env = "COSIGN_TIMESTAMP_SERVER_URL", default_value = SERVICES)]
        timestamp_server_url: String,
    },
    /// Prints the version.
    Version,
}

pub(crate) async fn run(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    let arguments: Arguments = match parse("cosign", arguments) {
        Ok(arguments) => arguments,
        Err(code) => return Ok(code),
    };
    match arguments.command {
        Command::Version => println!("GitVersion:    v3.1.3+supercargo{}", env!("CARGO_PKG_VERSION")),
        Command::Sign { images, recursive, new_bundle_format, yes: _, identity_token, fulcio_url, rekor_url, timestamp_server_url } => {
            let hosts = Hosts::from_env()?;
            let plain = |url: String| url.trim_end_matches('/').to_owned();
            let signer =
                Signer { web: hosts.web(), fulcio: plain(fulcio_url), rekor: plain(rekor_url), timestamps: plain(timestamp_server_url) };
            let token = match identity_token {
                Some(token) => token,
                None => job_token(&hosts.web()).await?,
            };
            for image in images {
                sign(&hosts, &signer, &image, Wanted { recursive, new_bundle_format }, &token)
                    .await
                    .with_context(|| format!("signing {image}"))?;
            }
        }
    }
    Ok(0)
}

/// What is signed, and how.
struct Wanted {
    recursive: bool,
    new_bundle_format: bool,
}

async fn sign(hosts: &Hosts, signer: &Signer, image: &str, wanted: Wanted, token: &str) -> anyhow::Result<()> {
    let place: Reference = image.parse()?;
    let registry = hosts.registry(&place.host)?;
    let digest = registry.resolve(&place).await?.with_context(|| format!("{image} is not there"))?;
    if place.digest.is_none() {
        eprintln!("WARNING: {image} is a tag; what it names now is signed: {digest}");
    }
    let mut all = vec![place.with_digest(digest)];
    if wanted.recursive {
        all.extend(registry.images_of(&all[0]).await?);
    }
    for place in all {
        if wanted.new_bundle_format {
            signer.sign(&registry, &place, token, rand::random(), Timestamp::now()).await?;
        } else {
            signer.sign_legacy(&registry, &place, token, rand::random()).await?;
        }
        eprintln!("signed {}@{}", place.location(), place.version());
    }
    Ok(())
}

/// Asks the issuer of the workflow job that this runs in.
async fn job_token(web: &Web) -> anyhow::Result<String> {
    let (Ok(url), Ok(request_token)) = (std::env::var("ACTIONS_ID_TOKEN_REQUEST_URL"), std::env::var("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
    else {
        bail!("there is no identity: the job needs `permissions: id-token: write`, or give --identity-token");
    };
    let request = Request::get(format!("{url}&audience=sigstore"))
        .header(header::AUTHORIZATION, format!("Bearer {request_token}"))
        .body(Bytes::new())?;
    let answer = web.send(request, None).await?;
    let value: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let token = value["value"].as_str().with_context(|| format!("the issuer gave no identity token: HTTP {}", answer.status()))?;
    Ok(token.to_owned())
}
