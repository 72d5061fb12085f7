//! Stock clients against one running world: git, kubectl, skopeo, the Python sigstore client, `kubectl kustomize`, and cosign
//! where Go can install it. A program that is missing is a failure.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::place::{Settings, cargo, root};
use crate::program;
use crate::world::{ANYWHERE, World, scratch};

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(120);
/// How long a program may take to build.
const BUILD: Duration = Duration::from_secs(1_500);
const CONTEXTS: [&str; 4] = ["management", "dev", "staging", "prod"];
const COSIGN: &str = "github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3";
const IMAGE: &str = "https://gitea.internal/org/app-myapp/.gitea/workflows/build.yml@refs/tags/1.4.3";
const ARTIFACT: &str = "https://gitea.internal/org/deployment/.gitea/workflows/build-deployment-artifact.yml@refs/heads/main";
/// What the Python client is asked: is this bundle good for this digest, by this identity?
const PYTHON: &str = "\
import json, sys
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy
root, bundle, digest, identity = sys.argv[1:]
verifier = Verifier(trusted_root=TrustedRoot.from_file(root))
kind, payload = verifier.verify_dsse(Bundle.from_json(open(bundle).read()), policy.Identity(identity=identity, issuer='https://gitea.internal'))
assert json.loads(payload)['subject'][0]['digest']['sha256'] == digest, payload
print('good')
";

struct Bench<'a> {
    world: &'a World,
    folder: &'a Path,
    status: Value,
    credentials: Value,
}

/// Lets every client do its work.
pub fn prove(settings: &Settings) -> anyhow::Result<()> {
    let folder = scratch(settings)?;
    let world = World::new(settings, folder.path().join("data"))?;
    world.journey(&["--demo", "--once"], settings.limit())?;
    let mut up = world.up(&[ANYWHERE])?;
    world.ready(&mut up)?;
    let status = program::output(&world.binary, &["status", "--json", "--data", &world.data.display().to_string()], folder.path(), LIMIT)?;
    let credentials = std::fs::read(world.data.join("credentials.json"))?;
    let bench = Bench {
        world: &world,
        folder: folder.path(),
        status: serde_json::from_str(&status)?,
        credentials: serde_json::from_slice(&credentials)?,
    };
    bench.git()?;
    bench.kubectl()?;
    bench.skopeo()?;
    bench.kustomize()?;
    let exported = bench.export()?;
    bench.python(&exported)?;
    let cosign = bench.cosign(settings, &exported)?;
    up.stop()?;
    println!("clients: git, kubectl, skopeo, kubectl kustomize, sigstore-python{cosign} agree");
    Ok(())
}

/// What was exported: trust root, and digest and bundle of image and artifact.
struct Exported {
    root: PathBuf,
    image: (String, PathBuf),
    artifact: (String, PathBuf),
}

