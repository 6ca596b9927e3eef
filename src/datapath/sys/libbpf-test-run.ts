import type koffiModule from 'koffi';
import type { LibraryHandle } from 'koffi';
import type { Bpf } from './bpf-calls.ts';
import { Errno } from './kernel-calls.ts';

/** Room for what a program puts in front of a packet: outer Ethernet, IPv6, UDP and VXLAN headers, twice. */
const headroom = 256;

/** Runs of a program on a packet (BPF_PROG_TEST_RUN; Documentation/bpf/bpf_prog_run.rst of the kernel). */
export function testRunner(koffi: typeof koffiModule, library: LibraryHandle): Bpf['testRun'] {
  const options = koffi.struct('bpf_test_run_opts', {
    ...{ sz: 'size_t', data_in: 'void *', data_out: 'void *', data_size_in: 'uint32_t', data_size_out: 'uint32_t' },
    ...{ ctx_in: 'void *', ctx_out: 'void *', ctx_size_in: 'uint32_t', ctx_size_out: 'uint32_t' },
    ...{ retval: 'uint32_t', repeat: 'int', duration: 'uint32_t', flags: 'uint32_t', cpu: 'uint32_t' },
    batch_size: 'uint32_t',
  });
  const run = library.func('int bpf_prog_test_run_opts(int program, _Inout_ bpf_test_run_opts *options)');
  const size = koffi.sizeof(options);
  return (program, { data, context, repeat = 1 }) => {
    const out = Buffer.alloc(data.length + headroom);
    const contextOut = context && Buffer.alloc(context.length);
    const values = {
      ...{ sz: size, data_in: data, data_out: out, data_size_in: data.length, data_size_out: out.length },
      ...{ ctx_in: context ?? null, ctx_out: contextOut ?? null },
      ...{ ctx_size_in: context?.length ?? 0, ctx_size_out: context?.length ?? 0 },
      ...{ retval: 0, repeat, duration: 0, flags: 0, cpu: 0, batch_size: 0 },
    };
    const result = run(program, values) as number;
    if (result < 0) throw new Errno('test run', -result);
    return {
      retval: values.retval,
      data: out.subarray(0, values.data_size_out),
      context: contextOut?.subarray(0, values.ctx_size_out) ?? new Uint8Array(),
      duration: values.duration,
    };
  };
}
