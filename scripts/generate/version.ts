/** src/config/version.ts: the version in package.json, as a constant. */

import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Generator } from './generator.ts';

export const versionConstant: Generator = {
  target: 'src/config/version.ts',
  render: (root) => {
    const text = fs.readFileSync(path.join(root, 'package.json'), 'utf8');
    const { version } = JSON.parse(text) as { readonly version: string };
    return [
      '/** The version of this package. Made from package.json by `npm run generate`. */',
      '',
      `export const version = '${version}';`,
      '',
    ].join('\n');
  },
};
