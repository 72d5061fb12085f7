// What the JavaScript client `@kubernetes/client-node` does with a cluster; every function is one subject.
// Arguments: kubeconfig, context, and the certificate and key of somebody who is known.

import assert from 'node:assert/strict';
import * as k8s from '@kubernetes/client-node';

const [kubeconfig, context, certificate, key] = process.argv.slice(2);
const config = new k8s.KubeConfig();
config.loadFromFile(kubeconfig);
config.setCurrentContext(context);
const [core, apps, batch, custom] = [k8s.CoreV1Api, k8s.AppsV1Api, k8s.BatchV1Api, k8s.CustomObjectsApi].map((api) => config.makeApiClient(api));
const [extensions, authentication] = [k8s.ApiextensionsV1Api, k8s.AuthenticationV1Api].map((api) => config.makeApiClient(api));
const objects = k8s.KubernetesObjectApi.makeApiClient(config);
const namespace = 'javascript';
const path = `/api/v1/namespaces/${namespace}/configmaps`;
let checks = 0;

function holds(what, ...about) {
  checks += 1;
  assert.ok(what, JSON.stringify(about));
}

/** Waits until something is so, at most a minute. */
async function until(what, look) {
  for (const begin = Date.now(); !(await look()); ) {
    assert.ok(Date.now() - begin < 60_000, `${what}: not within a minute`);
    await new Promise((done) => setTimeout(done, 50));
  }
  checks += 1;
}

/** Demands that a request is refused with this code and reason; returns the Status. */
async function refused(code, reason, request) {
  const error = await request.then(() => assert.fail('not refused'), (error) => error);
  const status = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
  assert.equal(error.code, code, String(error));
  assert.deepEqual([status.kind, status.reason, status.code], ['Status', reason, code]);
  checks += 1;
  return status;
}

const settings = (name, data, labels = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels }, data });
const template = (app, more = {}) => ({ metadata: { labels: { app } }, spec: { containers: [{ name: 'web', image: 'registry.internal/web:1', ...more.container }], ...more.spec } });

async function typed() {
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  const made = await apps.createNamespacedDeployment({ namespace, body: { metadata: { name: 'web' }, spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: template('web') } } });
  holds(made.spec.strategy.rollingUpdate.maxSurge === '25%' && made.metadata.creationTimestamp instanceof Date, made);
  await batch.createNamespacedJob({ namespace, body: { metadata: { name: 'task' }, spec: { completions: 2, template: template('task', { container: { command: ['true'] }, spec: { restartPolicy: 'Never' } }) } } });
  await until('the Deployment is ready', async () => (await apps.readNamespacedDeployment({ namespace, name: 'web' })).status.readyReplicas === 2);
  await until('the Job is complete', async () => (await batch.readNamespacedJob({ namespace, name: 'task' })).status.succeeded === 2);
  const pods = await core.listNamespacedPod({ namespace, labelSelector: 'app=web', fieldSelector: 'status.phase=Running' });
  holds(pods.items.length === 2 && pods.items.every((pod) => pod.spec.nodeName === 'four'), pods.items.length);
  const scale = await apps.replaceNamespacedDeploymentScale({ namespace, name: 'web', body: { metadata: { name: 'web', namespace }, spec: { replicas: 3 } } });
  holds(scale.spec.replicas === 3, scale);
}

async function patches() {
  const patch = (body, strategy, more = {}) => apps.patchNamespacedDeployment({ namespace, name: 'web', body, ...more }, k8s.setHeaderOptions('Content-Type', strategy));
  let found = await patch({ spec: { template: { spec: { containers: [{ name: 'web', workingDir: '/srv' }] } } } }, k8s.PatchStrategy.StrategicMergePatch);
  holds(found.spec.template.spec.containers[0].image === 'registry.internal/web:1' && found.spec.template.spec.containers[0].workingDir === '/srv', found.spec);
  found = await patch({ metadata: { annotations: { a: '1' } } }, k8s.PatchStrategy.MergePatch);
  holds(found.metadata.annotations.a === '1', found.metadata);
  found = await patch([{ op: 'remove', path: '/metadata/annotations/a' }], k8s.PatchStrategy.JsonPatch);
  holds(found.metadata.annotations.a === undefined, found.metadata);
  const wanted = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 1 } };
  const conflict = await refused(409, 'Conflict', patch(wanted, k8s.PatchStrategy.ServerSideApply, { fieldManager: 'javascript' }));
  holds(conflict.details.causes[0].field === '.spec.replicas', conflict);
  found = await patch(wanted, k8s.PatchStrategy.ServerSideApply, { fieldManager: 'javascript', force: true });
  holds(found.spec.replicas === 1, found.spec);
}

