import { FakeApiServer } from '../kube/testing/fake-api-server.ts';
import { openFileSource, openKubernetesSource } from './index.ts';
import { sourceConformance } from './testing/conformance.ts';
import { TestFolder } from './testing/folder.ts';

sourceConformance('a folder with a file for each object', () => {
  const folder = new TestFolder();
  return {
    open: (options) => openFileSource({ ...options, paths: [folder.path], settleAfter: 5 }),
    write: (object) => folder.write(`${object.metadata.name}.json`, JSON.stringify(object)),
    remove: (name) => folder.remove(`${name}.json`),
    dispose: () => folder.remove(),
  };
});

sourceConformance('one file with all objects', () => {
  const folder = new TestFolder();
  const objects = new Map<string, string>();
  const save = (): void => {
    folder.write('all.yaml', [...objects.values()].join('\n---\n'));
  };
  return {
    open: (options) => openFileSource({ ...options, paths: [folder.at('all.yaml')], settleAfter: 5 }),
    write: (object) => {
      objects.set(object.metadata.name, JSON.stringify(object));
      save();
    },
    remove: (name) => {
      objects.delete(name);
      save();
    },
    dispose: () => folder.remove(),
  };
});

sourceConformance('a folder that cannot be watched', () => {
  const folder = new TestFolder();
  const watch = (): never => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  };
  return {
    open: (options) => openFileSource({ ...options, paths: [folder.path], settleAfter: 5, rescanEvery: 5, watch }),
    write: (object) => folder.write(`deep/${object.metadata.name}.json`, JSON.stringify(object)),
    remove: (name) => folder.remove(`deep/${name}.json`),
    dispose: () => folder.remove(),
  };
});

for (const streamLists of [true, false])
  sourceConformance(`an API server that gives lists ${streamLists ? 'as streams' : 'in pages'}`, async () => {
    const server = await FakeApiServer.start();
    server.streamLists = streamLists;
    const client = server.connect();
    return {
      open: (options) => openKubernetesSource({ ...options, client, selections: [{ kind: 'ConfigMap' }] }),
      write: (object) => server.write({ ...object }),
      remove: (name) => server.remove('ConfigMap', name),
      dispose: async () => {
        client.close();
        await server.down();
      },
    };
  });
