/**
 * Loads an installed package at the moment it is first needed, synchronously: packages that are
 * optional, or that only some machines need.
 *
 * `require` exists where this file was bundled as CommonJS and `import.meta.url` does not; in an ES
 * module it is the other way round. Both look from here, so they find what is installed beside us.
 */

import { createRequire } from 'node:module';

/** What the package exports; null when it cannot be loaded, for whatever reason. */
export function loadPackage(name: string): Record<string, unknown> | null {
  try {
    const load = typeof require === 'function' ? require : createRequire(import.meta.url);
    return load(name) as Record<string, unknown>;
  } catch {
    // Missing, built for another platform, blocked by a policy: the caller has to do without.
    return null;
  }
}