/** A watch from a version, and one that goes on where it ended. */
async function watches() {
  const start = (await core.listNamespacedConfigMap({ namespace })).metadata.resourceVersion;
  for (let number = 0; number < 10; number += 1) {
    await core.createNamespacedConfigMap({ namespace, body: settings(`w${number}`, { n: String(number) }) });
  }
  const watch = new k8s.Watch(config);
  const follow = (resourceVersion, wanted) => new Promise((done, failed) => {
    const seen = [];
    let request;
    let over = false;
    const end = (error) => (over || seen.length >= wanted ? done(seen) : failed(error ?? new Error(`the watch ended after ${seen.length}`)));
    watch.watch(path, { resourceVersion, timeoutSeconds: 30 }, (type, object) => {
      if (seen.length < wanted) seen.push([type, object.metadata.name, object.metadata.resourceVersion]);
      if (seen.length === wanted && !over) {
        over = true;
        request?.abort();
        done(seen);
      }
    }, end).then((started) => {
      request = started;
      if (over) started.abort();
    }, failed);
  });
  const first = await follow(start, 4);
  const rest = await follow(first.at(-1)[2], 6);
  assert.deepEqual([...first, ...rest].map(([type, name]) => `${type} ${name}`), Array.from({ length: 10 }, (_, number) => `ADDED w${number}`));
  checks += 1;
}

/** An informer's cache is what a list says, while objects enter and leave its selector. */
async function informers() {
  const labelSelector = 'part=yes';
  const informer = k8s.makeInformer(config, path, () => core.listNamespacedConfigMap({ namespace, labelSelector }), labelSelector);
  const counts = { add: 0, update: 0, delete: 0, error: 0 };
  for (const verb of Object.keys(counts)) informer.on(verb, () => (counts[verb] += 1));
  await core.createNamespacedConfigMap({ namespace, body: settings('before', {}, { part: 'yes' }) });
  await informer.start();
  for (let number = 0; number < 50; number += 1) {
    await core.createNamespacedConfigMap({ namespace, body: settings(`i${number}`, { n: '0' }, { part: number % 2 ? 'yes' : 'no' }) });
  }
  const merge = k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch);
  for (let number = 0; number < 50; number += 5) {
    await core.patchNamespacedConfigMap({ namespace, name: `i${number}`, body: { metadata: { labels: { part: 'yes' } } } }, merge);
    await core.patchNamespacedConfigMap({ namespace, name: `i${number}`, body: { data: { n: '1' } } }, merge);
  }
  await core.patchNamespacedConfigMap({ namespace, name: 'i1', body: { metadata: { labels: { part: 'no' } } } }, merge);
  await core.deleteNamespacedConfigMap({ namespace, name: 'i3' });
  const versions = (items) => items.map((one) => `${one.metadata.name} ${one.metadata.resourceVersion}`).sort().join();
  await until('the informer has what a list has', async () => versions(informer.list()) === versions((await core.listNamespacedConfigMap({ namespace, labelSelector })).items));
  holds(informer.get('i0', namespace).data.n === '1' && informer.get('i1', namespace) === undefined, informer.list().length);
  holds(counts.add === 31 && counts.update === 10 && counts.delete === 2 && counts.error === 0, counts);
  await informer.stop();
}

/** Pages, deletions as a collection, and objects whose kind nobody names. */
async function generic() {
  const names = [];
  for (let token; ; ) {
    const page = await core.listNamespacedConfigMap({ namespace, limit: 9, _continue: token });
    names.push(...page.items.map((one) => one.metadata.name));
    token = page.metadata._continue;
    if (!token) break;
  }
  holds(names.length === (await core.listNamespacedConfigMap({ namespace })).items.length, names);
  const made = await objects.create(settings('object', { a: '1' }));
  holds(made.metadata.uid, made);
  made.data.a = '2';
  holds((await objects.replace(made)).data.a === '2');
  const patched = await objects.patch(settings('object', { b: '3' }), undefined, undefined, undefined, undefined, k8s.PatchStrategy.MergePatch);
  holds(patched.data.a === '2' && patched.data.b === '3', patched.data);
  const applied = await objects.patch(settings('object', { c: '4' }), undefined, undefined, 'javascript', true, k8s.PatchStrategy.ServerSideApply);
  holds(applied.metadata.managedFields.some((entry) => entry.manager === 'javascript' && entry.operation === 'Apply'), applied.metadata);
  holds((await objects.list('v1', 'ConfigMap', namespace)).items.length === names.length + 1);
  await objects.delete(made);
  await refused(404, 'NotFound', objects.read(made));
  await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'part' });
  holds((await core.listNamespacedConfigMap({ namespace, labelSelector: 'part' })).items.length === 0);
}

