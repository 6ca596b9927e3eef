import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { hostBucket } from './host-bucket.ts';

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/);
const authority = fc
  .tuple(
    fc.oneof(
      { weight: 5, arbitrary: fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.')) },
      fc.ipV4(),
      fc.ipV6().map((address) => `[${address}]`),
      // Hostile: anything a client can put on one line, brackets, dots and colons anywhere.
      fc.string({ unit: fc.constantFrom('a', 'Z', '[', ']', ':', '.', '9', '@', 'é', ' '), maxLength: 12 }),
    ),
    fc.constantFrom('', '.', '..'),
    fc.oneof(
      fc.constant(''),
      fc.nat(65535).map((port) => `:${port}`),
      fc.constant(':'),
    ),
  )
  .map((parts) => parts.join(''));

describe('host bucket', () => {
  it('ignores case, port and one trailing dot', () => {
    const bucket = hostBucket('shop.example.com', 65_536);
    for (const same of ['SHOP.Example.Com', 'shop.example.com:8080', 'shop.example.com.', 'shop.example.com.:443']) {
      assert.equal(hostBucket(same, 65_536), bucket, same);
    }
    assert.notEqual(hostBucket('shop.example.com..', 65_536), bucket);
    assert.equal(hostBucket('[2001:DB8::1]:8443', 65_536), hostBucket('[2001:db8::1]', 65_536));
    assert.notEqual(hostBucket('[2001:db8::1]', 65_536), hostBucket('[2001:db8::2]', 65_536));
  });

  it('is FNV-1a', () => {
    // The reference value of the 32-bit FNV-1a of "foobar" (draft-eastlake-fnv, appendix C).
    assert.equal(hostBucket('foobar', 2 ** 32), 0xbf9cf968);
    assert.equal(hostBucket('', 2 ** 32), 0x811c9dc5);
  });

  it('spreads hosts evenly', () => {
    const counts = new Array<number>(256).fill(0);
    for (let i = 0; i < 25_600; i++) {
      const bucket = hostBucket(`svc-${i}.example.com`, 256);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    // A Poisson spread around 100 stays within these limits with a probability of all but one in millions.
    assert.ok(Math.min(...counts) > 40 && Math.max(...counts) < 170, `${Math.min(...counts)}..${Math.max(...counts)}`);
  });

  it('agrees with the C that Envoy runs', () => {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-bucket-'));
    try {
      const harness = join(dir, 'harness');
      writeFileSync(
        `${harness}.c`,
        `#include "host-bucket.h"
        #include <stdio.h>
        #include <string.h>
        int main(void) {
          static char line[4096];
          unsigned buckets;
          while (scanf("%u ", &buckets) == 1 && fgets(line, sizeof line, stdin))
            printf("%u\\n", host_bucket(line + 1, strlen(line) - 2, buckets));
        }`,
      );
      const include = join(import.meta.dirname, '../../../native');
      execFileSync('cc', [
        '-O1',
        '-Wall',
        '-Werror',
        `-I${include}`,
        '-fsanitize=undefined',
        '-o',
        harness,
        `${harness}.c`,
      ]);
      const cases = fc.sample(fc.tuple(authority, fc.integer({ min: 1, max: 65_536 })), 20_000);
      // The leading bar keeps scanf from eating spaces that belong to the authority.
      const input = cases.map(([host, buckets]) => `${buckets} |${host}\n`).join('');
      const output = execFileSync(harness, { input, encoding: 'utf8', maxBuffer: 1 << 24 })
        .trimEnd()
        .split('\n');
      assert.equal(output.length, cases.length);
      for (const [i, [host, buckets]] of cases.entries()) {
        assert.equal(hostBucket(host, buckets), Number(output[i]), `${JSON.stringify(host)} in ${buckets} buckets`);
      }
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
