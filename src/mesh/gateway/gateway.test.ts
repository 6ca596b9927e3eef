import { join } from 'node:path';
import { goldenTests } from '../testing/golden.ts';
import { translateGateway } from './index.ts';

describe('gateway goldens', () => {
  goldenTests(join(import.meta.dirname, 'testdata'), translateGateway);
});
