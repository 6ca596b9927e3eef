import { join } from 'node:path';
import { goldenTests } from '../testing/golden.ts';
import { translateIngress } from './index.ts';

describe('ingress translation', () => {
  goldenTests(join(import.meta.dirname, 'testdata'), translateIngress);
});
