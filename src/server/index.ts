/** The surface of the server, for the composition root and the simulation. */

export { isLoopback, isWildcard } from './address.ts';
export { defaultServerLimits, type ServerLimits } from './limits.ts';
export {
  type ListenDone,
  type ListenRequest,
  type OpenListener,
  Server,
  type ServerOptions,
} from './server.ts';
