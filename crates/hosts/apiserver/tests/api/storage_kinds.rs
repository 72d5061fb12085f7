//! What the kinds of `storage.k8s.io` must satisfy, each fault as a Kubernetes 1.36 server tells it.

use serde_json::{Value, json};

use super::cases::{created, updated};
use super::{MAPS, World, ok};

#[tokio::test]
async fn storage_classes() {
    created(
        "/apis/storage.k8s.io/v1/storageclasses",
        r#"{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "t-sc"}, "provisioner": "a.b/c", "parameters": {"x": "y"}}"#,
        &[
            ("{}", ""),
            (r#"{"provisioner": ""}"#, "provisioner: Required value"),
            (r#"{"provisioner": "A!"}"#, r#"provisioner: Invalid value: "a!": name part must consist of <key>"#),
            (r#"{"parameters": {"": "x"}}"#, r#"parameters: Invalid value: "": field can not be empty."#),
            (r#"{"reclaimPolicy": "Recycle", "volumeBindingMode": "Never"}"#, r#"[reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain", volumeBindingMode: Unsupported value: "Never": supported values: "Immediate", "WaitForFirstConsumer"]"#),
            (r#"{"allowedTopologies": [{"matchLabelExpressions": [{"key": "a", "values": ["b", "b"]}, {"key": "a", "values": []}]}]}"#, r#"[allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "b", allowedTopologies[0].matchLabelExpressions[1].values: Required value, allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: "a"]"#),
            (r#"{"allowedTopologies": [{"matchLabelExpressions": [{"key": "a", "values": ["b", "c"]}]}, {"matchLabelExpressions": [{"key": "a", "values": ["c", "b"]}]}]}"#, r#"allowedTopologies[1].matchLabelExpressions: Duplicate value: """#),
            (r#"{"allowedTopologies": [{}, {}]}"#, r#"[allowedTopologies[0].matchLabelExpressions: Duplicate value: "", allowedTopologies[1].matchLabelExpressions: Duplicate value: ""]"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn changed_storage_classes() {
    updated(
        "/apis/storage.k8s.io/v1/storageclasses",
        r#"{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "t-usc"}, "provisioner": "a.b/c", "parameters": {"x": "y"}}"#,
        &[
            ("{}", ""),
            (r#"{"allowVolumeExpansion": true}"#, ""),
            (r#"{"provisioner": "d", "parameters": {"x": "z"}}"#, r#"[parameters: Invalid value: {"x":"z"}: field is immutable, provisioner: Invalid value: "d": field is immutable]"#),
            (r#"{"reclaimPolicy": "Retain", "volumeBindingMode": "WaitForFirstConsumer"}"#, r#"[reclaimPolicy: Invalid value: "Retain": field is immutable, volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable]"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn attributes_classes() {
    created(
        "/apis/storage.k8s.io/v1/volumeattributesclasses",
        r#"{"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttributesClass", "metadata": {"name": "t-vac"}, "driverName": "a.b", "parameters": {"x": "y"}}"#,
        &[
            ("{}", ""),
            (r#"{"driverName": "", "parameters": null}"#, "[driverName: Required value, parameters: Required value: must contain at least one key/value pair]"),
            (r#"{"driverName": "a/b/c"}"#, r#"driverName: Invalid value: "a/b/c": a valid label key must consist of <key> with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn drivers() {
    created(
        "/apis/storage.k8s.io/v1/csidrivers",
        r#"{"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": "t-drv"}, "spec": {"tokenRequests": [{"audience": "a"}]}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"fsGroupPolicy": "Always"}}"#, r#"spec.fsGroupPolicy: Unsupported value: "Always": supported values: "File", "None", "ReadWriteOnceWithFSType""#),
            (r#"{"spec": {"volumeLifecycleModes": ["Persistent", "Once"]}}"#, r#"spec.volumeLifecycleModes: Unsupported value: "Once": supported values: "Persistent", "Ephemeral""#),
            (r#"{"spec": {"tokenRequests": [{"audience": "a", "expirationSeconds": 599}, {"audience": "a"}, {"audience": "b", "expirationSeconds": 4294967297}]}}"#, r#"[spec.tokenRequests[0].expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes, spec.tokenRequests[1].audience: Duplicate value: "a", spec.tokenRequests[2].expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds]"#),
            (r#"{"spec": {"nodeAllocatableUpdatePeriodSeconds": 9}}"#, "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds"),
            (r#"{"spec": {"tokenRequests": null, "serviceAccountTokenInSecrets": false}}"#, "spec.serviceAccountTokenInSecrets: Invalid value: false: serviceAccountTokenInSecrets is set but no tokenRequests are specified"),
        ],
    )
    .await;
}

#[tokio::test]
async fn changed_drivers() {
    updated(
        "/apis/storage.k8s.io/v1/csidrivers",
        r#"{"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": "t-udrv"}, "spec": {"tokenRequests": [{"audience": "a"}]}}"#,
        &[
            (r#"{"spec": {"podInfoOnMount": true}}"#, ""),
            (r#"{"spec": {"attachRequired": false}}"#, "spec.attachedRequired: Invalid value: false: field is immutable"),
            (r#"{"spec": {"volumeLifecycleModes": ["Ephemeral"]}}"#, r#"spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn nodes_of_drivers() {
    created(
        "/apis/storage.k8s.io/v1/csinodes",
        r#"{"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "t-nod"}, "spec": {"drivers": [{"name": "a.b", "nodeID": "n", "topologyKeys": ["zone"], "allocatable": {"count": 3}}]}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"drivers": [{"name": "", "nodeID": ""}]}}"#, "[spec.drivers[0].name: Required value, spec.drivers[0].nodeID: Required value]"),
            (r#"{"spec": {"drivers": [{"name": "A_b", "nodeID": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}]}}"#, r#"[spec.drivers[0].name: Invalid value: "A_b": <subdomain>, spec.drivers[0].nodeID: Invalid value: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": must be 256 characters or less]"#),
            (r#"{"spec": {"drivers": [{"name": "a.b", "nodeID": "n", "allocatable": {"count": -1}}]}}"#, "spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0"),
            (r#"{"spec": {"drivers": [{"name": "a.b", "nodeID": "n", "topologyKeys": ["a", "a", "", "/x"]}]}}"#, r#"[spec.drivers[0]: Duplicate value: "a", spec.drivers[0]: Required value, spec.drivers[0]: Invalid value: "": name part must be non-empty, spec.drivers[0]: Invalid value: "": name part must consist of <key>, spec.drivers[0]: Invalid value: "/x": prefix part must be non-empty]"#),
            (r#"{"spec": {"drivers": [{"name": "a", "nodeID": "b"}, {"name": "a", "nodeID": "c"}]}}"#, r#"spec.drivers[1].name: Duplicate value: "a""#),
        ],
    )
    .await;
}

#[tokio::test]
async fn changed_nodes_of_drivers() {
    updated(
        "/apis/storage.k8s.io/v1/csinodes",
        r#"{"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "t-unod"}, "spec": {"drivers": [{"name": "a.b", "nodeID": "n", "topologyKeys": ["zone"], "allocatable": {"count": 3}}]}}"#,
        &[
            (r#"{"spec": {"drivers": [{"name": "a.b", "nodeID": "n", "topologyKeys": ["zone"], "allocatable": {"count": 4}}]}}"#, ""),
            (r#"{"spec": {"drivers": [{"name": "a.b", "nodeID": "n", "topologyKeys": ["rack"]}]}}"#, r#"spec.drivers: Invalid value: {"Name":"a.b","NodeID":"n","TopologyKeys":["rack"],"Allocatable":null}: field is immutable"#),
            (r#"{"spec": {"drivers": [{"name": "c", "nodeID": "n"}]}}"#, ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn attachments() {
    created(
        "/apis/storage.k8s.io/v1/volumeattachments",
        r#"{"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": "t-att"}, "spec": {"attacher": "a.b", "nodeName": "n", "source": {"persistentVolumeName": "v"}}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"attacher": "", "nodeName": ""}}"#, r#"[spec.attacher: Required value, spec.nodeName: Invalid value: "": <subdomain>]"#),
            (r#"{"spec": {"source": {"persistentVolumeName": null}}}"#, "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"),
            (r#"{"spec": {"source": {"persistentVolumeName": ""}}}"#, r#"[spec.source.persistentVolumeName: Required value: must specify non empty persistentVolumeName, spec.source.persistentVolumeName: Invalid value: "": <subdomain>]"#),
            (r#"{"spec": {"source": {"inlineVolumeSpec": {"accessModes": ["ReadWriteOnce"]}}}}"#, "spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName"),
            (r#"{"spec": {"source": {"persistentVolumeName": null, "inlineVolumeSpec": {"accessModes": ["ReadWriteOnce"], "csi": {"driver": "d", "volumeHandle": "h"}}}}}"#, ""),
            (r#"{"spec": {"source": {"persistentVolumeName": null, "inlineVolumeSpec": {"accessModes": ["ReadWriteOnce"], "csi": null, "nfs": {"server": "s", "path": "/p"}}}}}"#, "spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes"),
            (r#"{"spec": {"source": {"persistentVolumeName": null, "inlineVolumeSpec": {"accessModes": ["ReadWriteOnce"], "csi": {"driver": "d", "volumeHandle": "h"}, "capacity": {"storage": "1"}, "claimRef": {"name": "x"}, "nodeAffinity": {}, "persistentVolumeReclaimPolicy": "Delete", "storageClassName": "x", "volumeMode": "Block"}}}}"#, "[spec.source.inlineVolumeSpec.claimRef: Forbidden: may not be specified in the context of inline volumes, spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes, spec.source.inlineVolumeSpec.persistentVolumeReclaimPolicy: Forbidden: may only be Retain in the context of inline volumes, spec.source.inlineVolumeSpec.nodeAffinity: Forbidden: may not be specified in the context of inline volumes, spec.source.inlineVolumeSpec.storageClassName: Forbidden: may not be specified in the context of inline volumes, spec.source.inlineVolumeSpec.volumeMode: Forbidden: may not specify volumeMode other than Filesystem in the context of inline volumes]"),
        ],
    )
    .await;
}

#[tokio::test]
async fn changed_attachments() {
    updated(
        "/apis/storage.k8s.io/v1/volumeattachments",
        r#"{"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": "t-uatt"}, "spec": {"attacher": "a.b", "nodeName": "n", "source": {"persistentVolumeName": "v"}}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"nodeName": "m"}}"#, r#"spec: Invalid value: {"Attacher":"a.b","Source":{"PersistentVolumeName":"v","InlineVolumeSpec":null},"NodeName":"m"}: field is immutable"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn capacities() {
    created(
        "/apis/storage.k8s.io/v1/namespaces/default/csistoragecapacities",
        r#"{"apiVersion": "storage.k8s.io/v1", "kind": "CSIStorageCapacity", "metadata": {"name": "t-cap"}, "storageClassName": "s", "nodeTopology": {"matchLabels": {"a": "b"}}}"#,
        &[
            ("{}", ""),
            (r#"{"storageClassName": "", "capacity": "-1"}"#, r#"[storageClassName: Invalid value: "": <subdomain>, capacity: Invalid value: "-1": must be greater than or equal to 0]"#),
            (r#"{"nodeTopology": {"matchLabels": {"a b": "c"}}}"#, r#"nodeTopology.matchLabels: Invalid value: "a b": name part must consist of <key>"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn changed_capacities() {
    updated(
        "/apis/storage.k8s.io/v1/namespaces/default/csistoragecapacities",
        r#"{"apiVersion": "storage.k8s.io/v1", "kind": "CSIStorageCapacity", "metadata": {"name": "t-ucap"}, "storageClassName": "s", "nodeTopology": {"matchLabels": {"a": "b"}}}"#,
        &[
            (r#"{"capacity": "5"}"#, ""),
            (r#"{"nodeTopology": {"matchLabels": {"a": "c"}}, "storageClassName": "t"}"#, r#"[nodeTopology: Invalid value: {"matchLabels":{"a":"c"}}: field is immutable, storageClassName: Invalid value: "t": field is immutable]"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_was_deleted_is_answered_where_upstream_does() {
    let world = World::new();
    let classes = "/apis/storage.k8s.io/v1/storageclasses";
    let class =
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"}, "provisioner": "example.com/disk"});
    ok(world.post(classes, class).await);
    let gone = ok(world.delete(&format!("{classes}/fast"), Value::Null).await);
    assert_eq!((&gone["kind"], &gone["provisioner"]), (&json!("StorageClass"), &json!("example.com/disk")));
    ok(world.post(MAPS, json!({"metadata": {"name": "a"}})).await);
    let gone = ok(world.delete(&format!("{MAPS}/a"), Value::Null).await);
    assert_eq!(gone["kind"], "Status");
}
