"""What the Python client `kubernetes` does with a cluster; every function is one subject. Arguments: kubeconfig, context, and the
certificates and keys of somebody who is known and of somebody who is not."""

import json
import sys
import threading

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException

kubeconfig, context, known_certificate, known_key, strange_certificate, strange_key = sys.argv[1:]
api = config.new_client_from_config(kubeconfig, context=context)
configuration = api.configuration
core, apps, batch = client.CoreV1Api(api), client.AppsV1Api(api), client.BatchV1Api(api)
rbac, net, policy, scaling = client.RbacAuthorizationV1Api(api), client.NetworkingV1Api(api), client.PolicyV1Api(api), client.AutoscalingV2Api(api)
custom, extensions = client.CustomObjectsApi(api), client.ApiextensionsV1Api(api)
NS = "python"
checks = 0


def holds(what, *about):
    global checks
    checks += 1
    assert what, about


def meta(name, **more):
    return client.V1ObjectMeta(name=name, namespace=NS, **more)


def refused(code, reason, call, *arguments, **named):
    """Demands an ApiException with this code and a Status with this reason; returns the Status."""
    try:
        found = call(*arguments, **named)
    except ApiException as error:
        status = json.loads(error.body)
        holds(error.status == code, error.status, error.body)
        holds((status["kind"], status["status"], status["code"], status["reason"]) == ("Status", "Failure", code, reason), status)
        return status
    raise AssertionError(("not refused", found))


def template(app, restart=None):
    container = client.V1Container(
        name="web", image="registry.internal/web:1", ports=[client.V1ContainerPort(container_port=8080)], command=["true"] if restart else None,
        env=[client.V1EnvVar(name="NODE", value_from=client.V1EnvVarSource(field_ref=client.V1ObjectFieldSelector(field_path="spec.nodeName")))],
        resources=client.V1ResourceRequirements(requests={"cpu": "100m", "memory": "64Mi"}))
    return client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels={"app": app}), spec=client.V1PodSpec(containers=[container], restart_policy=restart))


