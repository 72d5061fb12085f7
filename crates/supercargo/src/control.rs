//! What another process of the same user may ask of a running `up`: a socket in the data folder, one request a connection.
//! Read first: [`serve`], [`ask`].

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use crate::backup::Source;
use crate::data::Data;

const NAME: &str = "control";
/// Longest request or answer, in bytes.
const LONGEST: u64 = 64 << 10;

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Request {
    /// Writes a backup to a file, by its whole path.
    Backup(PathBuf),
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Answer {
    /// So much was written.
    Backup { files: u64, bytes: u64 },
    /// It was not done.
    Error(String),
}

/// Opens the socket. The folder belongs to this process, so one that is there is left over.
pub(crate) fn listen(data: &Data) -> anyhow::Result<UnixListener> {
    let path = data.path(NAME);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).with_context(|| path.display().to_string()),
        _ => {}
    }
    let listener =
        UnixListener::bind(&path).with_context(|| format!("{}: the socket cannot be made; a shorter --data may help", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers for as long as the process lives.
pub(crate) async fn serve(listener: UnixListener, source: Arc<Source>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(answer(stream, source.clone()))),
            Err(error) => {
                tracing::debug!(%error, "the control socket");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, source: Arc<Source>) {
    let mut bytes = Vec::new();
    let answer = match (&mut stream).take(LONGEST).read_to_end(&mut bytes).await.map(|_| serde_json::from_slice::<Request>(&bytes)) {
        Ok(Ok(Request::Backup(target))) => {
            let written = tokio::task::spawn_blocking(move || source.write(&target)).await;
            match written {
                Ok(Ok(moved)) => Answer::Backup { files: moved.files, bytes: moved.bytes },
                Ok(Err(error)) => Answer::Error(format!("{error:#}")),
                Err(error) => Answer::Error(error.to_string()),
            }
        }
        Ok(Err(error)) => Answer::Error(error.to_string()),
        Err(_) => return,
    };
    let text = serde_json::to_vec(&answer).unwrap_or_default();
    let _ = stream.write_all(&text).await;
}

/// Asks the process that uses a data folder.
pub(crate) async fn ask(root: &Path, request: &Request) -> anyhow::Result<Answer> {
    let path = root.join(NAME);
    let mut stream = UnixStream::connect(&path).await.with_context(|| format!("{} does not answer", path.display()))?;
    stream.write_all(&serde_json::to_vec(request)?).await?;
    stream.shutdown().await?;
    let mut bytes = Vec::new();
    stream.take(LONGEST).read_to_end(&mut bytes).await?;
    match serde_json::from_slice(&bytes).context("the answer is malformed")? {
        Answer::Error(text) => bail!(text),
        answer => Ok(answer),
    }
}
