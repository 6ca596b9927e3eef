import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { objectDirectory } from '../maps/index.ts';
import { type Bpf, LoadError } from '../sys/bpf-calls.ts';
import { openKernel } from '../sys/kernel.ts';
import { Errno, type Kernel } from '../sys/kernel-calls.ts';
import { openBpf } from '../sys/libbpf.ts';
import { orLacking } from './or-lacking.ts';
import { type KernelReport, probeKernel, requireFeatures } from './probe-kernel.ts';

const errno = { EPERM: 1, EACCES: 13, EINVAL: 22 } as const;

describe('probe', function () {
  // Each time the verifier goes through all programs.
  this.timeout(60_000);
  let bpf: Bpf;
  let kernel: Kernel;
  before(async () => {
    bpf = await openBpf();
    kernel = await openKernel();
  });
  const support = ({ features }: KernelReport, name: string) =>
    features.find((feature) => feature.name === name)?.support;
  /** The same kernel, but for one call. */
  const but = (over: Partial<Bpf>): Bpf => ({ ...bpf, ...over });
  const refuse = (number: number) => () => {
    throw new Errno('refused', number);
  };

  it('this kernel has what is needed, and the thread is back where it was', () => {
    const namespace = readlinkSync('/proc/thread-self/ns/net');
    const report = probeKernel(bpf, kernel);
    assert.deepEqual(
      report.features.filter(({ needed, support: found }) => needed && found !== 'yes'),
      [],
    );
    requireFeatures(report);
    assert.equal(readlinkSync('/proc/thread-self/ns/net'), namespace);
  });

  it('what may not be asked is not a no', () => {
    const forbidden = refuse(errno.EPERM);
    const report = probeKernel(
      but({
        ...{ loadInstructions: forbidden, createMap: forbidden },
        loadObject: () => {
          throw new LoadError('load x: EPERM', errno.EPERM, '');
        },
      }),
      { ...kernel, unshare: forbidden },
    );
    const needed = report.features.filter((feature) => feature.needed);
    assert.deepEqual([...new Set(needed.map(({ support: found }) => found))], ['unknown']);
    requireFeatures(report);
  });

  it('a kernel without tcx links is good enough', () => {
    const report = probeKernel(but({ createLink: refuse(errno.EINVAL) }), kernel);
    assert.equal(support(report, 'tcx links'), 'no');
    requireFeatures(report);
  });

  it('all that is missing is named, with what the verifier says', () => {
    const report = probeKernel(
      but({
        knowsHelper: (_type, helper) => helper !== 155,
        loadObject: (path, options) => {
          if (path.endsWith('to-pod.bpf.o'))
            throw new LoadError('load to-pod: EACCES', errno.EACCES, 'R1 is no pointer');
          return bpf.loadObject(path, options);
        },
      }),
      kernel,
    );
    assert.throws(() => requireFeatures(report), {
      code: 'KERNEL_LACKS',
      message: /lacks what the eBPF datapath needs: bpf_redirect_peer, to_pod \(load to-pod: EACCES\)$/,
      hint: '`sluice probe` shows all of it; --datapath=none works without',
    });
  });

  it('a start that fails says what the kernel lacks, if that is why', () => {
    const fail = () => {
      throw new Error('the reason');
    };
    assert.throws(() => orLacking(bpf, kernel, objectDirectory(), fail), /^Error: the reason$/);
    const old = but({ knowsHelper: () => false });
    assert.throws(() => orLacking(old, kernel, objectDirectory(), fail), { code: 'KERNEL_LACKS' });
  });
});