def typed():
    """Typed models there and back, for every group."""
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NS)))
    def selects(app):
        return {"selector": client.V1LabelSelector(match_labels={"app": app}), "template": template(app)}
    made = apps.create_namespaced_deployment(NS, client.V1Deployment(metadata=meta("web"), spec=client.V1DeploymentSpec(replicas=2, **selects("web"))))
    holds(made.spec.strategy.rolling_update.max_surge == "25%" and made.metadata.creation_timestamp.tzinfo is not None, made)
    apps.create_namespaced_stateful_set(NS, client.V1StatefulSet(metadata=meta("db"), spec=client.V1StatefulSetSpec(service_name="db", **selects("db"))))
    apps.create_namespaced_daemon_set(NS, client.V1DaemonSet(metadata=meta("agent"), spec=client.V1DaemonSetSpec(**selects("agent"))))
    batch.create_namespaced_job(NS, client.V1Job(metadata=meta("task"), spec=client.V1JobSpec(completions=3, parallelism=2, completion_mode="Indexed", template=template("task", restart="Never"))))
    batch.create_namespaced_cron_job(NS, client.V1CronJob(metadata=meta("nightly"), spec=client.V1CronJobSpec(
        schedule="0 3 * * *", job_template=client.V1JobTemplateSpec(spec=client.V1JobSpec(template=template("task", restart="OnFailure"))))))
    core.create_namespaced_service(NS, client.V1Service(metadata=meta("web"), spec=client.V1ServiceSpec(selector={"app": "web"}, ports=[client.V1ServicePort(port=80, target_port="http")])))
    core.create_namespaced_config_map(NS, client.V1ConfigMap(metadata=meta("settings"), data={"colour": "green"}, binary_data={"raw": "AAEC"}))
    secret = core.create_namespaced_secret(NS, client.V1Secret(metadata=meta("login"), string_data={"password": "x"}))
    holds(secret.data == {"password": "eA=="} and secret.type == "Opaque", secret)
    core.create_namespaced_persistent_volume_claim(NS, client.V1PersistentVolumeClaim(metadata=meta("disk"), spec=client.V1PersistentVolumeClaimSpec(
        access_modes=["ReadWriteOnce"], resources=client.V1VolumeResourceRequirements(requests={"storage": "1Gi"}))))
    rbac.create_namespaced_role(NS, client.V1Role(metadata=meta("reader"), rules=[client.V1PolicyRule(api_groups=[""], resources=["configmaps"], verbs=["get", "list", "watch"])]))
    rbac.create_namespaced_role_binding(NS, client.V1RoleBinding(metadata=meta("reader"), role_ref=client.V1RoleRef(api_group="rbac.authorization.k8s.io", kind="Role", name="reader"), subjects=[
        client.RbacV1Subject(kind="ServiceAccount", name="robot", namespace=NS), client.RbacV1Subject(kind="Group", name="people", api_group="rbac.authorization.k8s.io")]))
    net.create_namespaced_ingress(NS, client.V1Ingress(metadata=meta("door"), spec=client.V1IngressSpec(rules=[client.V1IngressRule(host="example.org", http=client.V1HTTPIngressRuleValue(paths=[
        client.V1HTTPIngressPath(path="/", path_type="Prefix", backend=client.V1IngressBackend(service=client.V1IngressServiceBackend(name="web", port=client.V1ServiceBackendPort(number=80))))]))])))
    net.create_namespaced_network_policy(NS, client.V1NetworkPolicy(metadata=meta("closed"), spec=client.V1NetworkPolicySpec(pod_selector=client.V1LabelSelector(), policy_types=["Ingress"])))
    policy.create_namespaced_pod_disruption_budget(NS, client.V1PodDisruptionBudget(metadata=meta("web"), spec=client.V1PodDisruptionBudgetSpec(min_available="50%", selector=client.V1LabelSelector(match_labels={"app": "web"}))))
    scaling.create_namespaced_horizontal_pod_autoscaler(NS, client.V2HorizontalPodAutoscaler(metadata=meta("web"), spec=client.V2HorizontalPodAutoscalerSpec(
        min_replicas=1, max_replicas=5, scale_target_ref=client.V2CrossVersionObjectReference(api_version="apps/v1", kind="Deployment", name="web"),
        metrics=[client.V2MetricSpec(type="Resource", resource=client.V2ResourceMetricSource(name="cpu", target=client.V2MetricTarget(type="Utilization", average_utilization=80)))])))
    for listed in [core.list_namespaced_pod, core.list_namespaced_service, core.list_namespaced_event, core.list_namespaced_endpoints, core.list_namespaced_service_account, core.list_namespaced_secret,
                   apps.list_namespaced_deployment, apps.list_namespaced_replica_set, apps.list_namespaced_stateful_set, apps.list_namespaced_daemon_set, apps.list_namespaced_controller_revision,
                   batch.list_namespaced_job, batch.list_namespaced_cron_job, rbac.list_namespaced_role, rbac.list_namespaced_role_binding, net.list_namespaced_ingress,
                   net.list_namespaced_network_policy, policy.list_namespaced_pod_disruption_budget, scaling.list_namespaced_horizontal_pod_autoscaler]:
        found = listed(NS)
        holds(found.metadata.resource_version and found.kind.endswith("List"), listed, found)
        for one in found.items:
            again = api.sanitize_for_serialization(one)
            holds(again["metadata"]["name"] and one.to_dict(), again)
    scale = apps.patch_namespaced_deployment_scale("web", NS, {"spec": {"replicas": 3}})
    holds(scale.spec.replicas == 3 and apps.read_namespaced_deployment_scale("web", NS).spec.replicas == 3, scale)
    for version in [client.VersionApi(api).get_code().minor, core.get_api_resources().resources, client.ApisApi(api).get_api_versions().groups]:
        holds(version, version)


