/// The CustomResourceDefinitions of every kind that roles look after, as YAML: one file each. They are complete for what the
/// roles know; a field that is not in them is refused by the API server, by name.
pub const CRDS: [&str; 12] = [
    include_str!("../crds/gitrepositories.source.toolkit.fluxcd.io.yaml"),
    include_str!("../crds/ocirepositories.source.toolkit.fluxcd.io.yaml"),
    include_str!("../crds/kustomizations.kustomize.toolkit.fluxcd.io.yaml"),
    include_str!("../crds/projects.kargo.akuity.io.yaml"),
    include_str!("../crds/projectconfigs.kargo.akuity.io.yaml"),
    include_str!("../crds/warehouses.kargo.akuity.io.yaml"),
    include_str!("../crds/freights.kargo.akuity.io.yaml"),
    include_str!("../crds/stages.kargo.akuity.io.yaml"),
    include_str!("../crds/promotions.kargo.akuity.io.yaml"),
    include_str!("../crds/analysistemplates.argoproj.io.yaml"),
    include_str!("../crds/analysisruns.argoproj.io.yaml"),
    include_str!("../crds/clusterimagepolicies.policy.sigstore.dev.yaml"),
];
