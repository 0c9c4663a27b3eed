/** docs/reference/configuration.md and configuration.schema.json, from the declarations of options. */

import { configurationPage, configurationSchema } from '../../src/config/reference.ts';
import type { Generator } from './generator.ts';

export const configurationReference: Generator = {
  target: 'docs/reference/configuration.md',
  render: configurationPage,
};

export const configurationJsonSchema: Generator = {
  target: 'docs/reference/configuration.schema.json',
  render: configurationSchema,
};