def workloads():
    """The controllers bring everything about, and a watch sees it."""
    def seen(call, name, ready):
        stream = watch.Watch()
        for event in stream.stream(call, NS, field_selector="metadata.name=" + name, timeout_seconds=60):
            if ready(event["object"]):
                stream.stop()
                return holds(True)
        raise AssertionError((name, "never came"))
    seen(apps.list_namespaced_deployment, "web", lambda one: one.status.ready_replicas == 3)
    seen(apps.list_namespaced_stateful_set, "db", lambda one: one.status.ready_replicas == 1)
    seen(apps.list_namespaced_daemon_set, "agent", lambda one: one.status.number_ready == 1)
    seen(batch.list_namespaced_job, "task", lambda one: one.status.succeeded == 3 and one.status.completed_indexes == "0-2")
    pods = core.list_namespaced_pod(NS, label_selector="app=web", field_selector="status.phase=Running").items
    holds(len(pods) == 3 and all(pod.spec.node_name == "three" for pod in pods), [pod.metadata.name for pod in pods])
    pod = core.read_namespaced_pod_status(pods[0].metadata.name, NS)
    holds(any(condition.type == "Ready" and condition.status == "True" for condition in pod.status.conditions), pod.status)
    core.create_namespaced_pod_eviction(pod.metadata.name, NS, client.V1Eviction(metadata=meta(pod.metadata.name)))


def watches():
    """A watch goes on where another stopped, tells of deletions and ends by itself; a list tells what was so at a version."""
    start = core.list_namespaced_config_map(NS).metadata.resource_version
    for number in range(30):
        core.create_namespaced_config_map(NS, client.V1ConfigMap(metadata=meta(f"w{number}", labels={"part": str(number % 3)}), data={"n": str(number)}))
    first, names, stream = [], [], watch.Watch()
    for event in stream.stream(core.list_namespaced_config_map, NS, resource_version=start, timeout_seconds=30):
        first.append(event["object"].metadata.name)
        if len(first) == 10:
            stream.stop()
    resumed = watch.Watch()
    for event in resumed.stream(core.list_namespaced_config_map, NS, resource_version=stream.resource_version, timeout_seconds=30):
        names.append(event["object"].metadata.name)
        if len(names) == 20:
            resumed.stop()
    holds(first + names == [f"w{number}" for number in range(30)], first, names)
    events, ready = [], threading.Event()

    def follow():
        stream = watch.Watch()
        for event in stream.stream(core.list_namespaced_config_map, NS, label_selector="part=0", timeout_seconds=4, allow_watch_bookmarks=True):
            events.append((event["type"], event["object"].metadata.name if event["type"] != "BOOKMARK" else ""))
            if len([kind for kind, _ in events if kind == "ADDED"]) == 10:
                ready.set()
    follower = threading.Thread(target=follow)
    follower.start()
    holds(ready.wait(30))
    core.patch_namespaced_config_map("w0", NS, {"metadata": {"labels": {"part": "9"}}})
    core.patch_namespaced_config_map("w3", NS, {"data": {"n": "x"}})
    core.delete_namespaced_config_map("w6", NS)
    follower.join(60)
    holds([event for event in events if event[0] not in ("ADDED", "BOOKMARK")] == [("DELETED", "w0"), ("MODIFIED", "w3"), ("DELETED", "w6")], events)
    then = core.list_namespaced_config_map(NS, resource_version=start, resource_version_match="Exact")
    holds(not [one for one in then.items if one.metadata.name.startswith("w")] and then.metadata.resource_version == start, then)


def pages():
    """Lists in pages are one list of one moment."""
    token, names, versions, remaining = None, [], set(), []
    while True:
        page = core.list_namespaced_config_map(NS, limit=7, _continue=token)
        names += [one.metadata.name for one in page.items]
        versions.add(page.metadata.resource_version)
        remaining.append(page.metadata.remaining_item_count)
        if len(names) == 7:
            core.create_namespaced_config_map(NS, client.V1ConfigMap(metadata=meta("zz-late")))
        token = page.metadata._continue
        if not token:
            break
    whole = [one.metadata.name for one in core.list_namespaced_config_map(NS).items]
    holds(names == [name for name in whole if name != "zz-late"] and len(versions) == 1, names, whole, versions)
    holds(remaining[0] == len(names) - 7 and remaining[-1] is None, remaining)
    holds(refused(400, "BadRequest", core.list_namespaced_config_map, NS, limit=1, _continue="nonsense"))


