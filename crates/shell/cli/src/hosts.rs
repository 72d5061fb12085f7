//! The table of host names: where `registry.internal` and its like answer on this machine, and with which credentials.

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ports::{Login, Registry, Web};
use serde_json::{Value, json};

/// Names a variable that holds the table: `name=url` entries with blanks between them.
pub const TABLE: &str = "SUPERCARGO_HOSTS";
/// Names a variable with a file of certificate authorities (PEM) to trust.
pub const AUTHORITIES: &str = "SUPERCARGO_CA";

/// Where hosts answer.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    table: Vec<(String, String)>,
    authorities: Vec<Vec<u8>>,
}

impl Hosts {
    /// Reads the table from the environment.
    pub fn from_env() -> anyhow::Result<Self> {
        let mut hosts = Self::default();
        for entry in std::env::var(TABLE).unwrap_or_default().split_whitespace() {
            let Some((name, url)) = entry.split_once('=') else { bail!("{TABLE}: {entry:?} is not name=url") };
            hosts.table.push((name.to_owned(), url.to_owned()));
        }
        if let Ok(path) = std::env::var(AUTHORITIES) {
            hosts.authorities.push(std::fs::read(&path).with_context(|| format!("{AUTHORITIES}: {path}"))?);
        }
        Ok(hosts)
    }

    /// Tells whether the table has this name.
    pub fn has(&self, host: &str) -> bool {
        self.table.iter().any(|(name, _)| name == host)
    }

    /// Returns a web that knows the table.
    pub fn web(&self) -> Web {
        self.table.iter().fold(Web::new(&self.authorities), |web, (name, url)| web.with_address(name, url))
    }

    /// Returns a client of the registry with the credentials that `docker login` has kept for its host.
    pub fn registry(&self, host: &str) -> anyhow::Result<Registry> {
        let login = match credentials(host)? {
            Some((user, password)) => Login::Basic { user, password },
            None => Login::Anonymous,
        };
        Ok(Registry::new(self.web(), login))
    }
}

fn docker_config() -> anyhow::Result<std::path::PathBuf> {
    if let Ok(folder) = std::env::var("DOCKER_CONFIG") {
        return Ok(std::path::Path::new(&folder).join("config.json"));
    }
    let home = std::env::var("HOME").context("HOME is not set, so there is no ~/.docker/config.json")?;
    Ok(std::path::Path::new(&home).join(".docker/config.json"))
}

fn read_config() -> anyhow::Result<Value> {
    let path = docker_config()?;
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} is malformed", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(json!({})),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn credentials(host: &str) -> anyhow::Result<Option<(String, String)>> {
    let config = read_config()?;
    if config["credsStore"].is_string() && config["auths"][host]["auth"].is_null() {
        bail!("credsStore in {} is not supported: log in with a plain config", docker_config()?.display());
    }
    let Some(encoded) = config["auths"][host]["auth"].as_str() else { return Ok(None) };
    let text =
        String::from_utf8(STANDARD.decode(encoded).context("the credentials are no base64")?).context("the credentials are not UTF-8")?;
    let (user, password) = text.split_once(':').context("the credentials are malformed")?;
    Ok(Some((user.to_owned(), password.to_owned())))
}

/// Keeps credentials as docker does, readable by their owner alone.
pub(crate) fn keep_credentials(host: &str, user: &str, password: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut config = read_config()?;
    config["auths"][host]["auth"] = json!(STANDARD.encode(format!("{user}:{password}")));
    let path = docker_config()?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| path.display().to_string())?;
    file.write_all(serde_json::to_string_pretty(&config)?.as_bytes()).with_context(|| path.display().to_string())
}
