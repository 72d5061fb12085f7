//! `supercargo why`: against a running `up`.

use anyhow::Context as _;
use bytes::Bytes;
use http::Request;

use super::Folder;
use super::demo::ports_of;
use crate::world::identity_url;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    why: cli::Why,
    #[command(flatten)]
    folder: Folder,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<i32> {
    let (ports, web) = ports_of(&arguments.folder)?;
    let trusted_root = async {
        let request = Request::get(format!("{}/trusted_root.json", identity_url())).body(Bytes::new())?;
        let answer = web.send(request, None).await.context("the identity services do not answer")?;
        serde_json::from_slice(answer.body()).context("the trust root is malformed")
    };
    cli::why(&ports, trusted_root, &arguments.why).await
}