async function customs() {
  const place = { group: 'proof.supercargo.dev', version: 'v1', plural: 'carts' };
  const properties = { spec: { type: 'object', properties: { wheels: { type: 'integer', _default: 4, maximum: 8 } } } };
  const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties } } };
  await extensions.createCustomResourceDefinition({ body: { metadata: { name: 'carts.proof.supercargo.dev' }, spec: { group: place.group, scope: 'Namespaced', names: { kind: 'Cart', plural: 'carts', singular: 'cart' }, versions: [version] } } });
  await until('the definition is established', async () =>
    (await extensions.readCustomResourceDefinition({ name: 'carts.proof.supercargo.dev' })).status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True'));
  const cart = (name, spec) => ({ apiVersion: 'proof.supercargo.dev/v1', kind: 'Cart', metadata: { name, namespace }, spec });
  holds((await custom.createNamespacedCustomObject({ ...place, namespace, body: cart('a', {}) })).spec.wheels === 4);
  holds((await objects.create(cart('b', { wheels: 2 }))).spec.wheels === 2);
  const status = await refused(422, 'Invalid', objects.create(cart('c', { wheels: 9 })));
  holds(status.details.causes[0].field === 'spec.wheels', status);
  holds((await custom.listNamespacedCustomObject({ ...place, namespace })).items.length === 2);
  await extensions.deleteCustomResourceDefinition({ name: 'carts.proof.supercargo.dev' });
}

async function credentials() {
  await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'robot' } } });
  const { token } = (await core.createNamespacedServiceAccountToken({ namespace, name: 'robot', body: { spec: { audiences: [], expirationSeconds: 900 } } })).status;
  const somebody = (user, api) => {
    const other = new k8s.KubeConfig();
    other.loadFromClusterAndUser(config.getCurrentCluster(), { name: 'somebody', ...user });
    return other.makeApiClient(api);
  };
  const review = { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' } };
  holds((await somebody({ token }, k8s.AuthenticationV1Api).createSelfSubjectReview(review)).status.userInfo.username === `system:serviceaccount:${namespace}:robot`);
  await refused(403, 'Forbidden', somebody({ token }, k8s.CoreV1Api).listNamespacedSecret({ namespace }));
  // The client throws the body of this one away.
  await assert.rejects(somebody({ token: 'nonsense' }, k8s.CoreV1Api).listNamespacedSecret({ namespace }), (error) => error.code === 401);
  const anna = await somebody({ certFile: certificate, keyFile: key }, k8s.AuthenticationV1Api).createSelfSubjectReview(review);
  holds(anna.status.userInfo.username === 'anna' && anna.status.userInfo.groups.includes('readers'), anna.status);
  holds((await authentication.createTokenReview({ body: { spec: { token } } })).status.authenticated);
}

async function deletions() {
  await apps.deleteNamespacedDeployment({ namespace, name: 'web', propagationPolicy: 'Foreground' });
  await until('nothing of the Deployment is left', async () =>
    (await apps.listNamespacedReplicaSet({ namespace })).items.length === 0 && (await core.listNamespacedPod({ namespace, labelSelector: 'app=web' })).items.length === 0);
  await core.deleteNamespace({ name: namespace });
  await until('the namespace is gone', async () => !(await core.listNamespace()).items.some((one) => one.metadata.name === namespace));
}

const subjects = [typed, patches, watches, informers, generic, customs, credentials, deletions];
for (const subject of subjects) {
  try {
    await subject();
  } catch (error) {
    console.error(`${subject.name}:`, error);
    process.exit(1);
  }
}
console.log(`${subjects.length} subjects, ${checks} checks`);
process.exit(0);
