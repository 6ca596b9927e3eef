import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeCall, parseCall } from './call.ts';
import { CniError, cniCode } from './cni-error.ts';
import { parseRequest } from './parse-request.ts';

const config = { cniVersion: '1.1.0', name: 'sluice', type: 'sluice-cni' };
const environment = {
  CNI_CONTAINERID: '4f5c',
  CNI_NETNS: '/var/run/netns/cni-1',
  CNI_IFNAME: 'eth0',
  CNI_ARGS:
    'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=4f5c;K8S_POD_UID=a-1',
  CNI_PATH: '/opt/cni/bin',
};
const prevResult = {
  cniVersion: '1.1.0',
  interfaces: [{ name: 'eni1' }, { name: 'eth0', sandbox: '/var/run/netns/cni-1' }],
  ips: [{ address: '10.0.0.7/24', gateway: '10.0.0.1', interface: 1 }],
  routes: [{ dst: '0.0.0.0/0', gw: '10.0.0.1' }],
  dns: { nameservers: ['10.96.0.10'] },
};

const call = (command: string, changed: Record<string, string> = {}, settings: object = config) =>
  parseRequest({
    environment: new Map(Object.entries({ CNI_COMMAND: command, ...environment, ...changed })),
    config: JSON.stringify(settings),
  });

const refused = (code: number, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CniError, String(error));
  assert.match(error.message, message);
  assert.equal(error.code, code);
  return true;
};

