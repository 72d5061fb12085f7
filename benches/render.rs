//! How fast kustomizations are rendered, as whole processes, beside the real kustomize in the same run where that ends in
//! reasonable time. Trees are made here; the first is the example's own overlay.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::bench::Figure;
use crate::place::{Settings, root};
use crate::prove::real_kustomize;

/// Ticks of the kernel's accounting in a second, as every Linux has them for user space.
const TICKS: f64 = 100.0;
/// How often a process is looked at for its memory.
const LOOK: Duration = Duration::from_millis(1);

/// One tree.
struct Case {
    what: &'static str,
    folder: PathBuf,
    /// How often ours and the real one are run: short runs are below a tick.
    runs: (u32, u32),
    goal: &'static str,
}

/// Measures processor time of every tree, and the memory of the largest.
pub fn measure(settings: &Settings, folder: &Path) -> anyhow::Result<Vec<Figure>> {
    let link = folder.join("kustomize");
    std::os::unix::fs::symlink(settings.program()?, &link)?;
    let (real, command) = real_kustomize()?;
    let mut figures = Vec::new();
    for case in cases(folder)? {
        let ours = seconds(&link, "build", &case, case.runs.0)?;
        let mut measured = shown(ours);
        if case.runs.1 > 0 {
            let theirs = seconds(&real, command, &case, case.runs.1)?;
            write!(measured, ", the real one {} ({:.0} ×)", shown(theirs), theirs / ours.max(1e-6))?;
        }
        figures.push(Figure { what: format!("rendering {} (processor time)", case.what), measured, goal: case.goal });
        if case.what.starts_with("5,000") {
            let peak = peak(&link, &case.folder)?;
            figures.push(Figure {
                what: format!("rendering {} (peak memory)", case.what),
                measured: format!("{peak:.0} MiB"),
                goal: "≤ 80 MiB",
            });
        }
    }
    Ok(figures)
}

fn shown(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}

/// Processor time of one build, from the accounting of this process' children.
fn seconds(program: &Path, command: &str, case: &Case, runs: u32) -> anyhow::Result<f64> {
    let before = children()?;
    for _ in 0..runs {
        let status = Command::new(program).arg(command).arg(&case.folder).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !status.with_context(|| program.display().to_string())?.success() {
            bail!("{} does not build {}", program.display(), case.folder.display());
        }
    }
    Ok((children()? - before) / f64::from(runs))
}

/// Seconds that ended children have used.
fn children() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name in brackets may hold blanks; the fields behind it do not.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).context("the kernel tells no times of children");
    Ok((ticks(13)? + ticks(14)?) / TICKS)
}

/// The most memory that one build held, in MiB.
fn peak(program: &Path, folder: &Path) -> anyhow::Result<f64> {
    let mut child = Command::new(program).arg("build").arg(folder).stdout(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0f64;
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
        most = most.max(line.unwrap_or(0.0));
        std::thread::sleep(LOOK);
    }
    Ok(most / 1024.0)
}

fn cases(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let trivial = folder.join("trivial");
    put(&trivial, "kustomization.yaml", "resources: [a.yaml]\n")?;
    put(&trivial, "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")?;
    let stream = folder.join("stream");
    put(&stream, "kustomization.yaml", "resources: [all.yaml]\n")?;
    put(&stream, "all.yaml", &definitions(12 << 20)?)?;
    let example = root().join("examples/pipeline/deployment/apps/myapp/overlays/prod");
    Ok(vec![
        Case { what: "one ConfigMap", folder: trivial, runs: (100, 50), goal: "≤ 3 ms" },
        Case { what: "the example's prod overlay", folder: example, runs: (100, 50), goal: "≥ 40 ×" },
        Case { what: "1,000 resources", folder: resources(&folder.join("thousand"), 1_000)?, runs: (20, 1), goal: "≤ 60 ms" },
        Case { what: "5,000 resources", folder: resources(&folder.join("thousands"), 5_000)?, runs: (5, 0), goal: "≤ 350 ms" },
        Case { what: "12 MB of definitions", folder: stream, runs: (5, 1), goal: "≤ 500 ms" },
    ])
}

fn put(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(name), text).with_context(|| folder.join(name).display().to_string())
}

const OVERLAY: &str = "\
resources: [../base]
namePrefix: prod-
namespace: prod
labels:
- pairs: {env: prod}
  includeSelectors: true
images:
- {name: registry.internal/app, newTag: 2.0.0}
replicas:
- {name: app-0, count: 3}
patches:
- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: app-0}
    spec: {template: {spec: {containers: [{name: main, env: [{name: B, value: x}]}]}}}
- target: {kind: Deployment}
  patch: |-
    - {op: add, path: /spec/template/spec/serviceAccountName, value: sa-3}
configMapGenerator:
- {name: generated, literals: [a=b]}
";

/// Deployments, Services, ConfigMaps and ServiceAccounts with an overlay; returns the overlay's folder.
fn resources(folder: &Path, count: usize) -> anyhow::Result<PathBuf> {
    let mut text = String::new();
    for number in 0..count {
        let (app, map) = (number - number % 4, number - number % 4 + 2);
        match number % 4 {
            0 => write!(
                text,
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{app}\n  labels: {{app: app-{app}}}\nspec:\n  replicas: 1\n  selector:\n    matchLabels: {{app: app-{app}}}\n  template:\n    metadata:\n      labels: {{app: app-{app}}}\n    spec:\n      containers:\n      - name: main\n        image: registry.internal/app:1.0.0\n        env:\n        - {{name: A, value: \"1\"}}\n        - name: C\n          valueFrom: {{configMapKeyRef: {{name: map-{map}, key: a}}}}\n        ports: [{{containerPort: 80}}]\n---\n"
            )?,
            1 => write!(
                text,
                "apiVersion: v1\nkind: Service\nmetadata:\n  name: service-{number}\nspec:\n  selector: {{app: app-{app}}}\n  ports: [{{port: 80, targetPort: 80}}]\n---\n"
            )?,
            2 => write!(text, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map-{number}\ndata: {{a: \"1\", b: some text}}\n---\n")?,
            _ => write!(text, "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: sa-{number}\n---\n")?,
        }
    }
    put(&folder.join("base"), "all.yaml", text.trim_end_matches("---\n"))?;
    put(&folder.join("base"), "kustomization.yaml", "resources: [all.yaml]\n")?;
    put(&folder.join("prod"), "kustomization.yaml", OVERLAY)?;
    Ok(folder.join("prod"))
}

/// A stream of large definitions of custom resources.
fn definitions(size: usize) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut number = 0;
    while text.len() < size {
        write!(
            text,
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: kind{number}.example.com\nspec:\n  group: example.com\n  versions:\n  - name: v1\n    schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n"
        )?;
        for field in 0..900 {
            write!(
                text,
                "          field{field}:\n            description: What this field says about the object that holds it, in a sentence of some length.\n            type: object\n            properties:\n              name:\n                type: string\n              value:\n                type: integer\n                format: int64\n"
            )?;
        }
        text.push_str("---\n");
        number += 1;
    }
    Ok(text)
}
