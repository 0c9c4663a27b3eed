/**
 * What is generated from the declarations: the reference page and the JSON Schema of the config file.
 */
import { environmentName, flagName, type Option } from './option.ts';
import { options } from './options.ts';

const entries = (): [string, Option<unknown>][] =>
  Object.entries(options) as [string, Option<unknown>][];

/** docs/reference/configuration.md. */
export function configurationPage(): string {
  const lines = [
    '# Configuration',
    '',
    'Generated from `src/config/options.ts`. A flag wins over the environment, the environment over the file',
    '(`--config FILE`, YAML or JSON, or `POLYLOG_CONFIG`), the file over the default.',
    '',
    '| option | environment | file key | value | default | |',
    '|---|---|---|---|---|---|',
  ];
  for (const [key, option] of entries()) {
    const cells = [
      `\`--${flagName(key)}\``,
      `\`${environmentName(key)}\``,
      `\`${key}\``,
      valueText(option),
      defaultText(option),
      option.text,
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  return `${lines.join('\n')}\n`;
}

function valueText(option: Option<unknown>): string {
  if (option.choices !== undefined) return option.choices.join(', ');
  if (option.kind !== 'integer') return option.kind;
  return `${option.min} to ${option.max}${option.unit === undefined ? '' : ` ${option.unit}`}`;
}

function defaultText(option: Option<unknown>): string {
  return option.kind === 'list' ? '' : `\`${String(option.default)}\``;
}

/** docs/reference/configuration.schema.json. */
export function configurationSchema(): string {
  const properties: Record<string, unknown> = {};
  for (const [key, option] of entries()) {
    properties[key] = { ...schemaOf(option), description: option.text };
  }
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Polylog configuration',
    type: 'object',
    additionalProperties: false,
    properties,
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function schemaOf(option: Option<unknown>): Record<string, unknown> {
  switch (option.kind) {
    case 'integer':
      return { type: 'integer', minimum: option.min, maximum: option.max, default: option.default };
    case 'boolean':
      return { type: 'boolean', default: option.default };
    case 'choice':
      return { enum: option.choices, default: option.default };
    case 'list':
      return { type: 'array', items: { type: 'string' } };
    case 'text':
      return { type: 'string', default: option.default };
  }
}
