import type koffiModule from 'koffi';
import type { LibraryHandle } from 'koffi';
import type { Bpf } from './bpf-calls.ts';
import { Errno } from './kernel-calls.ts';

const attachPoint = { ingress: 1, egress: 2 } as const;
/** Of our filter, so that it is known again: no other program of a node uses them both. */
const handle = 0x5100;
const priority = 83;
const BPF_TC_F_REPLACE = 1;
const EEXIST = 17;
const ENOENT = 2;
/** The device has no clsact qdisc. */
const EINVAL = 22;

/** clsact filters in direct-action mode: how programs are attached where the kernel has no tcx (before 6.6). */
export function tcFilters(
  koffi: typeof koffiModule,
  library: LibraryHandle,
): Pick<Bpf, 'attachFilter' | 'detachFilter' | 'queryFilter'> {
  const hookType = koffi.struct('bpf_tc_hook', {
    sz: 'size_t',
    ifindex: 'int',
    attach_point: 'int',
    parent: 'uint32_t',
  });
  const optionsType = koffi.struct('bpf_tc_opts', {
    ...{ sz: 'size_t', prog_fd: 'int', flags: 'uint32_t', prog_id: 'uint32_t' },
    ...{ handle: 'uint32_t', priority: 'uint32_t' },
  });
  const createHook = library.func('int bpf_tc_hook_create(_Inout_ bpf_tc_hook *hook)');
  const attach = library.func('int bpf_tc_attach(const bpf_tc_hook *hook, _Inout_ bpf_tc_opts *options)');
  const detach = library.func('int bpf_tc_detach(const bpf_tc_hook *hook, const bpf_tc_opts *options)');
  const query = library.func('int bpf_tc_query(const bpf_tc_hook *hook, _Inout_ bpf_tc_opts *options)');
  const hook = (ifindex: number, direction: 'ingress' | 'egress') => ({
    ...{ sz: koffi.sizeof(hookType), ifindex, attach_point: attachPoint[direction], parent: 0 },
  });
  const options = (program: number, flags: number) => ({
    ...{ sz: koffi.sizeof(optionsType), prog_fd: program, flags, prog_id: 0, handle, priority },
  });
  const check = (name: string, result: number) => {
    if (result < 0) throw new Errno(name, -result);
  };
  return {
    attachFilter: (ifindex, direction, program) => {
      const made = createHook(hook(ifindex, direction)) as number;
      if (made !== -EEXIST) check('create clsact', made);
      check('attach filter', attach(hook(ifindex, direction), options(program, BPF_TC_F_REPLACE)));
    },
    detachFilter: (ifindex, direction) => {
      const result = detach(hook(ifindex, direction), options(0, 0)) as number;
      if (result === -ENOENT || result === -EINVAL) return false;
      check('detach filter', result);
      return true;
    },
    queryFilter: (ifindex, direction) => {
      const found = options(0, 0);
      const result = query(hook(ifindex, direction), found) as number;
      if (result === -ENOENT || result === -EINVAL) return undefined;
      check('query filter', result);
      return found.prog_id;
    },
  };
}