describe('a CNI call', () => {
  const pod = { namespace: 'default', name: 'web-0', uid: 'a-1' };
  const rest = { containerId: '4f5c', ifname: 'eth0', netns: '/var/run/netns/cni-1', pod };
  const parsed = { cniVersion: '1.1.0', name: 'sluice' };

  it('is read as the kubelet and containerd make it', () => {
    assert.deepEqual(call('ADD'), { command: 'ADD', ...rest, config: parsed });
    assert.deepEqual(call('ADD', {}, { ...config, mtu: 1400, ipam: {}, runtimeConfig: {} }).config.mtu, 1400);
    assert.deepEqual(call('STATUS'), { command: 'STATUS', config: parsed });
  });

  it('of a container that is no pod has none', () => {
    assert.equal('pod' in call('ADD', { CNI_ARGS: '' }), false);
    assert.equal('pod' in call('ADD', { CNI_ARGS: 'FOO=1' }), false);
  });

  it('may be a DEL of a namespace that is gone', () => {
    const { netns: _, ...without } = rest;
    assert.deepEqual(call('DEL', { CNI_NETNS: '' }), { command: 'DEL', ...without, config: parsed });
  });

  it('keeps the result of the plugin before, whatever its version, for those that follow', () => {
    for (const cniVersion of ['0.3.1', '0.4.0', '1.0.0', '1.1.0']) {
      const versioned = { ...prevResult, cniVersion, ips: prevResult.ips.map((ip) => ({ version: '4', ...ip })) };
      const { cniVersion: _, ...expected } = prevResult;
      assert.deepEqual(call('ADD', {}, { ...config, cniVersion, prevResult: versioned }).config.prevResult, expected);
    }
    assert.deepEqual(call('ADD', {}, { ...config, prevResult: {} }).config.prevResult, {
      interfaces: [],
      ips: [],
      routes: [],
    });
  });

  it('of GC names the attachments that stay', () => {
    const valid = [{ containerID: 'a1', ifname: 'eth0' }];
    const request = call(
      'GC',
      { CNI_CONTAINERID: '', CNI_IFNAME: '' },
      { ...config, 'cni.dev/valid-attachments': valid },
    );
    assert.deepEqual(request, {
      command: 'GC',
      validAttachments: [{ containerId: 'a1', ifname: 'eth0' }],
      config: parsed,
    });
    for (const none of [[], null]) {
      const all = call('GC', {}, { ...config, 'cni.dev/valid-attachments': none });
      assert.deepEqual(all.command === 'GC' && all.validAttachments, []);
    }
    const older = call('GC', {}, { ...config, 'cni.dev/attachments': valid });
    assert.deepEqual(older.command === 'GC' && older.validAttachments, [{ containerId: 'a1', ifname: 'eth0' }]);
  });

  it('of GC without a list is refused: it would be all of them', () => {
    assert.throws(() => call('GC'), refused(cniCode.badConfig, /valid-attachments is missing/));
    const one = { ...config, 'cni.dev/valid-attachments': [{ containerID: 'a1' }] };
    assert.throws(() => call('GC', {}, one), refused(cniCode.badConfig, /list of \{containerID, ifname\}/));
  });

  const wrongEnvironment: [Record<string, string>, RegExp][] = [
    [{ CNI_CONTAINERID: '' }, /CNI_CONTAINERID is missing/],
    [{ CNI_CONTAINERID: '../x' }, /CNI_CONTAINERID is "\.\.\/x"/],
    [{ CNI_IFNAME: '' }, /CNI_IFNAME is missing/],
    [{ CNI_IFNAME: 'a/b' }, /CNI_IFNAME is/],
    [{ CNI_IFNAME: 'all' }, /CNI_IFNAME is/],
    [{ CNI_IFNAME: 'sixteen-letters-' }, /CNI_IFNAME is/],
    [{ CNI_NETNS: '' }, /CNI_NETNS is missing/],
    [{ CNI_NETNS: 'netns' }, /absolute path/],
    [{ CNI_ARGS: 'K8S_POD_NAME' }, /no KEY=VALUE/],
    [{ CNI_ARGS: 'K8S_POD_NAME=web' }, /no pod that can exist/],
    [{ CNI_ARGS: 'K8S_POD_NAME=../web;K8S_POD_NAMESPACE=a' }, /no pod that can exist/],
  ];
  for (const [changed, message] of wrongEnvironment)
    it(`is refused with ${Object.entries(changed).join(' ')}`, () => {
      assert.throws(() => call('ADD', changed), refused(cniCode.badEnvironment, message));
    });

  it('of an unknown command is refused', () => {
    assert.throws(() => call('MOVE'), refused(cniCode.badEnvironment, /CNI_COMMAND is "MOVE"/));
  });

  const wrongConfig: [string, object, number, RegExp][] = [
    ['no version', { cniVersion: undefined }, cniCode.incompatibleVersion, /"0\.1\.0" is not supported/],
    ['a version to come', { cniVersion: '2.0.0' }, cniCode.incompatibleVersion, /"2\.0\.0"/],
    ['no name', { name: undefined }, cniCode.badConfig, /name is missing/],
    ['a name that is a path', { name: '../x' }, cniCode.badConfig, /name is/],
    ['an MTU too small for IPv6', { mtu: 1000 }, cniCode.badConfig, /mtu is 1000; it must be from 1280/],
    ['an IPAM plugin', { ipam: { type: 'host-local' } }, cniCode.unsupportedField, /ipam.*host-local/],
    ['a result that is none', { prevResult: [] }, cniCode.badConfig, /prevResult is \[\]/],
    [
      'an address that is none',
      { prevResult: { ips: [{ address: '10.0.0.7' }] } },
      cniCode.badConfig,
      /ips\[0\]\.address/,
    ],
    [
      'an interface that is none',
      { prevResult: { ips: [{ ...prevResult.ips[0], interface: 2 }] } },
      cniCode.badConfig,
      /index/,
    ],
  ];
  for (const [what, changed, code, message] of wrongConfig)
    it(`is refused with ${what}`, () => {
      assert.throws(() => call('ADD', {}, { ...config, ...changed }), refused(code, message));
    });

  it('is refused where its version does not have it', () => {
    const old = (cniVersion: string) => ({ ...config, cniVersion, prevResult: {} });
    assert.throws(() => call('CHECK', {}, old('0.3.1')), refused(cniCode.incompatibleVersion, /came with CNI 0\.4\.0/));
    assert.throws(() => call('GC', {}, old('1.0.0')), refused(cniCode.incompatibleVersion, /came with CNI 1\.1\.0/));
    assert.throws(() => call('STATUS', {}, old('0.4.0')), refused(cniCode.incompatibleVersion, /1\.1\.0/));
    assert.throws(() => call('CHECK'), refused(cniCode.badConfig, /prevResult is missing/));
  });

  it('arrives as it was sent', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
    const name = fc.stringMatching(/^CNI_[A-Z]{1,9}$/);
    fc.assert(
      fc.property(fc.dictionary(name, text), fc.string({ unit: 'grapheme' }), (variables, input) => {
        const sent = { environment: new Map(Object.entries(variables)), config: input };
        assert.deepEqual(parseCall(encodeCall(sent)), sent);
      }),
    );
  });

  it('that is garbage is refused, whatever it is', () => {
    const bytes = fc.uint8Array({ maxLength: 80 }).map((all) => Buffer.from(all));
    const json = fc
      .json()
      .map((text) => Buffer.from(`CNI_COMMAND=ADD\0CNI_CONTAINERID=a\0CNI_IFNAME=eth0\0CNI_NETNS=/x\0\0${text}`));
    const odd = fc.jsonValue().map((value) => {
      const text = JSON.stringify({ ...config, prevResult: { interfaces: value, ips: value, routes: value } });
      return Buffer.from(`CNI_COMMAND=ADD\0CNI_CONTAINERID=a\0CNI_IFNAME=eth0\0CNI_NETNS=/x\0\0${text}`);
    });
    fc.assert(
      fc.property(fc.oneof(bytes, json, odd), (body) => {
        try {
          parseRequest(parseCall(body));
        } catch (error) {
          assert.ok(error instanceof CniError, String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });
});
