/** The socket in a data folder: the lock on it, and where its broker is asked. */

export const socketName = 'broker.sock';