impl Bench<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        program::output(program, arguments, self.folder, LIMIT)
    }

    fn text<'b>(value: &'b Value, what: &str) -> anyhow::Result<&'b str> {
        value.as_str().with_context(|| format!("status or credentials tell no {what}"))
    }

    /// Clones whole, shallow and without blobs; fetches; pushes a branch.
    fn git(&self) -> anyhow::Result<()> {
        let token = Self::text(&self.credentials["forge"]["maintainer"], "token of the maintainer")?;
        let address = Self::text(&self.status["forge"], "forge")?.trim_start_matches("http://");
        let url = format!("http://maintainer:{token}@{address}/org/deployment.git");
        self.run("git", &["clone", "-q", &url, "whole"])?;
        self.run("git", &["clone", "-q", "--depth", "1", &url, "shallow"])?;
        self.run("git", &["clone", "-q", "--filter=blob:none", &url, "partial"])?;
        ensure!(self.run("git", &["-C", "shallow", "rev-list", "--count", "HEAD"])?.trim() == "1", "the shallow clone is not shallow");
        self.run("git", &["-C", "partial", "show", "HEAD:renovate.json"])?;
        self.run("git", &["-C", "shallow", "fetch", "-q", "--unshallow"])?;
        self.run("git", &["-C", "whole", "checkout", "-q", "-b", "people/proof"])?;
        std::fs::write(self.folder.join("whole/note.txt"), "a note\n")?;
        self.run("git", &["-C", "whole", "add", "note.txt"])?;
        self.run(
            "git",
            &[
                "-C",
                "whole",
                "-c",
                "user.name=Maintainer",
                "-c",
                "user.email=maintainer@supercargo.internal",
                "commit",
                "-q",
                "-m",
                "A note",
            ],
        )?;
        self.run("git", &["-C", "whole", "push", "-q", "origin", "people/proof"])?;
        self.run("git", &["-C", "partial", "fetch", "-q", "origin", "people/proof"])?;
        let refused = program::run("git", &["-C", "whole", "push", "-q", "origin", "HEAD:main"], self.folder, LIMIT)?;
        ensure!(!refused.good && refused.err.contains("Protected branch"), "an unsigned commit got to main: {}", refused.err);
        Ok(())
    }

    fn kubectl(&self) -> anyhow::Result<()> {
        let kubeconfig = self.world.data.join("kubeconfig").display().to_string();
        for context in CONTEXTS {
            let run = |arguments: &[&str]| {
                program::run(
                    "kubectl",
                    &[&["--kubeconfig", kubeconfig.as_str(), "--context", context], arguments].concat(),
                    self.folder,
                    LIMIT,
                )
            };
            let good = |arguments: &[&str], wanted: &str| -> anyhow::Result<()> {
                let ended = run(arguments)?;
                ensure!(
                    ended.good && ended.out.contains(wanted),
                    "[{context}] kubectl {}: {}{}",
                    arguments.join(" "),
                    ended.out,
                    ended.err
                );
                Ok(())
            };
            let kinds = if context == "management" {
                "projects,projectconfigs,warehouses,stages,freights,promotions,analysistemplates,analysisruns,gitrepositories,kustomizations"
            } else {
                "gitrepositories,ocirepositories,kustomizations,clusterimagepolicies,deployments,replicasets,pods,services,networkpolicies"
            };
            good(&["get", kinds, "-A"], "NAMESPACE")?;
            good(&["describe", "kustomization", "deployment", "-n", "flux-system"], "ReconciliationSucceeded")?;
            good(&["wait", "kustomization/deployment", "-n", "flux-system", "--for=condition=Ready", "--timeout=60s"], "condition met")?;
            good(&["get", "kustomization", "deployment", "-n", "flux-system", "-w", "--request-timeout=1s"], "Applied revision")
                .or_else(|_| good(&["get", "kustomization", "deployment", "-n", "flux-system"], "Applied revision"))?;
            let file = self.folder.join(format!("{context}.yaml"));
            std::fs::write(&file, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: clients, namespace: default}\ndata: {a: '1'}\n")?;
            let file = file.display().to_string();
            good(&["apply", "-f", &file], "configmap/clients created")?;
            let text = std::fs::read_to_string(&file)?.replace("'1'", "'2'");
            std::fs::write(&file, text)?;
            let diff = run(&["diff", "-f", &file])?;
            ensure!(!diff.good && diff.out.contains("+  a: \"2\""), "[{context}] kubectl diff: {}{}", diff.out, diff.err);
            good(&["apply", "--server-side", "--force-conflicts", "-f", &file], "serverside-applied")?;
            good(&["delete", "-f", &file], "deleted")?;
        }
        Ok(())
    }

    /// Copies image and artifact out, and into a registry that lets everybody in; the bytes stay the same.
    fn skopeo(&self) -> anyhow::Result<()> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder));
        if !target.join("debug/examples/registry").exists() {
            cargo(&["build", "--locked", "--package", "supercargo-registry", "--example", "registry"])?;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut open = std::process::Command::new(target.join("debug/examples/registry")).arg(format!("127.0.0.1:{port}")).spawn()?;
        let result = self.copies(port);
        open.kill()?;
        open.wait()?;
        result
    }

    fn copies(&self, port: u16) -> anyhow::Result<()> {
        let address = Self::text(&self.status["registry"], "registry")?.trim_start_matches("http://").to_owned();
        let login = format!("admin:{}", Self::text(&self.credentials["registry"], "password of the registry")?);
        for name in ["myapp:1.4.3", "deployments/myapp:0.5.2"] {
            let (from, folder) =
                (format!("docker://{address}/{name}"), format!("oci:{}/{}", self.folder.display(), name.replace(['/', ':'], "-")));
            self.run("skopeo", &["copy", "-q", "--src-tls-verify=false", "--src-creds", &login, &from, &folder])?;
            let to = format!("docker://127.0.0.1:{port}/{name}");
            let mut pushed = self.run("skopeo", &["copy", "-q", "--dest-tls-verify=false", &folder, &to]);
            for _ in 0..20 {
                if pushed.is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(200));
                pushed = self.run("skopeo", &["copy", "-q", "--dest-tls-verify=false", &folder, &to]);
            }
            pushed?;
            let digest =
                |place: &str, creds: &[&str]| self.run("skopeo", &[&["inspect", "--raw", "--tls-verify=false"], creds, &[place]].concat());
            ensure!(digest(&from, &["--creds", &login])? == digest(&to, &[])?, "{name} is not the same after two copies");
        }
        Ok(())
    }

    /// The overlays at main, by us and by kubectl's kustomize.
    fn kustomize(&self) -> anyhow::Result<()> {
        for overlay in ["dev", "staging", "prod"] {
            let folder = self.folder.join(format!("whole/apps/myapp/overlays/{overlay}")).display().to_string();
            let theirs = self.run("kubectl", &["kustomize", &folder])?;
            let ours = program::output(&self.world.binary, &["kustomize", "build", &folder], self.folder, LIMIT)?;
            ensure!(ours == theirs, "the overlay {overlay} is rendered differently:\n{ours}\n--- kubectl kustomize\n{theirs}");
        }
        Ok(())
    }

    /// Lets `why` write the evidence of prod, checks it, and takes trust root and bundles out of it.
    fn export(&self) -> anyhow::Result<Exported> {
        let file = self.folder.join("export.json");
        let (data, path) = (self.world.data.display().to_string(), file.display().to_string());
        program::output(&self.world.binary, &["why", "prod", "--export", &path, "--data", &data], self.folder, LIMIT)?;
        program::output(&self.world.binary, &["verify-export", &path], self.folder, LIMIT)?;
        let export: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        let root = self.folder.join("trusted_root.json");
        std::fs::write(&root, export["trustedRoot"].to_string())?;
        let take = |wanted: &str| -> anyhow::Result<(String, PathBuf)> {
            let all = export["registry"].as_object().context("the export has no registry")?;
            let (name, stored) =
                all.iter().find(|(name, _)| name.starts_with(wanted)).with_context(|| format!("the export has no {wanted}"))?;
            let bundle = self.folder.join(format!("{}.json", wanted.replace('/', "-")));
            std::fs::write(&bundle, STANDARD.decode(stored["signatures"][0]["bundle"].as_str().context("it has no bundle")?)?)?;
            Ok((name.rsplit_once("sha256:").map(|(_, digest)| digest.to_owned()).context("a digest")?, bundle))
        };
        Ok(Exported { root, image: take("registry.internal/myapp")?, artifact: take("registry.internal/deployments/myapp")? })
    }

    fn python(&self, exported: &Exported) -> anyhow::Result<()> {
        let venv = root().join("target/sigstore-python");
        let python = venv.join("bin/python").display().to_string();
        if !venv.join("ready").exists() {
            program::output("python3", &["-m", "venv", &venv.display().to_string()], self.folder, BUILD)?;
            program::output(&python, &["-m", "pip", "install", "--quiet", "sigstore"], self.folder, BUILD)?;
            std::fs::write(venv.join("ready"), "")?;
        }
        let root = exported.root.display().to_string();
        for ((digest, bundle), identity) in [(&exported.image, IMAGE), (&exported.artifact, ARTIFACT)] {
            let bundle = bundle.display().to_string();
            program::output(&python, &["-c", PYTHON, &root, &bundle, digest, identity], self.folder, LIMIT)?;
            let wrong = program::run(&python, &["-c", PYTHON, &root, &bundle, digest, "https://gitea.internal/evil"], self.folder, LIMIT)?;
            ensure!(!wrong.good, "the Python client accepts anybody");
        }
        Ok(())
    }

    /// Verifies both with the real cosign; returns what is added to the closing line.
    fn cosign(&self, settings: &Settings, exported: &Exported) -> anyhow::Result<&'static str> {
        let bin = root().join("target/go-bin");
        let program = bin.join("cosign");
        if !program.exists() {
            if !settings.go {
                return Ok("");
            }
            let install = std::process::Command::new("go").env("GOBIN", &bin).args(["install", COSIGN]).status();
            ensure!(install.context("go is needed to install cosign")?.success(), "cosign cannot be installed");
        }
        let address = Self::text(&self.status["registry"], "registry")?.trim_start_matches("http://").to_owned();
        let (password, root) =
            (Self::text(&self.credentials["registry"], "password of the registry")?, exported.root.display().to_string());
        for ((digest, _), name, identity) in [(&exported.image, "myapp", IMAGE), (&exported.artifact, "deployments/myapp", ARTIFACT)] {
            let place = format!("{address}/{name}@sha256:{digest}");
            // Once as a bundle, once as what lies under the `.sig` tag.
            for form in ["--new-bundle-format=true", "--new-bundle-format=false"] {
                let arguments = [
                    "verify",
                    "--offline",
                    form,
                    "--trusted-root",
                    &root,
                    "--certificate-identity",
                    identity,
                    "--certificate-oidc-issuer",
                    "https://gitea.internal",
                    "--allow-http-registry",
                    "--registry-username",
                    "admin",
                    "--registry-password",
                    password,
                    &place,
                ];
                program::output(&program, &arguments, self.folder, LIMIT)?;
            }
        }
        Ok(", cosign")
    }
}
