// An agent's way of events in a process of its own, so that its CPU can be told from that of whoever makes them: the ring buffer of the
// maps pinned in argv[2] into a FlowHub, with as many readers of everything as argv[3] says. Asked by any message, it answers with what
// it has seen so far.
import { openBpf, openKernel, openMaps, readEvents } from '../../../src/datapath/index.ts';
import { FlowHub, flowFilter } from '../../../src/flows/index.ts';

const [directory = '', readers = '0', sizes = '{}'] = process.argv.slice(2);
const [bpf, kernel] = [await openBpf(), await openKernel()];
const maps = openMaps(bpf, kernel, { directory, sizes: JSON.parse(sizes) });
const labels = ['k8s:app=web', 'k8s:io.kubernetes.pod.namespace=shop'];
const hub = new FlowHub({
  labels: () => labels,
  address: () => ({ pod: { namespace: 'shop', name: 'web-0' }, endpoint: 7 }),
  rule: () => 'shop/web ingress[0]',
  defaultDenyBy: () => [],
  interface: () => 'slu0123456789a',
});
let flows = 0;
const follow = async () => {
  const filter = flowFilter({});
  if (typeof filter === 'string') throw new Error(filter);
  // As the API's stream does: a line of JSON each.
  for await (const batch of hub.follow(filter, new AbortController().signal))
    for (const event of batch) if (JSON.stringify(event).length > 0) flows++;
};
for (let reader = 0; reader < Number(readers); reader++) void follow();
let lost = 0;
const reader = readEvents({
  ...{ bpf, kernel, maps },
  onEvent: (view, start, length) => hub.receive(view, start, length),
  onLost: (counts) => {
    for (const count of counts.values()) lost += count;
  },
});
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ events: reader.count, lost, flows, cpu: (user + system) / 1e6, at: performance.now() / 1000 });
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
