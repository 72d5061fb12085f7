//! Certificates of clients, made with openssl: an authority that the clusters are told of, one person of hers, and one of a stranger.

use std::path::Path;

use super::LIMIT;
use crate::program;

/// Files.
pub struct Certificates {
    /// What `--client-ca-file` is given.
    pub authority: String,
    /// Certificate and key of `anna`, of the groups `people` and `readers`.
    pub anna: (String, String),
    /// The same names, from an authority that nobody knows.
    pub stranger: (String, String),
}

impl Certificates {
    /// Makes all of them in a folder.
    pub fn make(folder: &Path) -> anyhow::Result<Self> {
        let file = |name: &str| folder.join(name).display().to_string();
        for name in ["authority", "other"] {
            let (key, certificate) = (file(&format!("{name}.key")), file(&format!("{name}.pem")));
            let subject = format!("/CN={name}");
            let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", &key];
            openssl(folder, &[&["req", "-x509", "-days", "2", "-subj", &subject, "-out", &certificate], curve.as_slice()].concat())?;
        }
        Ok(Self {
            authority: file("authority.pem"),
            anna: person(folder, "anna", "authority")?,
            stranger: person(folder, "stranger", "other")?,
        })
    }
}

fn person(folder: &Path, name: &str, authority: &str) -> anyhow::Result<(String, String)> {
    let file = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
    let (key, request, certificate) = (file("key"), file("csr"), file("pem"));
    let extension = folder.join("client.cnf");
    std::fs::write(&extension, "extendedKeyUsage=clientAuth\n")?;
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", &key];
    openssl(folder, &[&["req", "-new", "-subj", "/O=people/O=readers/CN=anna", "-out", &request], curve.as_slice()].concat())?;
    let (ca, ca_key) = (format!("{authority}.pem"), format!("{authority}.key"));
    let sign = ["x509", "-req", "-days", "2", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-extfile", "client.cnf"];
    openssl(folder, &[sign.as_slice(), &["-out", &certificate]].concat())?;
    Ok((certificate, key))
}

fn openssl(folder: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    program::output("openssl", arguments, folder, LIMIT).map(drop)
}