def patches():
    """Every type of patch, by its content type, and who owns what after an apply."""
    def patch(body, kind, **more):
        return apps.patch_namespaced_deployment("web", NS, body, _content_type=kind, **more)
    one = patch({"spec": {"template": {"spec": {"containers": [{"name": "web", "workingDir": "/srv"}]}}}}, "application/strategic-merge-patch+json")
    holds((one.spec.template.spec.containers[0].working_dir, one.spec.template.spec.containers[0].image) == ("/srv", "registry.internal/web:1"), one.spec)
    one = patch({"metadata": {"annotations": {"a": "1"}}}, "application/merge-patch+json")
    holds(one.metadata.annotations["a"] == "1", one.metadata)
    one = patch([{"op": "test", "path": "/metadata/annotations/a", "value": "1"}, {"op": "remove", "path": "/metadata/annotations/a"}], "application/json-patch+json")
    holds("a" not in one.metadata.annotations, one.metadata)
    wanted = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 4}}
    conflict = refused(409, "Conflict", patch, wanted, "application/apply-patch+yaml", field_manager="python")
    holds(conflict["details"]["causes"][0]["reason"] == "FieldManagerConflict" and conflict["details"]["causes"][0]["field"] == ".spec.replicas", conflict)
    one = patch(wanted, "application/apply-patch+yaml", field_manager="python", force=True)
    owners = [entry.manager for entry in one.metadata.managed_fields if entry.operation == "Apply"]
    holds(one.spec.replicas == 4 and owners == ["python"], one.metadata.managed_fields)
    dry = apps.patch_namespaced_deployment("web", NS, {"spec": {"replicas": 9}}, dry_run="All")
    holds(dry.spec.replicas == 9 and apps.read_namespaced_deployment("web", NS).spec.replicas == 4, dry.spec)
    stale = core.read_namespaced_config_map("settings", NS)
    core.patch_namespaced_config_map("settings", NS, {"data": {"size": "3"}})
    refused(409, "Conflict", core.replace_namespaced_config_map, "settings", NS, stale)
    status = apps.patch_namespaced_deployment_status("web", NS, {"status": {"conditions": [{"type": "Proof", "status": "True", "lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})
    holds(any(condition.type == "Proof" for condition in status.status.conditions), status.status)


def dynamically():
    """The dynamic client: discovery, applies, watches, and kinds that nobody has compiled."""
    found = dynamic.DynamicClient(api)
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "ships.proof.supercargo.dev"}, "spec": {
        "group": "proof.supercargo.dev", "scope": "Namespaced", "names": {"kind": "Ship", "plural": "ships", "singular": "ship"}, "versions": [{
            "name": "v1", "served": True, "storage": True, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {"captain": {"type": "string"}, "crew": {"type": "integer", "default": 3, "maximum": 9}}},
                "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}}]}}
    extensions.create_custom_resource_definition(definition)
    stream = watch.Watch()
    for event in stream.stream(extensions.list_custom_resource_definition, field_selector="metadata.name=ships.proof.supercargo.dev", timeout_seconds=30):
        if any(condition.type == "Established" and condition.status == "True" for condition in event["object"].status.conditions or []):
            stream.stop()
    found.resources.invalidate_cache()
    ships = found.resources.get(api_version="proof.supercargo.dev/v1", kind="Ship")
    ship = {"apiVersion": "proof.supercargo.dev/v1", "kind": "Ship", "metadata": {"name": "argo", "namespace": NS}, "spec": {"captain": "jason"}}
    holds(ships.server_side_apply(body=ship, namespace=NS, field_manager="python").spec.crew == 3)
    holds(ships.patch(body={"spec": {"crew": 5}}, name="argo", namespace=NS, content_type="application/merge-patch+json").spec.crew == 5)
    holds(ships.status.patch(body={"status": {"afloat": True}}, name="argo", namespace=NS, content_type="application/merge-patch+json").status.afloat)
    holds([event["type"] for event in ships.watch(namespace=NS, timeout=1)] == ["ADDED"])
    for version, kind in [("v1", "ConfigMap"), ("apps/v1", "Deployment"), ("rbac.authorization.k8s.io/v1", "Role"), ("v1", "Node")]:
        listed = found.resources.get(api_version=version, kind=kind).get()
        holds(listed.kind == kind + "List" and listed.metadata.resourceVersion, listed.kind)
    try:
        ships.get(name="lost", namespace=NS)
    except dynamic.exceptions.NotFoundError as error:
        holds(json.loads(error.body)["details"] == {"name": "lost", "group": "proof.supercargo.dev", "kind": "ships"}, error.body)
    holds(len(list(found.resources.search(kind="Deployment"))) >= 1)


def customs():
    """CustomObjectsApi, which knows nothing but paths."""
    place = ("proof.supercargo.dev", "v1", NS, "ships")
    made = custom.create_namespaced_custom_object(*place, {"apiVersion": "proof.supercargo.dev/v1", "kind": "Ship", "metadata": {"name": "beagle"}, "spec": {"captain": "fitzroy"}})
    holds(made["spec"] == {"captain": "fitzroy", "crew": 3} and made["metadata"]["generation"] == 1, made)
    holds(custom.patch_namespaced_custom_object(*place, "beagle", {"spec": {"crew": 6}})["metadata"]["generation"] == 2)
    holds(custom.patch_namespaced_custom_object_status(*place, "beagle", {"status": {"afloat": True}})["metadata"]["generation"] == 2)
    found = custom.get_namespaced_custom_object(*place, "beagle")
    found["spec"]["captain"] = "darwin"
    holds(custom.replace_namespaced_custom_object(*place, "beagle", found)["spec"]["captain"] == "darwin")
    holds(len(custom.list_cluster_custom_object(*place[:2], "ships")["items"]) == 2)
    status = refused(422, "Invalid", custom.patch_namespaced_custom_object, *place, "beagle", {"spec": {"crew": 12}})
    holds(status["details"]["causes"][0]["field"] == "spec.crew", status)
    holds(custom.delete_namespaced_custom_object(*place, "beagle")["status"] == "Success")
    custom.delete_collection_namespaced_custom_object(*place)
    holds(custom.list_namespaced_custom_object(*place)["items"] == [])
    extensions.delete_custom_resource_definition("ships.proof.supercargo.dev")
    try:
        custom.list_namespaced_custom_object(*place)
    except ApiException as error:
        holds(error.status == 404, error)


def files():
    """utils.create_from_yaml, with several documents and a list."""
    path = "from.yaml"
    with open(path, "w") as out:
        out.write(f"""
apiVersion: v1
kind: ServiceAccount
metadata: {{name: robot, namespace: {NS}}}
---
apiVersion: v1
kind: List
items:
  - {{apiVersion: v1, kind: ConfigMap, metadata: {{name: listed, namespace: {NS}}}, data: {{a: "1"}}}}
  - {{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {{name: python-proof}}, rules: [{{apiGroups: [""], resources: [nodes], verbs: [list]}}]}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: filed, namespace: {NS}}}
spec: {{maxUnavailable: 1, selector: {{matchLabels: {{app: x}}}}}}
""")
    made = utils.create_from_yaml(api, path)
    holds(len([one for group in made for one in group]) == 4, made)
    try:
        utils.create_from_yaml(api, path)
        raise AssertionError("made twice")
    except utils.FailToCreateError as error:
        holds(len(error.api_exceptions) == 4 and all(one.status == 409 for one in error.api_exceptions), error)


def errors():
    """What is refused is refused with a reason and with details."""
    status = refused(404, "NotFound", core.read_namespaced_config_map, "nothing", NS)
    holds(status["details"] == {"name": "nothing", "kind": "configmaps"} and status["message"] == 'configmaps "nothing" not found', status)
    status = refused(409, "AlreadyExists", core.create_namespaced_config_map, NS, client.V1ConfigMap(metadata=meta("settings")))
    holds(status["details"]["name"] == "settings", status)
    status = refused(422, "Invalid", core.create_namespaced_service, NS, client.V1Service(metadata=meta("Wrong_Name"), spec=client.V1ServiceSpec(ports=[client.V1ServicePort(port=99999)])))
    holds({cause["field"] for cause in status["details"]["causes"]} >= {"metadata.name", "spec.ports[0].port"}, status)
    typo = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "typo"}, "spec": {"minAvailabel": 1}}
    status = refused(400, "BadRequest", custom.create_namespaced_custom_object, "policy", "v1", NS, "poddisruptionbudgets", typo, field_validation="Strict")
    holds('unknown field "spec.minAvailabel"' in status["message"], status)
    refused(400, "BadRequest", core.list_namespaced_pod, NS, label_selector="a in (")
    refused(404, "NotFound", apps.read_namespaced_deployment, "web", "nowhere")
    precondition = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="another"))
    refused(409, "Conflict", core.delete_namespaced_config_map, "settings", NS, body=precondition)


def somebody(**options):
    """A client with nothing but the server, its authority and these credentials."""
    other = client.Configuration()
    other.host, other.ssl_ca_cert = configuration.host, configuration.ssl_ca_cert
    for name, value in options.items():
        setattr(other, name, value)
    return client.ApiClient(other)


def bearer(token):
    return somebody(api_key={"BearerToken": "Bearer " + token})


def credentials():
    """Tokens of a ServiceAccount and certificates of people."""
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=900))
    token = core.create_namespaced_service_account_token("robot", NS, request).status.token
    robot = bearer(token)
    whoami = client.AuthenticationV1Api(robot).create_self_subject_review({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).status.user_info
    holds(whoami.username == f"system:serviceaccount:{NS}:robot" and f"system:serviceaccounts:{NS}" in whoami.groups, whoami)
    holds(client.CoreV1Api(robot).read_namespaced_config_map("settings", NS).data["colour"] == "green")
    status = refused(403, "Forbidden", client.CoreV1Api(robot).list_namespaced_secret, NS)
    holds(status["details"] == {"kind": "secrets"} and "cannot list resource" in status["message"], status)
    review = client.AuthenticationV1Api(api).create_token_review(client.V1TokenReview(spec=client.V1TokenReviewSpec(token=token))).status
    holds(review.authenticated and review.user.username == whoami.username, review)
    access = client.V1SubjectAccessReview(spec=client.V1SubjectAccessReviewSpec(user=whoami.username, resource_attributes=client.V1ResourceAttributes(namespace=NS, verb="get", resource="configmaps")))
    holds(client.AuthorizationV1Api(api).create_subject_access_review(access).status.allowed)
    refused(401, "Unauthorized", client.CoreV1Api(bearer("nonsense")).list_namespaced_config_map, NS)
    anna = somebody(cert_file=known_certificate, key_file=known_key)
    whoami = client.AuthenticationV1Api(anna).create_self_subject_review({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).status.user_info
    holds(whoami.username == "anna" and {"people", "readers", "system:authenticated"} <= set(whoami.groups), whoami)
    holds(client.CoreV1Api(anna).list_namespaced_config_map(NS).items)
    refused(403, "Forbidden", client.CoreV1Api(anna).list_node)
    try:
        holds(client.CoreV1Api(somebody(cert_file=strange_certificate, key_file=strange_key)).list_namespaced_config_map(NS) is None)
    except ApiException as error:
        holds(error.status in (401, 403), error)
    except Exception as error:
        holds("alert" in str(error).lower() or "ssl" in str(error).lower(), error)


def deletions():
    """In the foreground, orphaning, as a collection, and the whole namespace."""
    apps.delete_namespaced_deployment("web", NS, propagation_policy="Orphan")
    holds(apps.list_namespaced_replica_set(NS).items)
    apps.delete_namespaced_stateful_set("db", NS, propagation_policy="Foreground")
    core.delete_collection_namespaced_config_map(NS, label_selector="part")
    holds(not core.list_namespaced_config_map(NS, label_selector="part").items)
    rbac.delete_cluster_role("python-proof")
    before = core.list_namespace().metadata.resource_version
    core.delete_namespace(NS)
    stream = watch.Watch()
    for event in stream.stream(core.list_namespace, field_selector="metadata.name=" + NS, resource_version=before, timeout_seconds=60):
        if event["type"] == "DELETED":
            stream.stop()
    holds(NS not in [one.metadata.name for one in core.list_namespace().items])


subjects = [typed, workloads, watches, pages, patches, dynamically, customs, files, errors, credentials, deletions]
for subject in subjects:
    try:
        subject()
    except Exception as error:
        raise RuntimeError(subject.__name__) from error
print(f"{len(subjects)} subjects, {checks} checks")
